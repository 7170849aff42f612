"""Conditions on texts are looked up in tables: they must answer as they do one by one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slice_api.slices.flags.rules.compiler import compile_part, compile_rule
from slice_api.slices.flags.rules.parts import Setting

FIELDS = ("country", "plan")
TEXTS = ("", "AT", "DE", "1", "true", "team")

texts = st.sampled_from(TEXTS)
variables = st.sampled_from(FIELDS).map(lambda field: {"var": field})
tests = st.one_of(
    st.builds(lambda name, field, text: {name: [field, text]}, st.sampled_from(["==", "==="]), variables, texts),
    st.builds(lambda name, field, text: {name: [text, field]}, st.sampled_from(["==", "==="]), variables, texts),
    st.builds(lambda field, among: {"in": [field, among]}, variables, st.lists(texts, max_size=4)),
)
conditions = st.one_of(
    tests,
    st.lists(tests, min_size=1, max_size=5).map(lambda several: {"or": several}),
    st.builds(lambda field: {"!": field}, variables),
    st.builds(lambda field, text: {"!=": [field, text]}, variables, texts),
)
results = st.one_of(texts, variables, st.just({"fractional": [["on", 1], ["off", 1]]}))


@st.composite
def chains(draw: st.DrawFn) -> Any:
    branches = draw(st.lists(st.tuples(conditions, results), min_size=1, max_size=12))
    return {"if": [part for branch in branches for part in branch] + draw(st.lists(results, max_size=1))}


values = st.one_of(texts, st.none(), st.booleans(), st.integers(0, 2), st.just(["AT"]), st.just({}))
contexts = st.dictionaries(st.sampled_from(FIELDS), values).map(lambda data: {**data, "targetingKey": "anna"})


def one_by_one(rule: Any, context: Any) -> Any:
    """As the rule answers when each of its operators is watched, and none is left out."""
    return compile_rule(rule, watch=lambda _rule, _at, run: run)(context)


@given(chains(), contexts)
def test_a_chain_answers_as_it_does_one_by_one(rule: Any, context: dict[str, Any]) -> None:
    assert compile_rule(rule)(context) == one_by_one(rule, context)


@given(chains(), st.lists(st.one_of(texts, st.none(), st.integers(0, 2), contexts, st.just(["AT"])), max_size=4))
def test_so_does_one_within_a_loop_over_whatever(rule: Any, items: list[Any]) -> None:
    looped, context = {"map": [{"var": "items"}, rule]}, {"items": items}
    assert compile_rule(looped)(context) == one_by_one(looped, context)


def test_the_first_of_two_for_one_text_decides() -> None:
    branches = [part for text in ("AT", "DE", "AT", "CH") for part in ({"==": [{"var": "country"}, text]}, text * 2)]
    first, *_ = rule = branches
    assert compile_rule({"if": [first, "first", *rule]})({"country": "AT"}) == "first"


def mixed(field: str) -> Any:
    """Strict tests and loose ones of one field, in a row."""
    read = {"var": field}
    return {
        "if": [
            {"==": [read, "AT"]}, "Austria",
            {"===": [read, "1"]}, "the text",
            {"in": [read, ["1", "true"]]}, "among",
            {"==": [read, "1.0"]}, "one",
            {"==": ["1", read]}, "too late",
            "else",
        ]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("AT", "Austria"),
        (["AT"], "Austria"),
        ("1", "the text"),
        ("true", "among"),
        ("1.0", "one"),
        (1, "one"),
        (True, "one"),
        (2, "else"),
        (False, "else"),
        ({}, "else"),
        (None, "else"),
    ],
)
def test_what_is_no_text_is_held_against_the_loose_ones(value: Any, result: str) -> None:
    assert compile_rule(mixed("country"))({"country": value}) == result


def test_items_of_lists_and_texts_are_looked_up_too() -> None:
    rule = compile_rule({"map": [{"var": "items"}, mixed("0")]})
    assert rule({"items": [["AT"], [1], "1x", [], 7]}) == ["Austria", "one", "the text", "else", "else"]


def test_lists_are_not_the_same_for_looking_alike() -> None:
    assert compile_rule({"===": [["AT"], ["AT"]]})({}) is False
    assert compile_rule({"===": [{"if": [True, ["AT"]]}, {"if": [True, ["AT"]]}]})({}) is False


@pytest.mark.parametrize("count", [2, 3, 40, 900])
def test_any_number_of_branches_on_changing_fields(count: int) -> None:
    fields = [FIELDS[at // 3 % 2] for at in range(count)]
    branches = [part for at, field in enumerate(fields) for part in ({"==": [{"var": field}, f"t{at}"]}, f"r{at}")]
    rule = compile_rule({"if": [*branches, "else"]})
    assert [rule({fields[at]: f"t{at}"}) for at in (0, count - 1)] == ["r0", f"r{count - 1}"]
    assert rule({}) == rule({"country": "t", "plan": 1}) == "else"


@pytest.mark.parametrize(
    "rule",
    [
        {"in": [{"var": "country"}, [f"c{at}" for at in range(500)]]},
        {"==": [{"var": "country"}, "c" * 500]},
        {"!": {"or": [{"==": [{"var": "country"}, f"c{at}"]} for at in range(500)]}},
    ],
)
def test_what_is_large_is_not_kept_after_its_rule(rule: Any) -> None:
    setting = Setting("", "v3", {})
    part, again = compile_part(rule, setting, ()), compile_part(rule, setting, ())
    assert part.run is not again.run
    assert not part.is_shared
