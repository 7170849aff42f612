"""What an event may look like: its JSON Schema, and values on both sides of every bound that it can be told with.

The samples of an object differ from each other in one field at a time, so that there are few of them, and once more in
all fields at a time, so that fields which hang together are seen together.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

Json = Any
JsonSchema = Mapping[str, Any]

_DEEPEST: Final = 3
"""How often a schema is entered within itself."""
_LONGEST: Final = 20_000
_BOUNDS: Final = re.compile(r"(min|max)(Length|Items|Properties|imum)|exclusiveM(in|ax)imum|multipleOf")

_TEXTS: Final[Mapping[str, Sequence[str]]] = {
    "date-time": (
        "2026-01-31T09:30:15.123456Z",
        "2026-01-31T09:30:15+05:30",
        "2026-01-31T09:30:15",
        "2026-01-31T00:00:00Z",
        "1900-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ),
    "date": ("2026-01-31", "1900-01-01", "9999-12-31"),
    "time": ("09:30:15.123456", "09:30:15Z", "00:00:00"),
    "duration": ("PT1H30M", "-PT1.5S", "P400D", "PT0S"),
    "uuid": (
        "7f1f1a7e-3c2b-4a53-9a37-6d1c2f0f4e11",
        "0190163d-8694-739b-aea5-966c26f8ad91",
        "886313e1-3b8a-5372-9b90-0c9aee199e5d",
        "a6cc5730-2261-11ee-9c43-2eb5a363657c",
    ),
    "uri": ("https://example.org/", "http://192.0.2.7:8080/a?b#c", "ftp://example.org/x", "mailto:a@example.org"),
    "email": ("someone@example.org",),
    "ipv4": ("192.0.2.7",),
    "ipv6": ("2001:db8::7",),
}
_ANY_TEXT: Final = (
    *("text", "", "0", "1.5", "-3", "two words", "UPPER", "lower-case_1", "#00ff00", "é", "a\nb"),
    "x" * 300,
)
_ANY_NUMBER: Final = (1, 0, -1, 2, 2**31, -(2**31), 2**63 - 1, -(2**63))
_ANY_FRACTION: Final = (0.5, 0.0, -0.5, 1.0, 1e300, -1e300)
_ANYTHING: Final[Sequence[Json]] = ("text", 1, 0.5, True, None, [], {}, ["text"], {"key": "text"}, -(2**63), "")


class _SentSchema(GenerateJsonSchema):
    """Says of a field with a default that it is required: it is always told."""

    def field_is_required(self, field: Any, total: bool) -> bool:
        if field["type"] == "typed-dict-field":
            return bool(field.get("required", total))
        return not field.get("serialization_exclude") and field.get("serialization_exclude_if") is None


@cache
def sent_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of what `model_dump(mode="json")` gives; do not change it."""
    return model.model_json_schema(by_alias=False, schema_generator=_SentSchema, mode="serialization")


@cache
def usual_data(model: type[BaseModel]) -> dict[str, Any]:
    """What the model tells of a usual case: the authors' examples and defaults where there are any."""
    for sample in samples_of(sent_schema(model)):
        with suppress(ValueError):
            return model.model_validate(sample, extra="ignore").model_dump(mode="json")
    return {}


def bounds_in(schema: Json) -> frozenset[float]:
    """Every number that a schema sets a bound with, at any depth."""
    if isinstance(schema, list):
        return frozenset().union(*map(bounds_in, schema))
    if not isinstance(schema, Mapping):
        return frozenset()
    own = {each for name, each in schema.items() if _BOUNDS.fullmatch(name) and isinstance(each, int | float)}
    return frozenset(own).union(*map(bounds_in, schema.values()))


def samples_of(schema: JsonSchema, bounds: Iterable[float] = ()) -> list[Json]:
    """Instances of a schema, the most usual first; `bounds` are further numbers to look at from both sides."""
    finite = {each for each in {*bounds, *bounds_in(schema)} if math.isfinite(each)}
    return _Samples(schema.get("$defs", {}), sorted(finite)).of(schema, ())


