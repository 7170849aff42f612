"""What was acknowledged is there, whole, whenever a process or the database is killed."""

import asyncio
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, NamedTuple

import pytest

from slice_api.chassis import Tx
from slice_api.chassis.clock import system_clock
from slice_api.chassis.events import EVENTS
from slice_api.chassis.storage.database import Database
from slice_api.chassis.storage.engines import make_storage
from slice_api.chassis.storage.query import equals
from tests.chassis.crash_writer import LINES, NOTES, RANGE, STORES, Crew, crew_of, line_id, run_id
from tests.postgres import postgres_server

KILLS = 30
LONGEST_LIFE_SECONDS = 0.06
ALL_KILLED = 5
"""Each time after so many kills nobody is left alive, so that the next one finds what the dead have left."""

STOPS = 5
BACK_SECONDS = 5.0
SLACK_SECONDS = 5.0
"""What a busy machine may take on top of that."""

TOGETHER = 300
STARTS = 8
AT_ONCE = 6
EVERYTHING = 10_000_000

pytestmark = pytest.mark.timeout(300)


# What is there


class Found(NamedTuple):
    """What a run has left behind."""

    run: int
    lines: list[str]
    last: int | None
    """The number in the document that was changed again and again."""
    notes: list[tuple[int, int]]
    events: list[tuple[int, int]]
    """Positions and numbers, in the order they are read."""
    ids: list[str]


def look(tx: Tx, run: int) -> Found:
    lines = {each.id: each for each in tx.all(LINES, equals("run", run))}
    notes = tx.read(NOTES, 0, where=(equals("run", run),), limit=EVERYTHING)
    events = tx.read(EVENTS, 0, where=(equals("subject", str(run)),), limit=EVERYTHING)
    latest = lines.pop(run_id(run), None)
    return Found(
        run=run,
        lines=list(lines),
        last=None if latest is None else latest.number,
        notes=[(at, note.number) for at, note in notes],
        events=[(at, event.data["number"]) for at, event in events],
        ids=[event.id for _, event in events],
    )


async def _ask(url: str, ask: Callable[..., Any], *args: Any) -> Any:
    storage = make_storage(url, system_clock)
    await storage.open(STORES)
    try:
        return await Database(storage, lambda _: None).transact(ask, *args)
    finally:
        await storage.close()


def as_found_by_a_fresh_reader(url: str, run: int) -> Found:
    found: Found = asyncio.run(_ask(url, look, run))
    return found


def must_be_whole(found: Found) -> list[int]:
    """The numbers that are there, each of them in every place and once, in the order they were written."""
    positions, numbers = [at for at, _ in found.events], [number for _, number in found.events]
    assert positions == sorted(set(positions))
    assert [number for _, number in found.notes] == numbers
    assert [at for at, _ in found.notes] == sorted({at for at, _ in found.notes})
    assert numbers == sorted(set(numbers))
    assert sorted(found.lines) == sorted(map(line_id, numbers))
    assert found.last == (numbers[-1] if numbers else None)
    assert len(set(found.ids)) == len(numbers)
    return numbers


def must_hold(found: Found, acknowledged: Sequence[int]) -> None:
    """What was acknowledged is there without a gap, and at most the one besides that was under way."""
    numbers = must_be_whole(found)
    first = found.run * RANGE
    assert list(acknowledged) == list(range(first, first + len(acknowledged)))
    assert numbers == list(range(first, first + len(numbers)))
    assert len(acknowledged) <= len(numbers) <= len(acknowledged) + 1


def all_events(tx: Tx) -> list[tuple[int, str]]:
    return [(at, event.id) for at, event in tx.read(EVENTS, 0, limit=EVERYTHING)]


def nothing_is_doubled(url: str, written: int) -> None:
    """Events of all runs together: positions grow, and no id is there twice."""
    found = asyncio.run(_ask(url, all_events))
    assert len(found) == written
    assert [at for at, _ in found] == sorted({at for at, _ in found})
    assert not [each for each, times in Counter(event_id for _, event_id in found).items() if times > 1]


