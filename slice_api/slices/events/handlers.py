"""The catalogue of events, made from what the slices publish and listen to."""

import inspect
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from slice_api.chassis import Event, EventRecord, not_found
from slice_api.chassis.discovery import Slice
from slice_api.chassis.event_samples import sent_schema, usual_data
from slice_api.chassis.outbox import Consumer
from slice_api.slices.events.schemas import Topic


@cache
def record_schema(event: type[Event]) -> dict[str, Any]:
    """JSON Schema of the whole event, with what the slice tells as its `data`."""
    envelope, data = sent_schema(EventRecord), dict(sent_schema(event))
    definitions = data.pop("$defs", {})
    own = {
        "type": envelope["properties"]["type"] | {"const": event.topic},
        "slice": envelope["properties"]["slice"] | {"const": event.topic.partition(".")[0]},
        "data": data,
    }
    schema = {**envelope, "title": event.__name__, "description": inspect.cleandoc(event.__doc__ or "")}
    return {**schema, "properties": envelope["properties"] | own, **({"$defs": definitions} if definitions else {})}


@cache
def example_of(event: type[Event]) -> dict[str, Any]:
    """A whole event that could be sent."""
    usual = {name: each.get("examples", [None])[0] for name, each in sent_schema(EventRecord)["properties"].items()}
    return {**usual, "type": event.topic, "slice": event.topic.partition(".")[0], "data": usual_data(event)}


def _listeners(topic: str, consumers: Iterable[Consumer]) -> list[str]:
    return sorted({each.reader for each in consumers if each.subscription.covers(topic)})


def _published(event: type[Event], consumers: Sequence[Consumer]) -> Topic:
    return Topic(
        topic=event.topic,
        slice=event.topic.partition(".")[0],
        description=inspect.cleandoc(event.__doc__ or ""),
        is_published=True,
        listeners=_listeners(event.topic, consumers),
        example=example_of(event),
        data_schema=sent_schema(event),
        record_schema=record_schema(event),
    )


def _awaited(topic: str, consumers: Sequence[Consumer]) -> Topic:
    publisher = topic.partition(".")[0]
    return Topic(
        topic=topic,
        slice=publisher,
        description=f"Told by nobody: the slice {publisher} is not here.",
        is_published=False,
        listeners=_listeners(topic, consumers),
        example=None,
        data_schema=None,
        record_schema=None,
    )


def topics(slices: Sequence[Slice]) -> Iterator[Topic]:
    """Every topic that is told, and those that somebody waits for in vain."""
    consumers = [consumer for each in slices for consumer in each.consumers]
    yield from (_published(event, consumers) for each in slices for event in each.events)
    here = {"*", *(each.name for each in slices)}
    awaited = {consumer.subscription.topic for consumer in consumers}
    yield from (_awaited(topic, consumers) for topic in awaited if topic.partition(".")[0] not in here)


def read_topic(slices: Sequence[Slice], name: str) -> Topic:
    """One topic; raises 404 · not-found."""
    found = next((each for each in topics(slices) if each.topic == name), None)
    if found is None:
        raise not_found("event", name)
    return found
