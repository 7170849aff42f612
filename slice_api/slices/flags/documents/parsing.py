"""From the bytes of a document to JSON that every storage engine can keep (RFC 8259)."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson

from slice_api.chassis import invalid
from slice_api.slices.flags.documents.schemas import Finding

MAX_DEPTH: Final = 128
"""Arrays and objects inside each other: a rule may be 100 deep, and JSON readers give up at 200."""

_MOST: Final = 2**63 - 1
_LONG_NUMBER: Final = re.compile(rb"\d{19}")
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
    """What no engine could keep; the bytes tell cheaply whether to look at all."""
    if b"\\u0000" in body:
        yield from _found(value, _holds_nul, "must not hold the character NUL")
    if _LONG_NUMBER.search(body):
        # The quicker reader makes floats of them.
        yield from _found(json.loads(body), _is_too_big, "must be a number of at most 64 bits")


def repeated_names(body: bytes) -> list[Finding]:
    """Names that stand twice in one object, of which the last counts: JSON allows it, and readers differ."""
    found = dict[str, None]()

    def note(pairs: list[tuple[str, Any]]) -> None:
        if len(pairs) > 1 and len(dict(pairs)) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            found.update(dict.fromkeys(name for name, count in counts.items() if count > 1))

    json.loads(body, object_pairs_hook=note)
    return [Finding("#", f"has an object with {name!r} twice; the last one counts") for name in found][:_SAID_AT_MOST]


def step(name: str) -> str:
    """A name as it stands in a JSON pointer (RFC 6901, section 3)."""
    return name.replace("~", "~0").replace("/", "~1")


def _holds_nul(value: Any) -> bool:
    return isinstance(value, str) and "\0" in value


def _is_too_big(value: Any) -> bool:
    return isinstance(value, int) and not -_MOST - 1 <= value <= _MOST


def _found(value: Any, is_bad: Callable[[Any], bool], detail: str, pointer: str = "#") -> Iterator[Finding]:
    if is_bad(value):
        yield Finding(pointer, detail, is_fatal=True)
    if isinstance(value, dict):
        if any(map(is_bad, value)):
            yield Finding(pointer, f"has a name that {detail}", is_fatal=True)
        for name, each in value.items():
            yield from _found(each, is_bad, detail, f"{pointer}/{step(name)}")
    if isinstance(value, list):
        for at, each in enumerate(value):
            yield from _found(each, is_bad, detail, f"{pointer}/{at}")
