"""What processes on one database do to each other: each transaction is as if it had been alone, or is refused.

A process is played by a thread with a loop and a storage of its own. Where it matters who comes when, two transactions
meet: neither writes before the other has read.
"""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest

from slice_api.chassis import EVENTS, Collection, Integer, Log, PageQuery, Schema, Taken, Tx, equals, has, matches
from slice_api.chassis.clock import Clock, system_clock
from slice_api.chassis.jobs import LEASES, Job, _run_if_due
from slice_api.chassis.problems import PROBLEM_TYPES
from slice_api.chassis.storage import postgres, sqlite
from slice_api.chassis.storage.database import Database, Storage
from slice_api.chassis.storage.engines import make_storage
from slice_api.chassis.storage.faults import StorageAway
from slice_api.chassis.storage.stores import Store
from slice_api.chassis.storage.tx import Origin
from tests.chassis.storage_model import ThingTold
from tests.support import FrozenClock

T = TypeVar("T")

MANY = 100
LONG_SECONDS = 60
"""Longer than anything here takes, even where ten others use the machine."""


class Seat(Schema):
    """A document to quarrel about."""

    id: str
    count: Integer = 0
    name: str = ""
    slot: str | None = None
    tags: tuple[str, ...] = ()
    is_taken: bool = False


class Mark(Schema):
    """An entry of a log."""

    by: str


SEATS = Collection("seats", Seat, indexes=("count", "is_taken", "tags"), unique=("slot",), search=("name",))
MARKS = Log("marks", Mark, indexes=("by",))
STORES: tuple[Store, ...] = (SEATS, MARKS, EVENTS, LEASES)


class Process(Database):
    """What a process sees of the database, and the subjects of the events that it was told it has committed."""

    def __init__(self, storage: Storage) -> None:
        self.noted: list[str | None] = []
        super().__init__(storage, lambda events: self.noted.extend(each.subject for each in events))


