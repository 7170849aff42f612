"""Processes that note visits of the same links at once: none is lost and none counted twice.

A process is played by a thread with a loop and a storage of its own, as on as many machines.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar

from slice_api.chassis import EVENTS, Database, Tx
from slice_api.chassis.storage.engines import make_storage
from slice_api.chassis.storage.faults import StorageAway
from slice_api.slices.links.schemas import Arrival, StoredLink
from slice_api.slices.links.stats.reading import all_stats, link_stats, range_of
from slice_api.slices.links.stats.schemas import AllVisitStats, VisitStats
from slice_api.slices.links.store import DAYS, LINKS, QUARTERS, VISITS
from slice_api.slices.links.visits.noting import note_visits
from slice_api.slices.links.visits.orphans import Stray, note_strays
from tests.support import FrozenClock

from .conftest import FIREFOX

T = TypeVar("T")

NOW = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
SLUGS = ("a", "b", "c")
PROCESSES, FLUSHES, VISITS_EACH = 2, 12, 7


def side_by_side(url: str, works: Sequence[Callable[[Database], Awaitable[T]]]) -> list[T]:
    """Each work in a process of its own, all at once."""
    start = threading.Barrier(len(works), timeout=60)

    async def live(work: Callable[[Database], Awaitable[T]]) -> T:
        storage = make_storage(url, FrozenClock(NOW))
        await storage.open((LINKS, VISITS, DAYS, QUARTERS, EVENTS))
        try:
            start.wait()
            return await work(Database(storage, lambda _: None))
        finally:
            await storage.close()

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(lambda work: asyncio.run(live(work)), works))


async def make_links(db: Database) -> None:
    def make(tx: Tx) -> None:
        for slug in SLUGS:
            link = StoredLink(
                id=f"link_{slug}", slug=slug, url="https://example.org/", created_at=NOW, updated_at=NOW, created_by="x"
            )
            tx.insert(LINKS, link)

    await db.transact(make)


async def until_noted(db: Database, note: Callable[[Tx], None]) -> None:
    """Try again while storage is away, as the batch writer does."""
    while True:
        try:
            return await db.transact(note)
        except StorageAway:
            continue


async def note_again_and_again(db: Database) -> None:
    """What the batch writer of a process does."""
    arrivals = [
        Arrival(slug, f"link_{slug}", NOW, FIREFOX, f"https://{slug}.example/", "de", is_prefetch=False)
        for slug in SLUGS
        for _ in range(VISITS_EACH)
    ]
    strays = [Stray("nope", NOW, FIREFOX, is_prefetch=False)] * VISITS_EACH
    for _ in range(FLUSHES):
        await until_noted(db, lambda tx: note_visits(tx, arrivals, keep=10))
        await until_noted(db, lambda tx: note_strays(tx, strays))


def wanted_stats(tx: Tx) -> tuple[AllVisitStats, list[VisitStats], list[int]]:
    day = range_of("day", UTC, NOW.date(), NOW.date(), NOW, has_bots=False)
    counts = [tx.fetch(LINKS, slug).visit_count for slug in SLUGS]
    return all_stats(tx, day), [link_stats(tx, slug, day) for slug in SLUGS], counts


async def read(db: Database) -> tuple[AllVisitStats, list[VisitStats], list[int]]:
    return await db.transact(wanted_stats)


def test_no_visit_is_lost_or_counted_twice_by_processes_that_count_at_once(url: str) -> None:
    side_by_side(url, [make_links])
    side_by_side(url, [note_again_and_again] * PROCESSES)
    ((overall, links, counts),) = side_by_side(url, [read])
    each = PROCESSES * FLUSHES * VISITS_EACH
    assert counts == [stats.total for stats in links] == [each] * len(SLUGS)
    assert (overall.total, overall.orphans.total) == (each * len(SLUGS), each)
    assert {host.name: host.visits for host in overall.referrers} == {f"{slug}.example": each for slug in SLUGS}
    assert [(link.slug, link.visits) for link in overall.links] == [(slug, each) for slug in SLUGS]
    for stats in links:
        assert [(day.start, day.visits) for day in stats.series] == [(datetime(2026, 1, 31, tzinfo=UTC), each)]
