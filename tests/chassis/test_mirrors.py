"""Mirrors: what is held in memory whole follows what every process writes, and shows no half of a change."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from slice_api.chassis import EVENTS, Collection, Event, EventRecord, Mirror, Schema, Tx
from slice_api.chassis.logs import make_logger
from slice_api.chassis.mirrors import Mirrors
from slice_api.chassis.signals import Signal
from slice_api.chassis.storage.database import Database, Storage
from slice_api.chassis.storage.faults import StorageAway
from slice_api.chassis.storage.tx import Origin
from tests.engines import ENGINES
from tests.support import FrozenClock, make_settings


class Word(Schema):
    id: str
    text: str


class WordChanged(Event):
    """A word was changed."""

    topic = "words.changed"


class Noise(Event):
    """Something else happened."""

    topic = "noise.made"


WORDS = Collection("words", Word)
Words = dict[str, str]


Read = tuple[Words, Words]


def read_words(tx: Tx, held: Words | None, events: Sequence[EventRecord]) -> Read:
    """What stays, and what is read anew."""
    if held is None:
        return {}, {word.id: word.text for word in tx.all(WORDS)}
    keys = {str(event.subject) for event in events}
    found = {key: word.text for key in keys if (word := tx.get(WORDS, key))}
    updates = {"updates": str(int(held.get("updates", "0")) + 1)}
    return {key: text for key, text in held.items() if key not in keys}, found | updates


def make_words(read: Read) -> Words:
    return read[0] | read[1]


ALL = Mirror("words", read=read_words, make=make_words, topics=("words.*",))


def write(tx: Tx, /, **words: str) -> None:
    for key, text in words.items():
        tx.put(WORDS, Word(id=key, text=text))
        tx.emit(WordChanged(), subject=key)


class Process:
    """One process on a storage, with its mirrors."""

    def __init__(self, storage: Storage) -> None:
        self.news = Signal()
        self.db = Database(storage, self._note)
        log = make_logger(make_settings(), lambda _: None)
        self.mirrors = Mirrors([ALL], self.db, self.news, log)

    def _note(self, events: Sequence[EventRecord]) -> None:
        self.mirrors.heard(events)

    async def words(self) -> Words:
        return await self.mirrors.get(ALL)


@pytest.fixture(params=ENGINES)
async def storage(request: pytest.FixtureRequest) -> AsyncIterator[Storage]:
    engine = ENGINES[request.param]
    async with engine(FrozenClock()) as storage:
        await storage.open((EVENTS, WORDS))
        yield storage


async def test_it_shows_what_was_there(storage: Storage) -> None:
    process = Process(storage)
    await process.db.transact(write, one="1")
    assert await process.words() == {"one": "1"}


async def test_a_process_sees_its_own_changes_at_once_and_only_what_changed_is_read(storage: Storage) -> None:
    process = Process(storage)
    await process.words()
    await process.db.transact(write, one="1", two="2")
    assert await process.words() == {"one": "1", "two": "2", "updates": "1"}
    await process.db.transact(Tx.pop, WORDS, "one")
    await process.db.transact(Tx.emit, WordChanged(), subject="one")
    assert await process.words() == {"two": "2", "updates": "2"}


async def test_what_it_has_shown_does_not_change(storage: Storage) -> None:
    process = Process(storage)
    before = await process.words()
    await process.db.transact(write, one="1")
    await process.words()
    assert before == {}


async def test_events_of_others_are_of_no_interest(storage: Storage) -> None:
    process = Process(storage)
    held = await process.words()
    await process.db.transact(Tx.emit, Noise())
    await process.mirrors.load()
    assert await process.words() is held


async def test_it_follows_another_process_when_it_is_told(storage: Storage) -> None:
    process, other = Process(storage), Process(storage)
    await process.words()
    closing = asyncio.Event()
    following = asyncio.create_task(process.mirrors.run(closing))
    await asyncio.sleep(0)
    await other.db.transact(write, one="1", two="2")
    process.news.notify()
    async with asyncio.timeout(30):
        while "two" not in await process.words():  # noqa: ASYNC110 - what happens is told to nobody
            await asyncio.sleep(0.001)
    assert {"one": "1", "two": "2"}.items() <= (await process.words()).items()
    closing.set()
    process.news.notify()
    await following


async def test_it_is_loaded_anew_where_the_log_does_not_reach_back(storage: Storage) -> None:
    process, other = Process(storage), Process(storage)
    await process.db.transact(write, zero="0")
    await process.words()
    await other.db.transact(write, one="1")
    await other.db.transact(write, two="2")
    await other.db.transact(Tx.trim, EVENTS, 1)
    await process.mirrors.load()
    assert await process.words() == {"zero": "0", "one": "1", "two": "2"}


async def test_after_very_many_events_it_is_loaded_anew(storage: Storage) -> None:
    process, other = Process(storage), Process(storage)
    await process.words()

    def write_many(tx: Tx) -> None:
        for number in range(1_100):
            tx.emit(WordChanged(), subject=str(number))
        tx.put(WORDS, Word(id="one", text="1"))

    await other.db.transact(write_many)
    await process.mirrors.load()
    assert await process.words() == {"one": "1"}


async def test_while_storage_is_away_it_shows_what_it_has(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process(storage)
    await process.db.transact(write, one="1")
    assert await process.words() == {"one": "1"}

    async def away(*_: object, **__: object) -> None:
        raise StorageAway("gone")

    monkeypatch.setattr(storage, "transact", away)
    assert await process.words() == {"one": "1"}
    with pytest.raises(StorageAway):
        await process.mirrors.load()


async def test_what_cannot_be_loaded_is_tried_again(storage: Storage) -> None:
    is_broken = True

    def read(tx: Tx, held: Words | None, events: Sequence[EventRecord]) -> Read:
        if is_broken:
            raise ValueError("broken")
        return read_words(tx, held, events)

    mirror = Mirror("words", read=read, make=make_words, topics=("words.*",))
    lines: list[bytes] = []
    log = make_logger(make_settings(log_format="json"), lines.append)
    mirrors = Mirrors([mirror], Database(storage, lambda _: None), Signal(), log)
    await mirrors.load()
    assert b"a mirror could not be loaded" in b"".join(lines)
    is_broken = False
    await storage.transact(Origin(), write, one="1")
    assert await mirrors.get(mirror) == {"one": "1"}
