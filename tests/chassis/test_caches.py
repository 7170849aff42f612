"""Caches: what is kept near is let go of when an event tells that it changed, whichever process changed it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import pytest

from slice_api.chassis import EVENTS, Collection, Event, EventRecord, Schema, Tx
from slice_api.chassis.caches import LIVES, Cache, Cached, Caches, MemoryCache
from slice_api.chassis.logs import make_logger
from slice_api.chassis.redis import RedisCache, RedisEngine
from slice_api.chassis.signals import Signal
from slice_api.chassis.storage.database import Database, Storage
from slice_api.chassis.storage.memory import MemoryStorage
from slice_api.chassis.storage.tx import Origin
from tests.chassis.test_redis import PATIENT, until
from tests.engines import ENGINES
from tests.support import FrozenClock, make_settings
from tests.valkey import shared_valkey

R = TypeVar("R")


class Note(Schema):
    id: str
    text: str


class NoteChanged(Event):
    """A note was changed."""

    topic = "notes.changed"


class NotesMoved(Event):
    """Many notes were changed."""

    topic = "notes.moved"


class NoteRead(Event):
    """A note was read."""

    topic = "reading.done"


NOTES = Collection("notes", Note)
STORES = (EVENTS, LIVES, NOTES)


def write(tx: Tx, key: str, text: str, event: Event | None = None, subject: str | None = "") -> None:
    """Change a note and tell so, by default of that note."""
    tx.put(NOTES, Note(id=key, text=text))
    tx.emit(event or NoteChanged(), subject=key if subject == "" else subject)


def read(tx: Tx, key: str) -> Note | None:
    return tx.get(NOTES, key)


NEAR = Cached("notes", Note, read, stale_on=("notes.*",))


async def begin(storage: Storage) -> None:
    """Open a storage in which something has happened already."""
    await storage.open(STORES)
    await storage.transact(Origin(), Tx.emit, NoteRead())


class SlowStorage:
    """A storage whose answers can be held up on their way, and are counted."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.loads = 0
        self.is_slow = False
        self.go_on = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    async def transact(self, origin: Origin, fn: Callable[..., R], *args: Any, **kwargs: Any) -> Any:
        is_slow, is_load = self.is_slow, any(isinstance(each, Cached) for each in args)
        self.loads += is_load
        result = await self._storage.transact(origin, fn, *args, **kwargs)
        if is_slow:
            await self.go_on.wait()
        return result


class Process:
    """What one of several processes has: its own face of storage, and its own caches."""

    def __init__(self, storage: Storage, caches: Sequence[Cache]) -> None:
        self.storage = SlowStorage(storage)
        self.db = Database(self.storage, self._note)
        self.news = Signal()
        self.caches = Caches(self.db, self.news, caches)

    def _note(self, events: Sequence[EventRecord]) -> None:
        self.caches.heard(events)
        self.news.notify()

    async def text(self, key: str = "one", cached: Cached[Note] = NEAR) -> str | None:
        """What is read of a note through the cache."""
        note = await self.caches.get(cached, key)
        return None if note is None else note.text

    async def write(self, key: str, text: str, event: Event | None = None, subject: str | None = "") -> None:
        await self.db.transact(write, key, text, event, subject)

    async def catch_up(self) -> None:
        """Be woken, and hear of everything."""
        _, newest = await self.db.transact(Tx.ends, EVENTS)
        self.news.notify()
        await until(lambda: self.caches._position >= newest)
        await self.caches._catch_up()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Process"]:
        """Following the events."""
        closing = asyncio.Event()
        task = asyncio.create_task(self.caches.run(closing))
        await until(lambda: self.caches._life is not None)
        try:
            yield self
        finally:
            closing.set()
            self.news.notify()
            async with asyncio.timeout(30):
                await task


