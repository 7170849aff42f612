"""Telling events to the slices that react to them: at least once, in order, with back-off, parked in the end.

Each subscription has a position in the events log that lies in storage and moves in the same transaction as what the
reaction writes, so that a reaction which only writes happens exactly once.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, NamedTuple, get_type_hints

from pydantic import BaseModel

from slice_api.chassis.events import EVENTS, EventRecord, Subscription
from slice_api.chassis.logs import Logger
from slice_api.chassis.metrics import Metrics
from slice_api.chassis.schemas import Schema, Time
from slice_api.chassis.signals import Signal, wait_for
from slice_api.chassis.storage.database import Database
from slice_api.chassis.storage.faults import StorageAway
from slice_api.chassis.storage.stores import Collection
from slice_api.chassis.storage.tx import Tx

_BATCH: Final = 100
_TRIES: Final = 8
_IDLE_SECONDS: Final = 2.0
"""How soon the events of a process that ended before it told them are told by another."""


class Consumer(NamedTuple):
    """A subscription under the name its position is kept by: `slice.function`."""

    name: str
    subscription: Subscription
    model: type[BaseModel] | None
    """What the reaction reads of an event's data; None when it is given the record itself."""

    @property
    def reader(self) -> str:
        """The reaction, as `slice.function`."""
        return self.name.partition(":")[0]

    @property
    def function(self) -> str:
        return self.reader.partition(".")[2]

    def read(self, record: EventRecord) -> Any:
        """What the reaction is given of a record."""
        return record if self.model is None else read_data(self.model, record.data)


class Position(Schema):
    """How far a consumer has come, and how often the next event has failed."""

    id: str
    position: int
    failures: int = 0
    retry_at: Time | None = None


class Parked(Schema):
    """An event that a consumer could not take."""

    id: str
    consumer: str
    event: EventRecord
    error: str
    at: Time


POSITIONS = Collection("chassis_consumers", Position)
PARKED = Collection("chassis_parked_events", Parked, indexes=("consumer", "at"))


def read_data(model: type[BaseModel], data: Any) -> BaseModel:
    """An event's data as a subscriber's model of it; the publisher may tell more than it reads."""
    return model.model_validate(data, extra="ignore")


def model_of(handle: Callable[..., Any]) -> type[BaseModel] | None:
    """The model that a reaction's second argument is annotated with; None for the record itself."""
    hints = get_type_hints(handle)
    names = [name for name in handle.__code__.co_varnames[: handle.__code__.co_argcount] if name in hints]
    if len(names) < 2:
        raise TypeError(f"{handle.__name__} must be annotated as (tx: Tx, event: <model or EventRecord>)")
    model = hints[names[1]]
    if model is EventRecord:
        return None
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise TypeError(f"the event of {handle.__name__} must be a Pydantic model or EventRecord")
    return model


def _next_event(tx: Tx, consumer: Consumer) -> tuple[Position, int, EventRecord | None]:
    """The position, and the next event that the consumer wants; None and the newest position when there is none."""
    position = tx.get(POSITIONS, consumer.name) or Position(id=consumer.name, position=0)
    newest = position.position
    for at, record in tx.read(EVENTS, newest, limit=_BATCH):
        if consumer.subscription.covers(record.type):
            return position, at, record
        newest = at
    return position, newest, None


def _tell_next(tx: Tx, consumer: Consumer) -> str | None:
    """Tell one event ("told") or pass over what is of no interest ("passed"); None when there is nothing to do now."""
    position, at, record = _next_event(tx, consumer)
    if position.retry_at is not None and position.retry_at > tx.now:
        return None
    if record is None:
        if at == position.position:
            return None
        tx.put(POSITIONS, Position(id=consumer.name, position=at))
        return "passed"
    tx.put(POSITIONS, Position(id=consumer.name, position=at))
    consumer.subscription.handle(tx, consumer.read(record))
    return "told"


def _note_failure(tx: Tx, consumer: Consumer, error: str) -> None:
    """Plan the next try with growing pauses; after the last one, park the event and go on."""
    position, at, record = _next_event(tx, consumer)
    if record is None:
        return
    failures = position.failures + 1
    if failures < _TRIES:
        retry_at = tx.now + timedelta(seconds=min(300, 2**failures))
        tx.put(POSITIONS, position.model_copy(update={"failures": failures, "retry_at": retry_at}))
        return
    parked = Parked(id=f"{consumer.name}:{record.id}", consumer=consumer.name, event=record, error=error, at=tx.now)
    tx.put(PARKED, parked)
    tx.put(POSITIONS, Position(id=consumer.name, position=at))


def trim_events(keep: int) -> Callable[[Tx], None]:
    """The job that lets go of old events."""

    def trim(tx: Tx) -> None:
        tx.trim(EVENTS, keep)

    return trim


class Outbox:
    """Tells the events of one app to its subscribers."""

    def __init__(
        self, consumers: list[Consumer], db: Database, committed: Signal, log: Logger, metrics: Metrics
    ) -> None:
        self._consumers, self._db, self._committed = consumers, db, committed
        self._log, self._metrics = log, metrics

    async def drain(self) -> None:
        """Tell everything that can be told now."""
        for consumer in self._consumers:
            while await self._tell(consumer):
                pass

    async def _tell(self, consumer: Consumer) -> bool:
        try:
            outcome = await self._db.transact(_tell_next, consumer)
        except StorageAway:
            raise
        except Exception as error:
            self._metrics.told.labels("failed").inc()
            self._log.error("event not taken", consumer=consumer.name, exc_info=error)
            await self._db.transact(_note_failure, consumer, repr(error))
            return False
        if outcome == "told":
            self._metrics.told.labels("told").inc()
        return outcome is not None

    async def run(self, closing: asyncio.Event) -> None:
        """Tell events as they come until the service stops.

        Each process tells those of its own transactions at once, and those that others left over now and then.
        """
        while not closing.is_set() and self._consumers:
            news = self._committed.watch()
            await self.drain()
            await wait_for(news, _IDLE_SECONDS)
