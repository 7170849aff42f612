"""The storage commands, on real databases: a look changes nothing, a copy goes on where it was, a backup is whole."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy.util.concurrency import greenlet_spawn

from slice_api import storage_commands
from slice_api.chassis import EVENTS, Collection, PageQuery, Schema, Tx, has
from slice_api.chassis.assembly import prepare
from slice_api.chassis.caches import LIVES, StorageLife
from slice_api.chassis.clock import system_clock
from slice_api.chassis.storage.database import Database
from slice_api.chassis.storage.engines import make_storage
from slice_api.chassis.storage.faults import Unreadable
from slice_api.chassis.storage.inspection import Findings, inspect
from slice_api.chassis.storage.raw import Mode, Raw, raw_connection
from slice_api.chassis.storage.schema import Schema as DatabaseSchema
from slice_api.chassis.storage.sql import make_statements
from slice_api.chassis.storage.stores import Store
from slice_api.chassis.storage.transfer import Transfer
from slice_api.chassis.storage.tx import Origin
from slice_api.cli import main, parser
from slice_api.settings import SettingsError
from tests.chassis.storage_model import MARKS, PLAINS, STORES, THINGS, Mark, Plain, Thing, ThingTold
from tests.postgres import shared_postgres
from tests.server import ROOT, environment
from tests.support import chassis_of, make_app, needs

START = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
MANY = 1_200
ENGINES = ("sqlite", "postgresql")
FROM_TO = [("sqlite", "sqlite"), ("sqlite", "postgresql"), ("postgresql", "sqlite"), ("postgresql", "postgresql")]

MakeUrl = Callable[[str], str]


@pytest.fixture
def make_url(tmp_path: Path) -> MakeUrl:
    """Gives the address of an empty database of an engine."""
    made: list[str] = []

    def make(engine: str) -> str:
        made.append(engine)
        return f"sqlite:///{tmp_path}/{len(made)}.db" if engine == "sqlite" else shared_postgres().create_database()

    return make


@asynccontextmanager
async def opened(url: str, stores: Sequence[Store] = STORES) -> AsyncIterator[Database]:
    storage = make_storage(url, system_clock)
    try:
        await storage.open(stores)
        yield Database(storage, lambda _: None)
    finally:
        await storage.close()


def fill(tx: Tx) -> None:
    """Documents of every kind, a log with gaps in its positions, events."""
    tx.insert(THINGS, Thing(id="é", name="Straße", rank=-(2**63), tags=("red", "ü"), slot="x", due=START))
    tx.insert(THINGS, Thing(id="a", note=None, rank=None, expires_at=START + timedelta(days=10_000)))
    for at in range(MANY):
        tx.insert(PLAINS, Plain(slug=f"p{at:05}", count=at % 7))
    tx.extend(MARKS, [Mark(text=str(at), kind="up") for at in range(30)], partition="one")
    tx.extend(MARKS, [Mark(text=str(at)) for at in range(30)], partition="two")
    tx.extend(MARKS, [Mark(text="last")], partition="one")
    tx.trim(MARKS, 5, partition="one")
    tx.emit(ThingTold(text="made"), subject="é")


async def filled(url: str) -> None:
    async with opened(url) as db:
        await db.transact(fill)
        await db.transact(Tx.update, THINGS, "é", lambda thing: thing.model_copy(update={"name": "STRASSE"}))


async def shown(url: str) -> list[object]:
    """Everything that a database shows, with versions and positions."""
    async with opened(url) as db:
        origin = Origin()
        mine = db.on_behalf_of(origin)
        found: list[object] = [await mine.get(THINGS, key) for key in ("é", "a")]
        found += [origin.seen, await db.transact(Tx.all, PLAINS), await db.transact(Tx.all, THINGS, has("tags", "ü"))]
        for partition in ("one", "two"):
            found.append(await db.transact(Tx.read, MARKS, 0, partition=partition, limit=1_000))
        found.append(await db.transact(Tx.read, EVENTS, 0))
        found.append((await db.page(PLAINS, PageQuery(limit=9), order="-count")).items)
        return found


async def copied(
    source: str, target: str, tell: Callable[[str], object] = lambda _: None, stores: Sequence[Store] = STORES
) -> dict[str, int]:
    async with raw_connection(source, "read") as one, raw_connection(target, "make") as other:
        return dict(await greenlet_spawn(one.in_snapshot, Transfer(one, other, stores, tell).run))


async def inspected(url: str, stores: Sequence[Store] = STORES, mode: Mode = "look") -> Findings:
    async with raw_connection(url, mode) as raw:
        return await greenlet_spawn(raw.in_snapshot, lambda: inspect(raw, stores))


async def reindexed(url: str) -> None:
    async with raw_connection(url, "write") as raw:
        schema = DatabaseSchema(raw.execute, make_statements(STORES, raw.dialect), raw.dialect)
        await greenlet_spawn(raw.in_transaction, lambda: schema.bring_up(lambda _: None, refills=True))


async def ask(url: str, text: str) -> Sequence[Any]:
    """Ask or change a database behind the service's back."""
    async with raw_connection(url, "write") as raw:
        return await greenlet_spawn(raw.in_transaction, lambda: raw.execute(text, ()))


