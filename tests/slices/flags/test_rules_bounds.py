"""Hostile rules and contexts: refused when they are saved, or cut off soon; nothing takes long or breaks otherwise."""

from contextlib import suppress
from time import process_time
from typing import Any

import pytest

from slice_api.slices.flags.rules.bounds import MAX_BYTES, MAX_DEPTH, MAX_NODES, rule_faults
from slice_api.slices.flags.rules.compiler import RuleFailure, compile_rule
from slice_api.slices.flags.rules.explanation import explain_rule

SECONDS = 2.0
"""Far above what any of this takes, some hundredths, and far below what it would without bounds."""

ITEMS, SEEN, ALL = {"var": "items"}, {"var": "accumulator"}, {"var": ""}
MANY = list(range(100_000))
LONG = "x" * 500_000
DIGITS = "9" * 900_000


def nested(value: Any, depth: int, name: str = "") -> Any:
    """The value inside so many arrays, or objects with the one key."""
    for _ in range(depth):
        value = {name: value} if name else [value]
    return value


def test_a_rule_may_be_as_large_as_the_bounds_and_no_larger() -> None:
    assert rule_faults(nested(1, MAX_DEPTH)) == []
    assert rule_faults([0] * (MAX_NODES - 1)) == []
    assert rule_faults("é" * (MAX_BYTES // 2)) == []
    for rule in (nested(1, MAX_DEPTH + 1), [0] * MAX_NODES, "é" * (MAX_BYTES // 2) + "x", {"a": 1, "b": 10**1_000_000}):
        (fault,) = rule_faults(rule)
        assert fault.is_fatal
        assert fault.detail


def test_a_rule_of_any_depth_is_looked_at() -> None:
    (fault,) = rule_faults(nested(1, 50_000))
    assert fault.pointer == "/0" * (MAX_DEPTH + 1)
    assert fault.is_fatal


def test_references_count_with_what_they_bring_in() -> None:
    evaluators = {"big": [0] * 100, "deep": nested(1, MAX_DEPTH + 1)}
    assert rule_faults({"and": [{"$ref": "big"}] * 90}, evaluators) == []
    (many,) = rule_faults({"and": [{"$ref": "big"}] * 100}, evaluators)
    assert many.is_fatal
    (deep,) = rule_faults({"and": [{"$ref": "deep"}]}, evaluators)
    assert (deep.pointer, deep.is_fatal) == ("/and/0", True)
    assert "'deep'" in deep.detail


def test_mistakes_are_told_with_their_place() -> None:
    rule = {"if": [{"wish": 1}, {"$ref": "gone"}, {"a/b~c": [{"p": {"wish": 1}, "q": 1}, {"wish": {"hope": 1}}]}]}
    faults = rule_faults(rule, {"there": True})
    assert [(fault.pointer, fault.is_fatal) for fault in faults] == [
        ("/if/0", False),
        ("/if/1", False),
        ("/if/2", False),
        ("/if/2/a~1b~0c/1", False),
        ("/if/2/a~1b~0c/1/wish", False),
    ]
    assert ["wish" in faults[0].detail, "gone" in faults[1].detail, "a/b~c" in faults[2].detail] == [True] * 3


def test_a_rule_full_of_mistakes_tells_of_some() -> None:
    assert len(rule_faults([{"wish": 1}] * 1_000)) == 100


def test_the_deepest_rule_runs_and_is_explained() -> None:
    deepest = nested(True, MAX_DEPTH, "!")
    evaluators = {"deepest": deepest}
    rule = nested({"$ref": "deepest"}, MAX_DEPTH - 1, "!")
    assert compile_rule(rule, evaluators=evaluators)({}) is False
    assert explain_rule(rule, {}, evaluators=evaluators).model_dump_json()


CUT_OFF: dict[str, tuple[Any, Any]] = {
    "text that doubles": ({"reduce": [ITEMS, {"cat": [SEEN, SEEN]}, "ab"]}, MANY),
    "arrays that double": ({"reduce": [ITEMS, {"merge": [SEEN, SEEN]}, [1]]}, MANY),
    "arrays in arrays": ({"reduce": [ITEMS, [SEEN, SEEN], 1]}, MANY[:60]),
    "arrays in arrays as text": ({"==": [{"reduce": [ITEMS, [SEEN, SEEN], 1]}, "x"]}, MANY[:60]),
    "scopes in scopes": ({"reduce": [ITEMS, ALL, 1]}, MANY[:9_000]),
    "loops in loops": ({"map": [ITEMS, {"map": [[0] * 100, 1]}]}, MANY),
    "much to do for each": ({"map": [ITEMS, {"max": [1] * 5_000}]}, MANY),
    "copies": ({"map": [ITEMS, {"substr": [ALL, 0]}]}, [LONG] * 1_000),
    "a flood of keys": ({"missing": ITEMS}, ["a.b.c"] * 300_000),
    "a path of dots": ({"var": {"var": "items"}}, "." * 1_000_000),
    "numbers read again and again": ({"+": [ITEMS] * 3_000}, DIGITS),
    "blanks read again and again": ({"or": [{"<": [ITEMS, 0]}] * 1_400}, " " * 900_000),
    "text searched again and again": ({"or": [{"in": ["y", ITEMS]}] * 1_400}, LONG),
    "arrays searched again and again": ({"or": [{"in": ["y", ITEMS]}] * 1_400}, ["x"] * 300_000),
    "hashes of the same": ({"or": [{"fractional": [ITEMS, [False]]}] * 1_400}, LONG),
    "arrays too deep for text": ({"cat": [ITEMS]}, nested(1, 900)),
    "a result too deep": (ITEMS, nested(1, 900)),
}


@pytest.mark.parametrize("title", CUT_OFF)
def test_what_would_take_too_much_is_cut_off(title: str) -> None:
    rule, items = CUT_OFF[title]
    compiled, started = compile_rule(rule), process_time()
    with pytest.raises(RuleFailure):
        compiled({"items": items})
    why = explain_rule(rule, {"items": items})
    assert why.failure
    assert len(why.model_dump_json()) < 1_000_000
    assert process_time() - started < SECONDS


GOES_ON: dict[str, tuple[Any, Any, Any]] = {
    "beyond all numbers": ({"reduce": [ITEMS, {"*": [SEEN, 10]}, 1]}, MANY[:9_000], float("inf")),
    "a million digits": ({"<": [{"-": [ITEMS, 1]}, 0]}, DIGITS, False),
    "no number after all": ({">": [ITEMS, 0]}, f"{DIGITS}x", False),
    "a giant integer": ({"cat": [ITEMS]}, 10**5_000, "Infinity"),
    "a giant version": ({"sem_ver": [ITEMS, "=", "1.0.0"]}, "1.0.0-" + "a-" * 400_000, None),
    "a version that backtracks": ({"sem_ver": [ITEMS, "=", "1.0.0"]}, "1.0.0-" + "0" * 120 + "a." * 60, None),
    "a giant weight": ({"fractional": [ITEMS, ["a", 10**5_000]]}, "ann", None),
    "a giant start": ({"substr": ["abc", ITEMS]}, -(10**5_000), "abc"),
    "the start of nothing": ({"substr": ["abc", {"/": [-1, 0]}, {"/": [1, 0]}]}, None, "abc"),
    "a giant divided": ({"if": [{"%": [ITEMS, 7]}, "a", "b"]}, 10**5_000, "b"),
}


@pytest.mark.parametrize("title", GOES_ON)
def test_what_is_extreme_but_small_has_a_result(title: str) -> None:
    rule, items, expected = GOES_ON[title]
    started = process_time()
    assert compile_rule(rule)({"items": items}) == expected
    assert explain_rule(rule, {"items": items}).model_dump_json()
    assert process_time() - started < SECONDS


@pytest.mark.parametrize("operator", ["and", "cat", "merge", "if", "+", "fractional"])
def test_a_wide_rule_takes_no_longer_than_its_size(operator: str) -> None:
    rule: Any = {"var": "items"}
    for _ in range(11):
        rule = {operator: [rule, rule]}
    started = process_time()
    with suppress(RuleFailure):
        compile_rule(rule)({"items": "x"})
    assert process_time() - started < SECONDS