Work = Callable[[Process], Coroutine[Any, Any, T]]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gives up because the machine is slow."""
    for engine in (sqlite, postgres):
        monkeypatch.setattr(engine, "_PATIENCE_SECONDS", LONG_SECONDS)


def side_by_side(url: str, works: Sequence[Work[T]], clock: Clock = system_clock) -> list[T]:
    """Each work in a process of its own, all at once; what each gives, or what one raises."""
    start = threading.Barrier(len(works), timeout=LONG_SECONDS)

    async def live(work: Work[T]) -> T:
        storage = make_storage(url, clock)
        try:
            await storage.open(STORES)
            start.wait()
            return await work(Process(storage))
        except BaseException:
            start.abort()
            raise
        finally:
            await storage.close()

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(lambda work: asyncio.run(live(work)), works))


def alone(url: str, fn: Callable[..., T], *args: Any) -> T:
    """One transaction of a process that comes before or after the others."""

    async def work(db: Process) -> T:
        return await db.transact(fn, *args)

    return side_by_side(url, [work])[0]


def insert(tx: Tx, *seats: Seat) -> None:
    for seat in seats:
        tx.insert(SEATS, seat)


# Many at once


async def each_of(count: int, do: Callable[[int], Coroutine[Any, Any, T]]) -> list[T]:
    return list(await asyncio.gather(*(do(at) for at in range(count))))


def count_up(tx: Tx) -> None:
    tx.update(SEATS, "a", lambda seat: seat.model_copy(update={"count": seat.count + 1}))


def test_no_increment_of_many_at_once_is_lost(url: str) -> None:
    alone(url, insert, Seat(id="a"))

    async def work(db: Process) -> None:
        await each_of(MANY // 2, lambda _: db.transact(count_up))

    side_by_side(url, [work, work])
    assert alone(url, Tx.get, SEATS, "a") == Seat(id="a", count=MANY)


def count_up_quietly(tx: Tx, by: str) -> int:
    seat = tx.get(SEATS, "a") or Seat(id="a")
    tx.put(SEATS, seat.model_copy(update={"count": seat.count + 1}))
    return tx.append(MARKS, Mark(by=by))


def test_a_document_and_a_log_that_are_written_together_agree(url: str) -> None:
    """The document is made by whoever comes first, and the entries stand in the order of the commits."""

    def work_as(name: str) -> Work[list[int]]:
        async def work(db: Process) -> list[int]:
            return await each_of(MANY // 4, lambda _: db.transact(count_up_quietly, name))

        return work

    places = side_by_side(url, [work_as("one"), work_as("two")])
    assert alone(url, Tx.get, SEATS, "a") == Seat(id="a", count=MANY // 2)
    entries = alone(url, lambda tx: tx.read(MARKS, 0, limit=MANY))
    assert sorted(place for each in places for place in each) == [place for place, _ in entries]


async def try_to_insert(db: Database, seat: Seat) -> str:
    try:
        await db.transact(insert, seat)
    except Taken as taken:
        return taken.field
    return f"made {seat.id}"


@pytest.mark.parametrize("field", ["id", "slot"])
def test_of_many_at_once_who_want_the_same_value_exactly_one_gets_it(url: str, field: str) -> None:
    def work_as(name: str) -> Work[list[str]]:
        def seat(at: int) -> Seat:
            return Seat(id="a" if field == "id" else f"{name}{at}", slot="x" if field == "slot" else None, name=name)

        async def work(db: Process) -> list[str]:
            return await each_of(MANY // 2, lambda at: try_to_insert(db, seat(at)))

        return work

    told = [each for process in side_by_side(url, [work_as("one"), work_as("two")]) for each in process]
    [winner] = [each for each in told if each.startswith("made ")]
    assert told.count(field) == MANY - 1
    assert [f"made {seat.id}" for seat in alone(url, lambda tx: tx.all(SEATS))] == [winner]


async def try_to_take(db: Database, key: str) -> bool:
    try:
        await db.transact(take_slot, key)
    except Taken:
        return False
    return True


def take_slot(tx: Tx, key: str) -> None:
    tx.update(SEATS, key, lambda seat: seat.model_copy(update={"slot": "x"}))


def test_of_many_documents_that_change_to_the_same_unique_value_exactly_one_does(url: str) -> None:
    keys = [f"{at:02}" for at in range(20)]
    alone(url, insert, *(Seat(id=key, slot=key) for key in keys))

    def work_on(own: Sequence[str]) -> Work[list[bool]]:
        async def work(db: Process) -> list[bool]:
            return await each_of(len(own), lambda at: try_to_take(db, own[at]))

        return work

    told = side_by_side(url, [work_on(keys[::2]), work_on(keys[1::2])])
    assert sorted(each for process in told for each in process) == [False] * 19 + [True]
    left = alone(url, lambda tx: tx.all(SEATS))
    assert [seat.slot for seat in left if seat.slot != seat.id] == ["x"]


def test_a_job_is_run_by_exactly_one_of_many_each_time_it_is_due(url: str) -> None:
    clock = FrozenClock()
    job = Job("seats.mark", 60, lambda tx: tx.append(MARKS, Mark(by="job")))

    async def work(db: Process) -> int:
        return sum([has_run for has_run, _ in await each_of(5, lambda _: db.transact(_run_if_due, job))])

    for turn in (1, 2):
        assert sum(side_by_side(url, [work] * 4, clock)) == 1
        assert len(alone(url, lambda tx: tx.read(MARKS, 0))) == turn
        clock.advance(seconds=60)


# Two that meet


class Meeting:
    """Lets two transactions wait for each other, the first time that each comes here."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(2, timeout=LONG_SECONDS)
        self.is_over = False

    def meet(self) -> None:
        if not self.is_over:
            self._barrier.wait()
            self.is_over = True


class Side(NamedTuple):
    """One of two transactions that must not both happen: what it looks for, and what it does if it finds it so."""

    is_free: Callable[[Tx], bool]
    take: Callable[[Tx], object]


