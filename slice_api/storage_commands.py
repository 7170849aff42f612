"""`python -m slice_api storage …`: looking after what is kept."""

import argparse
import asyncio
import os
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy.util.concurrency import greenlet_spawn

from slice_api.chassis.assembly import OWN_STORES
from slice_api.chassis.discovery import find_slices
from slice_api.chassis.storage.faults import Unreadable
from slice_api.chassis.storage.inspection import inspect
from slice_api.chassis.storage.raw import raw_connection, shown
from slice_api.chassis.storage.schema import STORES_TABLE, Schema
from slice_api.chassis.storage.sql import make_statements
from slice_api.chassis.storage.sqlite import path_in
from slice_api.chassis.storage.stores import Store
from slice_api.chassis.storage.transfer import Transfer
from slice_api.settings import Settings, SettingsError

_URL_HELP = "the database (SLICE_STORAGE_URL)"
_COPY_HELP = "move everything into another, empty database; started again, it goes on where it was"
_COPY_NOTE = "What the service writes to the source during the copy may be missed: stop it first."


def add_storage_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the command line."""
    parser = commands.add_parser("storage", help="look after what is kept: check, reindex, copy, backup")
    storage = parser.add_subparsers(dest="storage_command", metavar="COMMAND", required=True)
    check = storage.add_parser("check", help="tell what does not fit this version, and change nothing")
    check.add_argument("url", nargs="?", help=_URL_HELP)
    reindex = storage.add_parser("reindex", help="make every index column anew from its document")
    reindex.add_argument("url", nargs="?", help=_URL_HELP)
    copy = storage.add_parser("copy", help=_COPY_HELP, description=f"{_COPY_HELP.capitalize()}. {_COPY_NOTE}")
    copy.add_argument("source", metavar="FROM", help="a storage URL, such as sqlite:///data.db")
    copy.add_argument("target", metavar="TO", help="another, such as postgresql://user:password@host/database")
    backup = storage.add_parser("backup", help="write a consistent copy of the SQLite file, while the service runs")
    backup.add_argument("file", type=Path, metavar="FILE", help="where to write it")
    backup.add_argument("--url", help=_URL_HELP)
    backup.add_argument("--force", action="store_true", help="replace FILE if it exists")


def run_storage_command(options: argparse.Namespace) -> int:
    """Run one of them; gives the exit status. Raises SettingsError for what cannot be."""
    try:
        match options.storage_command:
            case "check":
                return asyncio.run(_check(_url(options.url)))
            case "reindex":
                return asyncio.run(_reindex(_url(options.url)))
            case "copy":
                return asyncio.run(_copy(options.source, options.target))
            case _:
                return _back_up(_url(options.url), options.file, is_replacing=options.force)
    except Unreadable as error:
        raise SettingsError(str(error)) from error


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _url(given: str | None) -> str:
    return given or Settings().storage_url


def _stores() -> Sequence[Store]:
    return [*OWN_STORES, *(store for each in find_slices(("slice_api.slices",)) for store in each.stores)]


async def _check(url: str) -> int:
    async with raw_connection(url, "read") as raw:
        findings = await greenlet_spawn(raw.in_snapshot, lambda: inspect(raw, _stores()))
    for line in findings.counts:
        _say(line)
    for line in findings.faults:
        _say(f"! {line}")
    _say("Everything fits." if not findings.faults else f"{len(findings.faults)} lines tell what does not fit.")
    return 1 if findings.faults else 0


async def _reindex(url: str) -> int:
    async with raw_connection(url, "write") as raw:
        schema = Schema(raw.execute, make_statements(_stores(), raw.dialect), raw.dialect)

        def work() -> None:
            if STORES_TABLE not in schema.tables():
                raise SettingsError(f"{shown(url)} holds nothing of this service.")
            schema.bring_up(_tell, refills=True)

        await greenlet_spawn(raw.in_transaction, work)
    _say("Every index column was made anew.")
    return 0


async def _copy(source: str, target: str) -> int:
    async with raw_connection(source, "read") as one, raw_connection(target, "make") as other:
        transfer = Transfer(one, other, _stores(), _tell)
        copied = await greenlet_spawn(one.in_snapshot, transfer.run)
    for name, count in copied.items():
        _say(f"{name}: {count:,}")
    _say(f"Copied {sum(copied.values()):,} rows from {shown(source)} to {shown(target)}.")
    return 0


def _back_up(url: str, file: Path, *, is_replacing: bool) -> int:
    if url.startswith("postgres"):
        raise SettingsError("PostgreSQL has its own tools for this: pg_dump, or continuous archiving.")
    if not url.startswith("sqlite:"):
        raise SettingsError(f"{url or 'memory'} has no file to back up.")
    path, _ = path_in(url)
    if not path.exists():
        raise SettingsError(f"{path} is not there.")
    if file.exists() and not is_replacing:
        raise SettingsError(f"{file} exists; choose another name, or add --force to replace it.")
    part = file.with_name(f"{file.name}.part")
    try:
        _write_copy(path, part)
        os.replace(part, file)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        raise SettingsError(f"{file} could not be written: {error}") from error
    _say(f"{file}: {file.stat().st_size:,} bytes, checked; use it as sqlite:///{file}")
    return 0


def _write_copy(path: Path, part: Path) -> None:
    """Copy the file in one step, which is one moment of it, however much is being written; then look through it."""
    part.unlink(missing_ok=True)
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as source, closing(sqlite3.connect(part)) as copy:
        source.backup(copy)
        found = copy.execute("PRAGMA integrity_check").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)
    with part.open("rb") as written:
        os.fsync(written.fileno())
