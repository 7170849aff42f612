"""Rate limits that hold across processes without Redis: one row for each key or address, changed by one statement.

Nothing in it is worth keeping, so the databases keep it in ways that cost little: PostgreSQL in an unlogged table,
SQLite in a file of its own that is not synchronized with the disk.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from time import time
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Column, Dialect, MetaData, Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from slice_api.chassis.rate_limits import MICROSECONDS, Allowance, Limit, RateLimiter, Seconds, allowance_of
from slice_api.chassis.storage.faults import StorageAway
from slice_api.chassis.storage.statements import Binds, Statement, Values, compile_statement
from slice_api.chassis.storage.tables import TEXT
from slice_api.chassis.together import Together


class _Hit(NamedTuple):
    """A request that counts."""

    name: str
    limit: Limit


Fetch = Callable[[Statement, Values], Awaitable[Sequence[Any]]]
"""Runs a statement by itself and gives its rows."""

RATES_TABLE = "chassis_rates"


def _table() -> Table:
    name, arrival = Column("name", TEXT, primary_key=True), Column("arrival", BigInteger, nullable=False)
    return Table(RATES_TABLE, MetaData(), name, arrival)


def rates_table_sql(dialect: Dialect) -> str:
    """What makes the table."""
    table = _table()
    table._prefixes = ["UNLOGGED"] if dialect.name == "postgresql" else []
    return str(CreateTable(table, if_not_exists=True).compile(dialect=dialect))


class SqlRateLimiter:
    """Counts for every process on one database; `MemoryRateLimiter.count` in SQL.

    `fallback` counts while that cannot be written to, so that a full disk does not keep people from reading. Requests
    that come at the same time are counted together.
    """

    def __init__(
        self, fetch: Fetch, dialect: Dialect, seconds: Seconds = time, fallback: RateLimiter | None = None
    ) -> None:
        self._fetch, self._seconds, self._fallback = fetch, seconds, fallback
        self._together = Together(self._hit_together)
        self._spend = _spend(dialect)
        table, binds = _table(), Binds()
        self._held = compile_statement(
            select(table.c.arrival).where(table.c.name == binds.next(TEXT)), dialect, is_write=False
        )
        gone = delete(table).where(table.c.arrival < Binds().next(BigInteger))
        self._sweep = compile_statement(gone, dialect, is_write=True)

    async def hit(self, name: str, limit: Limit) -> Allowance:
        try:
            return await self._together.do(_Hit(name, limit))
        except StorageAway:
            if self._fallback is None:
                raise
            return await self._fallback.hit(name, limit)

    async def _hit(self, hit: _Hit) -> Allowance:
        now, (name, limit) = self._now(), hit
        furthest = now + limit.quota * limit.interval
        rows = await self._fetch(self._spend, (name, now, limit.interval, furthest))
        is_exceeded = not rows
        rows = rows or await self._fetch(self._held, (name,))
        # What was spent under a larger quota, or before the clock was set back, counts as all of this one.
        arrival = min(rows[0][0], furthest) if rows else now
        return allowance_of(arrival, now, limit, is_exceeded=is_exceeded)

    async def _hit_together(self, hits: Sequence[_Hit]) -> Sequence[Allowance]:
        """Count each name by one statement."""
        if len(hits) == 1:
            return [await self._hit(hits[0])]
        counts = Counter(hits)
        spent = await asyncio.gather(*(self._hit_often(hit, count) for hit, count in counts.items()))
        given = {hit: iter(each) for hit, each in zip(counts, spent, strict=True)}
        return [next(given[hit]) for hit in hits]

    async def _hit_often(self, hit: _Hit, count: int) -> Sequence[Allowance]:
        """So many requests of one name; when they do not all fit, one after the other until one is too many."""
        now, (name, limit) = self._now(), hit
        values = (name, now, count * limit.interval, now + limit.quota * limit.interval)
        rows = await self._fetch(self._spend, values) if 1 < count <= limit.quota else ()
        if rows:
            arrivals = (rows[0][0] - behind * limit.interval for behind in reversed(range(count)))
            return [allowance_of(each, now, limit, is_exceeded=False) for each in arrivals]
        given = [await self._hit(hit)]
        while len(given) < count:
            given.append(given[-1] if given[-1].is_exceeded else await self._hit(hit))
        return given

    async def sweep(self) -> None:
        """Forget full buckets."""
        await self._fetch(self._sweep, (self._now(),))

    def _now(self) -> int:
        return round(self._seconds() * MICROSECONDS)


def _spend(dialect: Dialect) -> Statement:
    """One more request of a name: gives its new arrival time, or nothing where it does not fit.

    The values: name, now, interval, furthest.
    """
    is_postgres = dialect.name == "postgresql"
    larger, smaller = (func.greatest, func.least) if is_postgres else (func.max, func.min)
    table, binds = _table(), Binds()
    name, now, interval, furthest = binds.next(TEXT), *(binds.next(BigInteger) for _ in range(3))
    statement: Any = (postgresql if is_postgres else sqlite).insert(table)
    arrival = smaller(larger(table.c.arrival, now), furthest) + interval
    statement = statement.values(name=name, arrival=now + interval).on_conflict_do_update(
        index_elements=["name"], set_={"arrival": arrival}, where=arrival <= furthest
    )
    return compile_statement(statement.returning(table.c.arrival), dialect, is_write=True)
