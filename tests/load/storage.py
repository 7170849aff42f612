"""What storage costs over the bare thing: a dict behind a coroutine, the standard library's sqlite3, asyncpg.

The bare ones do the same work: the same documents as JSON in the same tables with the same indexes, one transaction for
each write, as durable, over one connection.
"""

import gc
import sqlite3
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, NamedTuple

import asyncpg

from slice_api.chassis import Collection, Integer, PageQuery, Schema, Tags, Time, Tx
from slice_api.chassis.clock import system_clock
from slice_api.chassis.storage.database import Database
from slice_api.chassis.storage.engines import make_storage
from slice_api.chassis.storage.pages import encode_cursor
from tests.load.measure import little_garbage_collected
from tests.load.results import Result, Rounds, figure, in_turns, ratio
from tests.postgres import postgres_server

HELD = 2_000
ROUNDS = 12
PAGE = 20
MANY = 100_000
START = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
CALLS: Mapping[str, int] = {"memory": 2_000, "sqlite": 200, "postgresql": 60}
TARGETS: Mapping[str, float] = {"sqlite": 2.5, "postgresql": 1.8}
MEMORY_GET_TARGET = 5.0
BARE: Mapping[str, str] = {"memory": "a dict behind a coroutine", "sqlite": "sqlite3", "postgresql": "asyncpg"}


class Card(Schema):
    """A document of the size of a short link."""

    id: str
    url: str
    title: str | None
    tags: Tags
    count: Integer = 0
    created_at: Time
    updated_at: Time
    created_by: str


KEYS = [f"card{at:07}" for at in range(HELD)]
CARDS = Collection("cards", Card, indexes=("created_at", "count"))


def card(at: int) -> Card:
    moment = START + timedelta(seconds=at)
    return Card(
        id=f"card{at:07}",
        url=f"https://example.org/some/longer/path/{at}?with=a&query=of&its=own",
        title=f"The card with the number {at}",
        tags=["docs", "spring"],
        created_at=moment,
        updated_at=moment,
        created_by="7hKq2mXa",
    )


def counted(held: Card) -> Card:
    return held.model_copy(update={"count": held.count + 1})


Work = Callable[[int], Awaitable[Any]]


class Works(NamedTuple):
    """The four things to do, each given a number: of a card that is there, or for `insert` of a new one."""

    get: Work
    insert: Work
    update: Work
    page: Work


# Ours


@asynccontextmanager
async def our_works(url: str) -> AsyncIterator[Works]:
    storage = make_storage(url, system_clock)
    await storage.open((CARDS,))
    db = Database(storage, lambda _: None)

    async def update(at: int) -> Any:
        return await db.transact(Tx.update, CARDS, KEYS[at % HELD], counted)

    async def page(at: int) -> Any:
        return await db.page(CARDS, PageQuery(limit=PAGE), order="-created_at")

    try:
        yield Works(
            lambda at: db.get(CARDS, KEYS[at % HELD]),
            lambda at: db.transact(Tx.insert, CARDS, card(at)),
            update,
            page,
        )
    finally:
        await storage.close()


# The bare ones


@asynccontextmanager
async def dict_works() -> AsyncIterator[Works]:
    rows: dict[str, Card] = {}

    async def get(at: int) -> Any:
        return rows.get(KEYS[at % HELD])

    async def insert(at: int) -> Any:
        made = card(at)
        rows[made.id] = made

    async def update(at: int) -> Any:
        key = KEYS[at % HELD]
        rows[key] = counted(rows[key])

    async def page(_: int) -> Any:
        return list(islice(reversed(rows.values()), PAGE))

    yield Works(get, insert, update, page)


_TABLE = (
    "CREATE TABLE cards (key TEXT PRIMARY KEY, body TEXT NOT NULL, version BIGINT, count BIGINT, created_at BIGINT)"
)
_INDEXES = tuple(f"CREATE INDEX by_{field} ON cards ({field}, key)" for field in ("count", "created_at"))
_GET = "SELECT body, version FROM cards WHERE key = {}"
_INSERT = "INSERT INTO cards (key, body, version, count, created_at) VALUES ({}, {}, {}, {}, {})"
_UPDATE = "UPDATE cards SET body = {}, version = {}, count = {}, created_at = {} WHERE key = {}"
_NEWEST = f"SELECT key, body, version FROM cards ORDER BY created_at DESC, key DESC LIMIT {PAGE + 1}"


def _values(made: Card, at: int) -> tuple[Any, ...]:
    return made.model_dump_json(), at, made.count, int(made.created_at.timestamp() * 1_000_000)


def _as_page(rows: Sequence[Any]) -> tuple[list[Card], str]:
    cards = [Card.model_validate_json(row[1]) for row in rows]
    return cards[:PAGE], encode_cursor("cards:-created_at", cards[PAGE - 1].created_at, cards[PAGE - 1].id)


def _placed(text: str, mark: str) -> str:
    count = text.count("{}")
    return text.format(*(["?"] * count if mark == "?" else [f"${at + 1}" for at in range(count)]))


