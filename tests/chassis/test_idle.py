"""What a service does while nobody asks it for anything: it waits, looks when there is reason to, and reads nothing."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from slice_api.chassis import EVENTS, Collection, Event, Mirror, Schema, Tx, before
from slice_api.chassis.caches import LIVES, Caches
from slice_api.chassis.jobs import LEASES, Job, JobRunner
from slice_api.chassis.logs import make_logger
from slice_api.chassis.metrics import Metrics
from slice_api.chassis.mirrors import Mirrors
from slice_api.chassis.signals import Signal, first_of, repeat
from slice_api.chassis.storage.database import Database, Storage
from slice_api.chassis.storage.engines import make_storage
from slice_api.chassis.storage.tx import Origin
from tests.chassis.example_slices.echoes.batches import LATER
from tests.chassis.example_slices.echoes.store import heard
from tests.chassis.examples import EXAMPLES
from tests.engines import ENGINES
from tests.server import END_SECONDS, PRODUCT, served
from tests.support import FrozenClock, chassis_of, make_app, make_settings, running

LOG = make_logger(make_settings(), lambda _: None)
KNOWING = ("memory", "sqlite")
"""The engines that know whether anything was written."""


class Task(Schema):
    id: str
    at: datetime
    is_done: bool = False


class TaskMade(Event):
    """A task was made."""

    topic = "tasks.made"


class TasksCounted(Event):
    """Tasks were counted."""

    topic = "statistics.made"


TASKS = Collection("tasks", Task, indexes=("at", "is_done"))
STORES = (EVENTS, LEASES, LIVES, TASKS)


def put(tx: Tx, key: str, at: datetime) -> None:
    tx.put(TASKS, Task(id=key, at=at))


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that happens in the background."""
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110 - what happens is told to nobody
            await asyncio.sleep(0.001)


async def turns() -> None:
    """Long enough for whoever never rests to go round many times."""
    for _ in range(200):
        await asyncio.sleep(0)