@asynccontextmanager
async def near(kind: str) -> AsyncIterator[Sequence[Cache]]:
    """The caches of one process: of its own, shared, or the one before the other."""
    async with AsyncExitStack() as stack:
        caches: list[Cache] = [] if kind == "redis" else [MemoryCache()]
        if kind != "memory":
            engine = RedisEngine(shared_valkey().url, make_logger(make_settings(), print), timeout=PATIENT)
            await engine.open()
            stack.push_async_callback(engine.close)
            caches.append(RedisCache(engine))
        yield caches


@pytest.fixture(params=["memory", "redis", "memory then redis"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which caches a process has."""
    if request.param != "memory":
        shared_valkey().flush()
    return str(request.param)


@pytest.fixture
async def storage() -> AsyncIterator[Storage]:
    storage = MemoryStorage(FrozenClock())
    await begin(storage)
    yield storage
    await storage.close()


@asynccontextmanager
async def processes(storage: Storage, kind: str, count: int) -> AsyncIterator[list[Process]]:
    """So many running processes on one storage."""
    async with AsyncExitStack() as stack:
        given = [await stack.enter_async_context(near(kind)) for _ in range(count)]
        yield [await stack.enter_async_context(Process(storage, each).running()) for each in given]


@pytest.fixture
async def pair(storage: Storage, kind: str) -> AsyncIterator[list[Process]]:
    async with processes(storage, kind, 2) as pair:
        yield pair


@pytest.fixture
async def process(storage: Storage) -> AsyncIterator[Process]:
    """One process that keeps things in memory."""
    async with processes(storage, "memory", 1) as [process]:
        yield process


@pytest.fixture
async def still(storage: Storage) -> Process:
    """One process that follows the events only when told to."""
    process = Process(storage, [MemoryCache()])
    await process.caches._catch_up()
    return process


async def test_what_was_read_is_read_from_storage_once(pair: list[Process], kind: str) -> None:
    one, other = pair
    await one.write("one", "first")
    await one.catch_up()
    await other.catch_up()
    assert [await each.text() for each in (one, one, other, other)] == ["first"] * 4
    assert one.storage.loads == 1
    assert other.storage.loads == (1 if kind == "memory" else 0)
    if kind == "memory then redis":
        shared_valkey().flush()
        assert await other.text() == "first"  # kept nearer since
        assert other.storage.loads == 0


async def test_that_there_is_nothing_is_kept_too(pair: list[Process]) -> None:
    one, _ = pair
    assert [await one.text(), await one.text()] == [None, None]
    assert one.storage.loads == 1
    await one.write("one", "first")
    assert await one.text() == "first"


async def test_a_change_in_one_process_is_seen_in_all(pair: list[Process]) -> None:
    one, other = pair
    await one.write("one", "first")
    for writer, reader, text in ((one, other, "second"), (other, one, "third"), (one, other, "fourth")):
        assert await one.text() == await other.text()
        await writer.write("one", text)
        assert await writer.text() == text  # at once, without having been told
        await reader.catch_up()
        assert await reader.text() == text


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_change_is_seen_on_every_engine(engine: str) -> None:
    async with ENGINES[engine](FrozenClock()) as storage, AsyncExitStack() as stack:
        await begin(storage)
        stack.push_async_callback(storage.close)
        one, other = await stack.enter_async_context(processes(storage, "memory", 2))
        for text in ("first", "second", "third"):
            await one.write("one", text)
            assert await one.text() == text
            await other.catch_up()
            assert await other.text() == text
        loads = other.storage.loads
        await other.text()
        assert other.storage.loads == loads


async def test_only_the_entry_that_an_event_speaks_of_is_read_again(process: Process) -> None:
    for key in ("one", "two"):
        await process.write(key, "first")
        await process.catch_up()
        await process.text(key)
    await process.write("one", "second")
    await process.catch_up()
    process.storage.loads = 0
    assert [await process.text("one"), await process.text("two")] == ["second", "first"]
    assert process.storage.loads == 1


async def loads_after(process: Process, event: Event, subject: str | None, cached: Cached[Note]) -> int:
    """How many of two entries are read again after an event about one of them."""
    for key in ("one", "two"):
        await process.write(key, "first")
    await process.catch_up()
    for key in ("one", "two"):
        await process.text(key, cached)
    process.storage.loads = 0
    await process.write("one", "second", event, subject)
    await process.catch_up()
    for key in ("one", "two"):
        await process.text(key, cached)
    return process.storage.loads


@pytest.mark.parametrize(
    ("event", "subject", "topics", "is_by_subject", "count"),
    [
        (NoteChanged(), "one", ("notes.changed",), True, 1),
        (NoteChanged(), "one", ("*",), True, 1),
        (NoteChanged(), "one", ("others.*", "notes.*"), True, 1),
        (NotesMoved(), None, ("notes.*",), True, 2),
        (NoteChanged(), "one", ("notes.*",), False, 2),
        (NotesMoved(), "one", ("notes.changed",), True, 0),
        (NoteRead(), "one", ("notes.*",), True, 0),
    ],
)
async def test_which_entries_an_event_makes_stale(
    process: Process, event: Event, subject: str | None, topics: tuple[str, ...], is_by_subject: bool, count: int
) -> None:
    cached = Cached("notes", Note, read, stale_on=topics, is_by_subject=is_by_subject)
    assert await loads_after(process, event, subject, cached) == count


async def test_more_changes_than_are_worth_remembering_make_everything_stale(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slice_api.chassis.caches._MOST_CHANGES", 3)
    for at in range(5):
        await process.write(str(at), "first")
    await process.catch_up()
    assert [await process.text(str(at)) for at in range(5)] == ["first"] * 5
    for at in range(5):
        await process.write(str(at), "second")
        await process.catch_up()
    assert [await process.text(str(at)) for at in range(5)] == ["second"] * 5


# Races


async def test_a_slow_load_that_read_the_old_document_is_not_believed(pair: list[Process]) -> None:
    """It reads, the document changes, that is told everywhere, and only then it keeps what it has read."""
    one, other = pair
    await one.write("one", "old")
    await other.catch_up()
    other.storage.is_slow = True
    loading = asyncio.create_task(other.text())
    await until(lambda: other.storage.loads > 0)
    other.storage.is_slow = False
    await one.write("one", "new")
    await one.catch_up()
    await other.catch_up()
    other.storage.go_on.set()
    assert await loading == "old"
    assert [await one.text(), await other.text()] == ["new", "new"]


async def test_what_another_process_keeps_too_late_is_not_believed_where_the_change_was_made(
    pair: list[Process],
) -> None:
    """The other one has not even heard of the change when it keeps the old document."""
    one, other = pair
    await one.write("one", "old")
    other.storage.is_slow = True
    loading = asyncio.create_task(other.text())
    await until(lambda: other.storage.loads > 0)
    await one.write("one", "new")
    assert await one.text() == "new"
    other.storage.go_on.set()
    assert await loading == "old"
    assert await one.text() == "new"
    await one.catch_up()
    assert await one.text() == "new"
    await other.catch_up()
    assert await other.text() == "new"


async def test_a_change_of_ones_own_while_the_log_is_being_read_is_seen(still: Process) -> None:
    await still.write("one", "first")
    assert await still.text() == "first"
    still.storage.is_slow = True
    reading = asyncio.create_task(still.caches._catch_up())
    await asyncio.sleep(0)
    still.storage.is_slow = False
    await still.write("one", "second")
    still.storage.go_on.set()
    await reading
    assert await still.text() == "second"


async def test_more_changes_of_ones_own_than_are_read_at_once_are_seen(still: Process) -> None:
    for text in ("old", "new"):
        for at in range(150):
            await still.write(str(at), text)
        await still.caches._catch_up()
        assert {await still.text(str(at)) for at in range(150)} == {text}


async def test_the_log_is_read_to_its_end(storage: Storage) -> None:
    """Without waiting to be woken again."""
    one, other = Process(storage, [MemoryCache()]), Process(storage, [MemoryCache()])
    for text in ("old", "new"):
        for at in range(150):
            await one.write(str(at), text)
        while await other.caches._catch_up():
            pass
        assert {await other.text(str(at)) for at in range(150)} == {text}


# Beginnings and gaps


async def test_before_anybody_follows_the_events_nothing_is_kept(storage: Storage, kind: str) -> None:
    async with near(kind) as caches:
        process = Process(storage, caches)
        for text in ("first", "second"):
            await storage.transact(Origin(), write, "one", text)
            assert await process.text() == text


async def test_a_new_process_believes_nothing_from_before_it_followed(storage: Storage, kind: str) -> None:
    """The process that has kept the old document may have ended before it heard of the change."""
    async with near(kind) as caches:
        first = Process(storage, caches)
        await storage.transact(Origin(), write, "one", "old")
        await first.caches._catch_up()
        assert await first.text() == "old"
        await storage.transact(Origin(), write, "one", "new")
        async with Process(storage, caches).running() as second:
            assert await second.text() == "new"


async def test_who_asks_a_cache_for_the_first_time_sees_its_own_change(storage: Storage) -> None:
    shared = [MemoryCache()]
    one, other = Process(storage, shared), Process(storage, shared)
    await one.write("one", "old")
    for each in (one, other):
        await each.caches._catch_up()
    assert await one.text() == "old"
    await other.write("one", "new")
    assert await other.text() == "new"


async def test_nothing_is_kept_while_the_log_is_empty(kind: str) -> None:
    storage = MemoryStorage(FrozenClock())
    await storage.open(STORES)
    async with near(kind) as caches:
        process = Process(storage, caches)
        await process.caches._catch_up()
        assert [await process.text(), await process.text()] == [None, None]
        assert process.storage.loads == 0
        await process.write("one", "first")
        await process.caches._catch_up()
        assert [await process.text(), await process.text()] == ["first", "first"]
        assert process.storage.loads == 1


async def test_after_a_gap_in_the_log_everything_is_read_again(process: Process) -> None:
    await process.write("one", "old")
    await process.catch_up()
    assert await process.text() == "old"

    def change_unheard(tx: Tx) -> None:
        write(tx, "one", "new")
        for _ in range(3):
            tx.emit(NoteRead())

    await process.storage._storage.transact(Origin(), change_unheard)
    await process.storage._storage.transact(Origin(), Tx.trim, EVENTS, 1)
    await process.catch_up()
    assert await process.text() == "new"
    process.storage.loads = 0
    assert await process.text() == "new"
    assert process.storage.loads == 0


async def test_a_log_that_was_emptied_is_a_gap_too(process: Process) -> None:
    await process.write("one", "old")
    await process.catch_up()
    assert await process.text() == "old"
    await process.storage._storage.transact(Origin(), write, "one", "new")
    await process.storage._storage.transact(Origin(), Tx.trim, EVENTS, 0)
    await process.caches._catch_up()
    assert await process.text() == "new"
    await process.write("one", "newer")
    assert await process.text() == "newer"
    await process.catch_up()
    assert await process.text() == "newer"


async def test_a_storage_that_begins_again_has_nothing_in_common_with_the_one_before(kind: str) -> None:
    """Its positions are small again, and Redis still holds entries with great ones."""
    async with near(kind) as caches:
        for text in ("first", "second"):
            storage = MemoryStorage(FrozenClock())
            await begin(storage)
            async with Process(storage, caches).running() as process:
                await process.write("one", text)
                await process.catch_up()
                assert await process.text() == text


async def test_two_caches_do_not_mix_their_keys(process: Process) -> None:
    def read_loud(tx: Tx, key: str) -> Note | None:
        note = tx.get(NOTES, key)
        return note and note.model_copy(update={"text": note.text.upper()})

    loud = Cached("loud_notes", Note, read_loud, stale_on=("notes.*",))
    await process.write("one", "first")
    await process.catch_up()
    assert [await process.text(), await process.text(cached=loud)] == ["first", "FIRST"]
    assert [await process.text(), await process.text(cached=loud)] == ["first", "FIRST"]
    assert process.storage.loads == 2