@asynccontextmanager
async def sqlite_works(folder: Path) -> AsyncIterator[Works]:
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as connection:
        for text in ("PRAGMA journal_mode = wal", "PRAGMA synchronous = full", _TABLE, *_INDEXES):
            connection.execute(text)
        get_text, insert_text, update_text = (_placed(text, "?") for text in (_GET, _INSERT, _UPDATE))

        async def get(at: int) -> Any:
            return Card.model_validate_json(connection.execute(get_text, (KEYS[at % HELD],)).fetchone()[0])

        async def insert(at: int) -> Any:
            made = card(at)
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(insert_text, (made.id, *_values(made, at)))
            connection.execute("COMMIT")

        async def update(at: int) -> Any:
            key = KEYS[at % HELD]
            connection.execute("BEGIN IMMEDIATE")
            changed = counted(Card.model_validate_json(connection.execute(get_text, (key,)).fetchone()[0]))
            connection.execute(update_text, (*_values(changed, at), key))
            connection.execute("COMMIT")

        async def page(_: int) -> Any:
            return _as_page(connection.execute(_NEWEST).fetchall())

        yield Works(get, insert, update, page)


@asynccontextmanager
async def postgres_works(url: str) -> AsyncIterator[Works]:
    connection = await asyncpg.connect(url)
    for text in (_TABLE.replace("key TEXT", 'key TEXT COLLATE "C"'), *_INDEXES):
        await connection.execute(text)
    get_text, insert_text, update_text = (_placed(text, "$") for text in (_GET, _INSERT, _UPDATE))

    async def get(at: int) -> Any:
        row = await connection.fetchrow(get_text, KEYS[at % HELD])
        return Card.model_validate_json(row[0]) if row else None

    async def insert(at: int) -> Any:
        made = card(at)
        async with connection.transaction():
            await connection.execute(insert_text, made.id, *_values(made, at))

    async def update(at: int) -> Any:
        key = KEYS[at % HELD]
        async with connection.transaction():
            row = await connection.fetchrow(f"{get_text} FOR UPDATE", key)
            changed = counted(Card.model_validate_json(row[0])) if row else card(at)
            await connection.execute(update_text, *_values(changed, at), key)

    async def page(_: int) -> Any:
        return _as_page(await connection.fetch(_NEWEST))

    try:
        yield Works(get, insert, update, page)
    finally:
        await connection.close()


# Measuring


def _round_of(work: Work, calls: int) -> Callable[[], Awaitable[float]]:
    """Microseconds for each of many; every round takes up where the one before has ended."""
    numbers = count(HELD)

    async def work_often() -> float:
        started = perf_counter()
        for at in islice(numbers, calls):
            await work(at)
        return (perf_counter() - started) / calls * 1_000_000

    return work_often


async def _compare(ours: Works, bare: Works, calls: int) -> Rounds:
    """Microseconds of each work, ours and bare in turns."""
    sides = {"ours": ours, "bare": bare}
    for works in sides.values():
        for at in range(HELD):
            await works.insert(at)
    taken: dict[str, list[float]] = {}
    with little_garbage_collected():
        for name in Works._fields:
            rounds = {f"{name}, {side}": _round_of(getattr(works, name), calls) for side, works in sides.items()}
            taken |= await in_turns(rounds, ROUNDS)
    return taken


def _target(engine: str, work: str) -> float | None:
    """How much dearer than the bare thing it may be; a dict's own writes and lists are no measure."""
    if engine == "memory":
        return MEMORY_GET_TARGET if work == "get" else None
    return TARGETS[engine]


def _rows(engine: str, taken: Rounds) -> list[Result]:
    return [
        ratio(f"{engine} {work} against {BARE[engine]}", taken, f"{work}, ours", f"{work}, bare", _target(engine, work))
        for work in Works._fields
    ]


async def _memory_held() -> Result:
    storage = make_storage("", system_clock)
    await storage.open((CARDS,))
    db = Database(storage, lambda _: None)
    gc.collect()
    tracemalloc.start()
    for at in range(MANY):
        await db.transact(Tx.insert, CARDS, card(at))
    await db.page(CARDS, order="-created_at")
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return figure(f"memory traced per {MANY:,} documents like links", [taken / 1_000_000], "MB")


async def run() -> Sequence[Result]:
    """Get, insert, update and page on every engine, and what memory holds."""
    rows: list[Result] = []
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        server = stack.enter_context(postgres_server(is_durable=True))
        url, bare_url = server.create_database(), server.create_database()
        pairs = {
            "memory": (our_works(""), dict_works()),
            "sqlite": (our_works(f"sqlite:///{folder}/ours.db"), sqlite_works(folder)),
            "postgresql": (our_works(url), postgres_works(bare_url)),
        }
        for engine, (ours, bare) in pairs.items():
            async with ours as our, bare as other:
                rows += _rows(engine, await _compare(our, other, CALLS[engine]))
    return [*rows, await _memory_held()]