def decide(tx: Tx, side: Side, meeting: Meeting | None) -> bool:
    if not side.is_free(tx):
        return False
    if meeting is not None:
        meeting.meet()
    side.take(tx)
    return True


# PostgreSQL finds out what a kind of transaction needs by trying; here it has to know before.
REHEARSAL = Side(lambda tx: tx.count(LEASES) == 0 and tx.get(SEATS, "-") is None, lambda tx: tx.pop(LEASES, "-"))


def change(key: str, **fields: Any) -> Callable[[Tx], object]:
    return lambda tx: tx.update(SEATS, key, lambda seat: seat.model_copy(update=fields))


def is_untaken(key: str) -> Callable[[Tx], bool]:
    def look(tx: Tx) -> bool:
        seat = tx.get(SEATS, key)
        return seat is not None and not seat.is_taken

    return look


def make(**fields: Any) -> Callable[[Tx], object]:
    return lambda tx: tx.insert(SEATS, Seat(**fields))


def mark(by: str, partition: str = "") -> Callable[[Tx], object]:
    return lambda tx: tx.append(MARKS, Mark(by=by), partition=partition)


QUARRELS: dict[str, tuple[Side, Side]] = {
    "one of two must stay": (
        Side(lambda tx: tx.count(SEATS) > 1, lambda tx: tx.pop(SEATS, "a")),
        Side(lambda tx: tx.count(SEATS) > 1, lambda tx: tx.pop(SEATS, "b")),
    ),
    "one of two must stay free": (
        Side(lambda tx: tx.count(SEATS, equals("is_taken", False)) > 1, change("a", is_taken=True)),
        Side(lambda tx: tx.count(SEATS, equals("is_taken", False)) > 1, change("b", is_taken=True)),
    ),
    "each looks at what the other writes": (
        Side(is_untaken("a"), change("b", is_taken=True)),
        Side(is_untaken("b"), change("a", is_taken=True)),
    ),
    "each makes what the other finds missing": (
        Side(lambda tx: tx.get(SEATS, "c") is None, make(id="d")),
        Side(lambda tx: tx.get(SEATS, "d") is None, make(id="c")),
    ),
    "a unique value that is not there": (
        Side(lambda tx: tx.find(SEATS, "slot", "x") is None, make(id="c", slot="y")),
        Side(lambda tx: tx.find(SEATS, "slot", "y") is None, make(id="d", slot="x")),
    ),
    "a page without anything": (
        Side(lambda tx: not tx.page(SEATS, order="-count", where=(equals("count", 7),)).items, make(id="c", count=7)),
        Side(lambda tx: not tx.all(SEATS, equals("count", 7)), make(id="d", count=7)),
    ),
    "an item of a list": (
        Side(lambda tx: tx.count(SEATS, has("tags", "x")) == 0, make(id="c", tags=("x",))),
        Side(lambda tx: tx.count(SEATS, has("tags", "x")) == 0, change("a", tags=("y", "x"))),
    ),
    "a search": (
        Side(lambda tx: tx.count(SEATS, matches("ADA")) == 0, make(id="c", name="Ada")),
        Side(lambda tx: tx.count(SEATS, matches("ada")) == 0, change("a", name="Canada")),
    ),
    "an empty log": (
        Side(lambda tx: not tx.read(MARKS, 0), mark("one")),
        Side(lambda tx: tx.ends(MARKS) == (1, 0), mark("two")),
    ),
    "a log and a collection": (
        Side(lambda tx: not tx.entries(MARKS, where=(equals("by", "two"),)).items, make(id="c")),
        Side(lambda tx: tx.get(SEATS, "c") is None, mark("two")),
    ),
    "two parts of a log": (
        Side(lambda tx: not tx.read(MARKS, 0, partition="p"), mark("one", "q")),
        Side(lambda tx: not tx.read(MARKS, 0, partition="q"), mark("two", "p")),
    ),
}


