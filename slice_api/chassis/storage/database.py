"""The async face of storage that routes are given."""

from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from pydantic import BaseModel

from slice_api.chassis.storage.pages import Page, PageQuery
from slice_api.chassis.storage.query import Condition
from slice_api.chassis.storage.stores import Collection, Store
from slice_api.chassis.storage.tx import Origin, Tx

M = TypeVar("M", bound=BaseModel)
P = ParamSpec("P")
R = TypeVar("R")

NoteEvents = Callable[[Sequence[str]], None]
"""Called after a commit with the topics of its events."""


class Storage(Protocol):
    """An engine. `transact` runs `run(tx)` and commits, or raises and leaves nothing; after a clash it may run again.

    It answers with the result and the topics of the events written.
    """

    is_shared: bool
    """Whether several processes may stand on it at once."""

    async def open(self, stores: Sequence[Store]) -> None: ...
    async def close(self) -> None: ...
    async def check(self) -> None: ...
    async def transact(self, origin: Origin, run: Callable[[Tx], R]) -> tuple[R, Sequence[str]]: ...
    async def sweep(self) -> int: ...


class Database:
    """Storage as seen from one request or one job: every write knows who asked for it."""

    def __init__(self, storage: Storage, note_events: NoteEvents, origin: Origin | None = None) -> None:
        self._storage = storage
        self._note_events = note_events
        self._origin = origin

    def on_behalf_of(self, origin: Origin) -> "Database":
        """The same storage, for another asker."""
        return Database(self._storage, self._note_events, origin)

    async def transact(self, fn: Callable[Concatenate[Tx, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `fn(tx, …)` as one transaction and give back what it gives; what it raises takes everything back.

        `fn` must be pure but for `tx`: an engine may run it again after a clash.
        """
        origin = self._origin or Origin()
        result, topics = await self._storage.transact(origin, lambda tx: fn(tx, *args, **kwargs))
        if topics:
            self._note_events(topics)
        return result

    async def get(self, collection: Collection[M], key: str) -> M | None:
        """The document of that key, or None."""
        return await self.transact(Tx.get, collection, key)

    async def fetch(self, collection: Collection[M], key: str) -> M:
        """The document of that key; raises 404 · not-found when there is none."""
        return await self.transact(Tx.fetch, collection, key)

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

    async def count(self, collection: Collection[Any], *where: Condition) -> int:
        """How many documents fit."""
        return await self.transact(Tx.count, collection, *where)
