"""SQLite through the standard library, on the loop's own thread: a look-up takes less time than a thread's turn.

Write-ahead logging lets readers go on while one process writes. A second writer never waits inside SQLite, where it
would hold up the loop: it is turned away at once and tries again a moment later.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from random import uniform
from time import monotonic, time_ns
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from pydantic import BaseModel
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from slice_api.chassis.clock import Clock
from slice_api.chassis.events import EventRecord
from slice_api.chassis.rate_limits import MemoryRateLimiter, RateLimiter
from slice_api.chassis.signals import repeat
from slice_api.chassis.storage.database import sweep_all
from slice_api.chassis.storage.faults import StorageAway, Tell, silent
from slice_api.chassis.storage.rates import SqlRateLimiter, rates_table_sql
from slice_api.chassis.storage.schema import STORES_TABLE, Schema
from slice_api.chassis.storage.sql import Clash, SqlRows, document_in, make_statements
from slice_api.chassis.storage.statements import Statement, Statements, Values
from slice_api.chassis.storage.stores import Collection, Store
from slice_api.chassis.storage.tables import parsed_url
from slice_api.chassis.storage.tx import Origin, Tx, version_clock
from slice_api.settings import SettingsError

M = TypeVar("M", bound=BaseModel)
P = ParamSpec("P")
R = TypeVar("R")

_OLDEST: Final = (3, 35)
_PATIENCE_SECONDS: Final = 1.75
_START_PATIENCE_SECONDS: Final = 60.0
_BUSY_SECONDS: Final = 0.002
_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.025
_LOOK_SECONDS: Final = 0.1
_STATEMENTS: Final = 512
_WAL_BYTES: Final = 64 * 2**20

_BUSY_CODES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_AWAY_CODES = frozenset({
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_PERM, sqlite3.SQLITE_PROTOCOL,
})  # fmt: skip

_BROKEN_CODES = frozenset({
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ,
})  # fmt: skip
"""What a new connection may cure."""


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 for what Python's module found wrong by itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def dialect() -> SQLiteDialect:
    """How SQLAlchemy writes for us."""
    return SQLiteDialect(paramstyle="qmark")


def path_in(url: str) -> tuple[Path, str]:
    """The file of a storage URL and how durable its commits are; raises SettingsError."""
    parsed = parsed_url(url)
    if parsed.host or not parsed.database or parsed.database == ":memory:":
        raise SettingsError(
            "SLICE_STORAGE_URL: write sqlite:///data.db for a file here, sqlite:////var/lib/data.db for one elsewhere."
        )
    options = dict(parsed.query)
    durability = str(options.pop("synchronous", "full")).lower()
    if options or durability not in ("full", "normal"):
        raise SettingsError("SLICE_STORAGE_URL: SQLite takes ?synchronous=full (the default) or normal, nothing else.")
    return Path(parsed.database), durability


class _Turn:
    """One transaction of the connection; it begins with its first statement, to write if that writes."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        writes: dict[str, int],
        *,
        must_write: bool,
        before_writing: Callable[[], None],
    ) -> None:
        self._connection, self._cursor, self._writes = connection, connection.cursor(), writes
        self._must_write, self._before_writing = must_write, before_writing
        self.has_written = False

    def run(self, statement: Statement, values: Values) -> Sequence[Any]:
        self._begin(statement)
        return self._cursor.execute(statement.text, statement.arrange(values)).fetchall()

    def write(self, statement: Statement, rows: Sequence[Values]) -> tuple[int, int]:
        self._begin(statement)
        if len(rows) > 1:
            self._cursor.executemany(statement.text, map(statement.arrange, rows[:-1]))
        self._cursor.execute(statement.text, statement.arrange(rows[-1]))
        return self._cursor.rowcount, self._cursor.lastrowid or 0

    def _begin(self, statement: Statement) -> None:
        if statement.is_write:
            self._writes[statement.store] += 1
            if not self.has_written:
                self.has_written = True
                self._before_writing()
        if not self._connection.in_transaction:
            # Whoever reads first and finds out later that it must write is turned away if another wrote in between,
            # and then begins as a writer.
            is_writer = self._must_write or statement.is_write
            self._cursor.execute("BEGIN IMMEDIATE" if is_writer else "BEGIN")

    def commit(self) -> None:
        if self._connection.in_transaction:
            self._cursor.execute("COMMIT")

    def roll_back(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # it was given up, which has taken everything back
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


class SqliteStorage:
    """One SQLite file, for as many processes of one machine as there are."""

    is_shared = True
    tells_all = True

    def __init__(self, url: str, clock: Clock) -> None:
        self.path, self._durability = path_in(url)
        if sqlite3.sqlite_version_info < _OLDEST:
            raise SettingsError(f"SLICE_STORAGE_URL: SQLite {sqlite3.sqlite_version} is too old; 3.35 is needed.")
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._rates_connection: sqlite3.Connection | None = None
        self._file = str(self.path)
        self._wal = self.path.with_name(f"{self.path.name}-wal")
        self._inode, self._wal_inode = 0, 0
        self._stores: Sequence[Store] = ()
        self._statements: Mapping[str, Statements] = {}
        self._writes: dict[str, int] = {}
        """How many statements of this process have written to each store, or tried to."""
        self._next_version = version_clock()
        self._fault: str | None = None
        """Why the last write failed, until one succeeds."""

    # Opening and closing

    async def open(self, stores: Sequence[Store], tell: Tell = silent) -> None:
        self._stores, self._statements = stores, make_statements(stores, dialect())
        self._writes = dict.fromkeys(self._statements, 0)
        if self._wal.exists() and not self.path.exists():
            raise SettingsError(
                f"SLICE_STORAGE_URL: {self.path} is gone, but {self._wal.name}, which belongs to it, is there; "
                "put it back, or delete that too."
            )
        try:
            await self._patiently(lambda: self._connect(mode="rwc"), _START_PATIENCE_SECONDS)
            await self._bring_up(tell)
        except (sqlite3.Error, StorageAway) as error:
            await self.close()
            hint = "does its folder exist, and may this user write there?"
            raise SettingsError(f"SLICE_STORAGE_URL: {self.path} cannot be used ({error}); {hint}") from error

    def _connect(self, mode: str) -> sqlite3.Connection:
        """Open the file; only the first start may make it, since one that is gone must not come back empty."""
        uri = f"{self.path.absolute().as_uri()}?mode={mode}"
        connection = sqlite3.connect(
            uri, uri=True, isolation_level=None, cached_statements=_STATEMENTS, timeout=_BUSY_SECONDS
        )
        try:
            connection.execute("PRAGMA journal_mode = wal")
            connection.execute(f"PRAGMA synchronous = {self._durability}")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
            connection.execute("SELECT name FROM sqlite_master LIMIT 1").fetchall()  # which makes the file -wal
        except sqlite3.Error:
            connection.close()
            raise
        self._connection, self._inode = connection, self.path.stat().st_ino
        self._wal_inode = self._wal.stat().st_ino if self._wal.exists() else 0
        return connection

    async def _bring_up(self, tell: Tell) -> None:
        schema = Schema(self._execute, self._statements, dialect(), self._clock)

        def attempt() -> None:
            self._execute("BEGIN IMMEDIATE", ())
            try:
                schema.bring_up(tell)
                self._execute("COMMIT", ())
            except BaseException:
                self._live().rollback()
                raise

        if not await self._patiently(schema.is_current, _START_PATIENCE_SECONDS):
            await self._patiently(attempt, _START_PATIENCE_SECONDS)

    async def close(self) -> None:
        self._give_up_connection()
        self._give_up_rates()

    def _live(self) -> sqlite3.Connection:
        """The connection, opened again when it was given up."""
        return self._connection or self._connect(mode="rw")

    def _execute(self, text: str, values: Sequence[Any]) -> Sequence[Any]:
        return self._live().execute(text, values).fetchall()

    # Work

    async def get(self, origin: Origin | None, collection: Collection[M], key: str) -> M | None:
        own = self._statements[collection.name]
        try:
            rows: Sequence[Any] = self._live().execute(own.get.text, (key,)).fetchall()
        except sqlite3.Error as error:
            if _code(error) not in _BUSY_CODES:
                raise self._away(error) from error
            rows = await self._patiently(lambda: self._execute(own.get.text, (key,)), _PATIENCE_SECONDS)
        return document_in(collection, own, rows, key, self._clock, origin)

    async def transact(
        self, origin: Origin, fn: Callable[Concatenate[Tx, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> tuple[R, list[EventRecord]]:
        mark, must_write = origin.mark(), False

        def attempt() -> tuple[R, list[EventRecord]]:
            nonlocal must_write
            turn = _Turn(self._live(), self._writes, must_write=must_write, before_writing=self._check_file)
            if must_write:
                origin.restore(mark)
            must_write = True
            tx = Tx(SqlRows(turn.run, self._statements, self._next_version, turn.write), self._clock(), origin)
            try:
                result = fn(tx, *args, **kwargs)
                tx.finish()
                turn.commit()
            except BaseException:
                turn.roll_back()
                raise
            if turn.has_written:
                self._fault = None
            return result, tx.emitted

        return await self._patiently(attempt, _PATIENCE_SECONDS)

    async def _patiently(self, attempt: Callable[[], R], seconds: float) -> R:
        """Try until nobody else is writing, with pauses in which the loop does other work."""
        end, pause = monotonic() + seconds, _FIRST_PAUSE
        while True:
            try:
                return attempt()
            except Clash:
                pass
            except sqlite3.Error as error:
                if _code(error) not in _BUSY_CODES:
                    raise self._away(error) from error
            if monotonic() > end:
                raise StorageAway(f"another process has been writing to {self.path} for too long")
            await asyncio.sleep(uniform(pause / 2, pause))  # noqa: S311 - nothing secret hangs on it
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _away(self, error: sqlite3.Error) -> Exception:
        """What to tell of an error: that storage is away where the disk is to blame, else the error itself."""
        if _code(error) not in _AWAY_CODES:
            return error
        self._fault = f"{self.path}: {error}"
        if error.sqlite_errorcode in _BROKEN_CODES:
            self._give_up_connection()
        return StorageAway(self._fault)

    def _give_up_connection(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def _check_file(self) -> None:
        """Before writing: the file must still be the one that was opened, or what is written would be gone with it."""
        try:
            inode = os.stat(self._file).st_ino  # which a Path takes three times as long for
        except OSError as error:
            raise StorageAway(f"{self.path} is gone: {error}") from error
        if inode != self._inode:
            self._set_wal_aside()
            self._give_up_connection()
            raise StorageAway(f"{self.path} was replaced by another file, which is opened now")

    def _set_wal_aside(self) -> None:
        """What belongs to the file that was replaced: read together with another it would destroy that."""
        with suppress(OSError):
            if self._wal.stat().st_ino == self._wal_inode:
                self._wal.rename(f"{self._wal}.replaced")
                self.path.with_name(f"{self.path.name}-shm").unlink(missing_ok=True)

    # Watching

    async def check(self) -> None:
        """Raise StorageAway unless the file can be read, and written if the last write failed."""
        self._check_file()
        look = f"SELECT name FROM {STORES_TABLE} LIMIT 1"  # noqa: S608 - a name of ours
        await self._patiently(lambda: self._execute(look, ()), _PATIENCE_SECONDS)
        if self._fault is not None:
            await self._patiently(self._try_to_write, _PATIENCE_SECONDS)

    def _try_to_write(self) -> None:
        # A number that SQLite keeps for applications; what does not change would not be written.
        self._execute(f"PRAGMA user_version = {time_ns() % 2**31}", ())
        self._fault = None

    def stamp(self, *collections: Collection[Any]) -> Hashable:
        """How much others have written anywhere, and this process; another connection begins to count anew."""
        try:
            own = [self._writes[each.name] for each in collections] if collections else [self._live().total_changes]
            return self._foreign_writes(), *own
        except sqlite3.Error:
            return None

    def _foreign_writes(self) -> tuple[sqlite3.Connection, int]:
        """SQLite keeps a number that changes with every commit of another process; reading it takes microseconds."""
        connection = self._live()
        [version] = connection.execute("PRAGMA data_version").fetchone()
        return connection, version

    async def listen(self, notify: Callable[[], None], closing: asyncio.Event) -> None:
        """Look ten times a second whether others have written."""
        seen: object = None

        def look() -> None:
            nonlocal seen
            with suppress(sqlite3.Error):
                now = self._foreign_writes()
                if now != seen:
                    notify()
                seen = now

        await repeat(look, _LOOK_SECONDS, closing)

    def rate_limiter(self) -> RateLimiter:
        return SqlRateLimiter(self._fetch_rates, dialect(), fallback=MemoryRateLimiter())

    async def _fetch_rates(self, statement: Statement, values: Values) -> Sequence[Any]:
        def attempt() -> Sequence[Any]:
            try:
                return self._rates().execute(statement.text, statement.arrange(values)).fetchall()
            except sqlite3.Error as error:
                if _code(error) in _BUSY_CODES:
                    raise
                self._give_up_rates()
                raise StorageAway(f"limits: {error}") from error

        return await self._patiently(attempt, _PATIENCE_SECONDS)

    def _rates(self) -> sqlite3.Connection:
        """A file beside the other, in which a commit costs nothing."""
        if self._rates_connection is None:
            path = self.path.with_name(f"{self.path.name}-rates")
            connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_SECONDS)
            connection.execute("PRAGMA journal_mode = wal")
            connection.execute("PRAGMA synchronous = off")
            connection.execute(rates_table_sql(dialect()))
            self._rates_connection = connection
        return self._rates_connection

    def _give_up_rates(self) -> None:
        if self._rates_connection is not None:
            connection, self._rates_connection = self._rates_connection, None
            connection.close()

    async def sweep(self) -> int:
        if self._rates_connection is not None:
            with suppress(StorageAway):
                await SqlRateLimiter(self._fetch_rates, dialect()).sweep()
        return await sweep_all(self, self._stores)
