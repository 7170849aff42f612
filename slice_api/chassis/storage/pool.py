"""Connections to one PostgreSQL: made when they are needed, kept for the next, never more than so many.

A connection is handed on as it is, since nothing is ever set on one; and one that does not answer is cut off at once.
asyncpg's own pool asks the server in both cases.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Final, NamedTuple, TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[Any]"

_SETTINGS: Final = {"application_name": "slice_api", "jit": "off"}
_LEAST_SECONDS: Final = 0.25
_CLOSE_SECONDS: Final = 0.25


class _Free(NamedTuple):
    connection: Connection
    since: float


async def connect(dsn: str, seconds: float) -> Connection:
    """A new connection; raises TimeoutError when the server does not answer in time."""
    return await asyncpg.connect(dsn, timeout=seconds, server_settings=_SETTINGS)


class Pool:
    """The connections of one process."""

    def __init__(self, dsn: str, size: int) -> None:
        self._dsn = dsn
        self._free: list[_Free] = []
        self._room = asyncio.Semaphore(size)
        self._is_closed = False

    @asynccontextmanager
    async def connection(self, end: float) -> AsyncIterator[Connection]:
        """A connection, until a moment (of `monotonic`) by which it must be there; raises TimeoutError after that.

        One that was left in the middle of something is thrown away.
        """
        connection = await self._take(end)
        try:
            yield connection
        except asyncio.CancelledError:
            connection.terminate()
            raise
        finally:
            self._give_back(connection)

    async def _take(self, end: float) -> Connection:
        if self._room.locked():
            async with asyncio.timeout(max(_LEAST_SECONDS, end - monotonic())):
                await self._room.acquire()
        else:
            await self._room.acquire()
        while self._free:
            connection = self._free.pop().connection
            if not connection.is_closed():
                return connection
        try:
            return await connect(self._dsn, max(_LEAST_SECONDS, end - monotonic()))
        except BaseException:
            self._room.release()
            raise

    def _give_back(self, connection: Connection) -> None:
        self._room.release()
        if connection.is_closed():
            return
        if self._is_closed or connection.is_in_transaction():
            connection.terminate()
            return
        self._free.append(_Free(connection, monotonic()))

    async def close_idle(self, seconds: float) -> None:
        """Close the connections that nobody has needed for so long."""
        idle = [each for each in self._free if monotonic() - each.since > seconds]
        self._free = [each for each in self._free if each not in idle]
        for each in idle:
            await _close(each.connection)

    async def close(self) -> None:
        """Close what is free now, and the rest when it is given back."""
        self._is_closed = True
        free, self._free = self._free, []
        await asyncio.gather(*(_close(each.connection) for each in free))


async def _close(connection: Connection) -> None:
    try:
        await connection.close(timeout=_CLOSE_SECONDS)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()
