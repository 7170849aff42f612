"""Each operator on written-down examples: JsonLogic's as JavaScript answers, flagd's as its implementations do."""

import json
from pathlib import Path
from typing import Any

import pytest

from slice_api.slices.flags.rules.compiler import Bucketing, compile_rule
from slice_api.slices.flags.rules.operators import OPERATORS

VECTORS = Path(__file__).parent / "vectors"
JSON_LOGIC = ("values", "logic", "equality", "comparison", "arithmetic", "text", "paths", "loops")


def read(name: str) -> dict[str, Any]:
    return dict(json.loads((VECTORS / f"{name}.json").read_text("utf-8")))


def is_same(one: Any, other: Any) -> bool:
    """As JSON has it, where true is not 1, but 1.0 is."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


@pytest.mark.parametrize("name", JSON_LOGIC)
def test_json_logic_answers_as_javascript_does(name: str) -> None:
    vectors = read(name)
    named = {f"@{title}": data for title, data in vectors["data"].items()}
    assert vectors["cases"]
    for rule, data, expected in vectors["cases"]:
        scope = named[data] if isinstance(data, str) and data in named else data
        result = compile_rule(rule)(scope)
        assert is_same(result, expected), (rule, data, result)


@pytest.mark.parametrize(("name", "bucketing"), [("fractional_v2", "v2"), ("fractional_v3", "v3"), ("flagd", "v3")])
def test_the_operators_of_flagd_answer_as_its_implementations_do(name: str, bucketing: Bucketing) -> None:
    vectors = read(name)
    assert vectors["cases"]
    for flag_key, rule, context, expected in vectors["cases"]:
        data = {**context, "$flagd": {"flagKey": flag_key, "timestamp": vectors["timestamp"]}}
        result = compile_rule(rule, flag_key=flag_key, bucketing=bucketing)(data)
        assert is_same(result, expected), (flag_key, rule, context, result)


def test_there_are_examples_of_every_operator() -> None:
    text = "".join(path.read_text("utf-8") for path in VECTORS.glob("*.json"))
    assert [name for name in OPERATORS if f'"{name}": ' not in text] == []
    assert sum(len(read(name)["cases"]) for name in JSON_LOGIC) >= 278