class _Samples:
    """Makes samples; it holds what all levels of a schema share."""

    def __init__(self, definitions: Mapping[str, JsonSchema], bounds: Sequence[float]) -> None:
        self._definitions, self._bounds = definitions, bounds

    def of(self, schema: JsonSchema | bool, entered: tuple[str, ...]) -> list[Json]:
        if isinstance(schema, bool):
            return list(_ANYTHING)
        if "$ref" in schema:
            name = str(schema["$ref"]).rpartition("/")[2]
            is_too_deep = entered.count(name) >= _DEEPEST
            return [] if is_too_deep else self.of(self._definitions[name], (*entered, name))
        own = [] if _is_object(schema) else [*schema.get("examples", ()), *_default_of(schema)]
        return _once([*own, *self._made(schema, entered)])

    def _made(self, schema: JsonSchema, entered: tuple[str, ...]) -> list[Json]:
        if "const" in schema or "enum" in schema:
            return list(schema.get("enum", [schema.get("const")]))
        for word in ("anyOf", "oneOf", "allOf"):
            if word in schema:
                return [each for option in schema[word] for each in self.of(option, entered)]
        kind = schema.get("type")
        if isinstance(kind, list):
            return [each for name in kind for each in self._made({**schema, "type": name}, entered)]
        if kind == "object":
            return self._objects(schema, entered) if "properties" in schema else self._mappings(schema, entered)
        if kind == "array":
            return self._arrays(schema, entered)
        return self._plain(schema, kind)

    def _plain(self, schema: JsonSchema, kind: str | None) -> list[Json]:
        if kind == "string":
            return _fitting(schema, self._texts(schema))
        if kind == "integer":
            near = (math.floor(bound) + step for bound in self._bounds for step in (-1, 0, 1))
            return _fitting(schema, (*_ANY_NUMBER, *near))
        if kind == "number":
            return _fitting(schema, (*_ANY_FRACTION, *(each for bound in self._bounds for each in _around(bound))))
        if kind == "boolean":
            return [True, False]
        return [None] if kind == "null" else list(_ANYTHING)

    def _texts(self, schema: JsonSchema) -> Iterator[str]:
        known = _TEXTS.get(str(schema.get("format")))
        yield from known or _ANY_TEXT
        if known is None:
            yield from ("x" * length for length in self._lengths())
            yield from ("1" * length for length in self._lengths())

    def _lengths(self) -> Iterator[int]:
        near = (int(bound) + step for bound in self._bounds if bound <= _LONGEST for step in (-1, 0, 1))
        return (length for length in near if length >= 0)

    def _objects(self, schema: JsonSchema, entered: tuple[str, ...]) -> list[Json]:
        fields = {name: self.of(each, entered) for name, each in schema["properties"].items()}
        required = schema.get("required", ())
        if any(not fields[name] for name in required):
            return []  # a schema that is in itself, too deep
        fields = {name: values for name, values in fields.items() if values}
        usual = {name: values[0] for name, values in fields.items()}
        one_by_one = [usual | {name: each} for name, values in fields.items() for each in values[1:]]
        without = [_without(usual, name) for name in fields if name not in required]
        most = max(map(len, fields.values()), default=0)
        together = [{name: values[at % len(values)] for name, values in fields.items()} for at in range(1, most)]
        return [usual, *one_by_one, *without, *together]

    def _mappings(self, schema: JsonSchema, entered: tuple[str, ...]) -> list[Json]:
        values = self.of(schema.get("additionalProperties", True), entered)
        keys = self.of({"type": "string", **schema.get("propertyNames", {})}, entered) or [""]
        filled = [{keys[0]: value} for value in values] + [{key: values[0]} for key in keys[1:] if values]
        many = [{f"{keys[0]}{at}": values[0] for at in range(length)} for length in self._short() if values]
        return [each for each in [*filled, {}, *many] if _is_within(len(each), schema, "Properties")]

    def _arrays(self, schema: JsonSchema, entered: tuple[str, ...]) -> list[Json]:
        first = [self.of(each, entered) for each in schema.get("prefixItems", ())]
        if first:
            usual = [values[0] for values in first if values]
            return [[*usual[:at], each, *usual[at + 1 :]] for at, values in enumerate(first) for each in values]
        items = self.of(schema.get("items", True), entered)
        if schema.get("uniqueItems"):
            many = [items[:length] for length in self._short()]
        else:
            many = [items[:1] * length for length in self._short() if items]
        least = max(1, int(schema.get("minItems", 1)))
        filled = [([item, *(other for other in items if other != item)] * least)[:least] for item in items]
        return [each for each in [*filled, [], *many] if _is_within(len(each), schema, "Items")]

    def _short(self) -> list[int]:
        return [length for length in self._lengths() if length <= 1000]


def _is_object(schema: JsonSchema) -> bool:
    return "properties" in schema


def _default_of(schema: JsonSchema) -> list[Json]:
    return [schema["default"]] if "default" in schema else []


def _once(values: Iterable[Json]) -> list[Json]:
    """Each value once; 1, 1.0 and true are three."""
    return list({repr(value): value for value in values}.values())


def _without(fields: Mapping[str, Json], name: str) -> dict[str, Json]:
    return {each: value for each, value in fields.items() if each != name}


def _around(bound: float) -> tuple[float, ...]:
    near = (math.nextafter(bound, -math.inf), float(bound), math.nextafter(bound, math.inf))
    return (*near, bound - 0.5, bound + 0.5, bound / 2)


def _is_within(length: int, schema: JsonSchema, what: str) -> bool:
    return bool(schema.get(f"min{what}", 0) <= length <= schema.get(f"max{what}", length))


def _fitting(schema: JsonSchema, values: Iterable[Json]) -> list[Json]:
    """Those that the schema takes; when it takes none, all: its model will say which it would not tell."""
    every = list(values)
    return [each for each in every if _takes(schema, each)] or every


def _takes(schema: JsonSchema, value: str | float) -> bool:
    if isinstance(value, str):
        pattern = schema.get("pattern")
        return _is_within(len(value), schema, "Length") and (pattern is None or _is_found(pattern, value))
    is_far_enough = value >= schema.get("minimum", value) and value > schema.get("exclusiveMinimum", -math.inf)
    is_near_enough = value <= schema.get("maximum", value) and value < schema.get("exclusiveMaximum", math.inf)
    step: float | None = schema.get("multipleOf")
    return bool(is_far_enough and is_near_enough and (step is None or value % step == 0))


def _is_found(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return True  # written for another kind of expressions
