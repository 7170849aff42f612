"""Events: one log, written in the same transaction as the documents, that is feed, outbox and replay in one."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple, TypeVar

from pydantic import Field

from slice_api.chassis.changes import unchecked
from slice_api.chassis.ids import new_id
from slice_api.chassis.schemas import Schema, Time
from slice_api.chassis.storage.stores import Log

F = TypeVar("F", bound=Callable[..., Any])


class Event(Schema):
    """The base of what a slice publishes: a model in its `schemas.py` with a `topic` such as `links.created`.

    The docstring's first line is what people read in the catalogue.
    """

    topic: ClassVar[str]


class EventRecord(Schema):
    """An event as it was told."""

    id: str = Field(examples=["evt_4rTq8ZbW1nXc"])
    """Its id, the same however often it is told."""
    type: str = Field(examples=["links.created"])
    """What happened, such as `links.created`."""
    slice: str = Field(examples=["links"])
    """The slice that published it."""
    subject: str | None = Field(examples=["guide"])
    """The key of the object it speaks of."""
    at: Time = Field(examples=["2026-01-31T09:00:00Z"])
    """When it happened."""
    by: str | None = Field(examples=["7hKq2mXa"])
    """The id of the key that caused it; null when the service did so by itself."""
    data: dict[str, Any]
    """What the publisher tells, by its own model."""


EVENTS = Log("events", EventRecord, indexes=("type", "slice", "subject"), time="at")


def record_of(event: Event, *, subject: str | None, by: str | None, at: datetime) -> EventRecord:
    """The record of an event: what is in it was checked when it was made."""
    topic = event.topic
    fields = {
        "id": new_id("evt"),
        "type": topic,
        "slice": topic.partition(".")[0],
        "subject": subject,
        "at": at,
        "by": by,
        "data": event.__pydantic_serializer__.to_python(event, mode="json"),
    }
    return unchecked(EventRecord, fields)


class Subscription(NamedTuple):
    """A reaction: `handle(tx, event)` for each event that `topic` covers (`links.created`, `links.*`, `*`)."""

    topic: str
    handle: Callable[..., Any]

    def covers(self, topic: str) -> bool:
        return is_covered(topic, (self.topic,))


@lru_cache(maxsize=4096)
def is_covered(topic: str, by: tuple[str, ...]) -> bool:
    """Whether one of some topics (`links.created`, `links.*`, `*`) covers the topic of an event."""
    return any(each in ("*", topic) or (each.endswith(".*") and topic.startswith(each[:-1])) for each in by)


def on(topic: str) -> Callable[[F], F]:
    """Mark a function of a slice's `events.py` as the reaction to a topic.

    It is called as `handle(tx, event)` in a transaction of its own; `event` is given as the model that the second
    parameter is annotated with (any model of the fields it reads), or as the EventRecord itself. It is told at least
    once and in order; what it raises is retried with back-off, then parked. A model that some event of the topic does
    not fit stops the start.
    """

    def mark(handle: F) -> F:
        handle.__dict__.setdefault("subscriptions", []).append(topic)
        return handle

    return mark
