"""A database made by one version of the code and opened by another: changed as a whole, or left as it was."""

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import pytest
from pydantic import create_model

from slice_api.chassis import (
    Collection,
    Condition,
    Integer,
    Log,
    PageQuery,
    Schema,
    Taken,
    Time,
    Tx,
    after,
    at_least,
    equals,
    has,
    matches,
)
from slice_api.chassis.clock import system_clock
from slice_api.chassis.storage.database import Database
from slice_api.chassis.storage.engines import make_storage
from slice_api.chassis.storage.faults import Unreadable
from slice_api.chassis.storage.stores import Store
from slice_api.settings import SettingsError

ROOT = Path(__file__).parent.parent.parent
NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
END_SECONDS = 60


@asynccontextmanager
async def opened(url: str, *stores: Store) -> AsyncIterator[Database]:
    """The database as a process with these stores sees it, from its start to its end."""
    storage = make_storage(url, system_clock)
    try:
        await storage.open(stores)
        yield Database(storage, lambda _: None)
    finally:
        await storage.close()


async def refused(url: str, *stores: Store) -> str:
    """What a start says that cannot be; the database is left as it was, to the last byte of every row."""
    before = await contents(url)
    with pytest.raises((SettingsError, Unreadable)) as caught:
        async with opened(url, *stores):
            pass
    assert await contents(url) == before
    return str(caught.value)


async def keep(url: str, store: Collection[Any], *documents: Schema) -> None:
    """What a process with this store does in its life: it writes."""
    async with opened(url, store) as db:
        await db.transact(insert_all, store, documents)


def insert_all(tx: Tx, store: Collection[Any], documents: Sequence[Schema]) -> None:
    for document in documents:
        tx.insert(store, document)


async def append(url: str, log: Log[Any], *entries: Schema, partition: str = "") -> None:
    async with opened(url, log) as db:
        await db.transact(Tx.extend, log, entries, partition=partition)


# Looking at a database from outside


async def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query, whichever engine; what it changes is committed."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as file:
            return file.execute(query).fetchall()
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


_PG_COLUMNS = """
    SELECT table_name, column_name, data_type FROM information_schema.columns
    WHERE table_schema = 'public' ORDER BY 1, 2
"""
_PG_INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
_PG_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"


async def contents(url: str) -> list[Any]:
    """Every table, column, index and row; of PostgreSQL's rows also where each lies and who wrote it."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            return list(connection.iterdump())
    tables = [name for (name,) in await ask(url, _PG_TABLES)]
    rows = [await ask(url, f'SELECT ctid::text, xmin::text, t::text FROM "{name}" t ORDER BY 3') for name in tables]
    return [await ask(url, _PG_COLUMNS), await ask(url, _PG_INDEXES), tables, rows]


async def indexes(url: str, table: str) -> list[str]:
    """The names of a table's own indexes."""
    if url.startswith("sqlite"):
        query = f"SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = '{table}' AND sql IS NOT NULL"
    else:
        query = f"SELECT indexname FROM pg_indexes WHERE tablename = '{table}' AND indexname NOT LIKE 'k_%'"
    return sorted(name for (name,) in await ask(url, query))


# New fields, and indexes that come later


class Note(Schema):
    """A document with a field of every kind that can be indexed."""

    id: str
    title: str = ""
    text: str | None = None
    rank: Integer | None = None
    size: float | None = None
    due: Time | None = None
    is_done: bool = False
    tags: tuple[str, ...] = ()
    labels: tuple[str, ...] | None = None
    slot: str | None = None

    @property
    def is_high(self) -> bool:
        return self.rank is not None and self.rank > 1


class Counted(Schema):
    """A note whose `text` is a number, as its texts were all along."""

    id: str
    text: Integer | None = None


class Entry(Schema):
    """An entry of a log."""

    kind: str
    count: Integer = 0
    at: Time | None = None


def notes(model: type[Any] = Note, **options: Any) -> Collection[Any]:
    return Collection("notes", model, **options)


ALL_NOTES = (
    Note(id="a", title="The Straße", text="beta", rank=1, size=0.5, due=NOON, tags=("red", "r"), labels=("x",)),
    Note(id="b", title="other", text="Alpha", rank=2, size=-1.25, due=NOON - timedelta(microseconds=1), is_done=True),
    Note(id="c", title="third", text="\n", rank=-(2**63), size=1e300, tags=("red",), labels=(), slot="x"),
    Note(id="d"),
)


