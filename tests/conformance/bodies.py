"""Bodies made from the OpenAPI document: some that fit, and some that must not."""

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs

Document = Mapping[str, Any]
Json = Any

_STRANGE: tuple[Json, ...] = ({"unexpected": [[]]}, [[{"unexpected": None}]], 12.5, True, "unexpected \x7f")


def resolved(schema: Mapping[str, Any], document: Document) -> Mapping[str, Any]:
    """The schema that a reference names."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Mapping[str, Any] = document["components"]["schemas"][str(reference).rpartition("/")[2]]
    return found


def faults_of(instance: Json, schema: Mapping[str, Any], document: Document) -> list[str]:
    """Why an instance does not fit a schema of the document; empty when it does."""
    whole = {**schema, "components": document["components"]}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    return [f"{list(error.instance_path)}: {error.message}" for error in validator.iter_errors(instance)]


def fits(instance: Json, schema: Mapping[str, Any], document: Document) -> bool:
    return not faults_of(instance, schema, document)


def strange_value(schema: Mapping[str, Any], document: Document) -> tuple[Json] | None:
    """A value of a type that the schema does not take, in a tuple; None when it takes anything."""
    return next(((value,) for value in _STRANGE if not fits(value, schema, document)), None)


def takes_type(schema: Mapping[str, Any], document: Document, name: str) -> bool:
    """Whether values of this JSON type have a place at the top of the schema."""
    schema = resolved(schema, document)
    options = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    return schema.get("type") == name or any(takes_type(each, document, name) for each in options)


def varied(body: Mapping[str, Json], number: int, schema: Mapping[str, Any], document: Document) -> dict[str, Json]:
    """The body with a number added to each text that can bear one."""
    changed = dict(body)
    for name, value in body.items():
        field = schema.get("properties", {}).get(name, {})
        if isinstance(value, str) and fits(f"{value}{number}", field, document):
            changed[name] = f"{value}{number}"
    return changed


def bodies_of(example: Json, schema: Mapping[str, Any], document: Document, number: int) -> Iterator[Json]:
    """Bodies to try one after another, until one makes an object that clashes with none made before."""
    yield example
    required = {name: value for name, value in example.items() if name in schema.get("required", ())}
    yield required
    yield varied(required, number, schema, document)
    yield varied(example, number, schema, document)
