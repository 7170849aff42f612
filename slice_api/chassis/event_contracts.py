"""What one slice tells and another reads: a contract that is held against both when the service starts.

The test is the honest one. Events that the publisher can send, with values from both sides of every bound, are read
with the subscriber's model; what cannot be read is a fault. What a subscriber does not read is no concern of it.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

from pydantic import BaseModel, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import ErrorDetails

from slice_api.chassis.docstrings import Described
from slice_api.chassis.event_samples import Json, JsonSchema, bounds_in, samples_of, sent_schema
from slice_api.chassis.events import Event, Subscription
from slice_api.chassis.outbox import Consumer, read_data

Place = tuple[str | int, ...]
"""Where in an event: names of fields, and positions in lists."""

Publishers = Mapping[str, Sequence[type[Event]]]
"""What each slice that is loaded publishes."""

_TELLING: Final = frozenset(
    (
        *("any", "none", "bool", "int", "float", "decimal", "str", "date", "time", "datetime", "timedelta", "uuid"),
        *("literal", "list", "tuple", "set", "frozenset", "dict", "nullable", "union", "default"),
        *("model", "model-fields", "model-field", "function-before", "function-after", "definitions", "definition-ref"),
    )
)
"""Kinds of Pydantic's core schemas that each have a JSON Schema when what is in them has one."""
_WITHIN: Final = ("schema", "fields", "items_schema", "keys_schema", "values_schema", "choices", "definitions")
"""Where one holds others."""
_ELSEWHERE: Final = ("serialization", "computed_fields", "extras_schema", "extras_keys_schema")
"""Where one may hold what is not looked at here."""
_OWN_HAND: Final = vars(Described)["__get_pydantic_json_schema__"].__func__

_TOPIC = re.compile(r"\*|[a-z][a-z0-9_]*\.(\*|[a-z][a-z0-9_]*)")


class Misfit(NamedTuple):
    """A field that a subscriber cannot read out of every event."""

    field: str
    detail: str
    event: Json
    """The data of an event that can be told and cannot be read."""


def publisher_of(topic: str) -> str:
    """The slice that a topic belongs to; "*" for all of them."""
    return topic.partition(".")[0]


def unreadable_event(event: type[Event]) -> str | None:
    """Why there is no saying what an event looks like; None when there is."""
    if _tells_plainly(event.__pydantic_core_schema__):
        return None
    try:
        sent_schema(event)
    except PydanticUserError as error:
        return f"the event {event.__name__} has no JSON Schema: {error.message}"
    return None


def _tells_plainly(schema: Any) -> bool:
    """Whether there is a JSON Schema for sure, so that none need be made to see it; that takes a hundred times longer.

    False says nothing.
    """
    if isinstance(schema, list | tuple):
        return all(map(_tells_plainly, schema))
    kind = schema.get("type") if isinstance(schema, dict) else None
    if not isinstance(kind, str):  # a label, a function, or fields by name
        return not isinstance(schema, Mapping) or all(map(_tells_plainly, schema.values()))
    if kind not in _TELLING or any(schema.get(place) for place in _ELSEWHERE) or not _is_made_by_pydantic(schema):
        return False
    return all(_tells_plainly(schema[place]) for place in _WITHIN if place in schema)


def _is_made_by_pydantic(schema: Mapping[str, Any]) -> bool:
    """Whether nobody else has a hand in the JSON Schema of a core schema."""
    told = schema.get("metadata", {})
    hands = [*told.get("pydantic_js_functions", ()), *told.get("pydantic_js_annotation_functions", ())]
    return all(getattr(each, "__func__", None) is _OWN_HAND for each in hands)


def misfits(event: type[Event], model: type[BaseModel]) -> list[Misfit]:
    """The fields of `model` that some event cannot fill, each once; none when whatever is sent can be read."""
    schema = sent_schema(event)
    found: dict[Place, Misfit] = {}
    for data, untold in _told(event, bounds_in(_read_schema(model))):
        for place, error in _errors(lambda given: read_data(model, given), data).items():
            if not any(_is_beside(place, other) for other in untold):
                field = place if error["type"] == "missing" else _field_at(schema, place)
                found.setdefault(_without_positions(field), _misfit(event, schema, place, error, data))
    return list(found.values())


