"""Batches: what may be written a moment later is gathered and written together.

A batch is an inert value in a slice; the queue lies with the app. It is flushed a quarter of a second after something
was put in line, and when the service stops; a process that is killed loses at most that much.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from slice_api.chassis.logs import Logger
from slice_api.chassis.metrics import Metrics
from slice_api.chassis.signals import first_of, wait_for
from slice_api.chassis.storage.database import Database
from slice_api.chassis.storage.faults import StorageAway
from slice_api.chassis.storage.tx import Tx

T = TypeVar("T")

INTERVAL: Final = 0.25
_MOST_WAITING: Final = 100_000
_PROBES: Final = 3


@dataclass(frozen=True, eq=False)
class Batch(Generic[T]):
    """Items of one kind and the function `write(tx, items)` that keeps many of them at once."""

    name: str
    write: Callable[[Tx, list[T]], None]


class Batches:
    """The queues of one app."""

    def __init__(self, db: Database, log: Logger, metrics: Metrics) -> None:
        self._db, self._log, self._metrics = db, log, metrics
        self._waiting: defaultdict[Batch[Any], list[Any]] = defaultdict(list)
        self._writing = asyncio.Lock()
        self._is_any_waiting = asyncio.Event()

    def add(self, batch: Batch[T], item: T) -> None:
        """Put an item in line; returns at once."""
        waiting = self._waiting[batch]
        if not waiting:  # else it is known already
            self._is_any_waiting.set()
        waiting.append(item)

    def note(self, batch: Batch[T], item: T) -> None:
        """The same for what need not stand twice in a row."""
        waiting = self._waiting[batch]
        if not waiting or waiting[-1] != item:
            self.add(batch, item)

    async def flush(self) -> None:
        """Write what is in line, and wait for what is being written already.

        What cannot be written stays, up to a bound, for the next time.
        """
        async with self._writing:
            for batch in list(self._waiting):
                items, self._waiting[batch] = self._waiting[batch], []
                if items:
                    await self._write(batch, items)
            if not self.waiting:
                self._is_any_waiting.clear()

    async def _write(self, batch: Batch[T], items: list[T]) -> None:
        error = await self._try(batch, items)
        if error is None:
            return
        if isinstance(error, StorageAway):
            self._keep(batch, items)
            return
        self._log.error("batch not written", batch=batch.name, items=len(items), exc_info=error)
        self._keep(batch, await self._one_by_one(batch, items))

    def _keep(self, batch: Batch[T], items: list[T]) -> None:
        """Put items back in line, for the next time; the oldest are let go of when there are too many."""
        waiting = [*items, *self._waiting[batch]]
        if len(waiting) > _MOST_WAITING:
            self._log.error("too many wait to be written", batch=batch.name, let_go=len(waiting) - _MOST_WAITING)
        self._waiting[batch] = waiting[-_MOST_WAITING:]

    @property
    def waiting(self) -> int:
        """How many items are in line."""
        return sum(map(len, self._waiting.values()))

    async def _try(self, batch: Batch[T], items: list[T]) -> Exception | None:
        """Write items together; gives what went wrong."""
        try:
            await self._db.transact(batch.write, items)
        except Exception as error:
            return error
        self._metrics.flushed.labels(batch.name).inc(len(items))
        return None

    async def _one_by_one(self, batch: Batch[T], items: list[T]) -> list[T]:
        """Write each by itself, so that one bad item holds no other up; gives those to try again.

        When the first few fail one after another it is storage that is away, and all are kept. Otherwise those that
        fail are let go of, and the log says so.
        """
        failed = [item for item in items[:_PROBES] if await self._try(batch, [item])]
        if len(failed) == min(len(items), _PROBES):
            return items
        failed += [item for item in items[_PROBES:] if await self._try(batch, [item])]
        self._log.error("items that cannot be written are let go of", batch=batch.name, items=len(failed))
        return []

    async def run(self, closing: asyncio.Event) -> None:
        """Flush whenever something has been in line for a moment, until the service stops."""
        while not closing.is_set():
            await first_of(self._is_any_waiting, closing)
            await wait_for(closing, INTERVAL)
            await self.flush()