async def keys(db: Database, store: Collection[Any], *where: Condition, order: str = "id") -> str:
    """The keys of what fits, walked through in pages of one."""
    found, cursor = "", None
    while True:
        page = await db.page(store, PageQuery(limit=1, after=cursor), order=order, where=where)
        found += "".join(store.key_of(each) for each in page.items)
        cursor = page.next
        if cursor is None:
            return found


async def test_a_new_field_with_a_default_needs_nothing(url: str) -> None:
    older: Any = create_model("Older", __base__=Schema, id=(str, ...))
    await keep(url, notes(older, indexes=("id",)), older.model_validate({"id": "a"}))
    before = await contents(url)
    async with opened(url, notes()) as db:
        assert await db.get(notes(), "a") == Note(id="a")
        assert await contents(url) == before
        await db.transact(Tx.put, notes(), Note(id="a", title="new"))
        assert await db.get(notes(), "a") == Note(id="a", title="new")


class Later(NamedTuple):
    """An index that comes later: what it finds, and the order it gives."""

    field: str
    condition: Condition
    found: str
    order: str


LATER = (
    Later("text", equals("text", "Alpha"), "b", "dcba"),
    Later("rank", after("rank", 0), "ab", "dcab"),
    Later("size", at_least("size", 0.5), "ac", "dbac"),
    Later("due", at_least("due", NOON), "a", "cdba"),
    Later("is_done", equals("is_done", True), "b", "acdb"),
    Later("is_high", equals("is_high", True), "b", "acdb"),
)


@pytest.mark.parametrize("later", LATER, ids=[each.field for each in LATER])
async def test_an_index_that_comes_later_knows_the_older_documents_too(url: str, later: Later) -> None:
    await keep(url, notes(), *ALL_NOTES)
    store = notes(indexes=(later.field,))
    async with opened(url, store) as db:
        assert await keys(db, store, later.condition) == later.found
        assert await keys(db, store, order=later.field) == later.order
        assert await keys(db, store, order=f"-{later.field}") == later.order[::-1]
        await db.transact(Tx.pop, store, later.found[0])
        assert await keys(db, store, later.condition) == later.found[1:]
    assert await indexes(url, "notes") != []


@pytest.mark.parametrize(("field", "item", "found"), [("tags", "red", "ac"), ("labels", "x", "a")])
async def test_a_list_index_that_comes_later_knows_the_older_documents_too(
    url: str, field: str, item: str, found: str
) -> None:
    await keep(url, notes(), *ALL_NOTES)
    store = notes(indexes=(field,))
    async with opened(url, store) as db:
        assert await keys(db, store, has(field, item)) == found
        await db.transact(Tx.put, store, Note(id="a"))
        await db.transact(Tx.put, store, Note(id="d", tags=(item,), labels=(item,)))
        assert await keys(db, store, has(field, item)) == f"{found[1:]}d"
        await db.transact(Tx.pop, store, "d")
        assert await keys(db, store, has(field, item)) == found[1:]


async def test_a_list_index_stays_right_when_another_one_comes(url: str) -> None:
    await keep(url, notes(indexes=("tags",)), *ALL_NOTES)
    store = notes(indexes=("tags", "labels", "rank"))
    async with opened(url, store) as db:
        assert (await keys(db, store, has("tags", "red")), await keys(db, store, has("labels", "x"))) == ("ac", "a")


async def test_an_expiry_that_comes_later_holds_for_the_older_documents_too(url: str) -> None:
    await keep(url, notes(), *ALL_NOTES)
    async with opened(url, notes(expires="due")) as db:
        assert await keys(db, notes(expires="due")) == "cd"


async def test_a_search_field_that_comes_later_is_searched_in_older_documents_too(url: str) -> None:
    await keep(url, notes(search=("title",)), *ALL_NOTES)
    both, other = notes(search=("title", "text")), notes(search=("text",))
    async with opened(url, both) as db:
        assert await keys(db, both, matches("STRASSE")) == "a"
        assert await keys(db, both, matches("alpha")) == "b"
    async with opened(url, other) as db:
        assert await keys(db, other, matches("STRASSE")) == ""
        assert await keys(db, other, matches("alpha")) == "b"


