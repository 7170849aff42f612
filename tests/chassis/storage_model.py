"""What storage tests keep, and a plain-Python storage to hold engines against."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from slice_api.chassis import Collection, Event, Integer, Log, Schema, Time
from slice_api.chassis.events import EVENTS


class Mood(StrEnum):
    """Sorted by its values, not by its names."""

    WELL = "a well"
    BADLY = "badly"


class Thing(Schema):
    """A document with every kind of index."""

    id: str
    name: str = ""
    note: str | None = None
    rank: Integer | None = None
    due: Time | None = None
    tags: tuple[str, ...] = ()
    labels: tuple[str, ...] | None = None
    size: float | None = None
    place: str | None = None
    grade: Literal["high", "low"] = "low"
    mood: Mood | None = None
    day: date | None = None
    token: UUID | None = None
    slot: str | None = None
    expires_at: Time | None = None

    @property
    def is_high(self) -> bool:
        return self.rank is not None and self.rank > 0


class Plain(Schema):
    """A document without anything special, under a key of another name."""

    slug: str
    count: Integer = 0


class Mark(Schema):
    """An entry of a log."""

    text: str
    kind: str | None = None
    at: Time | None = None


class ThingTold(Event):
    """Something was told of a thing."""

    topic = "things.told"
    text: str


THINGS = Collection(
    "things",
    Thing,
    indexes=(
        "rank",
        "due",
        "tags",
        "labels",
        "is_high",
        "size",
        "place",
        "grade",
        "mood",
        "day",
        "token",
        "slot",
        "expires_at",
    ),
    unique=("slot",),
    search=("name", "note"),
    expires="expires_at",
)
PLAINS = Collection("plains", Plain, key="slug", indexes=("count",))
MARKS = Log("marks", Mark, indexes=("kind",), time="at")
STORES = (THINGS, PLAINS, MARKS, EVENTS)

Holds = Callable[[Any], bool]


def _ranked(document: Any, order: str, key: str) -> tuple[bool, Any, str]:
    value = getattr(document, order)
    return (value is not None, 0 if value is None else value, key)


@dataclass
class Model:
    """The state that an engine must show: dicts and lists, and nothing clever."""

    things: dict[str, Thing] = field(default_factory=dict)
    plains: dict[str, Plain] = field(default_factory=dict)
    marks: dict[str, list[Mark]] = field(default_factory=dict)
    told: list[tuple[str, str | None]] = field(default_factory=list)

    def copy(self) -> "Model":
        return deepcopy(self)

    def documents(self, collection: Collection[Any]) -> dict[str, Any]:
        return self.things if collection is THINGS else self.plains

    def live(self, collection: Collection[Any], now: datetime) -> dict[str, Any]:
        """The documents that can be seen now, by key."""
        held = self.documents(collection)
        return {key: each for key, each in held.items() if not is_expired(each, now)}

    def is_clash(self, collection: Collection[Any], document: Any, now: datetime) -> bool:
        """Whether another live document has one of the unique values."""
        key = collection.key_of(document)
        others = [each for other, each in self.live(collection, now).items() if other != key]
        return any(
            getattr(document, name) is not None and getattr(other, name) == getattr(document, name)
            for name in collection.unique
            for other in others
        )

    def ordered(self, collection: Collection[Any], now: datetime, order: str, holds: Holds) -> list[Any]:
        """The live documents that fit, in the order of a field (`-`: the other way round)."""
        name = order.removeprefix("-")
        fitting = [(key, each) for key, each in self.live(collection, now).items() if holds(each)]
        placed = sorted(fitting, key=lambda pair: _ranked(pair[1], name, pair[0]), reverse=order.startswith("-"))
        return [each for _, each in placed]

    def entries(self, partition: str, holds: Holds) -> list[Mark]:
        return [each for each in self.marks.get(partition, []) if holds(each)]


def is_expired(document: Any, now: datetime) -> bool:
    end = getattr(document, "expires_at", None)
    return end is not None and end <= now


def anything(_: Any) -> bool:
    return True


def folded(texts: Iterable[str | None]) -> list[str]:
    """Texts as a search without regard to case sees them."""
    return [text.casefold() for text in texts if text is not None]