def subscription_faults(publishers: Publishers, consumer: Consumer) -> Iterator[str]:
    """What is wrong with a subscription, as far as the slices that publish its topic are there."""
    topic = consumer.subscription.topic
    where = f"@on({topic!r}) {consumer.function} in events.py"
    if _TOPIC.fullmatch(topic) is None:
        yield f"{where}: a topic is <slice>.<what happened>, <slice>.* or *"
        return
    if publisher_of(topic) not in ("*", *publishers):
        return  # away; a warning tells of it
    events = covered(publishers, consumer.subscription)
    if not events and not topic.endswith("*"):
        yield f"{where}: {_unknown_topic(topic, publishers)}"
    if consumer.model is not None:
        yield from (f"{where}: {each.detail}" for event in events for each in misfits(event, consumer.model))


def covered(publishers: Publishers, subscription: Subscription) -> list[type[Event]]:
    """The events that a subscription is told of."""
    every = (event for events in publishers.values() for event in events if is_sound(event))
    return [event for event in every if subscription.covers(event.topic)]


def is_sound(event: type[Event]) -> bool:
    """Whether it has a topic and a schema; what has not is a fault of its own."""
    return bool(getattr(event, "topic", "")) and unreadable_event(event) is None


def absent_publishers(publishers: Iterable[str], consumers: Iterable[Consumer]) -> list[str]:
    """What to warn of: subscriptions to slices that are not there; one line each."""
    here = {"*", *publishers}
    return [
        f"{each.reader} listens to {topic}, and the slice {publisher_of(topic)} is not here; "
        "nothing is told until it is, or until the subscription goes"
        for each in consumers
        if publisher_of(topic := each.subscription.topic) not in here
    ]


def _unknown_topic(topic: str, publishers: Publishers) -> str:
    publisher = publisher_of(topic)
    known = sorted(str(getattr(event, "topic", "")) for event in publishers[publisher])
    near = difflib.get_close_matches(topic, known, 1)
    return f"{publisher} publishes {', '.join(known) or 'nothing'}" + (f"; did you mean {near[0]}?" if near else "")


def _read_schema(model: type[BaseModel]) -> JsonSchema:
    try:
        return model.model_json_schema()
    except PydanticUserError:
        return {}  # it can read all the same; only its bounds are unknown


@lru_cache(maxsize=64)
def _told(event: type[Event], bounds: frozenset[float]) -> list[tuple[Json, list[Place]]]:
    """What the publisher can tell; most subscribers set no bounds, so that it is made once for all of them."""
    return [_as_sent(event, sample) for sample in samples_of(sent_schema(event), bounds)]


def _as_sent(event: type[Event], sample: Json) -> tuple[Json, list[Place]]:
    """An event as the publisher's own model writes it, and the places of values that it would not tell."""
    told: list[Event] = []
    untold = _errors(lambda given: told.append(event.model_validate(given, extra="ignore")), sample)
    return (told[0].model_dump(mode="json"), []) if told else (sample, list(untold))


def _errors(read: Any, data: Json) -> dict[Place, ErrorDetails]:
    """What goes wrong where; several options of a union that fail are one place."""
    try:
        read(data)
    except ValidationError as error:
        found: dict[Place, ErrorDetails] = {}
        for each in error.errors(include_url=False):
            found.setdefault(_place(each, data), each)
        return found
    except Exception as error:
        return {(): {"type": "error", "loc": (), "msg": f"{type(error).__name__}: {error}", "input": data}}
    return {}


def _place(error: ErrorDetails, data: Json) -> Place:
    """Where in the data; Pydantic also names the options of a union, which the data knows nothing of."""
    place: Place = ()
    for step in error["loc"]:
        if _has(data, step):
            data, place = data[step], (*place, step)
    return (*place, error["loc"][-1]) if error["type"] == "missing" else place


def _has(data: Json, step: str | int) -> bool:
    if isinstance(data, Mapping):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and step < len(data)


def _is_beside(place: Place, other: Place) -> bool:
    """Whether one place lies in the other."""
    return all(one == two for one, two in zip(place, other, strict=False))


