"""An example for every schema: the author's own where there is one, else one made from types and constraints."""

from collections.abc import Mapping
from typing import Any

from slice_api.chassis.problems import PROBLEM_TYPES

_BY_FORMAT = {
    "date-time": "2026-01-31T09:00:00Z",
    "date": "2026-01-31",
    "time": "09:00:00Z",
    "duration": "PT1H",
    "uri": "https://example.org/",
    "email": "someone@example.org",
    "uuid": "7f1f1a7e-3c2b-4a53-9a37-6d1c2f0f4e11",
    "binary": "",
}
_DEEPEST = 8


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    return schemas.get(str(reference).rpartition("/")[2], {}) if reference else schema


def example_of(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], *, status: int | None = None, depth: int = 0
) -> Any:
    """An instance that fits the schema; for problems, one of that status."""
    is_problem = str(schema.get("$ref", "")).endswith("/ProblemDetails")
    if is_problem and status is not None:
        return _problem_example(status)
    told = schema.get("examples") or _resolved(schema, schemas).get("examples")
    if told:
        return told[0]
    schema = _resolved(schema, schemas)
    for known in ("example", "const", "default"):
        if schema.get(known) is not None:
            return schema[known]
    if schema.get("enum"):
        return schema["enum"][0]
    options = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if options:
        return example_of(options[0], schemas, depth=depth + 1)
    if depth > _DEEPEST:
        return None
    return _by_type(schema, schemas, depth)


def _by_type(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int) -> Any:
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        return {name: example_of(each, schemas, depth=depth + 1) for name, each in properties.items()}
    if kind == "array":
        return [example_of(schema.get("items", {}), schemas, depth=depth + 1)]
    if kind in ("integer", "number"):
        return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    if kind == "boolean":
        return False
    return _text_example(schema) if kind == "string" else None


def _text_example(schema: Mapping[str, Any]) -> str:
    text = _BY_FORMAT.get(str(schema.get("format")), str(schema.get("title") or "text").lower())
    return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", 1000)]


def _problem_example(status: int) -> dict[str, Any]:
    name, kind = next(
        ((name, kind) for name, kind in PROBLEM_TYPES.items() if kind.status == status), ("internal", None)
    )
    return {
        "type": f"/problems/{name}",
        "title": kind.title if kind else "Error",
        "status": status,
        "detail": kind.meaning if kind else "",
        "instance": "/api/example",
        "request_id": "b3f1c0de5a7e4d21",
    }