async def test_a_search_where_there_was_none_and_none_where_there_was_one(url: str) -> None:
    with_search, without = notes(search=("title",)), notes()
    await keep(url, without, *ALL_NOTES[:2])
    async with opened(url, with_search) as db:
        assert await keys(db, with_search, matches("STRASSE")) == "a"
    await keep(url, without, Note(id="e", title="strasse"))
    async with opened(url, with_search) as db:
        assert await keys(db, with_search, matches("STRASSE")) == "ae"


async def test_an_index_of_a_log_that_comes_later_knows_the_older_entries_too(url: str) -> None:
    await append(url, Log("entries", Entry), Entry(kind="up", at=NOON), Entry(kind="down"))
    await append(url, Log("entries", Entry), Entry(kind="up", count=7), partition="p")
    log = Log("entries", Entry, indexes=("kind", "count"), time="at")
    async with opened(url, log) as db:
        assert [each.kind for _, each in await db.transact(Tx.read, log, 0, where=(equals("kind", "down"),))] == [
            "down"
        ]
        found = await db.transact(Tx.read, log, 0, partition="p", where=(after("count", 6),))
        assert [each.count for _, each in found] == [7]
        assert await db.transact(Tx.expire, log, NOON) == 0
        assert await db.transact(Tx.expire, log, NOON + timedelta(microseconds=1), partition=None) == 1
        assert [each.kind for _, each in await db.transact(Tx.read, log, 0)] == ["down"]


async def test_many_documents_are_filled_in_from_the_first_to_the_last(url: str) -> None:
    many = [Note(id=f"{at:04}", rank=at) for at in range(1234)]
    await keep(url, notes(), *many)
    store = notes(indexes=("rank",))
    async with opened(url, store) as db:
        assert await db.count(store, at_least("rank", 0)) == 1234
        newest = await db.page(store, PageQuery(limit=1), order="-rank")
        assert newest.items == [many[-1]]


# Unique fields that come later


async def test_a_field_can_become_unique_later(url: str) -> None:
    await keep(url, notes(), *ALL_NOTES)
    store = notes(unique=("slot",))
    async with opened(url, store) as db:
        found = await db.transact(Tx.find, store, "slot", "x")
        assert found is not None
        assert found.id == "c"
        with pytest.raises(Taken, match="slot 'x' is taken"):
            await db.transact(Tx.insert, store, Note(id="e", slot="x"))
        await db.transact(Tx.insert, store, Note(id="e"))


async def test_an_index_can_become_unique_and_a_unique_one_plain(url: str) -> None:
    await keep(url, notes(indexes=("slot",)), *ALL_NOTES)
    unique, plain = notes(unique=("slot",)), notes(indexes=("slot",))
    async with opened(url, unique) as db:
        with pytest.raises(Taken):
            await db.transact(Tx.insert, unique, Note(id="e", slot="x"))
    async with opened(url, plain) as db:
        await db.transact(Tx.insert, plain, Note(id="e", slot="x"))
        assert await keys(db, plain, equals("slot", "x")) == "ce"


async def test_documents_that_share_a_value_refuse_a_unique_field_and_nothing_changes(url: str) -> None:
    await keep(url, notes(indexes=("slot",)), *ALL_NOTES, Note(id="e", slot="x"))
    told = await refused(url, notes(indexes=("rank",), unique=("slot",)), Collection("others", Note))
    assert told.startswith("SLICE_STORAGE_URL: ")
    assert "\n" not in told
    assert all(word in told for word in ("notes", "slot", "'c'", "'e'"))
    assert "folder" not in told


async def test_an_upgrade_may_exchange_values_that_no_two_documents_share(url: str) -> None:
    first, second = notes(unique=("slot",)), notes(unique=("slot",), upgrades=(exchange,))
    await keep(url, first, Note(id="a", slot="x"), Note(id="b", slot="y"))
    async with opened(url, second) as db:
        assert await keys(db, second) == "ab"
        found = [await db.transact(Tx.find, second, "slot", slot) for slot in ("x", "y")]
        assert [each and each.id for each in found] == ["b", "a"]


async def test_an_upgrade_must_not_give_two_documents_one_unique_value(url: str) -> None:
    await keep(url, notes(unique=("slot",)), Note(id="a", slot="X"), Note(id="b", slot="x"), Note(id="c", slot="z"))
    told = await refused(url, notes(unique=("slot",), upgrades=(lower,)))
    assert all(word in told for word in ("notes", "slot", "'a'", "'b'"))


