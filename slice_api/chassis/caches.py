"""Caches: what is read often and seldom changes is kept near, until an event tells that it has changed.

An entry carries the position in the events log up to which it is known to be right, and is stale once an event behind
that position speaks of it. So it never matters who keeps what when: a slow load that has read the old document carries
an old position, and nobody who has heard of the change believes it. Nothing needs deleting.

This rests on what everybody who follows the log rests on: positions become visible in their order.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel

from slice_api.chassis.events import EVENTS, EventRecord, is_covered
from slice_api.chassis.ids import new_id
from slice_api.chassis.rate_limits import Seconds
from slice_api.chassis.schemas import Schema
from slice_api.chassis.signals import Signal, wait_for
from slice_api.chassis.storage.database import Database
from slice_api.chassis.storage.stores import Collection
from slice_api.chassis.storage.tx import Taken, Tx

M = TypeVar("M", bound=BaseModel)

_BATCH: Final = 100
_LOOK_AGAIN_SECONDS: Final = 1.0
"""In case a word of another process's events was lost."""
_MOST_CHANGES: Final = 10_000
_MOST_ENTRIES: Final = 10_000
_LIFE: Final = "events"


class Entry(NamedTuple, Generic[M]):
    """What a cache keeps: a document, or that there is none, and the position of the log it is right at."""

    value: M | None
    position: int


class Cache(Protocol):
    """Keeps entries by name for some seconds at most, in this process or for many. It may lose any at any time."""

    async def get(self, name: str, model: type[M]) -> Entry[M] | None: ...
    async def put(self, name: str, entry: Entry[Any], seconds: int) -> None: ...


class MemoryCache:
    """Entries in this process, the objects themselves; the least recently used go first."""

    def __init__(self, most: int = _MOST_ENTRIES, seconds: Seconds = monotonic) -> None:
        self._most, self._seconds = most, seconds
        self._held: OrderedDict[str, tuple[Entry[Any], float]] = OrderedDict()

    async def get(self, name: str, model: type[M]) -> Entry[M] | None:
        entry, until = self._held.get(name, (None, 0.0))
        if entry is None:
            return None
        if until <= self._seconds():
            del self._held[name]
            return None
        self._held.move_to_end(name)
        return entry

    async def put(self, name: str, entry: Entry[Any], seconds: int) -> None:
        self._held[name] = (entry, self._seconds() + seconds)
        self._held.move_to_end(name)
        if len(self._held) > self._most:
            self._held.popitem(last=False)


@dataclass(frozen=True)
class Cached(Generic[M]):
    """What a slice has kept near: documents of one model, each read by `load(tx, key)`, which gives None for none.

    An event that one of the topics in `stale_on` covers (`links.deleted`, `links.*`) makes the entry stale whose key is
    the event's subject, and all entries when it has none. `load` must read nothing that changes without such an event;
    what it reads of the time is right for `seconds` at most.
    """

    name: str
    model: type[M]
    load: Callable[[Tx, str], M | None]
    stale_on: tuple[str, ...]
    is_by_subject: bool = True
    """Whether keys are subjects; otherwise every event that is covered makes all entries stale."""
    seconds: int = 60
    """How long an entry is kept at most."""

    def is_stale_on(self, topic: str) -> bool:
        return is_covered(topic, self.stale_on)


class StorageLife(Schema):
    """Tells one storage from the next under the same address, where positions begin again."""

    id: str
    life: str


LIVES = Collection("chassis_lives", StorageLife)


@dataclass
class _Changes:
    """When the entries of one cache last became stale: all of them, and those of single keys; as numbers that grow."""

    of_all: int
    of_keys: dict[str, int] = field(default_factory=dict)

    def note(self, number: int, key: str | None) -> None:
        if key is not None and len(self.of_keys) < _MOST_CHANGES:
            self.of_keys[key] = max(number, self.of_keys.get(key, 0))
            return
        # To call all stale is always safe; so it is also what to do with more keys than are worth remembering.
        self.of_all = max(self.of_all, number, *self.of_keys.values())
        self.of_keys.clear()

    def last(self, key: str) -> int:
        return max(self.of_all, self.of_keys.get(key, 0))


class _Known(NamedTuple):
    """What is known of one cache."""

    told: _Changes
    """By positions in the log."""
    own: _Changes
    """By turns: what this process has changed itself, at positions that it learns a moment later."""


def _begin(tx: Tx) -> tuple[str, int] | None:
    """The life of this storage, and the newest position of its log; None while that is empty.

    An empty log does not tell how far it ever went, so no entry could be known to be right.
    """
    _, newest = tx.ends(EVENTS)
    if newest == 0:
        return None
    known = tx.get(LIVES, _LIFE) or tx.insert(LIVES, StorageLife(id=_LIFE, life=new_id("life")))
    return known.life, newest


