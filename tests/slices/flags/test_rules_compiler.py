"""Compiled rules: when they fail, what references bring in, and that nothing stays from one evaluation to the next."""

from typing import Any

import pytest
from hypothesis import given, settings

from slice_api.slices.flags.rules.compiler import RuleError, RuleFailure, compile_rule
from slice_api.slices.flags.rules.failures import RuleFailure as Failure
from tests.slices.flags.some_rules import CONTEXTS, EVALUATORS, RULES


def test_an_unknown_operator_fails_only_who_gets_there() -> None:
    rule = compile_rule({"if": [{"==": [{"var": "country"}, "AT"]}, "on", {"wishful": [1]}]})
    assert rule({"country": "AT"}) == "on"
    with pytest.raises(RuleFailure, match="has the unknown operator 'wishful'"):
        rule({"country": "DE"})


def test_a_reference_stands_for_its_evaluator() -> None:
    rule = {"if": [{"$ref": "adult"}, {"$ref": "home"}, "child"]}
    compiled = compile_rule(rule, evaluators=EVALUATORS)
    assert compiled({"age": 18}) == "AT"
    assert compiled({"age": 17}) == "child"


@pytest.mark.parametrize("name", ["nobody", "broken", 7, ["adult"]])
def test_a_reference_to_nothing_or_out_of_an_evaluator_is_an_unknown_operator(name: Any) -> None:
    with pytest.raises(RuleFailure, match=r"has the unknown operator '\$ref'"):
        compile_rule({"$ref": name}, evaluators=EVALUATORS)({"age": 18})


def test_an_object_that_is_no_operator_stands_for_itself() -> None:
    value = {"var": "country", "and": [{"var": "country"}]}
    assert compile_rule(value)({"country": "AT"}) == value


@pytest.mark.parametrize(
    ("rule", "pointer"),
    [
        ({"and": [True, {"or": ["x" * 300_000]}]}, ""),
        ({"and": [{"$ref": "big"}, True]}, "/and/0"),
    ],
)
def test_a_rule_that_is_too_large_is_not_compiled(rule: Any, pointer: str) -> None:
    with pytest.raises(RuleError) as caught:
        compile_rule(rule, evaluators={"big": [0] * 20_000})
    assert caught.value.pointer == pointer
    assert caught.value.detail


def test_each_evaluation_has_steps_of_its_own() -> None:
    rule = compile_rule({"some": [{"var": "items"}, {"==": [{"var": ""}, "last"]}]})
    data = {"items": ["x"] * 30_000 + ["last"]}
    assert [rule(data) for _ in range(5)] == [True] * 5
    with pytest.raises(RuleFailure, match="needs more than 100,000 steps"):
        rule({"items": ["x"] * 100_000})
    assert rule(data) is True


@given(RULES, CONTEXTS)
@settings(max_examples=300)
def test_any_rule_gives_json_or_fails_and_gives_the_same_again(rule: Any, context: dict[str, Any]) -> None:
    compiled = compile_rule(rule, evaluators=EVALUATORS, flag_key="banner")
    before = repr(context)
    assert _result(compiled, context) == _result(compiled, context)
    assert repr(context) == before


def _result(compiled: Any, context: dict[str, Any]) -> str:
    try:
        return repr(compiled(context))
    except Failure as failure:
        return f"failed: {failure}"


def test_a_rollout_by_the_clock_reaches_more_users_as_time_goes_by() -> None:
    since, until = {"-": [{"var": "$flagd.timestamp"}, 1_000]}, {"-": [2_000, {"var": "$flagd.timestamp"}]}
    rule = compile_rule({"fractional": [["on", since], ["off", until]]}, flag_key="banner")

    def reached(timestamp: int) -> set[int]:
        users = range(200)
        return {
            user for user in users if rule({"targetingKey": f"user-{user}", "$flagd": {"timestamp": timestamp}}) == "on"
        }

    before, early, late, after = map(reached, (500, 1_200, 1_700, 3_000))
    assert before == set()
    assert set() < early < late < set(range(200))
    assert after == set(range(200))


def test_shares_can_be_a_condition() -> None:
    rule = compile_rule({"if": [{"fractional": [[True, 50], [False, 50]]}, "in", "out"]}, flag_key="banner")
    assert {rule({"targetingKey": f"user-{at}"}) for at in range(20)} == {"in", "out"}
    assert rule({}) == "out"