class Watched:
    """A storage that counts how often it is read, and how often it is asked whether anything was written."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.reads = self.stamps = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    async def transact(self, origin: Origin, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.reads += 1
        return await self._storage.transact(origin, fn, *args, **kwargs)

    def stamp(self, *collections: Collection[Any]) -> Hashable:
        self.stamps += 1
        return self._storage.stamp(*collections)


@asynccontextmanager
async def opened(engine: str, clock: FrozenClock) -> AsyncIterator[Watched]:
    async with ENGINES[engine](clock) as storage:
        await storage.open(STORES)
        yield Watched(storage)
        await storage.close()


@pytest.fixture(params=ENGINES)
async def storage(request: pytest.FixtureRequest, clock: FrozenClock) -> AsyncIterator[Watched]:
    async with opened(request.param, clock) as storage:
        yield storage


@pytest.fixture(params=KNOWING)
async def knowing(request: pytest.FixtureRequest, clock: FrozenClock) -> AsyncIterator[Watched]:
    async with opened(request.param, clock) as storage:
        yield storage


@asynccontextmanager
async def going_on(run: Callable[[asyncio.Event], Any], *signals: Signal) -> AsyncIterator[None]:
    """A background loop at work; ended as the service ends it."""
    closing = asyncio.Event()
    task = asyncio.create_task(run(closing))
    try:
        yield
    finally:
        closing.set()
        for signal in signals:
            signal.notify()
        async with asyncio.timeout(30):
            await task


# Waiting


async def test_who_waits_for_several_things_is_woken_by_any() -> None:
    one, other = asyncio.Event(), asyncio.Event()
    waiting = asyncio.create_task(first_of(one, other))
    await asyncio.sleep(0)
    assert not waiting.done()
    other.set()
    await asyncio.wait_for(waiting, 10)
    await asyncio.wait_for(first_of(one, other), 10)


async def test_what_is_repeated_goes_on_until_the_end() -> None:
    calls: list[int] = []
    async with going_on(lambda closing: repeat(lambda: calls.append(1), 0, closing)):
        await until(lambda: len(calls) > 3)
    count = len(calls)
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(calls) == count


async def test_what_goes_wrong_in_what_is_repeated_is_raised() -> None:
    def stumble() -> None:
        raise RuntimeError("stumbled")

    with pytest.raises(RuntimeError, match="stumbled"):
        await asyncio.wait_for(repeat(stumble, 0, asyncio.Event()), 10)


# Whether anything was written


async def test_a_stamp_stays_as_long_as_nothing_is_written(knowing: Watched, clock: FrozenClock) -> None:
    before_all = knowing.stamp()
    await knowing.transact(Origin(), Tx.all, TASKS)
    assert knowing.stamp() == before_all
    await knowing.transact(Origin(), put, "one", clock())
    written = knowing.stamp()
    assert written != before_all
    await knowing.transact(Origin(), Tx.clear, TASKS, before("at", clock() + timedelta(1)))
    assert knowing.stamp() != written


async def test_a_collection_has_a_stamp_of_its_own(knowing: Watched, clock: FrozenClock) -> None:
    before_all, of_leases, of_both = knowing.stamp(TASKS), knowing.stamp(LEASES), knowing.stamp(TASKS, LEASES)
    await knowing.transact(Origin(), put, "one", clock())
    assert knowing.stamp(TASKS) != before_all
    assert knowing.stamp(LEASES) == of_leases
    assert knowing.stamp(TASKS, LEASES) != of_both


async def test_postgresql_cannot_tell_whether_anything_was_written(clock: FrozenClock) -> None:
    async with opened("postgresql", clock) as storage:
        assert storage.stamp() is None


@asynccontextmanager
async def two_processes(folder: Path, clock: FrozenClock) -> AsyncIterator[tuple[Storage, Storage]]:
    one, other = (make_storage(f"sqlite:///{folder}/data.db", clock) for _ in range(2))
    for each in (one, other):
        await each.open(STORES)
    yield one, other
    for each in (one, other):
        await each.close()


async def test_what_another_process_writes_changes_the_stamp_and_is_heard_of(
    tmp_path: Path, clock: FrozenClock
) -> None:
    news: list[int] = []
    async with two_processes(tmp_path, clock) as (one, other):
        before_all = one.stamp()
        async with going_on(lambda closing: one.listen(lambda: news.append(1), closing)):
            await until(lambda: len(news) == 1)  # to have begun is news: what came before may have been missed
            await other.transact(Origin(), put, "one", clock())
            assert one.stamp() != before_all
            await until(lambda: len(news) == 2)
            await one.transact(Origin(), put, "two", clock())
            await other.transact(Origin(), put, "three", clock())
            await until(lambda: len(news) == 3)


async def test_a_file_that_was_opened_again_is_news(tmp_path: Path, clock: FrozenClock) -> None:
    news: list[int] = []
    async with (
        two_processes(tmp_path, clock) as (one, _),
        going_on(lambda closing: one.listen(lambda: news.append(1), closing)),
    ):
        await until(lambda: len(news) == 1)
        stamp = one.stamp()
        await one.close()
        assert one.stamp() != stamp
        await until(lambda: len(news) == 2)


# Jobs


class Worker:
    """One process with a job: it does each task when its time has come."""

    def __init__(self, storage: Watched, clock: FrozenClock) -> None:
        self.done: list[str] = []
        self.looks = 0
        job = Job("tasks.do", 0.001, self._do, self._next_due)
        self.runner = JobRunner([job], Database(storage, lambda _: None), clock, LOG, Metrics(clock))

    def _next_due(self, tx: Tx) -> datetime | None:
        self.looks += 1
        return min((task.at for task in tx.all(TASKS) if not task.is_done), default=None)

    def _do(self, tx: Tx) -> None:
        for task in tx.all(TASKS):
            if task.at <= tx.now and not task.is_done:
                tx.put(TASKS, task.model_copy(update={"is_done": True}))
                self.done.append(task.id)


@pytest.mark.parametrize("has_one", [True, False])
async def test_a_job_that_is_not_due_is_left_alone_until_something_is_written(
    knowing: Watched, clock: FrozenClock, has_one: bool
) -> None:
    if has_one:
        await knowing.transact(Origin(), put, "late", clock() + timedelta(hours=2))
    worker = Worker(knowing, clock)
    async with going_on(worker.runner.run):
        await until(lambda: knowing.stamps > 5)
        assert worker.looks == 1
        await knowing.transact(Origin(), put, "soon", clock() + timedelta(hours=1))
        await until(lambda: worker.looks == 2)
        stamps = knowing.stamps
        await until(lambda: knowing.stamps > stamps + 5)
        assert (worker.looks, worker.done) == (2, [])


async def test_a_job_is_run_when_its_time_has_come(storage: Watched, clock: FrozenClock) -> None:
    await storage.transact(Origin(), put, "one", clock() + timedelta(hours=1))
    worker = Worker(storage, clock)
    async with going_on(worker.runner.run):
        await until(lambda: worker.looks > 0)
        clock.advance(hours=1)
        await until(lambda: worker.done == ["one"])
        await storage.transact(Origin(), put, "two", clock())
        clock.advance(seconds=1)  # its lease is over
        await until(lambda: worker.done == ["one", "two"])


async def test_a_job_is_looked_at_again_and_again_where_nobody_can_tell(clock: FrozenClock) -> None:
    async with opened("postgresql", clock) as storage:
        worker = Worker(storage, clock)
        async with going_on(worker.runner.run):
            await until(lambda: worker.looks > 3)


# Batches


async def test_what_is_in_line_is_written_by_itself_time_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app(packages=EXAMPLES)
    batches = chassis_of(app).batches
    monkeypatch.setattr("slice_api.chassis.batches.INTERVAL", 0)
    async with running(app):
        for item in ("one", "two"):
            batches.add(LATER, item)
            await until(lambda: not batches.waiting)
        await batches.flush()  # waits for what is being written
        assert await chassis_of(app).db.transact(heard, of="batches") == ["one", "two"]


async def test_nothing_is_flushed_while_nothing_is_in_line(monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app(packages=EXAMPLES)
    batches, flush, flushes = chassis_of(app).batches, chassis_of(app).batches.flush, list[int]()

    async def counted() -> None:
        flushes.append(1)
        await flush()

    monkeypatch.setattr(batches, "flush", counted)
    monkeypatch.setattr("slice_api.chassis.batches.INTERVAL", 0)
    async with running(app):
        await turns()
        assert not flushes
        batches.add(LATER, "one")
        await until(lambda: not batches.waiting)
        await turns()
        assert len(flushes) <= 2  # something may have been put in line while it was written


# Following the events


def mirror_of(read: Callable[[], Any]) -> Mirror[Any, Any]:
    return Mirror("tasks", read=lambda *_: read(), make=lambda read: read, topics=("tasks.*",))


@pytest.mark.parametrize("kind", ["caches", "mirrors"])
async def test_who_follows_the_events_reads_nothing_before_it_is_told(
    kind: str, knowing: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"slice_api.chassis.{kind}._LOOK_AGAIN_SECONDS", 0)
    db, news = Database(knowing, lambda _: None), Signal()
    follower = Caches(db, news, []) if kind == "caches" else Mirrors([mirror_of(list)], db, news, LOG)
    async with going_on(follower.run, news):
        await until(lambda: knowing.reads > 0)
        await turns()
        reads = knowing.reads
        await turns()
        assert knowing.reads == reads
        news.notify()
        await until(lambda: knowing.reads > reads)


@pytest.mark.parametrize("kind", ["caches", "mirrors"])
async def test_events_of_ones_own_that_nobody_waits_for_are_read_a_hundred_at_a_time(
    kind: str, knowing: Watched
) -> None:
    follower: Caches | Mirrors
    news = Signal()
    db = Database(knowing, lambda events: follower.heard(events))
    follower = Caches(db, news, []) if kind == "caches" else Mirrors([mirror_of(list)], db, news, LOG)

    async def happen(times: int) -> None:
        for _ in range(times):
            await db.transact(Tx.emit, TasksCounted())
        await turns()

    async with going_on(follower.run, news):
        await until(lambda: knowing.reads > 0)
        await happen(1)
        await until(lambda: isinstance(follower, Mirrors) or follower._life is not None)
        await turns()
        before = knowing.reads
        await happen(90)
        assert knowing.reads == before + 90
        await happen(20)
        await until(lambda: knowing.reads > before + 110)


async def test_a_mirror_that_could_not_be_read_is_tried_again_without_news(
    storage: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slice_api.chassis.mirrors._LOOK_AGAIN_SECONDS", 0)
    tries: list[int] = []

    def read() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise ValueError("broken")
        return "whole"

    mirror, news = mirror_of(read), Signal()
    mirrors = Mirrors([mirror], Database(storage, lambda _: None), news, LOG)
    async with going_on(mirrors.run, news):
        await until(lambda: len(tries) == 3)
        assert await mirrors.get(mirror) == "whole"


# Serving


def test_the_date_of_answers_goes_on(tmp_path: Path) -> None:
    with served(tmp_path, PRODUCT) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        first = client.get("/livez").headers["date"]
        end = time.monotonic() + END_SECONDS
        while client.get("/livez").headers["date"] == first:
            assert time.monotonic() < end