def _load(tx: Tx, cached: Cached[M], key: str) -> Entry[M]:
    """The position comes first: what is read after it may be newer, but never older."""
    _, position = tx.ends(EVENTS)
    return Entry(cached.load(tx, key), position)


def _read(tx: Tx, position: int) -> list[tuple[int, EventRecord]] | None:
    """The next events; None when the log no longer holds all of them."""
    entries = tx.read(EVENTS, position, limit=_BATCH)
    oldest, newest = tx.ends(EVENTS)
    return entries if oldest - 1 <= position <= newest else None


class Caches:
    """What the slices of one app have kept near; follows the events of every process.

    `news` wakes it when other processes may have written events; of those of its own process it reads at once what
    makes an entry stale, and the rest a hundred at a time. `caches` are asked one after another, the nearest first; an
    entry that a farther one gives is kept in the nearer.
    """

    def __init__(self, db: Database, news: Signal, caches: Sequence[Cache]) -> None:
        self._db, self._news, self._caches = db, news, tuple(caches)
        self._life: str | None = None
        self._position = 0
        """How far the log was read."""
        self._turn = self._turn_read = 0
        """How often this process has changed something, and how much of that is among what was read."""
        self._known: dict[Cached[Any], _Known] = {}

    async def get(self, cached: Cached[M], key: str) -> M | None:
        """The document of that key, or None; loaded in a transaction of its own when it is not near."""
        if self._life is None:  # nobody follows the log
            return await self._db.transact(cached.load, key)
        name = f"{self._life}:{cached.name}:{key}"
        entry = await self._find(cached, key, name)
        if entry is None:
            entry = await self._db.transact(_load, cached, key)
            await self._keep(self._caches, cached, name, entry)
        return entry.value

    async def _find(self, cached: Cached[M], key: str, name: str) -> Entry[M] | None:
        known = self._known.get(cached)
        if known is None:  # what was told before is not known, so only what is newer is believed
            known = self._known[cached] = _Known(_Changes(self._position), _Changes(self._turn))
            if self._turn_read != self._turn:  # so that it is soon believed
                self._news.notify()
        for at, cache in enumerate(self._caches):
            entry = await cache.get(name, cached.model)
            if entry is not None and self._is_fresh(known, key, entry):
                await self._keep(self._caches[:at], cached, name, entry)
                return entry
        return None

    def _is_fresh(self, known: _Known, key: str, entry: Entry[Any]) -> bool:
        return known.own.last(key) <= self._turn_read and known.told.last(key) <= entry.position

    async def _keep(self, caches: Sequence[Cache], cached: Cached[M], name: str, entry: Entry[M]) -> None:
        for cache in caches:
            await cache.put(name, entry, cached.seconds)

    def heard(self, events: Iterable[EventRecord]) -> None:
        """Take note of what this process itself has just committed, so that who changed something sees the change."""
        self._turn += 1
        is_urgent = self._life is None or self._turn - self._turn_read >= _BATCH
        if self._known:
            for event in events:
                for cached, known in self._covered_by(event):
                    known.own.note(self._turn, event.subject if cached.is_by_subject else None)
                    is_urgent = True
        if is_urgent:
            self._news.notify()

    def _covered_by(self, event: EventRecord) -> Iterator[tuple[Cached[Any], _Known]]:
        return ((cached, known) for cached, known in self._known.items() if cached.is_stale_on(event.type))

    async def run(self, closing: asyncio.Event) -> None:
        """Follow the events until the service stops."""
        self._life = None
        while not closing.is_set():
            news = self._news.watch()
            if not await self._catch_up():
                await wait_for(news, self._db.look_again_after(_LOOK_AGAIN_SECONDS))

    async def _start(self) -> bool:
        """Go on from the end of the log, if it has one; all that was kept before is stale."""
        turn = self._turn
        try:
            begun = await self._db.transact(_begin)
        except Taken:  # another process has begun this life at the same moment
            begun = await self._db.transact(_begin)
        self._life, self._position = begun or (None, 0)
        self._turn_read = turn
        for known in self._known.values():
            known.told.note(self._position, None)
        return begun is not None

    async def _catch_up(self) -> bool:
        """Hear of what has happened; gives whether there may be more."""
        if self._life is None:
            return await self._start()
        turn = self._turn  # what was committed before the log is read stands in it
        entries = await self._db.transact(_read, self._position)
        if entries is None:
            return await self._start()
        for position, event in entries:
            self._position = position
            for cached, known in self._covered_by(event):
                known.told.note(position, event.subject if cached.is_by_subject else None)
        if len(entries) < _BATCH:
            self._turn_read = turn
        return len(entries) == _BATCH
