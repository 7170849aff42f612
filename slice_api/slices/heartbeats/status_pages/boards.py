"""What status pages show, kept for a moment: read once for all who look, however many they are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import Annotated, Final, NamedTuple

from fastapi import Depends, FastAPI

from slice_api.chassis import EVENTS, Database, Tx, equals, from_app, not_found
from slice_api.slices.heartbeats.status_pages.documents import NO_HISTORIES, Histories, read_document
from slice_api.slices.heartbeats.status_pages.schemas import StatusDocument
from slice_api.slices.heartbeats.store import STATUS_PAGES

_FRESH: Final = timedelta(seconds=2)
_MOST_BOARDS: Final = 50

_Key = tuple[str, str]
"""The name of a page, and the base of its address."""


class Board(NamedTuple):
    """What a page shows, when that was read, and the position of the events log that it is right at."""

    document: StatusDocument
    text: str
    """The document as JSON."""
    digest: str
    at: datetime
    position: int
    histories: Histories


class Boards:
    """The boards of one app.

    An event of the slice makes one stale at once. What is told by no event, such as a ping that changes no state, or
    that a check is late, is seen two seconds later at most.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._held: dict[_Key, Board] = {}
        self._reads: dict[_Key, asyncio.Task[Board | None]] = {}

    async def find(self, name: str, base_url: str) -> Board | None:
        """What a page shows; None when there is no such page. Raises 503."""
        key = (name, base_url)
        if (begun := self._reads.get(key)) is not None:
            await asyncio.wait([begun])  # it may have begun before what is to be seen had happened
        read = self._reads.get(key)
        if read is None:
            read = self._reads[key] = asyncio.create_task(self._read(key))
            read.add_done_callback(partial(self._end, key))
        return await asyncio.shield(read)

    async def fetch(self, name: str, base_url: str) -> Board:
        """What a page shows; raises 404 and 503."""
        board = await self.find(name, base_url)
        if board is None:
            raise not_found(STATUS_PAGES.noun, name)
        return board

    async def _read(self, key: _Key) -> Board | None:
        board = await self._db.transact(_read_board, *key, self._held.pop(key, None))
        if board is not None:
            self._held[key] = board  # behind all others: the first is the one that nobody has looked at for longest
        if len(self._held) > _MOST_BOARDS:
            del self._held[next(iter(self._held))]
        return board

    def _end(self, key: _Key, read: "asyncio.Task[Board | None]") -> None:
        del self._reads[key]
        if not read.cancelled():
            read.exception()  # told to who waits; nobody may


def _read_board(tx: Tx, name: str, base_url: str, held: Board | None) -> Board | None:
    """The board, read anew unless it is right still."""
    if tx.get(STATUS_PAGES, name) is None:
        return None
    if held is not None and tx.now - held.at < _FRESH and not _has_news(tx, held.position):
        return held
    _, position = tx.ends(EVENTS)
    document, histories = read_document(tx, name, base_url, held.histories if held is not None else NO_HISTORIES)
    text = document.model_dump_json()
    digest = blake2b(text.encode(), digest_size=12).hexdigest()
    return Board(document, text, digest, tx.now, position, histories)


def _has_news(tx: Tx, position: int) -> bool:
    return bool(tx.read(EVENTS, position, where=[equals("slice", "heartbeats")], limit=1))


@asynccontextmanager
async def with_boards(app: FastAPI) -> AsyncIterator[None]:
    """What there is of boards between start and stop."""
    app.state.heartbeats_boards = Boards(app.state.chassis.db)
    yield


Shown = Annotated[Boards, Depends(from_app("heartbeats_boards"))]
