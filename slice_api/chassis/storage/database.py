"""The async face of storage that routes are given."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Iterable, Sequence
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from pydantic import BaseModel

from slice_api.chassis.events import EventRecord
from slice_api.chassis.problems import not_found
from slice_api.chassis.rate_limits import RateLimiter
from slice_api.chassis.storage.faults import Tell, silent
from slice_api.chassis.storage.pages import Page, PageQuery, decode_cursor, encode_cursor
from slice_api.chassis.storage.query import Condition
from slice_api.chassis.storage.stores import Collection, Store
from slice_api.chassis.storage.tx import MOST_APART, Origin, Tx

M = TypeVar("M", bound=BaseModel)
P = ParamSpec("P")
R = TypeVar("R")

NoteEvents = Callable[[Sequence[EventRecord]], None]
"""Called after a commit with its events."""


class Storage(Protocol):
    """An engine. `transact` runs `fn(tx, …)` and commits, or raises and leaves nothing; after a clash it may run again.

    It answers with the result and the events written. An engine that does not answer raises StorageAway.
    """

    is_shared: bool
    """Whether several processes may stand on it at once."""
    tells_all: bool
    """Whether `listen` tells of every event of other processes, and none can be missed."""

    def stamp(self, *collections: Collection[Any]) -> Hashable:
        """Equal to what it was before for as long as no process has written anything to these collections, or to any.

        None where nobody can tell. It may change for less.
        """

    async def open(self, stores: Sequence[Store], tell: Tell = silent) -> None: ...
    async def close(self) -> None: ...
    async def check(self) -> None: ...
    async def get(self, origin: Origin | None, collection: Collection[M], key: str) -> M | None: ...
    async def transact(
        self, origin: Origin, fn: Callable[Concatenate[Tx, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> tuple[R, list[EventRecord]]: ...
    async def sweep(self) -> int: ...
    def rate_limiter(self) -> RateLimiter:
        """Counts requests for every process on this storage."""

    async def listen(self, notify: Callable[[], None], closing: asyncio.Event) -> None:
        """Call `notify` whenever another process may have written events, until the service stops."""


async def sweep_all(storage: Storage, stores: Sequence[Store]) -> int:
    """Let go of every document that has expired, in transactions that hold nobody up; gives how many there were."""
    swept = 0
    for store in stores:
        gone = MOST_APART if isinstance(store, Collection) and store.expires else 0
        while gone == MOST_APART and isinstance(store, Collection):
            gone, _ = await storage.transact(Origin(), Tx.sweep, store)
            swept += gone
    return swept


_SELDOM_SECONDS: Final = 60.0


class Database:
    """Storage as seen from one request or one job: every write knows who asked for it."""

    def __init__(self, storage: Storage, note_events: NoteEvents, origin: Origin | None = None) -> None:
        self._storage = storage
        self._note_events = note_events
        self._origin = origin

    def on_behalf_of(self, origin: Origin) -> "Database":
        """The same storage, for another asker."""
        return Database(self._storage, self._note_events, origin)

    def afresh(self) -> "Database":
        """The same storage for the same asker, with nothing remembered of what was met before.

        For requests of many transactions: an answer shows none of their documents.
        """
        asker = self._origin or Origin()
        return self.on_behalf_of(Origin(by=asker.by, request_id=asker.request_id))

    def stamp(self) -> Hashable:
        """Equal to what it was before for as long as no process has written anything; None where nobody can tell."""
        return self._storage.stamp()

    def look_again_after(self, seconds: float) -> float:
        """How long whoever follows the events may wait for news: so many seconds where news may be lost, else long."""
        return _SELDOM_SECONDS if self._storage.tells_all else seconds

    async def transact(self, fn: Callable[Concatenate[Tx, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `fn(tx, …)` as one transaction and give back what it gives; what it raises takes everything back.

        `fn` must be pure but for `tx`: an engine may run it again after a clash.
        """
        result, events = await self._storage.transact(self._origin or Origin(), fn, *args, **kwargs)
        if events:
            self._note_events(events)
        return result

    def get(self, collection: Collection[M], key: str) -> Coroutine[Any, Any, M | None]:
        """The document of that key, or None."""
        return self._storage.get(self._origin, collection, key)

    async def fetch(self, collection: Collection[M], key: str) -> M:
        """The document of that key; raises 404 · not-found when there is none."""
        document = await self._storage.get(self._origin, collection, key)
        if document is None:
            raise not_found(collection.noun, key)
        return document

    async def take(self, collection: Collection[M], key: str) -> M:
        """Take a document out and give it back; raises 404 · not-found when there is none."""
        return await self.transact(Tx.take, collection, key)

    async def page(
        self,
        collection: Collection[M],
        page: PageQuery | None = None,
        *,
        order: str | None = None,
        where: Sequence[Condition] = (),
    ) -> Page[M]:
        """A page of a collection; see `Tx.page`."""
        return await self.transact(Tx.page, collection, page, order=order, where=where)

    def page_of(self, items: Iterable[M], page: PageQuery, *, name: str, key: Callable[[M], str]) -> Page[M]:
        """A page of objects that no collection keeps, in the order of a key that each has alone.

        `name` is the list's own, so that its cursors are taken by no other.
        """
        begin = None if page.after is None else str(decode_cursor(page.after, name)[0])
        rest = sorted((each for each in items if begin is None or key(each) > begin), key=key)
        cursor = encode_cursor(name, key(rest[page.limit - 1])) if len(rest) > page.limit else None
        if self._origin is not None:
            self._origin.next_cursor = cursor
        return Page(items=rest[: page.limit], next=cursor)

    async def count(self, collection: Collection[Any], *where: Condition) -> int:
        """How many documents fit."""
        return await self.transact(Tx.count, collection, *where)
