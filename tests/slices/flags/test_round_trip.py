"""A document with every operator, reason and error is imported, evaluated, exported, imported: the answers stay."""

import json
from pathlib import Path
from typing import Any

import httpx
import orjson

from slice_api.slices.flags.rules.operators import OPERATORS
from tests.conftest import on_every_engine

_VECTORS = Path(__file__).parent / "vectors"
_PATH, _ALL = "/api/flags/document", "/ofrep/v1/evaluate/flags"
_OUTCOMES = {"STATIC", "TARGETING_MATCH", "DEFAULT", "DISABLED", "PARSE_ERROR", "GENERAL"}
Case = tuple[Any, dict[str, Any]]


def _cases() -> dict[str, Case]:
    """For each operator a rule that begins with it, and the context that it is for."""
    found: dict[str, Case] = {}
    for path in sorted(_VECTORS.glob("*.json")):
        vectors = json.loads(path.read_text())
        for case in vectors["cases"]:
            rule, data = case[:2] if "data" in vectors else case[1:3]
            data = vectors["data"].get(data[1:], data) if isinstance(data, str) and "data" in vectors else data
            name = next(iter(rule)) if isinstance(rule, dict) and len(rule) == 1 else ""
            if name in OPERATORS and isinstance(data or {}, dict):
                found.setdefault(name, (rule, data or {}))
    return found


def _flag(**more: Any) -> dict[str, Any]:
    return {"state": "ENABLED", "variants": {"yes": 1.0, "no": 0.0}, "defaultVariant": "no", **more}


def _document(cases: dict[str, Case]) -> bytes:
    by_operator = {
        f"operator {name}": _flag(targeting={"if": [rule, "yes", "no"]}) for name, (rule, _) in cases.items()
    }
    others = {
        "static": _flag(metadata={"team": "shop"}),
        "code-default": {"state": "ENABLED", "variants": {"yes": 1.0}},
        "disabled": _flag(state="DISABLED"),
        "null": _flag(targeting={"var": "nothing.there"}),
        "unknown-operator": _flag(targeting={"nope": []}),
        "no-variant": _flag(targeting={"cat": ["may", "be"]}),
        "reference": _flag(targeting={"if": [{"$ref": "is_anna"}, "yes", "no"]}),
    }
    evaluators = {"is_anna": {"==": [{"var": "targetingKey"}, "anna"]}}
    return orjson.dumps({"flags": by_operator | others, "$evaluators": evaluators, "metadata": {"version": "1"}})


async def _answers(client: httpx.AsyncClient, contexts: list[dict[str, Any]]) -> list[Any]:
    found = []
    for context in contexts:
        answer = await client.post(_ALL, json={"context": context})
        assert answer.status_code == 200, answer.text
        found.append(answer.json()["flags"])
    missing = await client.post(f"{_ALL}/nothing", json={"context": {}})
    wrong = await client.post(f"{_ALL}/static", json={"context": []})
    return [*found, missing.json(), wrong.json()]


@on_every_engine
async def test_the_answers_are_the_same_after_an_export_and_an_import(client: httpx.AsyncClient) -> None:
    cases = _cases()
    assert cases.keys() == OPERATORS.keys()
    first = _document(cases)
    assert (await client.put(_PATH, content=first)).status_code == 200
    contexts = [{"targetingKey": "anna"}, *(context for _, context in cases.values())]
    before = await _answers(client, contexts)
    exported = (await client.get(_PATH)).content
    assert exported == first
    assert (await client.put(_PATH, content=b'{"flags": {}}')).status_code == 200
    assert (await client.put(_PATH, content=exported)).status_code == 200
    assert await _answers(client, contexts) == before
    *bulk, missing, wrong = before
    assert {each.get("reason", each.get("errorCode")) for flags in bulk for each in flags} == _OUTCOMES
    assert (missing["errorCode"], wrong["errorCode"]) == ("FLAG_NOT_FOUND", "INVALID_CONTEXT")
    assert {each["value"] for flags in bulk for each in flags if "value" in each} == {0.0, 1.0}
