"""Why a rule came to its result: it agrees with the rule, and says so in words."""

import json
from math import isfinite
from typing import Any

from hypothesis import given, settings

from slice_api.slices.flags.rules.compiler import RuleFailure, compile_rule
from slice_api.slices.flags.rules.explanation import Why, explain_rule
from slice_api.slices.flags.rules.wording import MAX_LENGTH, phrase
from tests.slices.flags.some_rules import CONTEXTS, EVALUATORS, RULES
from tests.slices.flags.test_rules_buckets import murmur3

RULE = {
    "if": [
        {"and": [{"in": [{"var": "country"}, ["AT", "DE"]]}, {">=": [{"var": "age"}, 18]}]},
        {"fractional": [["beta", 100], ["off", 0]]},
        {"ends_with": [{"var": "email"}, "@example.org"]},
        "on",
        None,
    ]
}


def everywhere(why: Why) -> list[Why]:
    return [why, *(deeper for child in why.children for deeper in everywhere(child))]


def told(why: Why) -> list[tuple[str, str, bool]]:
    return [(each.text, each.outcome, each.is_deciding) for each in everywhere(why)]


@given(RULES, CONTEXTS)
@settings(max_examples=300)
def test_it_comes_to_what_the_rule_comes_to(rule: Any, context: dict[str, Any]) -> None:
    why = explain_rule(rule, context, evaluators=EVALUATORS, flag_key="banner")
    failure, result = outcome(rule, context)
    assert why.failure == failure
    assert why.is_shortened or json.dumps(why.result) == json.dumps(without_infinities(result))
    assert Why.model_validate_json(why.model_dump_json()) == why
    assert all(each.text and each.outcome and len(each.text) <= MAX_LENGTH for each in everywhere(why))


def outcome(rule: Any, context: dict[str, Any]) -> tuple[str, Any]:
    """What went wrong, and the result."""
    try:
        return "", compile_rule(rule, evaluators=EVALUATORS, flag_key="banner")(context)
    except RuleFailure as failure:
        return str(failure), None


def without_infinities(value: Any) -> Any:
    if isinstance(value, list):
        return [without_infinities(item) for item in value]
    if isinstance(value, dict):
        return {name: without_infinities(item) for name, item in value.items()}
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64:
        return float(value)
    return None if isinstance(value, float) and not isfinite(value) else value


def test_the_branch_that_decided_is_told_with_what_was_asked() -> None:
    why = explain_rule(RULE, {"country": "AT", "age": 34, "targetingKey": "ann"}, flag_key="banner")
    assert why.result == "beta"
    assert told(why) == [
        (why.text, 'condition 1 is met: "beta"', True),
        ('country is one of "AT", "DE" and age is at least 18', "yes", True),
        ('country is one of "AT", "DE"', "yes", True),
        ("country", 'is "AT"', True),
        ("age is at least 18", "yes", True),
        ("age", "is 34", True),
        ('shares by user: "beta" 100, "off" 0', '"beta", at 20.2%', True),
    ]


def test_a_condition_that_was_not_met_is_told_too() -> None:
    why = explain_rule(RULE, {"country": "AT", "age": 17, "email": "ann@example.org"}, flag_key="banner")
    assert why.result == "on"
    assert told(why)[1:] == [
        ('country is one of "AT", "DE" and age is at least 18', "no", False),
        ('country is one of "AT", "DE"', "yes", False),
        ("country", 'is "AT"', True),
        ("age is at least 18", "no", True),
        ("age", "is 17", True),
        ('email ends with "@example.org"', "yes", True),
        ("email", 'is "ann@example.org"', True),
    ]


def test_without_a_condition_that_is_met_the_last_one_decided() -> None:
    why = explain_rule(RULE, {}, flag_key="banner")
    assert (why.result, why.outcome) == (None, "no condition is met: nothing")
    assert [(child.pointer, child.is_deciding) for child in why.children] == [("/if/0", False), ("/if/2", True)]
    assert told(why.children[1])[1] == ("email", "is not given", True)


def test_the_branch_is_right_whatever_the_conditions_are() -> None:
    """Arrays of operators, references to values, and more conditions than are told of."""
    never = {"==": [{"var": "age"}, 0]}
    for rule, words in (
        ({"if": [[{"var": "nothing"}], "a", "b"]}, 'the condition is met: "a"'),
        ({"if": [{"$ref": "no"}, "a", "b"]}, 'no condition is met: "b"'),
        ({"if": [*([never, "a"] * 40), {"var": "age"}, "b"]}, 'condition 41 is met: "b"'),
        ({"if": {"var": "age"}}, "always: 18"),
        ({"if": []}, "always: nothing"),
    ):
        assert explain_rule(rule, {"age": 18}, evaluators={"no": False}).outcome == words