def quarrel(url: str, sides: Sequence[Side]) -> list[bool]:
    """Which of two transactions have happened, each decided before the other was done."""
    meeting = Meeting()

    def work_as(side: Side) -> Work[bool]:
        async def work(db: Process) -> bool:
            await db.transact(decide, REHEARSAL, None)
            return await db.transact(decide, side, meeting)

        return work

    told = side_by_side(url, [work_as(side) for side in sides])
    assert meeting.is_over
    return told


@pytest.mark.parametrize("what", QUARRELS)
def test_of_two_that_decide_on_what_the_other_changes_only_one_happens(url: str, what: str) -> None:
    alone(url, insert, Seat(id="a"), Seat(id="b"))
    assert sorted(quarrel(url, QUARRELS[what])) == [False, True]


def test_two_that_do_not_touch_each_other_both_happen(url: str) -> None:
    alone(url, insert, Seat(id="a"), Seat(id="b"))
    assert quarrel(url, [Side(is_untaken(key), change(key, is_taken=True)) for key in "ab"]) == [True, True]
    assert alone(url, lambda tx: tx.count(SEATS, equals("is_taken", True))) == 2


# What a transaction that ran twice leaves


class TickingClock:
    """Never gives the same moment twice."""

    def __init__(self) -> None:
        self._lock, self._now = threading.Lock(), datetime(2026, 1, 31, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        with self._lock:
            self._now += timedelta(seconds=1)
            return self._now


class Run(NamedTuple):
    """One run of a transaction."""

    moment: datetime
    made: str
    cursor: str | None


class Runs(NamedTuple):
    """All runs of one transaction, and what is known of it in the end."""

    runs: list[Run]
    origin: Origin
    noted: list[str | None]


def make_another(tx: Tx, runs: list[Run], meet: Callable[[], None], end: Callable[[], None]) -> None:
    """Make a document whose key depends on what is there, so that each run makes another."""
    count = tx.count(SEATS)
    tx.get(SEATS, f"old{count}")
    cursor = tx.page(SEATS, PageQuery(limit=1)).next
    made = f"new{count}"
    runs.append(Run(tx.now, made, cursor))
    meet()
    tx.insert(SEATS, Seat(id=made, name=tx.now.isoformat()))
    tx.append(MARKS, Mark(by=made))
    tx.emit(ThingTold(text=made), subject=made)
    end()


class RehearsalError(Exception):
    """Takes back what was only tried."""


def go_on() -> None:
    """Nothing keeps it."""


def give_up() -> None:
    raise RehearsalError


@pytest.fixture
def contest(url: str) -> list[Runs]:
    """Two processes make a document each, at the same time; one of them has to begin again."""
    alone(url, insert, Seat(id="old2"), Seat(id="old3"))
    meeting = Meeting()

    async def work(db: Process) -> Runs:
        kept = Runs([], Origin(by="somebody"), db.noted)
        with pytest.raises(RehearsalError):
            await db.transact(make_another, [], go_on, give_up)
        await db.on_behalf_of(kept.origin).transact(make_another, kept.runs, meeting.meet, go_on)
        return kept

    told = side_by_side(url, [work, work], TickingClock())
    assert meeting.is_over
    assert [each.runs[0].made for each in told] == ["new2", "new2"]
    assert sorted(each.runs[-1].made for each in told) == ["new2", "new3"]
    return told


def test_a_transaction_that_ran_twice_has_happened_once(url: str, contest: list[Runs]) -> None:
    assert [seat.id for seat in alone(url, lambda tx: tx.all(SEATS))] == ["new2", "new3", "old2", "old3"]
    assert [entry.by for _, entry in alone(url, lambda tx: tx.read(MARKS, 0))] == ["new2", "new3"]


def test_events_of_a_transaction_that_ran_twice_are_told_once(url: str, contest: list[Runs]) -> None:
    events = [event for _, event in alone(url, lambda tx: tx.read(EVENTS, 0))]
    assert [(event.subject, event.data, event.by) for event in events] == [
        (made, {"text": made}, "somebody") for made in ("new2", "new3")
    ]
    assert [each.noted for each in contest] == [[each.runs[-1].made] for each in contest]


def test_an_asker_learns_of_the_run_that_counted_and_of_no_other(contest: list[Runs]) -> None:
    for each in contest:
        last = each.runs[-1]
        assert each.origin.created == last.made
        assert each.origin.seen.keys() == {last.made.replace("new", "old"), last.made}
        assert each.origin.next_cursor == last.cursor
    assert len({each.origin.next_cursor for each in contest}) == 2


def test_a_transaction_that_runs_again_has_another_moment(url: str, contest: list[Runs]) -> None:
    for each in contest:
        moments = [run.moment for run in each.runs]
        assert moments == sorted(set(moments))
        seat = alone(url, Tx.get, SEATS, each.runs[-1].made)
        assert seat is not None
        assert seat.name == moments[-1].isoformat()
    told = {event.subject: event.at for _, event in alone(url, lambda tx: tx.read(EVENTS, 0))}
    assert told == {each.runs[-1].made: each.runs[-1].moment for each in contest}


# A writer that keeps SQLite waiting


@contextmanager
def write_lock(path: Path) -> Iterator[threading.Event]:
    """Another process's write: it goes on until it is told to end."""
    is_held, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=LONG_SECONDS)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            is_held.set()
            may_end.wait(LONG_SECONDS)
            connection.execute("COMMIT")

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert is_held.wait(LONG_SECONDS)
        yield may_end
    finally:
        may_end.set()
        thread.join()