async def test_what_has_expired_holds_no_unique_value(url: str) -> None:
    past = datetime.now(UTC) - timedelta(minutes=1)
    await keep(url, notes(expires="due"), Note(id="a", slot="x", due=past), Note(id="b", slot="x"))
    store = notes(expires="due", unique=("slot",))
    async with opened(url, store) as db:
        found = await db.transact(Tx.find, store, "slot", "x")
        assert found is not None
        assert found.id == "b"


# What no start can change


async def test_a_key_that_is_another_field_is_refused(url: str) -> None:
    await keep(url, notes(), *ALL_NOTES)
    told = await refused(url, notes(key="title"))
    assert "notes was kept by id and would be kept by title now" in told
    assert "another name" in told


async def test_a_collection_that_is_made_a_log_is_refused(url: str) -> None:
    await keep(url, notes(), *ALL_NOTES)
    told = await refused(url, Log("notes", Note))
    assert "notes was kept by id and would be kept as a log now" in told


def exchange(raw: dict[str, Any]) -> dict[str, Any]:
    return {**raw, "slot": {"x": "y", "y": "x"}[raw["slot"]]}


def lower(raw: dict[str, Any]) -> dict[str, Any]:
    return {**raw, "slot": raw["slot"].lower()}


# Indexes that go, come back and change


async def test_an_index_that_comes_back_knows_what_was_written_without_it(url: str) -> None:
    with_index = notes(indexes=("rank", "text", "tags"))
    await keep(url, with_index, *ALL_NOTES)
    without = notes()
    async with opened(url, without) as db:
        assert await indexes(url, "notes") == []
        await db.transact(Tx.put, without, Note(id="a", rank=9, tags=("blue",)))
        await db.transact(Tx.pop, without, "b")
        await db.transact(Tx.insert, without, Note(id="e", rank=3, tags=("red",)))
    async with opened(url, with_index) as db:
        assert await keys(db, with_index, order="rank") == "dcea"
        assert await keys(db, with_index, has("tags", "red")) == "ce"
        assert await keys(db, with_index, has("tags", "blue")) == "a"
        assert await keys(db, with_index, equals("text", "beta")) == ""


TEXTS = [("a", "10"), ("b", "9"), ("c", None), ("d", "-1")]


async def test_the_kind_of_an_index_can_change(url: str) -> None:
    texts, numbers = notes(indexes=("text",)), notes(Counted, indexes=("text",), upgrades=(as_number,))
    await keep(url, texts, *(Note(id=key, text=text) for key, text in TEXTS))
    async with opened(url, texts) as db:
        assert await keys(db, texts, order="text") == "cdab"
    async with opened(url, numbers) as db:
        assert await keys(db, numbers, order="text") == "cdba"
        assert await keys(db, numbers, after("text", 8)) == "ab"


async def test_the_kind_of_an_index_can_change_while_it_is_gone(url: str) -> None:
    await keep(url, notes(indexes=("text",)), *(Note(id=key, text=text) for key, text in TEXTS))
    await keep(url, notes())
    numbers = notes(Counted, indexes=("text",), upgrades=(as_number,))
    async with opened(url, numbers) as db:
        assert await keys(db, numbers, order="text") == "cdba"
        assert await keys(db, numbers, after("text", 8)) == "ab"


async def test_what_an_older_process_has_written_meanwhile_is_indexed_anew_by_a_silent_change(url: str) -> None:
    texts = notes(indexes=("text",))
    louder = notes(indexes=("text",), upgrades=(lambda raw: raw | {"text": raw["text"].upper()},))
    async with opened(url, texts) as older, opened(url, louder) as newer:
        await older.transact(Tx.insert, texts, Note(id="a", text="x"))
        note = await newer.transact(Tx.update, louder, "a", lambda held: held.model_copy(), is_silent=True)
        assert note == Note(id="a", text="X")
        assert await keys(newer, louder, equals("text", "X")) == "a"


class Listed(Schema):
    """A note whose `text` is a list."""

    id: str
    text: tuple[str, ...] = ()


