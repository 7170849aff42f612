"""Whoever reads a log on from a position misses nothing, however slow and mixed up the transactions that write it.

A database counts positions up when an entry is written, and shows the entry when its transaction is committed. If two
transactions could do the one in this order and the other in that, a reader would pass over the slower of them for ever.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from slice_api.chassis import Log, Tx
from slice_api.chassis.clock import system_clock
from slice_api.chassis.events import EVENTS
from slice_api.chassis.storage.database import Database
from slice_api.chassis.storage.engines import make_storage
from tests.chassis.crash_writer import NOTES, PARTITIONS, STORES, Crew, crew_of
from tests.postgres import shared_postgres
from tests.server import END_SECONDS

BATCH = 7
"""Small, so that a follower often stops in the middle of what there is."""
AMOUNT = 80
EVERYTHING = 10_000_000

Entry = tuple[int, int]
"""The position and the number of an entry."""

EVENT_WRITERS: dict[str, Sequence[tuple[str, int]]] = {
    "sqlite": (("event_then_sleep", 1), ("event_as_emitted", 1)),
    "postgresql": (("event_then_sleep", 1), ("event_then_sleep", 1), ("event_then_reads", 4), ("event_as_emitted", 4)),
}
"""The kinds of processes that write at the same time, and how many tasks each has."""

NOTE_WRITERS: dict[str, Sequence[tuple[str, int]]] = {
    "sqlite": (("note_then_dawdle", 1), ("note_then_dawdle", 1)),
    "postgresql": (("note_then_dawdle", 1), ("note_then_dawdle", 3), ("note_then_dawdle", 3)),
}


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """The name of an engine that several processes may share."""
    return str(request.param)


@pytest.fixture
def url(engine: str, tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path}/data.db"
        return
    server = shared_postgres()
    url = server.create_database()
    yield url
    server.drop_database(url)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """A reader's own connections to a database."""
    storage = make_storage(url, system_clock)
    await storage.open(STORES)
    try:
        yield Database(storage, lambda _: None)
    finally:
        await storage.close()


def number_of(log: Log[Any], entry: Any) -> int:
    number: int = entry.data["number"] if log is EVENTS else entry.number
    return number


def read_on(tx: Tx, log: Log[Any], partition: str, position: int, limit: int) -> list[Entry]:
    found = tx.read(log, position, partition=partition, limit=limit)
    return [(at, number_of(log, entry)) for at, entry in found]


async def follow(db: Database, log: Log[Any], partition: str, is_over: Callable[[], bool]) -> list[Entry]:
    """What a reader is told who goes on from the last position he has seen, until there is no more to come."""
    seen, position = list[Entry](), 0
    while True:
        was_over = is_over()
        found = await db.transact(read_on, log, partition, position, BATCH)
        seen += found
        position = seen[-1][0] if seen else 0
        if was_over and not found:
            return seen
        await asyncio.sleep(0)


def start(crew: Crew, writers: Sequence[tuple[str, int]]) -> None:
    for run, (kind, tasks) in enumerate(writers, 1):
        crew.start(kind, run, amount=AMOUNT, tasks=tasks)


def are_done(crew: Crew, writers: Sequence[tuple[str, int]]) -> Callable[[], bool]:
    """Whether all writers have ended; fails when one of them never does."""
    end = time.monotonic() + END_SECONDS

    def is_over() -> bool:
        crew.must_go_on()
        assert time.monotonic() < end, "the writers do not come to an end"
        return all(crew.has_said("ended", run) for run in range(1, len(writers) + 1))

    return is_over


async def seen_by_followers(
    url: str, crew: Crew, writers: Sequence[tuple[str, int]], log: Log[Any], partitions: Sequence[str]
) -> dict[str, tuple[list[Entry], list[Entry]]]:
    """For each partition what its follower has seen while it was written, and what lies in the log afterwards."""
    async with opened(url) as db:
        start(crew, writers)
        is_over = are_done(crew, writers)
        seen = await asyncio.gather(*(follow(db, log, each, is_over) for each in partitions))
        held = [await db.transact(read_on, log, each, 0, EVERYTHING) for each in partitions]
    return dict(zip(partitions, zip(seen, held, strict=True), strict=True))


def must_have_seen(seen: Sequence[Entry], held: Sequence[Entry]) -> None:
    missed = sorted(set(held) - set(seen))
    assert not missed, f"{len(missed)} of {len(held)} entries were passed over, first {missed[0]}"
    assert list(seen) == list(held)


def test_no_follower_of_events_passes_one_over(engine: str, url: str) -> None:
    writers = EVENT_WRITERS[engine]
    with crew_of(url) as crew:
        found = asyncio.run(seen_by_followers(url, crew, writers, EVENTS, ("",)))
    seen, held = found[""]
    must_have_seen(seen, held)
    acknowledged = [number for numbers in crew.acknowledged.values() for number in numbers]
    assert sorted(number for _, number in held) == sorted(acknowledged)
    assert len(held) == AMOUNT * len(writers)
    assert not crew.refused()


def test_no_follower_of_a_partition_passes_an_entry_over(engine: str, url: str) -> None:
    writers = NOTE_WRITERS[engine]
    with crew_of(url) as crew:
        found = asyncio.run(seen_by_followers(url, crew, writers, NOTES, PARTITIONS))
    for seen, held in found.values():
        must_have_seen(seen, held)
    acknowledged = {number for numbers in crew.acknowledged.values() for number in numbers}
    assert {number for _, held in found.values() for _, number in held} == acknowledged
    assert len(acknowledged) == AMOUNT * len(writers)
    assert not crew.refused()
