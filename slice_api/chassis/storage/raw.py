"""A database as the storage commands see it: SQL and rows, without transactions of slices and without a service."""

import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import asyncpg
from sqlalchemy import URL, Dialect
from sqlalchemy.util.concurrency import await_only

from slice_api.chassis.storage.engines import is_in_memory
from slice_api.chassis.storage.pool import connect
from slice_api.chassis.storage.postgres import dialect as postgres_dialect
from slice_api.chassis.storage.postgres import options_in
from slice_api.chassis.storage.schema import Execute
from slice_api.chassis.storage.sqlite import dialect as sqlite_dialect
from slice_api.chassis.storage.sqlite import path_in
from slice_api.chassis.storage.tables import parsed_url
from slice_api.settings import SettingsError

R = TypeVar("R")

Mode = Literal["look", "read", "write", "make"]
"""To look and leave no trace; to read while others write; to change what is there; to make it where there is none."""

_MODES = {"look": "ro", "read": "ro", "write": "rw", "make": "rwc"}
_WAIT_SECONDS = 60.0
_CONNECT_SECONDS = 10.0
_FAULTS = (sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError, OverflowError)


class Raw(NamedTuple):
    """One connection."""

    place: str
    """Which database it is, without the name and the password of whoever asks."""
    execute: Execute
    execute_many: Callable[[str, Sequence[Sequence[Any]]], None]
    dialect: Dialect
    is_steady: Callable[[], bool]
    """False when a file that was looked at as nobody's was written to meanwhile: what was read may be of no moment."""

    def in_transaction(self, work: Callable[[], R]) -> R:
        """Do something as a whole, or not at all."""
        return self._in("BEGIN IMMEDIATE" if self.dialect.name == "sqlite" else "BEGIN", work)

    def in_snapshot(self, work: Callable[[], R]) -> R:
        """Look at everything as it is at one moment, and change nothing."""
        is_sqlite = self.dialect.name == "sqlite"
        return self._in("BEGIN" if is_sqlite else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", work)

    def _in(self, begin: str, work: Callable[[], R]) -> R:
        self.execute(begin, ())
        try:
            result = work()
            self.execute("COMMIT", ())
        except BaseException:
            # Some faults have ended the transaction, or the connection, by themselves.
            with suppress(SettingsError):
                self.execute("ROLLBACK", ())
            raise
        return result


@asynccontextmanager
async def raw_connection(url: str, mode: Mode) -> AsyncIterator[Raw]:
    """A connection to the database of a storage URL.

    Raises SettingsError where there is none, and for whatever the database refuses later: in one line.
    """
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        with _sqlite(url, mode) as raw:
            yield raw
    elif scheme in ("postgresql", "postgres"):
        async with _postgres(url) as raw:
            yield raw
    else:
        why = "memory outlives no process" if is_in_memory(url) else f"there is no storage engine for {scheme!r}"
        raise SettingsError(f"{why}; name a database: sqlite:///… or postgresql://…")


@contextmanager
def _told_of(place: str) -> Iterator[None]:
    """What a driver says, in one line with the database's name."""
    try:
        yield
    except _FAULTS as error:
        told = " ".join(str(error).split()) or "it does not answer"
        raise SettingsError(f"{place} cannot be used: {told}") from error


def sqlite_connection(url: str, mode: Mode) -> sqlite3.Connection:
    """A connection to the file of a storage URL; raises SettingsError."""
    path, _ = path_in(url)
    return _open_file(url, mode, is_alone=_leaves_no_trace(path, mode))


def _open_file(url: str, mode: Mode, *, is_alone: bool) -> sqlite3.Connection:
    path, durability = path_in(url)
    if mode != "make" and not path.is_file():
        raise SettingsError(f"{path} cannot be used: there is no such file")
    uri = f"{path.absolute().as_uri()}?mode={_MODES[mode]}{'&immutable=1' if is_alone else ''}"
    with _told_of(str(path)):
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_WAIT_SECONDS)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master")
            if mode == "make":
                connection.execute("PRAGMA journal_mode = wal")
                connection.execute(f"PRAGMA synchronous = {durability}")
        except sqlite3.Error:
            connection.close()
            raise
    return connection


def _leaves_no_trace(path: Path, mode: Mode) -> bool:
    """Whether a file is to be read as if nothing could change it.

    Else SQLite makes two files beside it, even for who only reads; where it cannot, it refuses to read.
    """
    return _is_nobodys(path) and (mode == "look" or (mode == "read" and not os.access(path.parent, os.W_OK)))


def _is_nobodys(path: Path) -> bool:
    """Whether nobody is writing to the file, nor has left anything in it unfinished."""
    beside = [path.with_name(f"{path.name}{end}") for end in ("-wal", "-journal")]
    return not any(each.exists() and each.stat().st_size for each in beside)


def _state_of(path: Path) -> tuple[int, ...]:
    """Changes when the file does."""
    found = path.stat() if path.exists() else None
    return (found.st_mtime_ns, found.st_size, found.st_ino) if found else ()


@contextmanager
def _sqlite(url: str, mode: Mode) -> Iterator[Raw]:
    path, _ = path_in(url)
    is_alone, before = _leaves_no_trace(path, mode), _state_of(path)
    with closing(_open_file(url, mode, is_alone=is_alone)) as connection:

        def execute(text: str, values: Sequence[Any]) -> Sequence[Any]:
            with _told_of(str(path)):
                return connection.execute(text, values).fetchall()

        def execute_many(text: str, rows: Sequence[Sequence[Any]]) -> None:
            with _told_of(str(path)):
                connection.executemany(text, rows)

        def is_steady() -> bool:
            return not is_alone or (_is_nobodys(path) and _state_of(path) == before)

        yield Raw(f"sqlite:///{path.resolve()}", execute, execute_many, sqlite_dialect(), is_steady)


@asynccontextmanager
async def _postgres(url: str) -> AsyncIterator[Raw]:
    dsn, _ = options_in(url)
    with _told_of(shown(url)):
        connection = await connect(dsn, _CONNECT_SECONDS)

    def execute(text: str, values: Sequence[Any]) -> Sequence[Any]:
        with _told_of(shown(url)):
            return await_only(connection.fetch(text, *values))

    def execute_many(text: str, rows: Sequence[Sequence[Any]]) -> None:
        with _told_of(shown(url)):
            await_only(connection.executemany(text, rows))

    try:
        # A snapshot has nothing to ask while the other database writes; a server may take it for forgotten.
        await connection.execute("SET idle_in_transaction_session_timeout = 0")
        yield Raw(_place_of(url), execute, execute_many, postgres_dialect(), lambda: True)
    finally:
        with suppress(*_FAULTS):
            await connection.close(timeout=_CONNECT_SECONDS)


def _place_of(url: str) -> str:
    parsed = parsed_url(url)
    return URL.create("postgresql", host=parsed.host, port=parsed.port, database=parsed.database).render_as_string()


def shown(url: str) -> str:
    """An address without its password."""
    return parsed_url(url).render_as_string(hide_password=True)
