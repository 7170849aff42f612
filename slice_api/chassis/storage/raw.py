"""A database as the storage commands see it: SQL and rows, without transactions of slices and without a service."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any, Literal, NamedTuple, TypeVar

import asyncpg
from sqlalchemy import Dialect
from sqlalchemy.util.concurrency import await_only

from slice_api.chassis.storage.pool import connect
from slice_api.chassis.storage.postgres import dialect as postgres_dialect
from slice_api.chassis.storage.postgres import options_in
from slice_api.chassis.storage.schema import Execute
from slice_api.chassis.storage.sqlite import dialect as sqlite_dialect
from slice_api.chassis.storage.sqlite import path_in
from slice_api.chassis.storage.tables import parsed_url
from slice_api.settings import SettingsError

R = TypeVar("R")

Mode = Literal["read", "write", "make"]
"""To look; to change what is there; to change it, and make it where there is none."""

_MODES = {"read": "ro", "write": "rw", "make": "rwc"}
_WAIT_SECONDS = 60.0
_CONNECT_SECONDS = 10.0


class Raw(NamedTuple):
    """One connection."""

    execute: Execute
    execute_many: Callable[[str, Sequence[Sequence[Any]]], None]
    dialect: Dialect

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
            self.execute("ROLLBACK", ())
            raise
        return result


@asynccontextmanager
async def raw_connection(url: str, mode: Mode) -> AsyncIterator[Raw]:
    """A connection to the database of a storage URL; raises SettingsError where there is none."""
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        with closing(_sqlite(url, mode)) as connection:
            yield _raw_sqlite(connection)
    elif scheme in ("postgresql", "postgres"):
        async with _postgres(url) as raw:
            yield raw
    else:
        raise SettingsError(f"{url or 'memory'} outlives no process; name a database: sqlite:///… or postgresql://…")


def _sqlite(url: str, mode: Mode) -> sqlite3.Connection:
    path, _ = path_in(url)
    uri = f"{path.absolute().as_uri()}?mode={_MODES[mode]}"
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_WAIT_SECONDS)
        connection.execute("SELECT count(*) FROM sqlite_master")
        if mode == "make":
            connection.execute("PRAGMA journal_mode = wal")
    except sqlite3.Error as error:
        raise SettingsError(f"{path} cannot be used: {error}") from error
    return connection


def _raw_sqlite(connection: sqlite3.Connection) -> Raw:
    def execute(text: str, values: Sequence[Any]) -> Sequence[Any]:
        return connection.execute(text, values).fetchall()

    def execute_many(text: str, rows: Sequence[Sequence[Any]]) -> None:
        connection.executemany(text, rows)

    return Raw(execute, execute_many, sqlite_dialect())


@asynccontextmanager
async def _postgres(url: str) -> AsyncIterator[Raw]:
    dsn, _ = options_in(url)
    try:
        connection = await connect(dsn, _CONNECT_SECONDS)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise SettingsError(f"{shown(url)} cannot be used: {str(error) or 'it does not answer'}") from error

    def execute(text: str, values: Sequence[Any]) -> Sequence[Any]:
        return await_only(connection.fetch(text, *values))

    def execute_many(text: str, rows: Sequence[Sequence[Any]]) -> None:
        await_only(connection.executemany(text, rows))

    try:
        yield Raw(execute, execute_many, postgres_dialect())
    finally:
        await connection.close()


def shown(url: str) -> str:
    """An address without its password."""
    return parsed_url(url).render_as_string(hide_password=True)