@pytest.fixture
async def held(tmp_path: Path) -> AsyncIterator[tuple[Database, Path]]:
    """A SQLite database with one document, and its file."""
    path = tmp_path / "data.db"
    storage = make_storage(f"sqlite:///{path}", system_clock)
    await storage.open(STORES)
    db = Database(storage, lambda _: None)
    await db.transact(insert, Seat(id="a"))
    yield db, path
    await storage.close()


async def test_a_write_waits_for_another_process_while_the_loop_and_reads_go_on(held: tuple[Database, Path]) -> None:
    """A write that waited inside SQLite would let the loop go on once in seconds, and not a hundred times."""
    db, path = held
    with write_lock(path) as may_end:
        write = asyncio.create_task(db.transact(count_up))
        for _ in range(MANY):
            await asyncio.sleep(0.003)
            assert await db.get(SEATS, "a") == Seat(id="a")
            assert await db.count(SEATS) == 1
            assert not write.done()
        may_end.set()
        await write
    assert await db.get(SEATS, "a") == Seat(id="a", count=1)


async def test_what_reads_first_and_writes_then_waits_as_well(held: tuple[Database, Path]) -> None:
    db, path = held
    with write_lock(path) as may_end:
        writes = [asyncio.create_task(db.transact(count_up_quietly, "one")) for _ in range(3)]
        for _ in range(10):
            await asyncio.sleep(0.003)
            assert not any(write.done() for write in writes)
        may_end.set()
        await asyncio.gather(*writes)
    assert await db.get(SEATS, "a") == Seat(id="a", count=3)


async def test_a_write_that_waits_too_long_is_refused_and_leaves_nothing(
    held: tuple[Database, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    db, path = held
    with write_lock(path):
        monkeypatch.setattr(sqlite, "_PATIENCE_SECONDS", 0.1)
        with pytest.raises(StorageAway, match="another process has been writing to ") as refused:
            await db.transact(count_up_quietly, "one")
        assert PROBLEM_TYPES[refused.value.kind].status == 503
        assert refused.value.headers == {"Retry-After": "2"}
        assert await db.get(SEATS, "a") == Seat(id="a")
    monkeypatch.setattr(sqlite, "_PATIENCE_SECONDS", LONG_SECONDS)
    assert await db.transact(Tx.read, MARKS, 0) == []
    await db.transact(count_up)
    assert await db.get(SEATS, "a") == Seat(id="a", count=1)