async def test_an_index_can_become_one_of_lists_and_back(url: str) -> None:
    texts = notes(indexes=("text",))
    lists = notes(Listed, indexes=("text",), upgrades=(as_list,))
    back = notes(indexes=("text",), upgrades=(as_list, as_text))
    await keep(url, texts, Note(id="a", text="x"), Note(id="b"))
    async with opened(url, lists) as db:
        assert await keys(db, lists, has("text", "x")) == "a"
        await db.transact(Tx.put, lists, Listed(id="c", text=("y", "z")))
    async with opened(url, back) as db:
        assert await keys(db, back, order="-text") == "cab"
        await db.transact(Tx.put, back, Note(id="b", text="zz"))
        assert await keys(db, back, order="-text") == "bca"


def as_number(raw: dict[str, Any]) -> dict[str, Any]:
    return {"id": raw["id"], "text": None if raw["text"] is None else int(raw["text"])}


def as_list(raw: dict[str, Any]) -> dict[str, Any]:
    return {"id": raw["id"], "text": [raw["text"]] if raw["text"] else []}


def as_text(raw: dict[str, Any]) -> dict[str, Any]:
    return {"id": raw["id"], "text": "".join(raw["text"])}


# Models that change


class PersonOfOld(Schema):
    """Version 1."""

    id: str
    full_name: str


class Person(Schema):
    """Version 3: `full_name` became `name`, and then there was an `age` without which nobody is."""

    id: str
    name: str
    age: Integer


def rename(raw: dict[str, Any]) -> dict[str, Any]:
    raw["name"] = raw.pop("full_name")
    return raw


def add_age(raw: dict[str, Any]) -> dict[str, Any]:
    return {**raw, "age": len(raw["name"])}


class PersonBetween(Schema):
    """Version 2."""

    id: str
    name: str


FIRST = Collection("people", PersonOfOld, indexes=("full_name",), noun="person")
SECOND = Collection("people", PersonBetween, indexes=("name",), upgrades=(rename,), noun="person")
THIRD = Collection("people", Person, indexes=("name", "age"), upgrades=(rename, add_age), noun="person")

MODELS = "SELECT key, model FROM people ORDER BY key"


async def test_documents_of_every_version_are_read_as_of_the_newest(url: str) -> None:
    await keep(url, FIRST, PersonOfOld(id="a", full_name="Ada"))
    await keep(url, SECOND, PersonBetween(id="b", name="Brian"))
    async with opened(url, THIRD) as db:
        assert await db.get(THIRD, "a") == Person(id="a", name="Ada", age=3)
        assert await db.transact(Tx.all, THIRD) == [
            Person(id="a", name="Ada", age=3),
            Person(id="b", name="Brian", age=5),
        ]
        assert await keys(db, THIRD, order="-age") == "ba"
        assert await keys(db, THIRD, equals("age", 3)) == "a"
        assert await keys(db, THIRD, equals("name", "Brian")) == "b"


async def test_a_document_is_written_as_of_the_newest_version_when_it_changes(url: str) -> None:
    await keep(url, FIRST, *(PersonOfOld(id=each, full_name="Ada") for each in "ab"))
    async with opened(url, THIRD) as db:
        assert await ask(url, MODELS) == [("a", 1), ("b", 1)]
        await db.transact(Tx.update, THIRD, "a", lambda person: person.model_copy(update={"age": 36}))
        assert await ask(url, MODELS) == [("a", 3), ("b", 1)]
        assert await db.get(THIRD, "a") == Person(id="a", name="Ada", age=36)
        assert await keys(db, THIRD, order="age") == "ba"
        await db.transact(Tx.insert, THIRD, Person(id="c", name="C", age=1))
        assert (await ask(url, MODELS))[-1] == ("c", 3)


async def test_entries_of_every_version_are_read_as_of_the_newest(url: str) -> None:
    first, third = Log("people", PersonOfOld), Log("people", Person, indexes=("age",), upgrades=(rename, add_age))
    await append(url, first, PersonOfOld(id="a", full_name="Ada"))
    await append(url, third, Person(id="b", name="B", age=9))
    async with opened(url, third) as db:
        found = await db.transact(Tx.read, third, 0)
        assert [each for _, each in found] == [Person(id="a", name="Ada", age=3), Person(id="b", name="B", age=9)]
        older = await db.transact(Tx.read, third, 0, where=(equals("age", 3),))
        assert [each.id for _, each in older] == ["a"]


