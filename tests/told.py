"""What a test expects to be told: events by topic, subject and the part of their data that matters to it."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

import orjson
from pydantic import BaseModel

from slice_api.chassis import EventRecord

_ANY: Any = object()


class Told(NamedTuple):
    """An event that is expected; what is not given does not matter."""

    topic: str
    subject: Any
    data: Mapping[str, Any]

    def __str__(self) -> str:
        return _line(self.topic, "…" if self.subject is _ANY else self.subject, self.data)


def told(topic: str, subject: str | None = _ANY, /, **data: Any) -> Told:
    """An event of that topic, of that subject if one is given, with these fields in its data.

    A field is a value, a model, or a mapping of the fields that matter.
    """
    return Told(topic, subject, {name: _plain(value) for name, value in data.items()})


def difference(expected: Sequence[Told], records: Sequence[EventRecord]) -> str:
    """Both lists side by side, with a mark where they differ; empty when each event is the one expected."""
    pairs = list(zip_longest(expected, records))
    if all(_is_same(one, record) for one, record in pairs):
        return ""
    marks = [" " if _is_same(one, record) else "!" for one, record in pairs]
    wanted = [f"  {mark} {one}" for mark, one in zip(marks, expected, strict=False)]
    was = [f"  {mark} {_record_line(record)}" for mark, record in zip(marks, records, strict=False)]
    return "\n".join(["expected:", *(wanted or ["    nothing"]), "told:", *(was or ["    nothing"])])


def _is_same(expected: Told | None, record: EventRecord | None) -> bool:
    if expected is None or record is None:
        return False
    is_subject = expected.subject is _ANY or expected.subject == record.subject
    return expected.topic == record.type and is_subject and _is_part(expected.data, record.data)


def _is_part(part: Any, whole: Any) -> bool:
    if not isinstance(part, Mapping) or not isinstance(whole, Mapping):
        return bool(part == whole)
    return all(name in whole and _is_part(value, whole[name]) for name, value in part.items())


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return orjson.loads(orjson.dumps(value, default=_plain))


def _record_line(record: EventRecord) -> str:
    return _line(record.type, record.subject, record.data)


def _line(topic: str, subject: str | None, data: Mapping[str, Any]) -> str:
    return f"{topic} of {subject} {orjson.dumps(data).decode()}"