def stop_at(line: str) -> Callable[[str], None]:
    """Interrupts a copy when it tells this."""

    def tell(told: str) -> None:
        if told.startswith(line):
            raise KeyboardInterrupt

    return tell


async def half_copied(source: str, target: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        await copied(source, target, stop_at("plains: 1,100"))


@pytest.mark.parametrize(("source", "target"), FROM_TO)
async def test_a_copy_shows_what_its_source_shows(source: str, target: str, make_url: MakeUrl) -> None:
    one, other = make_url(source), make_url(target)
    await filled(one)
    counts = await copied(one, other)
    assert counts == {"things": 2, "plains": MANY, "marks": 35, "events": 1}
    assert await shown(other) == await shown(one)
    assert (await inspected(other)).faults == []


@pytest.mark.parametrize("target", ENGINES)
async def test_a_copied_log_counts_on_behind_its_newest_position(target: str, make_url: MakeUrl) -> None:
    one, other = make_url("sqlite"), make_url(target)
    await filled(one)
    await copied(one, other)
    async with opened(other) as db:
        _, newest = await db.transact(Tx.ends, MARKS, partition="one")
        assert await db.transact(Tx.append, MARKS, Mark(text="next"), partition="two") == newest + 1


@pytest.mark.parametrize(("source", "target"), FROM_TO)
async def test_a_copied_log_gives_no_position_again_even_if_its_entry_is_gone(
    source: str, target: str, make_url: MakeUrl
) -> None:
    """Whoever follows the log remembers the position, and would never see another entry at it."""
    one, other = make_url(source), make_url(target)
    await filled(one)
    async with opened(one) as db:
        _, newest = await db.transact(Tx.ends, MARKS, partition="one")
        for partition in ("one", "two"):
            await db.transact(Tx.drop, MARKS, partition=partition)
    await copied(one, other)
    async with opened(other) as db:
        assert await db.transact(Tx.append, MARKS, Mark(text="next"), partition="one") == newest + 1
        assert await db.transact(Tx.append, MARKS, Mark(text="next"), partition="one") == newest + 2


@pytest.mark.parametrize("target", ENGINES)
async def test_an_interrupted_copy_goes_on_where_it_was(target: str, make_url: MakeUrl) -> None:
    one, other = make_url("sqlite"), make_url(target)
    await filled(one)

    await half_copied(one, other)
    with pytest.raises(SettingsError, match="a copy into this database is not finished"):
        await shown(other)
    told: list[str] = []
    await copied(one, other, told.append)
    assert [line for line in told if line.startswith("plains")] == [f"plains: {MANY:,} of {MANY:,}"]
    assert await shown(other) == await shown(one)


@pytest.mark.parametrize("target", ENGINES)
async def test_a_database_that_holds_something_is_not_copied_into(target: str, make_url: MakeUrl) -> None:
    one, other = make_url("sqlite"), make_url(target)
    await filled(one)
    await filled(other)
    before = await shown(other)
    with pytest.raises(SettingsError, match=r"not empty \(events, marks, plains, things\)"):
        await copied(one, other)
    assert await shown(other) == before


async def test_nothing_is_copied_from_where_nothing_of_ours_is(make_url: MakeUrl) -> None:
    with pytest.raises(SettingsError, match="holds nothing of this service"):
        await copied(shared_postgres().create_database(), make_url("sqlite"))


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_check_tells_how_much_there_is_and_that_it_fits(engine: str, make_url: MakeUrl) -> None:
    url = make_url(engine)
    await filled(url)
    assert await inspected(url) == Findings(["things: 2", f"plains: {MANY:,}", "marks: 35", "events: 1"], [])


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_check_names_what_does_not_fit(engine: str, make_url: MakeUrl) -> None:
    url = make_url(engine)
    await filled(url)
    await ask(url, "UPDATE things SET body = '{}' WHERE key = 'a'")
    await ask(url, "UPDATE plains SET i_count = 99 WHERE key = 'p00003'")
    faults = (await inspected(url)).faults
    assert len(faults) == 2
    assert faults == [
        "things: 'a' cannot be read: id: Field required",
        "plains: the index columns of 'p00003' are out of date; run `storage reindex`",
    ]


async def test_a_check_tells_what_a_start_would_make_and_makes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    storage = make_storage(f"sqlite:///{path}", system_clock)
    await storage.open((PLAINS,))
    await storage.close()
    before = path.read_bytes()
    assert (await inspected(f"sqlite:///{path}")).faults == [
        f"{name}: there is no table for it yet" for name in ("things", "marks", "events")
    ]
    assert path.read_bytes() == before


def command(url: str, *arguments: str, **variables: str) -> tuple[int, str, str]:
    """Run a storage command as people do, but in this process; gives its status and what it said."""
    out, error = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(error):
        for name in [name for name in os.environ if name.startswith("SLICE_")]:
            patch.delenv(name)
        for name, value in {"SLICE_STORAGE_URL": url, **variables}.items():
            patch.setenv(name, value)
        patch.chdir(ROOT / "tests")  # where no .env is
        with pytest.raises(SystemExit) as ended:
            main(["storage", *arguments])
    told = ended.value.code
    if isinstance(told, str):  # the interpreter would print it, and end with status 1
        return 1, out.getvalue(), f"{error.getvalue()}{told}\n"
    return int(told or 0), out.getvalue(), error.getvalue()


@pytest.mark.parametrize(
    ("url", "arguments", "told"),
    [
        ("", ("check",), "memory outlives no process"),
        ("", ("copy", "memory://", "sqlite:///x.db"), "memory outlives no process"),
        ("", ("copy", "sqlite:////nowhere/at/all.db", "memory:"), "/nowhere/at/all.db cannot be used"),
        ("mysql://me:secret@there/db", ("check",), "there is no storage engine for 'mysql'"),
        ("nonsense", ("check",), "there is no storage engine for 'nonsense'"),
        ("postgresql://me:secret@there:port/db", ("check",), "SLICE_STORAGE_URL"),
        ("", ("backup", "/tmp/x.db"), "There is no file to back up"),
        ("", ("reindex",), "memory outlives no process"),
        ("sqlite:////nowhere/at/all.db", ("check",), "/nowhere/at/all.db cannot be used: there is no such file"),
        ("sqlite:////nowhere/at/all.db", ("backup", "/tmp/x.db"), "/nowhere/at/all.db is not there"),
        ("postgresql://nobody@127.0.0.1:1/none", ("check",), "postgresql://nobody@127.0.0.1:1/none cannot be used"),
        ("postgresql://nobody@127.0.0.1:1/none", ("backup", "/tmp/x.db"), "pg_dump"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(url: str, arguments: Sequence[str], told: str) -> None:
    status, out, error = command(url, *arguments)
    assert (status, out) == (1, "")
    assert told in error
    assert error.count("\n") == 1
    assert "secret" not in error


def test_a_backup_is_one_moment_of_a_file_that_is_being_written_to(tmp_path: Path) -> None:
    url, file, is_over = f"sqlite:///{tmp_path}/data.db", tmp_path / "backup.db", Event()
    asyncio.run(filled(url))

    def write_on() -> None:
        # Two rows in each transaction: a backup from within one would hold an odd number.
        with closing(sqlite3.connect(tmp_path / "data.db", isolation_level=None, timeout=30)) as connection:
            at = 0
            while not is_over.is_set():
                connection.execute("BEGIN IMMEDIATE")
                for _ in range(2):
                    at += 1
                    connection.execute("INSERT INTO plains VALUES (?, '{}', 1, 1, 0)", (f"new{at}",))
                connection.execute("COMMIT")

    writer = Thread(target=write_on)
    writer.start()
    try:
        status, out, error = command(url, "backup", str(file))
    finally:
        is_over.set()
        writer.join()
    assert (status, error) == (0, "")
    assert f"use it as sqlite:///{file}" in out
    with closing(sqlite3.connect(file)) as connection:
        count = connection.execute("SELECT count(*) FROM plains").fetchone()[0]
    assert count >= MANY
    assert count % 2 == 0
    assert sorted(path.name for path in tmp_path.glob("backup*")) == ["backup.db"]


def test_a_backup_replaces_a_file_only_when_told_to(tmp_path: Path) -> None:
    url, file = f"sqlite:///{tmp_path}/data.db", tmp_path / "backup.db"
    asyncio.run(filled(url))
    file.write_text("precious")
    assert command(url, "backup", str(file))[0] == 1
    assert file.read_text() == "precious"
    assert command(url, "backup", str(file), "--force")[0] == 0
    assert file.read_bytes().startswith(b"SQLite format 3")


# What a copy must not do


async def test_half_a_copy_goes_on_with_its_own_source_only(make_url: MakeUrl) -> None:
    one, other, target = make_url("sqlite"), make_url("sqlite"), make_url("sqlite")
    await filled(one)
    await filled(other)
    await half_copied(one, target)
    with pytest.raises(SettingsError, match=rf"holds half a copy of {one}; copy that again, or name a new one"):
        await copied(other, target)
    await copied(one, target)
    assert await shown(target) == await shown(one)


@pytest.mark.parametrize("engine", ENGINES)
async def test_half_a_copy_is_neither_copied_nor_reindexed_and_a_check_tells_of_it(
    engine: str, make_url: MakeUrl
) -> None:
    one, half = make_url("sqlite"), make_url(engine)
    await filled(one)
    await half_copied(one, half)
    assert (await inspected(half)).faults == [
        "a copy into this database is not finished, and no service starts on it: run `storage copy` again"
    ]
    with pytest.raises(SettingsError, match="is itself half a copy"):
        await copied(half, make_url("sqlite"))
    # So it is for a service that saw an empty database, and waited for its turn to make the tables.
    with pytest.raises(SettingsError, match="a copy into this database is not finished"):
        await reindexed(half)


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_database_is_not_copied_into_itself(engine: str, make_url: MakeUrl) -> None:
    url = make_url(engine)
    await filled(url)
    with pytest.raises(SettingsError, match="are the same"):
        await copied(url, url)


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_database_that_holds_what_no_slice_keeps_is_not_copied_into(engine: str, make_url: MakeUrl) -> None:
    one, other = make_url("sqlite"), make_url(engine)
    await filled(one)
    old = Collection("gone", Plain, key="slug")
    async with opened(other, (old,)) as db:
        await db.transact(Tx.insert, old, Plain(slug="a"))
    with pytest.raises(SettingsError, match=r"not empty \(gone\)"):
        await copied(one, other)


async def test_what_no_slice_keeps_is_told_and_not_copied(make_url: MakeUrl) -> None:
    one, other = make_url("sqlite"), make_url("sqlite")
    await filled(one)
    told: list[str] = []
    assert await copied(one, other, told.append, (PLAINS, EVENTS)) == {"plains": MANY, "events": 1}
    assert told[:2] == [f"{name}: not copied, since no slice that is loaded keeps it" for name in ("marks", "things")]


@pytest.mark.parametrize("target", ENGINES)
async def test_of_two_copies_into_one_database_the_second_gives_up(target: str, make_url: MakeUrl) -> None:
    one, other = make_url("sqlite"), make_url(target)
    await filled(one)
    await half_copied(one, other)
    async with raw_connection(one, "read") as source, raw_connection(other, "make") as raw:
        transfer = Transfer(source, raw, STORES, lambda _: None)
        with pytest.raises(SettingsError, match="Another process is copying into this database"):
            await greenlet_spawn(transfer._advance, "plains", 100, [["p99999"]])
    await copied(one, other)
    assert await shown(other) == await shown(one)


async def test_a_source_that_changed_between_two_runs_is_told_and_no_service_starts(make_url: MakeUrl) -> None:
    one, other = make_url("sqlite"), make_url("sqlite")
    await filled(one)
    await half_copied(one, other)
    async with opened(one) as db:
        await db.transact(Tx.pop, PLAINS, "p00000")
    with pytest.raises(SettingsError, match="plains: 1,200 are copied, and the source has 1,199 now"):
        await copied(one, other)
    with pytest.raises(SettingsError, match="a copy into this database is not finished"):
        await shown(other)


async def test_what_is_written_during_a_copy_stays_behind_whole(make_url: MakeUrl) -> None:
    one, other = make_url("sqlite"), make_url("postgresql")
    await filled(one)
    before = await shown(one)

    def write_meanwhile(line: str) -> None:
        if line.startswith("plains: 100 "):
            with closing(sqlite3.connect(one.removeprefix("sqlite:///"), isolation_level=None)) as connection:
                connection.execute("DELETE FROM plains")
                connection.execute("DELETE FROM marks")

    await copied(one, other, write_meanwhile)
    assert await shown(other) == before


@pytest.mark.parametrize("target", ENGINES)
async def test_an_unreadable_document_stops_a_copy_and_once_it_is_healed_it_goes_on(
    target: str, make_url: MakeUrl
) -> None:
    one, other = make_url("sqlite"), make_url(target)
    await filled(one)
    await ask(one, "UPDATE plains SET body = '[]' WHERE key = 'p01150'")
    with pytest.raises(Unreadable, match="'p01150' of plains cannot be read"):
        await copied(one, other)
    await ask(one, """UPDATE plains SET body = '{"slug": "p01150", "count": 2}' WHERE key = 'p01150'""")
    await copied(one, other)
    assert await shown(other) == await shown(one)


@pytest.mark.parametrize("target", ENGINES)
async def test_documents_that_may_share_a_value_no_more_stop_a_copy_in_one_line(target: str, make_url: MakeUrl) -> None:
    one, other = make_url("sqlite"), make_url(target)
    before = Collection("things", Thing)
    async with opened(one, (before,)) as db:
        for key in ("a", "b"):
            await db.transact(Tx.insert, before, Thing(id=key, slot="same"))
    with pytest.raises(SettingsError, match=r"(?i)unique") as caught:
        await copied(one, other)
    assert "\n" not in str(caught.value)


# A command that is ended


_KILLED = """
import asyncio, os, signal, sys
from slice_api.chassis.storage import transfer
from tests.chassis.test_storage_commands import copied
insertion, batches = transfer._insertion, 0

def killing(own, target):
    write = insertion(own, target)
    def work(rows):
        global batches
        write(rows)
        batches += own.table.name == "plains"
        if batches == 2:
            os.kill(os.getpid(), signal.SIGKILL)
    return work

transfer._insertion = killing
asyncio.run(copied(sys.argv[1], sys.argv[2]))
"""


@pytest.mark.parametrize("target", ENGINES)
def test_a_copy_that_is_killed_between_writing_and_committing_goes_on(target: str, make_url: MakeUrl) -> None:
    one, other = make_url("sqlite"), make_url(target)
    asyncio.run(filled(one))
    done = subprocess.run((sys.executable, "-c", _KILLED, one, other), env=environment(), check=False)
    assert done.returncode == -signal.SIGKILL
    told: list[str] = []
    asyncio.run(copied(one, other, told.append))
    assert told[0] == "going on with a copy that was interrupted"
    # Of the batches 100 and 1,000 the second was not committed; it begins with a small one again.
    assert [line for line in told if line.startswith("plains")] == ["plains: 200 of 1,200", "plains: 1,200 of 1,200"]
    assert asyncio.run(shown(other)) == asyncio.run(shown(one))


_BUSY = """
import sys
from slice_api.cli import main, parser
from slice_api.chassis.storage.raw import Raw

def work(raw, _):
    print("begun", flush=True)
    while True:
        raw.execute("SELECT 1", ())

Raw.in_snapshot = work
main(["storage", "check", sys.argv[1]])
"""


def test_ctrl_c_ends_a_command_at_once_even_if_it_waits_for_nothing(make_url: MakeUrl) -> None:
    url = make_url("sqlite")
    asyncio.run(filled(url))
    busy = (sys.executable, "-c", _BUSY, url)
    with subprocess.Popen(busy, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"begun\n"
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130
            assert process.stderr
            assert process.stderr.read() == b""
        finally:
            process.kill()


# What a check sees


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_check_tells_of_a_table_that_somebody_took_away(engine: str, make_url: MakeUrl) -> None:
    url = make_url(engine)
    await filled(url)
    await ask(url, "DROP TABLE plains")
    assert (await inspected(url)).faults == ["plains: its table is gone; restore a backup"]
    with pytest.raises(SettingsError, match="plains"):
        await reindexed(url)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("lost", [("index i_plains.count",), ("column i_count", "index i_plains.count")])
async def test_a_check_tells_of_columns_and_indexes_that_somebody_took_away(
    engine: str, lost: Sequence[str], make_url: MakeUrl
) -> None:
    url = make_url(engine)
    await filled(url)
    await ask(url, 'DROP INDEX "i_plains.count"')
    if len(lost) > 1:
        await ask(url, "ALTER TABLE plains DROP COLUMN i_count")
    assert (await inspected(url)).faults == [f"plains: the {each} is gone; run `storage reindex`" for each in lost]
    await reindexed(url)
    assert (await inspected(url)).faults == []


@pytest.mark.parametrize(
    "change", ['DELETE FROM "things.tags"', """INSERT INTO "things.tags" (item, key) VALUES ('blue', 'a')"""]
)
async def test_a_list_whose_items_are_out_of_date_is_told_and_made_anew(change: str, make_url: MakeUrl) -> None:
    url = make_url("sqlite")
    await filled(url)
    await ask(url, change)
    assert (await inspected(url)).faults == ["things: the index on tags is out of date; run `storage reindex`"]
    await reindexed(url)
    assert (await inspected(url)).faults == []
    async with opened(url) as db:
        assert [await db.transact(Tx.count, THINGS, has("tags", tag)) for tag in ("ü", "blue")] == [1, 0]


@pytest.mark.parametrize("engine", ENGINES)
async def test_columns_that_are_out_of_date_are_made_anew(engine: str, make_url: MakeUrl) -> None:
    url = make_url(engine)
    await filled(url)
    before = await shown(url)
    await ask(url, "UPDATE plains SET i_count = i_count + 1")
    await ask(url, "UPDATE things SET i_slot = NULL, search = 'nonsense'")
    faults = (await inspected(url)).faults
    assert len(faults) == 2 + 20 + 1
    assert faults[-1] == f"plains: and {MANY - 20:,} more"
    await reindexed(url)
    assert (await inspected(url)).faults == []
    assert await shown(url) == before


async def test_lists_have_an_index_before_they_are_made_anew(make_url: MakeUrl) -> None:
    """Every row that is filled looks for its old items: without an index that takes the square of the time."""
    url, texts = make_url("sqlite"), list[str]()
    await filled(url)
    async with raw_connection(url, "write") as raw:

        def noting(text: str, values: Sequence[Any]) -> Sequence[Any]:
            texts.append(text)
            return raw.execute(text, values)

        schema = DatabaseSchema(noting, make_statements((THINGS,), raw.dialect), raw.dialect)
        raw.in_transaction(lambda: schema.bring_up(lambda _: None, refills=True))
    (index,) = [at for at, text in enumerate(texts) if text.startswith("CREATE INDEX") and 'ON "things.tags"' in text]
    assert index < min(at for at, text in enumerate(texts) if text.startswith("UPDATE things "))


class Sorted(Schema):
    """A document with a set, which has another order in each process."""

    id: str
    tags: frozenset[str] = frozenset()


@pytest.mark.parametrize("engine", ENGINES)
async def test_the_order_of_a_set_is_no_fault(engine: str, make_url: MakeUrl) -> None:
    url, stores = make_url(engine), (Collection("sorted", Sorted, indexes=("tags",)),)
    async with opened(url, stores) as db:
        await db.transact(Tx.insert, stores[0], Sorted(id="a", tags=frozenset(("x", "y", "z"))))
    for order in ('["x", "y", "z"]', '["z", "y", "x"]'):
        value = f"'{order}'" if engine == "sqlite" else "ARRAY" + order.replace('"', "'")
        await ask(url, f"UPDATE sorted SET i_tags = {value}")
        assert (await inspected(url, stores)).faults == []
    await ask(url, "UPDATE sorted SET i_tags = NULL")
    assert (await inspected(url, stores)).faults[0].startswith("sorted: the index columns of 'a' are out of date")


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_check_tells_that_a_newer_version_wrote_it(engine: str, make_url: MakeUrl) -> None:
    url = make_url(engine)
    newer = Collection("plains", Plain, key="slug", upgrades=(lambda raw: raw,))
    async with opened(url, (newer,)) as db:
        await db.transact(Tx.insert, newer, Plain(slug="a"))
    older = Collection("plains", Plain, key="slug")
    assert (await inspected(url, (older,))).faults == [
        "plains: it was written by a newer version of this service (2, known here: 1)",
        "plains: 'a' cannot be read: it was written by version 2 of the model, and this service knows 1",
    ]


async def test_what_stands_in_an_unreadable_document_is_not_told(make_url: MakeUrl) -> None:
    url = make_url("sqlite")
    await filled(url)
    await ask(url, """UPDATE plains SET body = '{"slug": "p00000", "count": "secret"}' WHERE key = 'p00000'""")
    (fault,) = (await inspected(url)).faults
    assert fault.startswith("plains: 'p00000' cannot be read: count: Input should be a valid integer")
    assert "secret" not in fault


def beside(url: str) -> dict[str, bytes]:
    """Every file of a database, and what is in it."""
    path = Path(url.removeprefix("sqlite:///"))
    return {each.name: each.read_bytes() for each in path.parent.glob(f"{path.name}*") if "rates" not in each.name}


async def test_a_check_leaves_no_trace_of_itself(make_url: MakeUrl) -> None:
    url = make_url("sqlite")
    await filled(url)
    before = beside(url)
    assert list(before) == ["1.db"]
    assert (await inspected(url)).faults == []
    assert beside(url) == before


async def test_a_check_sees_what_a_running_service_has_only_written_ahead(make_url: MakeUrl) -> None:
    url, names = make_url("sqlite"), ("1.db", "1.db-wal")
    await filled(url)
    async with opened(url) as db:
        await db.transact(Tx.insert, PLAINS, Plain(slug="new"))
        before = beside(url)
        assert "plains: 1,201" in (await inspected(url)).counts
        after = beside(url)
        assert [after[name] for name in names] == [before[name] for name in names]


async def test_a_look_at_a_file_that_is_written_to_meanwhile_is_known_to_be_of_no_moment(make_url: MakeUrl) -> None:
    url = make_url("sqlite")
    await filled(url)
    async with raw_connection(url, "look") as raw:
        assert raw.is_steady()
        async with opened(url) as db:
            await db.transact(Tx.insert, PLAINS, Plain(slug="new"))
            assert not raw.is_steady()
        assert not raw.is_steady()


def test_a_check_that_was_disturbed_looks_again(
    make_url: MakeUrl, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = make_url("sqlite")
    asyncio.run(filled(url))
    looks: list[str] = []

    def disturbed(raw: Raw, stores: Sequence[Store]) -> Findings:
        looks.append(raw.place)
        if len(looks) == 1:
            with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
                connection.execute("DELETE FROM events")
        return inspect(raw, stores)

    monkeypatch.setattr(storage_commands, "inspect", disturbed)
    assert run(monkeypatch, "check", url) == 0
    assert len(looks) == 2
    assert "events: 0" in capsys.readouterr().out


async def test_a_snapshot_of_postgresql_can_change_nothing(make_url: MakeUrl) -> None:
    async with raw_connection(make_url("postgresql"), "look") as raw:
        with pytest.raises(SettingsError, match="read-only transaction"):
            await greenlet_spawn(raw.in_snapshot, lambda: raw.execute("CREATE TABLE things (id int)", ()))


async def test_nobody_writes_to_a_store_of_postgresql_while_it_is_indexed_anew(make_url: MakeUrl) -> None:
    """Or what is written meanwhile would be given the columns of what stood there before."""
    url, searched = make_url("postgresql"), Collection("searched", Thing, search=("name",))
    async with opened(url, (searched,)) as db:
        await db.transact(Tx.insert, searched, Thing(id="a", name="old"))
    async with raw_connection(url, "write") as raw, raw_connection(url, "write") as other:
        schema = DatabaseSchema(raw.execute, make_statements((searched,), raw.dialect), raw.dialect)
        await greenlet_spawn(raw.execute, "BEGIN", ())
        await greenlet_spawn(lambda: schema.bring_up(lambda _: None, refills=True))
        await greenlet_spawn(other.execute, "SET lock_timeout = '100ms'", ())
        with pytest.raises(SettingsError, match="lock timeout"):
            await greenlet_spawn(other.execute, "INSERT INTO searched VALUES ('b', '{}', 1, 1, '')", ())


# The commands as a whole


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run a command in this process, with the tests' stores."""
    monkeypatch.setattr(storage_commands, "_stores", lambda *_: STORES)
    return storage_commands.run_storage_command(parser().parse_args(("storage", *arguments)))


def test_check_reindex_and_copy_say_what_they_did(
    make_url: MakeUrl, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = make_url("sqlite"), make_url("postgresql")
    asyncio.run(filled(one))
    assert run(monkeypatch, "copy", one, other) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[:4] == ["things: 2", "plains: 1,200", "marks: 35", "events: 1"]
    assert said.out.splitlines()[4].startswith(f"Copied 1,238 rows from {one} to postgresql://")
    assert "plains: 1,100 of 1,200\n" in said.err
    asyncio.run(ask(other, "UPDATE plains SET i_count = 99 WHERE key = 'p00003'"))
    assert run(monkeypatch, "check", other) == 1
    told = "! plains: the index columns of 'p00003' are out of date; run `storage reindex`"
    assert capsys.readouterr().out.splitlines()[4:] == [told, "1 lines tell what does not fit."]
    assert run(monkeypatch, "reindex", other) == 0
    assert capsys.readouterr().out == "Every index column was made anew.\n"
    assert run(monkeypatch, "check", other) == 0
    assert capsys.readouterr().out.endswith("events: 1\nEverything fits.\n")


@pytest.mark.parametrize("name", ["copy", "reindex"])
def test_an_unreadable_document_stops_a_command_in_one_line(
    name: str, make_url: MakeUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, more = make_url("sqlite"), (make_url("sqlite"),) if name == "copy" else ()
    asyncio.run(filled(url))
    asyncio.run(ask(url, "UPDATE plains SET body = '[]' WHERE key = 'p00007'"))
    monkeypatch.setattr(storage_commands, "_stores", lambda *_: STORES)
    status, _, error = command("", name, url, *more)
    assert status == 1
    told = "plains: 'p00007' cannot be read, so nothing more is done; `python -m slice_api storage check` says what is"
    assert error.splitlines()[-1].startswith(told)


def test_a_database_of_somebody_else_is_not_reindexed(make_url: MakeUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="holds nothing of this service"):
        run(monkeypatch, "reindex", make_url("postgresql"))


@needs("links")
def test_the_stores_of_a_slice_that_is_switched_off_are_not_missed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/data.db"
    asyncio.run(prepare(chassis_of(make_app(storage_url=url, disabled=("links",)))))
    for disabled, told in (("links", "Everything fits."), ("", "! links: there is no table for it yet")):
        status, out, _ = command(url, "check", SLICE_DISABLED=disabled)
        assert told in out
        assert "chassis_parked_events: 0 events parked" in out
        assert status == (0 if disabled else 1)


# Backups


def test_a_service_begins_a_life_of_its_own_from_a_backup(tmp_path: Path) -> None:
    """Or it would believe caches that know what came after the backup."""
    url, file = f"sqlite:///{tmp_path}/data.db", tmp_path / "backup.db"

    async def lives(url: str) -> int:
        async with opened(url, (LIVES,)) as db:
            return await db.count(LIVES)

    async def live() -> None:
        async with opened(url, (LIVES,)) as db:
            await db.transact(Tx.insert, LIVES, StorageLife(id="one", life="first"))

    asyncio.run(live())
    assert command(url, "backup", str(file))[0] == 0
    assert [asyncio.run(lives(each)) for each in (url, f"sqlite:///{file}")] == [1, 0]


def test_a_backup_never_takes_the_place_of_the_database_itself(tmp_path: Path) -> None:
    """A service that has it open would go on writing to a file that nobody finds any more."""
    url, link = f"sqlite:///{tmp_path}/data.db", tmp_path / "link.db"
    asyncio.run(filled(url))
    link.symlink_to(tmp_path / "data.db")
    inode = (tmp_path / "data.db").stat().st_ino
    for file in (tmp_path / "data.db", link):
        status, _, error = command(url, "backup", str(file), "--force")
        assert (status, error) == (1, f"{file} is the database itself; choose another name.\n")
    assert (tmp_path / "data.db").stat().st_ino == inode


def test_a_backup_is_not_written_beside_what_is_left_of_another_database(tmp_path: Path) -> None:
    """SQLite would play it into the new file."""
    url, file = f"sqlite:///{tmp_path}/data.db", tmp_path / "backup.db"
    asyncio.run(filled(url))
    crash = "import os, sqlite3, sys; connection = sqlite3.connect(sys.argv[1], isolation_level=None); "
    crash += "connection.execute('PRAGMA journal_mode = wal'); connection.execute('CREATE TABLE t (x)'); os._exit(0)"
    subprocess.run((sys.executable, "-c", crash, str(file)), check=True)
    before = beside(f"sqlite:///{file}")
    assert "backup.db-wal" in before
    status, _, error = command(url, "backup", str(file), "--force")
    assert status == 1
    assert f"{file}-wal is there" in error
    file.unlink()
    assert command(url, "backup", str(file))[0] == 1
    assert beside(f"sqlite:///{file}") == {name: data for name, data in before.items() if name != "backup.db"}


def test_a_backup_is_one_file_for_the_same_people(tmp_path: Path) -> None:
    url, file = f"sqlite:///{tmp_path}/data.db", tmp_path / "backup.db"
    asyncio.run(filled(url))
    (tmp_path / "data.db").chmod(0o640)
    assert command(url, "backup", str(file))[0] == 0
    assert file.stat().st_mode & 0o777 == 0o640
    assert file.read_bytes()[18:20] == b"\1\1", "it asks for no file beside it"
    assert asyncio.run(inspected(f"sqlite:///{file}")).faults == []
    assert asyncio.run(shown(f"sqlite:///{file}")) == asyncio.run(shown(url))


def test_a_backup_of_what_is_damaged_is_not_made(tmp_path: Path) -> None:
    path, file = tmp_path / "data.db", tmp_path / "backup.db"
    asyncio.run(filled(f"sqlite:///{path}"))
    # A row and its index tell different keys: nothing but a thorough look finds that.
    path.write_bytes(path.read_bytes().replace(b"p00007", b"q00007", 1))
    status, out, error = command(f"sqlite:///{path}", "backup", str(file))
    assert (status, out) == (1, "")
    assert error.startswith(f"{file} could not be written: ")
    assert error.count("\n") == 1
    assert [each.name for each in tmp_path.iterdir() if "backup" in each.name] == []


@pytest.mark.parametrize("place", ["missing/backup.db", "folder"])
def test_a_backup_that_has_no_place_is_told_in_one_line(place: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/data.db"
    asyncio.run(filled(url))
    (tmp_path / "folder").mkdir()
    status, out, error = command(url, "backup", str(tmp_path / place), "--force")
    assert (status, out, error.count("\n")) == (1, "", 1)
    assert error.startswith(str(tmp_path / place))