async def test_a_newer_version_than_is_known_refuses_the_start_and_nothing_changes(url: str) -> None:
    await keep(url, THIRD, Person(id="a", name="Ada", age=3))
    told = await refused(url, Collection("others", Note), SECOND)
    assert told.startswith(
        "SLICE_STORAGE_URL: people was written by a newer version of this service (3, known here: 2)"
    )
    assert "\n" not in told


# Documents that no longer fit

BROKEN = {
    "no JSON": '{"id": "a"',
    "a field that is gone": '{"id": "a"}',
    "another type": '{"id": "a", "name": "Ada", "age": "old"}',
    "a field that nobody knows": '{"id": "a", "name": "Ada", "age": 3, "x": 1}',
    "no object": "3",
}


async def spoil(url: str, body: str, model: int = 3) -> None:
    await ask(url, f"UPDATE people SET body = '{body}', model = {model}")


@pytest.mark.parametrize("what", BROKEN)
async def test_a_document_that_no_longer_fits_is_named_and_never_passed_over(url: str, what: str) -> None:
    store = Collection("people", Person, unique=("name",), upgrades=(rename, add_age))
    await keep(url, store, Person(id="a", name="Ada", age=3))
    await spoil(url, BROKEN[what])
    async with opened(url, store) as db:
        for look in (
            lambda tx: tx.get(store, "a"),
            lambda tx: tx.find(store, "name", "Ada"),
            lambda tx: tx.page(store),
            lambda tx: tx.all(store),
            lambda tx: tx.pop(store, "a"),
            lambda tx: tx.put(store, Person(id="a", name="Ada", age=4)),
            lambda tx: tx.update(store, "a", lambda person: person),
        ):
            with pytest.raises(Unreadable, match="the stored document 'a' of people cannot be read: "):
                await db.transact(look)
        with pytest.raises(Unreadable, match="the stored document 'a' of people"):
            await db.get(store, "a")
        assert await db.count(store) == 1


@pytest.mark.parametrize("what", BROKEN)
async def test_a_start_that_meets_a_document_that_no_longer_fits_names_it_and_changes_nothing(
    url: str, what: str
) -> None:
    await keep(url, THIRD, Person(id="a", name="Ada", age=3))
    await spoil(url, BROKEN[what])
    changed = Collection("people", Person, indexes=("age",), unique=("name",), upgrades=(rename, add_age))
    told = await refused(url, Collection("others", Note, indexes=("rank", "tags")), changed)
    assert told.startswith("the stored document 'a' of people cannot be read: ")


async def test_a_document_of_a_newer_version_than_is_known_is_named(url: str) -> None:
    await keep(url, THIRD, Person(id="a", name="Ada", age=3))
    await ask(url, "UPDATE people SET model = 4")
    async with opened(url, THIRD) as db:
        with pytest.raises(Unreadable, match=r"'a' of people .* version 4 of the model, and this service knows 3"):
            await db.get(THIRD, "a")


def stumble(raw: dict[str, Any]) -> dict[str, Any]:
    raw["name"] = raw["full_name"].full_name
    return raw


async def test_an_upgrade_that_stumbles_names_the_document_it_stumbled_over(url: str) -> None:
    await keep(url, FIRST, PersonOfOld(id="a", full_name="Ada"))
    unchanged = Collection("people", PersonBetween, indexes=("name",), upgrades=(stumble,))
    assert (await refused(url, unchanged)).startswith("the stored document 'a' of people cannot be read: ")


async def test_an_entry_that_no_longer_fits_is_named_by_its_position(url: str) -> None:
    log = Log("people", Person, upgrades=(rename, add_age))
    await append(url, log, *(Person(id="a", name="Ada", age=3) for _ in range(2)))
    await ask(url, "UPDATE people SET body = '{}' WHERE position = 2")
    async with opened(url, log) as db:
        for look in (lambda tx: tx.read(log, 0), lambda tx: tx.entries(log)):
            with pytest.raises(Unreadable, match="the stored document '2' of people cannot be read: "):
                await db.transact(look)
        assert [each.id for _, each in await db.transact(Tx.read, log, 0, limit=1)] == ["a"]


# Starts: none too many, none by halves

MANY: tuple[Store, ...] = (
    notes(indexes=("rank", "text", "tags", "due"), unique=("slot",), search=("title",)),
    THIRD,
    Log("entries", Entry, indexes=("kind",), time="at"),
)