def _field_at(schema: JsonSchema, place: Place) -> Place:
    """The innermost declared field that a place lies in: without positions and keys of mappings behind it."""
    ends = range(len(place), 0, -1)
    return next((place[:end] for end in ends if place[end - 1] in _fields_at(schema, place[: end - 1])), ())


def _without_positions(place: Place) -> Place:
    return tuple(step for step in place if isinstance(step, str))


# In words


def _misfit(event: type[Event], schema: JsonSchema, place: Place, error: ErrorDetails, data: Json) -> Misfit:
    is_missing = error["type"] == "missing"
    words = _missing(event, schema, place) if is_missing else _mistyped(event, schema, place, error, data)
    return Misfit(_spelled(place) or "the event", words, data)


def _spelled(place: Place) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")


def _missing(event: type[Event], schema: JsonSchema, place: Place) -> str:
    *parent, name = place
    fields = _fields_at(schema, tuple(parent))
    if name in fields:
        return f"it requires {_spelled(place)}, which {event.topic} does not always tell; give it a default"
    near = difflib.get_close_matches(str(name), fields, 1)
    has = f"{_spelled(tuple(parent)) or 'it'} has {', '.join(fields) or 'no fields'}"
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"it requires {_spelled(place)}, and {event.topic} has no such field; {has}{hint}"


def _mistyped(event: type[Event], schema: JsonSchema, place: Place, error: ErrorDetails, data: Json) -> str:
    sent = type_at(schema, place)
    told = f"{event.topic} tells it as {sent}, such as {_short(_value_at(data, place))}"
    field = _field_at(schema, place)
    cure = f"; `{field[-1]}: {type_at(schema, field)}` would read it" if field else ""
    return f"it cannot read {_spelled(place) or 'the event'}: {told} ({error['msg']}){cure}"


def _short(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _value_at(data: Json, place: Place) -> Json:
    for step in place:
        data = data[step]
    return data


def _options(schema: Json, definitions: Mapping[str, Any]) -> list[JsonSchema]:
    """A schema without its references and unions: all that a value may fit."""
    if not isinstance(schema, Mapping):
        return []
    if "$ref" in schema:
        return _options(definitions[str(schema["$ref"]).rpartition("/")[2]], definitions)
    parts = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    return [each for part in parts for each in _options(part, definitions)] if parts else [schema]


def _at(schema: JsonSchema, place: Place) -> list[JsonSchema]:
    definitions = schema.get("$defs", {})
    here = _options(schema, definitions)
    for step in place:
        below = [_below(each, step) for each in here]
        here = [option for each in below if each is not None for option in _options(each, definitions)]
    return here


def _below(schema: JsonSchema, step: str | int) -> JsonSchema | None:
    if isinstance(step, str):
        return cast("JsonSchema | None", schema.get("properties", {}).get(step, schema.get("additionalProperties")))
    first = schema.get("prefixItems", ())
    return cast("JsonSchema | None", first[step] if step < len(first) else schema.get("items"))


def _fields_at(schema: JsonSchema, place: Place) -> list[str]:
    return [name for each in _at(schema, place) for name in each.get("properties", ())]


_TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None", "object": "dict"}
_FORMATS = {
    "date-time": "Time",
    "date": "date",
    "time": "time",
    "duration": "timedelta",
    "uuid": "UUID",
    "uri": "AnyUrl",
}


def type_at(schema: JsonSchema, place: Place) -> str:
    """The type of a field as it would be written in a model that reads it."""
    return " | ".join(dict.fromkeys(_type_of(each, schema) for each in _at(schema, place))) or "Any"


def _type_of(schema: JsonSchema, root: JsonSchema) -> str:
    if "const" in schema or "enum" in schema:
        return f"Literal[{', '.join(map(repr, schema.get('enum', [schema.get('const')])))}]"
    kind = schema.get("type")
    if kind == "array":
        return f"list[{type_at({**schema.get('items', {}), '$defs': root.get('$defs', {})}, ())}]"
    if kind == "object" and "properties" in schema:
        return str(schema.get("title", "dict"))
    return _FORMATS.get(str(schema.get("format")), _TYPES.get(str(kind), "Any"))