def file_is_sound(url: str) -> None:
    if url.startswith("sqlite:"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


# Processes that are killed


def killed_after_a_while(crew: Crew, alive: list[int], run: int) -> list[int]:
    """Let a run begin, and kill the oldest one at a random moment, now and then all of them; gives who was killed."""
    crew.begin("everywhere", run)
    alive.append(run)
    time.sleep(random.uniform(0.002, LONGEST_LIFE_SECONDS))
    killed, alive[:] = (alive[:], []) if run % ALL_KILLED == 0 else (alive[:1], alive[1:])
    crew.kill(*killed)
    return killed


def test_what_a_killed_process_has_acknowledged_is_there_whole(url: str) -> None:
    alive, written, run = list[int](), dict[int, int](), 0
    with crew_of(url) as crew:
        while len(written) < KILLS:
            run += 1
            for killed in killed_after_a_while(crew, alive, run):
                found = as_found_by_a_fresh_reader(url, killed)
                must_hold(found, crew.acknowledged[killed])
                written[killed] = len(found.events)
    for killed in written:
        must_hold(as_found_by_a_fresh_reader(url, killed), crew.acknowledged[killed])
    nothing_is_doubled(url, sum(written.values()))
    file_is_sound(url)
    assert not crew.refused()


def test_processes_that_write_at_once_lose_nothing_and_neither_is_refused(url: str) -> None:
    with crew_of(url) as crew:
        for run in (1, 2):
            crew.start("everywhere", run, amount=TOGETHER)
        crew.finish(1, 2)
    assert not crew.refused()
    for run in (1, 2):
        assert len(crew.acknowledged[run]) == TOGETHER
        must_hold(as_found_by_a_fresh_reader(url, run), crew.acknowledged[run])
    nothing_is_doubled(url, 2 * TOGETHER)


def test_processes_that_start_at_once_all_start(url: str) -> None:
    """On an empty database, and again and again on one that was left by processes that were killed."""
    with crew_of(url) as crew:
        for first in range(0, STARTS * AT_ONCE, AT_ONCE):
            runs = range(first, first + AT_ONCE)
            for run in runs:
                crew.start("everywhere", run)
            crew.until(lambda runs=runs: all(crew.last(run) is not None for run in runs))  # type: ignore[misc]
            crew.kill(*runs)
    assert not crew.refused()
    for run, acknowledged in crew.acknowledged.items():
        must_hold(as_found_by_a_fresh_reader(url, run), acknowledged)
    file_is_sound(url)


# A database that is killed


def wait_for_an_acknowledgement(crew: Crew, run: int) -> float:
    """Wait until a run goes on; gives how many seconds it took."""
    before, began = crew.last(run), time.monotonic()
    crew.until(lambda: crew.last(run) != before)
    return time.monotonic() - began


def test_a_writer_outlives_its_database_and_loses_nothing() -> None:
    with postgres_server(is_durable=True) as server:
        url, absences = server.create_database(), list[float]()
        with crew_of(url) as crew:
            crew.begin("everywhere", 1)
            for _ in range(STOPS):
                time.sleep(random.uniform(0.002, 5 * LONGEST_LIFE_SECONDS))
                refusals = len(crew.refused())
                server.stop_immediately()
                crew.until(lambda before=refusals: len(crew.refused()) > before)  # type: ignore[misc]
                server.start()
                absences.append(wait_for_an_acknowledgement(crew, 1))
            crew.kill(1)
        numbers = must_be_whole(as_found_by_a_fresh_reader(url, 1))
    acknowledged, refused = set(crew.acknowledged[1]), set(crew.refused())
    assert acknowledged <= set(numbers)
    # Of what was refused some may have been committed: nobody was there any more to say so.
    assert set(numbers) <= acknowledged | refused | {max(acknowledged | refused) + 1}
    assert max(absences) <= BACK_SECONDS + SLACK_SECONDS, absences
