"""Live streams: Server-Sent Events read from the events log, resumable, without a queue for each reader.

A reader is told from the log behind its own position, so a slow one costs nothing and a gap is never hidden: a position
that the log no longer reaches back to is answered with the event `reset`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from fastapi.sse import ServerSentEvent

from slice_api.chassis.events import EVENTS, EventRecord
from slice_api.chassis.metrics import Metrics
from slice_api.chassis.signals import Signal, wait_for
from slice_api.chassis.storage.database import Database
from slice_api.chassis.storage.faults import StorageAway
from slice_api.chassis.storage.tx import Tx

_BATCH = 100
_LOOK_AGAIN_SECONDS = 5.0
"""In case a word of another process's events was lost."""
_AWAY_SECONDS = 1.0
_LONGEST_ID = 18

Wanted = Callable[[EventRecord], bool]
IsWelcome = Callable[[Tx], bool]


def _everything(_: EventRecord) -> bool:
    return True


def _start(tx: Tx, last_event_id: str | None) -> tuple[int, bool]:
    """The position to go on from, and whether something between was let go of."""
    oldest, newest = tx.ends(EVENTS)
    if last_event_id is None or not last_event_id.isdecimal() or len(last_event_id) > _LONGEST_ID:
        return newest, last_event_id is not None
    asked = int(last_event_id)
    return (asked, False) if oldest - 1 <= asked <= newest else (newest, True)


def _always(_: Tx) -> bool:
    return True


def _read(tx: Tx, position: int, is_welcome: IsWelcome) -> list[tuple[int, EventRecord]] | None:
    """What comes next; None for a reader who is no longer welcome."""
    entries = tx.read(EVENTS, position, limit=_BATCH)
    return None if entries and not is_welcome(tx) else entries


class Feed:
    """The events of one app as they happen."""

    def __init__(
        self,
        db: Database,
        news: Signal,
        closing: asyncio.Event,
        metrics: Metrics,
        is_welcome: IsWelcome = _always,
    ) -> None:
        self._db, self._news, self._closing, self._metrics = db, news, closing, metrics
        self._is_welcome = is_welcome

    def for_reader(self, is_welcome: IsWelcome) -> "Feed":
        """The same feed for a reader who may be shut out while reading: a revoked key hears nothing more."""
        return Feed(self._db, self._news, self._closing, self._metrics, is_welcome)

    async def follow(
        self, slice_name: str, last_event_id: str | None = None, wanted: Wanted = _everything
    ) -> AsyncIterator[ServerSentEvent]:
        """Every wanted event behind `last_event_id` (from now on without one).

        Ends when the service stops, or when the reader's key no longer opens it.
        """
        self._metrics.streams.labels(slice_name).inc()
        try:
            position, has_gap = await self._db.transact(_start, last_event_id)
            if has_gap:
                yield ServerSentEvent(event="reset", id=str(position), data={"position": position})
            else:
                yield ServerSentEvent(comment="open")
            while not self._closing.is_set():
                news = self._news.watch()
                entries = await self._next(position)
                if entries is None:
                    return
                for position, record in entries:
                    if wanted(record):
                        yield ServerSentEvent(id=str(position), event=record.type, raw_data=record.model_dump_json())
                if not entries:
                    await wait_for(news, _LOOK_AGAIN_SECONDS)
        finally:
            self._metrics.streams.labels(slice_name).dec()

    async def _next(self, position: int) -> list[tuple[int, EventRecord]] | None:
        """What comes next; while storage is away nothing can be told, and the stream stays open until it is back."""
        while not self._closing.is_set():
            try:
                return await self._db.transact(_read, position, self._is_welcome)
            except StorageAway:
                await wait_for(self._closing, _AWAY_SECONDS)
        return None