def test_where_among_all_a_user_falls_is_told() -> None:
    by_plan = {"fractional": [{"var": "plan"}, ["new", 10], ["old", 90]]}
    by_text = explain_rule(by_plan, {"plan": "team"}, bucketing="v2")
    by_cbor = explain_rule(by_plan, {"plan": "team"}, bucketing="v3")
    assert by_text.outcome == f'"old", at {murmur3(b"team") / 2**32:.1%}'
    assert by_cbor.outcome == f'"old", at {murmur3(b"dteam") / 2**32:.1%}'
    assert explain_rule(by_plan, {}).outcome == "nothing: there is nothing to go by"
    assert explain_rule({"fractional": [["on"]]}, {}).outcome == "nothing: there is nothing to go by"
    assert explain_rule({"fractional": [["on", 0]]}, {"targetingKey": "ann"}).outcome == "nothing"


def test_a_failure_is_told_where_it_happened() -> None:
    why = explain_rule({"if": [{"$ref": "adult"}, {"wish": [1]}, "off"]}, {"age": 18}, evaluators=EVALUATORS)
    assert why.failure == "has the unknown operator 'wish'"
    assert [(child.text, child.failure, child.is_deciding) for child in why.children] == [
        ("age is at least 18", "", False),
        ("wish(1)", "has the unknown operator 'wish'", True),
    ]


def test_a_rule_without_an_operator_is_told_as_it_is() -> None:
    why = explain_rule("on", {})
    assert (why.operator, why.text, why.outcome, why.result, why.children) == ("", '"on"', '"on"', "on", ())


def test_loops_are_told_in_part() -> None:
    why = explain_rule({"map": [{"var": "items"}, {"+": [{"var": ""}, 1]}]}, {"items": list(range(1_000))})
    assert (why.result, why.is_shortened) == (None, True)
    assert [child.result for child in why.children[1:4]] == [1, 2, 3]
    assert why.omitted == 1_001 - len(why.children)
    assert len(everywhere(why)) < 200


def test_words_for_operators() -> None:
    age, items, value = {"var": "age"}, {"var": "items"}, {"var": ""}
    told_as = {
        'plan, or else "free"': {"var": ["plan", "free"]},
        "age is from 18 to 65": {"<=": [18, age, 65]},
        "age lies between 18 and 65": {"<": [18, age, 65]},
        "beta is not set": {"!": {"var": "beta"}},
        "beta is set": {"!!": [{"var": "beta"}]},
        "not (age is 1)": {"!": {"==": [age, 1]}},
        '"x" is in email': {"in": ["x", {"var": "email"}]},
        'version has the major version of "2.0.0"': {"sem_ver": [{"var": "version"}, "^", "2.0.0"]},
        'version is older than version "2.0.0"': {"sem_ver": [{"var": "version"}, "<", "2.0.0"]},
        'shares by email: "a" 1, "b"': {"fractional": [{"var": "email"}, ["a", 1], ["b"]]},
        "for some of items: the value is more than 2": {"some": [items, {">": [value, 2]}]},
        "those of items where the value": {"filter": [items, value]},
        '((age + 1) x 2) is "4"': {"==": [{"*": [{"+": [age, 1]}, 2]}, "4"]},
        "age is 1 and (age is 2 or age)": {"and": [{"==": [age, 1]}, {"or": [{"==": [age, 2]}, age]}]},
        'if age then "a", if items then "b", else null': {"if": [age, "a", items, "b", None]},
        "the largest of age, 3": {"max": [age, 3]},
        "adult": {"$ref": "adult"},
        "{…}": {"a": 1, "b": 2},
    }
    assert {text: phrase(rule) for text, rule in told_as.items()} == {text: text for text in told_as}


def test_words_are_bounded_whatever_the_rule() -> None:
    rule: Any = "x" * 1_000
    for _ in range(12):
        rule = {"or": [rule, rule]}
    assert len(phrase(rule)) <= MAX_LENGTH
    assert len(phrase({"or": ["y"] * 1_000})) <= MAX_LENGTH
