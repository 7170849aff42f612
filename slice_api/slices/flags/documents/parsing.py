"""From the bytes of a document to JSON that every storage engine can keep (RFC 8259)."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import orjson

from slice_api.chassis import invalid, storage_faults
from slice_api.slices.flags.documents.schemas import Finding

MAX_DEPTH: Final = 128
"""Arrays and objects inside each other: a rule may be 100 deep, and JSON readers give up at 200."""

_SAID_AT_MOST: Final = 100


def parse(body: bytes) -> Any:
    """The JSON value of a body; raises 422 for what is no JSON in UTF-8, or too deep to be kept."""
    if not body.strip():
        raise invalid("#", "must be a document in JSON, and is empty")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise invalid("#", f"is not valid JSON: {error}") from error
    if is_deeper(value, MAX_DEPTH):
        raise invalid("#", f"is nested more than {MAX_DEPTH} deep")
    return value


def is_deeper(value: Any, most: int) -> bool:
    """Whether more than `most` arrays and objects lie inside each other."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(most):
        inside = [each.values() if isinstance(each, dict) else each for each in level]
        level = [item for items in inside for item in items if isinstance(item, dict | list)]
    return bool(level)


def storage_findings(body: bytes, value: Any) -> Iterator[Finding]:
    """What no engine could keep."""
    for fault in storage_faults(body, value):
        yield Finding(fault.pointer, fault.detail, is_fatal=True)


def repeated_names(body: bytes) -> list[Finding]:
    """Names that stand twice in one object, of which the last counts: JSON allows it, and readers differ."""
    found = dict[str, None]()

    def note(pairs: list[tuple[str, Any]]) -> None:
        if len(pairs) > 1 and len(dict(pairs)) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            found.update(dict.fromkeys(name for name, count in counts.items() if count > 1))

    json.loads(body, object_pairs_hook=note)
    return [Finding("#", f"has an object with {name!r} twice; the last one counts") for name in found][:_SAID_AT_MOST]