async def test_a_start_that_finds_nothing_new_changes_nothing(url: str) -> None:
    async with opened(url, *MANY) as db:
        await db.transact(Tx.insert, MANY[0], ALL_NOTES[0])  # type: ignore[arg-type]
    before = await contents(url)
    async with opened(url, *MANY):
        assert await contents(url) == before
    assert await contents(url) == before


async def test_a_start_that_finds_nothing_new_does_not_even_write(tmp_path: Path) -> None:
    file = tmp_path / "data.db"
    await keep(f"sqlite:///{file}", notes(indexes=("tags",)), *ALL_NOTES)
    before = file.read_bytes()
    async with opened(f"sqlite:///{file}", notes(indexes=("tags",))):
        assert not Path(f"{file}-wal").stat().st_size
    assert file.read_bytes() == before


async def test_a_start_that_fails_in_the_middle_leaves_everything_as_it_was(url: str) -> None:
    """New tables, columns, indexes and filled rows of the stores before the one that fails go with it."""
    await keep(url, notes(indexes=("text", "tags")), *ALL_NOTES)
    await keep(url, FIRST, PersonOfOld(id="a", full_name="Ada"))
    await ask(url, "UPDATE people SET body = '{}'")
    new = Collection("new", Note, indexes=("tags",))
    changed = notes(Note, indexes=("rank", "labels"), unique=("slot",), search=("title",))
    assert "'a' of people" in await refused(url, new, changed, SECOND)
    await ask(url, """UPDATE people SET body = '{"id": "a", "full_name": "Ada"}'""")
    async with opened(url, new, changed, SECOND) as db:
        assert await keys(db, changed, has("labels", "x"), order="rank") == "a"
        assert await keys(db, SECOND, equals("name", "Ada")) == "a"


async def open_and_write(url: str, at: int) -> None:
    async with opened(url, *MANY) as db:
        await db.transact(Tx.insert, THIRD, Person(id=str(at), name="", age=at))


async def test_many_that_open_the_same_empty_database_at_once_all_succeed(url: str) -> None:
    await asyncio.gather(*(open_and_write(url, at) for at in range(6)))
    async with opened(url, *MANY) as db:
        assert await db.count(THIRD) == 6


async def test_many_that_change_the_same_database_at_once_all_succeed(url: str) -> None:
    await keep(url, FIRST, PersonOfOld(id="a", full_name="Ada"))
    await keep(url, notes(), *ALL_NOTES)
    await asyncio.gather(*(open_and_write(url, at) for at in range(6)))
    async with opened(url, *MANY) as db:
        assert await db.count(THIRD) == 7
        assert await keys(db, THIRD, equals("name", "Ada")) == "a"


OPENER = """
import asyncio, sys, time
from tests.chassis.test_schema_changes import open_and_write
print("ready", flush=True)
for line in sys.stdin:
    url, at, moment = line.split()
    while time.time() < float(moment):
        pass
    try:
        asyncio.run(open_and_write(url, int(at)))
        print("done", flush=True)
    except Exception as error:
        print(repr(error), flush=True)
"""


