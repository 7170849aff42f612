"""Mirrors: what must be answered from memory alone is held there whole, and follows what every process writes.

A mirror is an inert value in a slice; what it shows lies with the app. It is read at start, and again whenever events
tell of a change, each time within one transaction: so it never shows half of one. A process sees its own writes at
once, and those of others as soon as it is told of them, a tenth of a second later at most.
"""

import asyncio
import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Generic, NamedTuple, TypeVar

from slice_api.chassis.events import EVENTS, EventRecord, is_covered
from slice_api.chassis.logs import Logger
from slice_api.chassis.signals import Signal, wait_for
from slice_api.chassis.storage.database import Database
from slice_api.chassis.storage.faults import StorageAway
from slice_api.chassis.storage.tx import Tx

R = TypeVar("R")
S = TypeVar("S")

_BATCH: Final = 100
_MOST_EVENTS: Final = 1_000
"""With more to follow than this, reading everything anew is no slower."""
_LOOK_AGAIN_SECONDS: Final = 1.0
"""In case a word of another process's events was lost; and what could not be read is tried again then."""
_MANY_OBJECTS: Final = 200_000


@dataclass(frozen=True, eq=False)
class Mirror(Generic[R, S]):
    """Something made of a slice's documents that is held in memory.

    `read(tx, held, events)` reads what it is to be made of: everything where `held` is None, else what the events since
    then tell of, oldest first, of which one of `topics` covers each (`flags.updated`, `flags.*`). It must bear being
    told of what is in `held` already. `make(read)` makes the new value without a transaction, and in a thread: it may
    take its time, and must change nothing that is held. Whatever changes the documents must tell an event.
    """

    name: str
    read: Callable[[Tx, S | None, Sequence[EventRecord]], R]
    make: Callable[[R], S]
    topics: tuple[str, ...]

    def covers(self, topic: str) -> bool:
        return is_covered(topic, self.topics)


class _Image(NamedTuple, Generic[S]):
    """What a mirror shows, and the position of the events log that it is right at."""

    value: S
    position: int


@dataclass
class _Held:
    """What is known of one mirror; turns are the changes of this process."""

    image: _Image[Any] | None = None
    turn: int = 0
    turn_read: int = -1
    turns: asyncio.Lock = field(default_factory=asyncio.Lock)


class _News(NamedTuple, Generic[R]):
    """What was read, and the position of the events log that it is right at; None read where nothing has changed."""

    read: R | None
    position: int


def _look(tx: Tx, mirror: Mirror[R, S], image: _Image[S] | None) -> _News[R]:
    oldest, newest = tx.ends(EVENTS)
    holds_all = image is not None and oldest - 1 <= image.position <= newest
    events = _events_since(tx, image.position) if image is not None and holds_all else None
    if image is None or events is None:
        with _no_garbage_looked_for():
            return _News(mirror.read(tx, None, ()), newest)
    told = [event for event in events if mirror.covers(event.type)]
    return _News(mirror.read(tx, image.value, told) if told else None, newest)


def _make(mirror: Mirror[R, S], read: R) -> S:
    with _no_garbage_looked_for():
        return mirror.make(read)


@contextmanager
def _no_garbage_looked_for() -> Iterator[None]:
    """What is made stays: to go through millions of its objects takes as long as to make them, and holds all else up.

    They are freed all the same when another one takes their place, since nothing in them leads in circles.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] > _MANY_OBJECTS:
            gc.freeze()
        if was_on:
            gc.enable()


def _events_since(tx: Tx, position: int) -> list[EventRecord] | None:
    """The events behind a position; None when there are too many."""
    found: list[EventRecord] = []
    while len(found) <= _MOST_EVENTS:
        entries = tx.read(EVENTS, position, limit=_BATCH)
        found += [event for _, event in entries]
        if len(entries) < _BATCH:
            return found
        position = entries[-1][0]
    return None


class Mirrors:
    """The mirrors of one app.

    `news` wakes them when other processes may have written events; of those of their own process they read at once what
    touches them, and the rest a hundred at a time.
    """

    def __init__(self, mirrors: Iterable[Mirror[Any, Any]], db: Database, news: Signal, log: Logger) -> None:
        self._db, self._news, self._log = db, news, log
        self._held = {mirror: _Held() for mirror in mirrors}
        self._unread = 0
        """How many events of this process may be yet to read."""

    async def get(self, mirror: Mirror[Any, S]) -> S:
        """What the mirror shows; waits for storage only where this process has changed something since."""
        held = self._held[mirror]
        if held.image is not None and held.turn_read == held.turn:
            value: S = held.image.value
            return value
        return await self._catch_up(mirror, held)

    async def get_since(self, mirror: Mirror[Any, S], position: int) -> S:
        """What the mirror shows once it has heard of what stands at this position of the events log."""
        held = self._held[mirror]
        is_behind = held.image is None or held.image.position < position
        return await self._catch_up(mirror, held, is_forced=True) if is_behind else await self.get(mirror)

    async def get_now(self, mirror: Mirror[Any, S]) -> S:
        """What the mirror shows when nothing is left that other processes have written before this call."""
        return await self._catch_up(mirror, self._held[mirror], is_forced=True)

    async def _catch_up(self, mirror: Mirror[Any, S], held: _Held, *, is_forced: bool = False) -> S:
        async with held.turns:
            if is_forced or held.image is None or held.turn_read != held.turn:
                turn = held.turn  # what was committed before the log is read stands in it
                held.image = await self._newer(mirror, held.image)
                held.turn_read = turn
            value: S = held.image.value
            return value

    async def _newer(self, mirror: Mirror[Any, S], image: _Image[S] | None) -> _Image[S]:
        news = await self._db.transact(_look, mirror, image)
        if news.read is None and image is not None:
            return image._replace(position=news.position)
        # In a thread: while a large one is made, requests and the timers of storage must go on.
        return _Image(await asyncio.to_thread(_make, mirror, news.read), news.position)

    def heard(self, events: Sequence[EventRecord]) -> None:
        """Take note of what this process itself has just committed, so that who changed something sees the change."""
        self._unread += len(events)
        is_urgent = self._unread >= _BATCH
        for event in events:
            for mirror, held in self._held.items():
                if is_covered(event.type, mirror.topics):
                    held.turn += 1
                    is_urgent = True
        if is_urgent:
            self._unread = 0
            self._news.notify()

    async def load(self) -> bool:
        """Have every mirror show something, and give whether all can: one that cannot is asked again on a look."""
        return all([await self._is_loaded(mirror, held) for mirror, held in self._held.items()])

    async def _is_loaded(self, mirror: Mirror[Any, Any], held: _Held) -> bool:
        try:
            await self._catch_up(mirror, held, is_forced=True)
        except StorageAway:
            raise
        except Exception as error:
            self._log.error("a mirror could not be loaded", mirror=mirror.name, exc_info=error)
            return False
        return True

    async def run(self, closing: asyncio.Event) -> None:
        """Follow the events of every process until the service stops."""
        while not closing.is_set() and self._held:
            news = self._news.watch()
            are_loaded = await self.load()
            await wait_for(news, self._db.look_again_after(_LOOK_AGAIN_SECONDS) if are_loaded else _LOOK_AGAIN_SECONDS)
