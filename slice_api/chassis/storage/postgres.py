"""PostgreSQL through asyncpg.

`fn(tx)` is a plain function, and what it asks of the database takes time: it runs in a greenlet, which lets the loop go
on while it waits. A transaction takes as little of the database as it needs: one look-up is a statement by itself, what
only reads has a snapshot, and what writes is serializable: as if each had been alone. What fails for that reason runs
again, behind a lock that lets the unlucky ones pass one after another.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from enum import IntEnum
from functools import partial
from time import monotonic
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import asyncpg
from pydantic import BaseModel
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.util.concurrency import await_only, greenlet_spawn

from slice_api.chassis.clock import Clock
from slice_api.chassis.events import EventRecord
from slice_api.chassis.rate_limits import RateLimiter
from slice_api.chassis.signals import wait_for
from slice_api.chassis.storage.database import sweep_all
from slice_api.chassis.storage.faults import StorageAway, Tell, silent
from slice_api.chassis.storage.pool import Connection, Pool, connect
from slice_api.chassis.storage.rates import SqlRateLimiter
from slice_api.chassis.storage.schema import STORES_TABLE, Schema
from slice_api.chassis.storage.sql import CHANNEL, Clash, SqlRows, document_in, make_statements
from slice_api.chassis.storage.statements import Statement, Statements, Values
from slice_api.chassis.storage.stores import Collection, Store
from slice_api.chassis.storage.tables import parsed_url
from slice_api.chassis.storage.tx import Origin, Tx, version_clock
from slice_api.chassis.together import Together
from slice_api.settings import SettingsError

M = TypeVar("M", bound=BaseModel)
P = ParamSpec("P")
R = TypeVar("R")

_PATIENCE_SECONDS: Final = 1.75
_LEAST_SECONDS: Final = 0.5
_HELD_UP_SECONDS: Final = 0.1
"""How late a timer is when the loop was held up by something else."""
_QUICK_SECONDS: Final = 0.25
_START_PATIENCE_SECONDS: Final = 10.0
_AGAIN_SECONDS: Final = 0.5
_ALIVE_SECONDS: Final = 1.0
_POOL_SIZE: Final = 10
_IDLE_SECONDS: Final = 60.0

_LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
)
_CLASHES = (Clash, asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.UniqueViolationError)


_PING = Statement("SELECT 1", tuple, is_write=False)


class Need(IntEnum):
    """What a transaction needs of the database."""

    ONE_LOOK = 0
    SNAPSHOT = 1
    WRITING = 2


_BEGIN: Mapping[Need, str] = {
    Need.SNAPSHOT: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    Need.WRITING: "BEGIN ISOLATION LEVEL SERIALIZABLE",
}


class _NeedsMore(BaseException):
    """The transaction asks for more than it was given, and must begin again; no error that a handler may catch."""

    def __init__(self, need: Need) -> None:
        self.need = need


def dialect() -> PGDialect_asyncpg:
    """How SQLAlchemy writes for us."""
    return PGDialect_asyncpg()  # type: ignore[no-untyped-call]


def _code_of(fn: Callable[..., Any]) -> Any:
    """What tells one kind of transaction from another."""
    while isinstance(fn, partial):
        fn = fn.func
    return getattr(fn, "__code__", fn)


def options_in(url: str) -> tuple[str, int]:
    """The address for asyncpg and the size of the pool; raises SettingsError."""
    parsed = parsed_url(url)
    size = str(parsed.query.get("pool_size", _POOL_SIZE))
    if not size.isdecimal() or int(size) < 1:
        raise SettingsError("SLICE_STORAGE_URL: pool_size must be a number, 1 or more.")
    parsed = parsed.set(drivername="postgresql").difference_update_query(["pool_size"])
    return parsed.render_as_string(hide_password=False), int(size)


def _told(error: BaseException) -> str:
    return str(error) or "it does not answer"


class _Watchdog:
    """Cuts a connection off that has not moved for too long: asyncpg's own timeouts ask the server first.

    Time in which this process itself was too busy to listen does not count.
    """

    def __init__(self, connection: Connection, end: float) -> None:
        self._connection, self._end = connection, end
        self._wait(max(_LEAST_SECONDS, end - monotonic()))

    def _wait(self, seconds: float) -> None:
        self._due = monotonic() + seconds
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def note_move(self) -> None:
        """The server has answered."""
        self._end = monotonic() + _PATIENCE_SECONDS

    def _look(self) -> None:
        if monotonic() - self._due > _HELD_UP_SECONDS:
            self.note_move()
        left = self._end - monotonic()
        if left <= 0:
            self._connection.terminate()
            return
        self._wait(left)

    def close(self) -> None:
        self._timer.cancel()


class _Turn:
    """One transaction on one connection."""

    def __init__(self, connection: Connection, need: Need, watchdog: _Watchdog, *, is_queued: bool) -> None:
        self._connection, self._watchdog, self._is_queued = connection, watchdog, is_queued
        self.need = need
        self._has_looked = False
        self.has_begun = False
        self.is_committing = False

    def run(self, statement: Statement, values: Values) -> Sequence[Any]:
        self._provide(Need.WRITING if statement.is_write else Need(self._has_looked))
        self._has_looked = True
        rows: Sequence[Any] = await_only(self._connection.fetch(statement.text, *statement.arrange(values)))
        self._watchdog.note_move()
        return rows

    def _provide(self, need: Need) -> None:
        """Begin the transaction that is needed; a smaller one that is under way has to begin again."""
        if need > self.need and self._has_looked:
            raise _NeedsMore(need)
        if self.has_begun or max(need, self.need) is Need.ONE_LOOK:
            return
        self.need = max(need, self.need)
        await_only(self._connection.execute(_BEGIN[self.need]))
        self.has_begun = True
        if self._is_queued:
            # Before the snapshot is taken, or it would be an old one by the time the lock is given.
            await_only(self._connection.execute(f"LOCK TABLE {STORES_TABLE} IN SHARE ROW EXCLUSIVE MODE"))

    def commit(self) -> None:
        if self.has_begun:
            self.is_committing = True
            await_only(self._connection.execute("COMMIT"))
            self.has_begun = False

    async def roll_back(self) -> None:
        if self.has_begun:
            await self._connection.execute("ROLLBACK")


def _run_whole(turn: _Turn, tx: Tx, fn: Callable[..., R], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> R:
    result = fn(tx, *args, **kwargs)
    tx.finish()
    turn.commit()
    return result


class PostgresStorage:
    """A PostgreSQL database, for processes on as many machines as there are."""

    is_shared = True
    tells_all = False

    def __init__(self, url: str, clock: Clock) -> None:
        self._dsn, self._pool_size = options_in(url)
        self.place = parsed_url(url).render_as_string(hide_password=True)
        self._clock = clock
        self._pool: Pool | None = None
        self._stores: Sequence[Store] = ()
        self._statements: Mapping[str, Statements] = {}
        self._next_version = version_clock()
        self._looks: Mapping[str, Together[str, Sequence[Any]]] = {}
        """Look-ups by key, of each collection."""
        self._needs: dict[Any, Need] = {}
        """What each kind of transaction has needed before, so that it begins with that."""

    # Opening and closing

    async def open(self, stores: Sequence[Store], tell: Tell = silent) -> None:
        self._stores, self._statements = stores, make_statements(stores, dialect())
        self._looks = {name: Together(partial(self._look_up, each)) for name, each in self._statements.items()}
        try:
            connection = await connect(self._dsn, _START_PATIENCE_SECONDS)
            try:
                await self._bring_up(connection, tell)
            finally:
                connection.terminate()
        except (*_LOST, asyncpg.PostgresError, ValueError) as error:
            raise SettingsError(f"SLICE_STORAGE_URL: {self.place} cannot be used: {_told(error)}") from error
        self._pool = Pool(self._dsn, self._pool_size)

    async def _bring_up(self, connection: Connection, tell: Tell) -> None:
        def execute(text: str, values: Sequence[Any]) -> Sequence[Any]:
            return await_only(connection.fetch(text, *values))

        schema = Schema(execute, self._statements, dialect(), self._clock)
        if await greenlet_spawn(schema.is_current):
            return
        async with connection.transaction():
            await greenlet_spawn(schema.bring_up, tell)

    async def close(self) -> None:
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.close()

    @asynccontextmanager
    async def _watched(self, end: float) -> AsyncIterator[tuple[Connection, _Watchdog]]:
        """A connection that is cut off when it does not answer by `end`."""
        if self._pool is None:
            raise StorageAway("storage is closed")
        async with self._pool.connection(end) as connection:
            watchdog = _Watchdog(connection, end)
            try:
                yield connection, watchdog
            except _LOST:
                connection.terminate()
                raise
            finally:
                watchdog.close()

    # Work

    async def _fetch(self, statement: Statement, values: Values) -> Sequence[Any]:
        """Run one statement by itself."""

        async def attempt(end: float) -> Sequence[Any]:
            async with self._watched(end) as (connection, _):
                return await connection.fetch(statement.text, *statement.arrange(values))

        return await self._steadily(attempt)

    async def get(self, origin: Origin | None, collection: Collection[M], key: str) -> M | None:
        rows = await self._looks[collection.name].do(key)
        return document_in(collection, self._statements[collection.name], rows, key, self._clock, origin)

    async def _look_up(self, own: Statements, keys: Sequence[str]) -> Sequence[Sequence[Any]]:
        """For each key its row, or none."""
        if len(keys) == 1:
            return [await self._fetch(own.get, keys)]
        rows = await self._fetch(own.get_several, (list(set(keys)),))
        found = {key: ((body, version, model),) for key, body, version, model in rows}
        return [found.get(key, ()) for key in keys]

    async def transact(
        self, origin: Origin, fn: Callable[Concatenate[Tx, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> tuple[R, list[EventRecord]]:
        kind, mark, is_queued = _code_of(fn), origin.mark(), False

        async def attempt(end: float) -> tuple[R, list[EventRecord]]:
            origin.restore(mark)
            async with self._watched(end) as (connection, watchdog):
                turn = _Turn(connection, self._needs.get(kind, Need.ONE_LOOK), watchdog, is_queued=is_queued)
                tx = Tx(SqlRows(turn.run, self._statements, self._next_version), self._clock(), origin)
                try:
                    result = await greenlet_spawn(_run_whole, turn, tx, fn, args, kwargs)
                except _NeedsMore as more:
                    self._needs[kind] = more.need
                    await turn.roll_back()
                    raise
                except _LOST as error:
                    if turn.is_committing:
                        raise StorageAway(f"it is not known whether a commit has happened: {_told(error)}") from error
                    raise
                except Exception:
                    await turn.roll_back()
                    raise
                return result, tx.emitted

        end = monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return await self._steadily(attempt)
            except _NeedsMore:
                continue
            except _CLASHES as error:
                is_queued = True
                if monotonic() > end:
                    raise StorageAway("other transactions came between again and again") from error

    async def _steadily(self, attempt: Callable[[float], Awaitable[R]]) -> R:
        """Try, and once more at once when the connection was lost: a server that was restarted is there again."""
        started = monotonic()
        try:
            return await attempt(started + _PATIENCE_SECONDS)
        except _LOST as error:
            if monotonic() - started > _QUICK_SECONDS:
                raise StorageAway(f"{self.place}: {_told(error)}") from error
        try:
            return await attempt(started + _PATIENCE_SECONDS)
        except _LOST as error:
            raise StorageAway(f"{self.place}: {_told(error)}") from error

    # Watching

    async def check(self) -> None:
        """Raise StorageAway unless the server answers."""
        await self._fetch(_PING, ())

    def stamp(self, *collections: Collection[Any]) -> None:
        """PostgreSQL tells of events, but not of what is written without any."""

    async def listen(self, notify: Callable[[], None], closing: asyncio.Event) -> None:
        """Be told by the server whenever some process has committed events."""
        while not closing.is_set():
            with suppress(*_LOST, asyncpg.PostgresError):
                await self._listen_once(notify, closing)
            await wait_for(closing, _AGAIN_SECONDS)

    async def _listen_once(self, notify: Callable[[], None], closing: asyncio.Event) -> None:
        connection = await connect(self._dsn, _PATIENCE_SECONDS)
        try:
            await connection.add_listener(CHANNEL, lambda *_: notify())
            # Something may have happened while nobody listened.
            notify()
            while not closing.is_set():
                await wait_for(closing, _ALIVE_SECONDS)
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await connection.fetchval("SELECT 1")
        finally:
            connection.terminate()

    def rate_limiter(self) -> RateLimiter:
        return SqlRateLimiter(self._fetch, dialect())

    async def sweep(self) -> int:
        if self._pool is not None:
            await self._pool.close_idle(_IDLE_SECONDS)
        await SqlRateLimiter(self._fetch, dialect()).sweep()
        return await sweep_all(self, self._stores)