class Opener:
    """Another process, which opens databases when it is told to."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            (sys.executable, "-c", OPENER), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def tell(self, *words: object) -> None:
        assert self._process.stdin
        print(*words, file=self._process.stdin, flush=True)

    def answer(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def end(self) -> int:
        with self._process as process:
            if process.stdin:
                process.stdin.close()
            return process.wait(END_SECONDS)


@pytest.fixture(scope="module")
def openers() -> Iterator[list[Opener]]:
    both = [Opener(), Opener()]
    assert [each.answer() for each in both] == ["ready", "ready"]
    yield both
    assert [each.end() for each in both] == [0, 0]


@pytest.mark.parametrize("attempt", range(5))
async def test_two_processes_that_open_the_same_empty_database_both_succeed(
    url: str, openers: list[Opener], attempt: int
) -> None:
    """A file is made in a moment, so they are to open several."""
    places = [f"{url}.{at}" for at in range(8)] if url.startswith("sqlite") else [url]
    for place in places:
        soon = time.time() + 0.005
        for at, opener in enumerate(openers):
            opener.tell(place, at, soon)
        assert [opener.answer() for opener in openers] == ["done", "done"]
        async with opened(place, *MANY) as db:
            assert await db.count(THIRD) == 2


# Names


@pytest.mark.parametrize("name", ["order", "group", "table", "index", "select", "user", "n" * 48, "body"])
async def test_a_store_may_have_any_name_even_a_word_of_sql(url: str, name: str) -> None:
    long = "f" * 70
    model: Any = create_model("Named", __base__=Note, **{long: (Integer, 1), f"{long}_": (tuple[str, ...], ("é",))})  # type: ignore[call-overload]
    store = Collection(name, model, indexes=("rank",))
    fuller = Collection(
        name, model, indexes=("rank", "tags", long, f"{long}_"), unique=("slot",), search=("title",), expires="due"
    )
    log = Log(f"{name}_log"[-48:], Entry)
    async with opened(url, store, log) as db:
        await db.transact(Tx.insert, store, model(id="a", rank=1, tags=("x",), slot="s"))
        await db.transact(Tx.append, log, Entry(kind="k"))
    for wanted in (fuller, Collection(name, model), fuller):
        async with opened(url, wanted, Log(log.name, Entry, indexes=("kind",), time="at")) as db:
            await db.transact(Tx.update, wanted, "a", lambda each: each.model_copy(update={"rank": each.rank + 1}))
    async with opened(url, fuller, log) as db:
        where = (has("tags", "x"), equals("rank", 4), equals(long, 1), has(f"{long}_", "é"))
        assert await keys(db, fuller, *where, order=long) == "a"
        assert await db.transact(Tx.find, fuller, "slot", "s") is not None
        assert await db.transact(Tx.sweep, fuller) == 0


class Linked(Schema):
    """Fields whose names, behind those of stores, look like the names of other stores."""

    id: str = ""
    visits: tuple[str, ...] = ()
    visits__key: str = ""
    key: str = ""


PAIRS: dict[str, tuple[Store, Store]] = {
    "a field and a store": (
        Collection("links", Linked, indexes=("visits", "visits__key")),
        Collection("links_visits", Linked, indexes=("key",)),
    ),
    "a field and a store with two underscores": (
        Collection("links", Linked, indexes=("visits", "visits__key")),
        Collection("links__visits", Linked, indexes=("key",)),
    ),
    "an index and a store": (
        Collection("links", Linked, indexes=("key",), unique=("visits__key",)),
        Collection("i_links__key", Linked, indexes=("visits",), unique=("visits__key",)),
    ),
    "the index of a log and a store": (Log("links", Linked), Collection("p_links", Linked, indexes=("visits",))),
    "a primary key and a store": (
        Collection("links", Linked, indexes=("visits",)),
        Collection("links_pkey", Linked, indexes=("visits",)),
    ),
    "long names that begin alike": (
        Collection("x" * 47 + "a", Linked, indexes=("visits", "visits__key"), unique=("key",)),
        Collection("x" * 47 + "b", Linked, indexes=("visits", "visits__key"), unique=("key",)),
    ),
}


def write_one(tx: Tx, store: Store, key: str) -> None:
    document = Linked(id=key, visits=(key,), visits__key=key, key=key)
    if isinstance(store, Collection):
        tx.insert(store, document)
        return
    tx.append(store, document)


def what_it_has(tx: Tx, store: Store) -> list[Any]:
    if isinstance(store, Log):
        return [each.id for _, each in tx.read(store, 0)]
    found = [tx.all(store)]
    if "visits" in store.indexes:
        found.append(tx.all(store, has("visits", store.name[-1])))
    found += [
        tx.all(store, equals(field, store.name[-1])) for field in ("visits__key", "key") if field in store.indexes
    ]
    assert all(each == found[0] for each in found)
    return [each.id for each in found[0]]


@pytest.mark.parametrize("is_at_once", [True, False])
@pytest.mark.parametrize("what", PAIRS)
async def test_no_store_comes_into_anothers_way(url: str, what: str, is_at_once: bool) -> None:
    pair = PAIRS[what]
    if not is_at_once:
        async with opened(url, pair[0]):
            pass
    async with opened(url, *pair) as db:
        for store in pair:
            await db.transact(write_one, store, store.name[-1])
    shrunk = [Collection(each.name, Linked) for each in pair if isinstance(each, Collection)]
    async with opened(url, *shrunk):
        pass
    async with opened(url, *pair) as db:
        for store in pair:
            assert await db.transact(what_it_has, store) == [store.name[-1]]
