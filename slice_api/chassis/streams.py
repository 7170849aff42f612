"""Live streams: Server-Sent Events read from the events log, resumable, without a queue for each reader.

A reader is told from the log behind its own position, so a slow one costs nothing and a gap is never hidden: a position
that the log no longer reaches back to is answered with the event `reset`.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from fastapi.sse import KEEPALIVE_COMMENT, ServerSentEvent, format_sse_event
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

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
_QUIET_SECONDS = 15.0
"""After so long a silence a comment tells that the stream is alive."""
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
    ) -> AsyncGenerator[ServerSentEvent]:
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
                    await wait_for(news, self._db.look_again_after(_LOOK_AGAIN_SECONDS))
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


def _written(event: ServerSentEvent) -> bytes:
    data = json.dumps(event.data) if event.raw_data is None and event.data is not None else event.raw_data
    return format_sse_event(data_str=data, event=event.event, id=event.id, retry=event.retry, comment=event.comment)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class EventStream(Response):
    """Server-Sent Events as they come, until they end or nobody reads them any more.

    FastAPI makes the same of a route that yields, with more tasks and a queue between them: an open stream takes half
    of the memory and the time here.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[ServerSentEvent], status_code: int = 200) -> None:
        super().__init__(None, status_code, {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._is_sending, self._has_sent = True, False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell the events to one reader."""
        tasks = [asyncio.create_task(self._tell(send)), asyncio.create_task(_until_gone(receive))]
        try:
            while not (await asyncio.wait(tasks, timeout=_QUIET_SECONDS, return_when=asyncio.FIRST_COMPLETED))[0]:
                await self._break_silence(send)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _tell(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(self._events) as events:
            self._is_sending = False
            async for event in events:
                await self._send(send, _written(event))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, text: bytes) -> None:
        self._is_sending, self._has_sent = True, True
        await send({"type": "http.response.body", "body": text, "more_body": True})
        self._is_sending = False

    async def _break_silence(self, send: Send) -> None:
        """Tell that the stream is alive, unless something was told since the last time or is on its way."""
        is_quiet = not (self._has_sent or self._is_sending)
        self._has_sent = False
        if is_quiet:
            await send({"type": "http.response.body", "body": KEEPALIVE_COMMENT, "more_body": True})
