"""The storage commands, on real databases: a look changes nothing, a copy goes on where it was, a backup is whole."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest
from sqlalchemy.util.concurrency import greenlet_spawn

from slice_api.chassis import EVENTS, PageQuery, Tx, has
from slice_api.chassis.clock import system_clock
from slice_api.chassis.storage.database import Database
from slice_api.chassis.storage.engines import make_storage
from slice_api.chassis.storage.inspection import Findings, inspect
from slice_api.chassis.storage.raw import raw_connection
from slice_api.chassis.storage.transfer import Transfer
from slice_api.chassis.storage.tx import Origin
from slice_api.settings import SettingsError
from tests.chassis.storage_model import MARKS, PLAINS, STORES, THINGS, Mark, Plain, Thing, ThingTold
from tests.postgres import shared_postgres
from tests.server import ROOT, environment

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
async def opened(url: str) -> AsyncIterator[Database]:
    storage = make_storage(url, system_clock)
    await storage.open(STORES)
    try:
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


async def copied(source: str, target: str, tell: Callable[[str], object] = lambda _: None) -> dict[str, int]:
    async with raw_connection(source, "read") as one, raw_connection(target, "make") as other:
        return dict(await greenlet_spawn(one.in_snapshot, Transfer(one, other, STORES, tell).run))


async def inspected(url: str) -> Findings:
    async with raw_connection(url, "read") as raw:
        return await greenlet_spawn(raw.in_snapshot, lambda: inspect(raw, STORES))


async def ask(url: str, text: str) -> None:
    """Change a database behind the service's back."""
    async with raw_connection(url, "write") as raw:
        await greenlet_spawn(raw.in_transaction, lambda: raw.execute(text, ()))


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
        assert await db.transact(Tx.append, MARKS, Mark(text="next"), partition="two") > newest


@pytest.mark.parametrize("target", ENGINES)
async def test_an_interrupted_copy_goes_on_where_it_was(target: str, make_url: MakeUrl) -> None:
    one, other = make_url("sqlite"), make_url(target)
    await filled(one)

    def stop_within_plains(line: str) -> None:
        if line.startswith("plains: 1,000"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await copied(one, other, stop_within_plains)
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
    with pytest.raises(SettingsError, match=r"not empty \(things, plains, marks, events\)"):
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
    assert faults[0].startswith("the stored document 'a' of things cannot be read:")
    assert faults[1].startswith("plains: the index columns of 'p00003' are out of date; run `storage reindex`")


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


def command(url: str, *arguments: str) -> tuple[int, str, str]:
    """Run a storage command as people do; gives its status and what it said."""
    done = subprocess.run(
        (sys.executable, "-m", "slice_api", "storage", *arguments),
        env=environment(SLICE_STORAGE_URL=url),
        cwd=ROOT / "tests",
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("url", "arguments", "told"),
    [
        ("", ("check",), "memory outlives no process"),
        ("", ("copy", "memory://", "sqlite:///x.db"), "memory:// outlives no process"),
        ("sqlite:////nowhere/at/all.db", ("check",), "/nowhere/at/all.db cannot be used: unable to open"),
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
