"""Redis (or Valkey), which several processes share: rate limits, cached documents, and waking one another.

Nothing is kept there that could not be lost. While it is away the service goes on without: limits count in each process
by itself, cached documents are loaded, and whoever waits looks for itself now and then.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha1
from time import monotonic
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from slice_api.chassis.caches import Entry
from slice_api.chassis.ids import random_text
from slice_api.chassis.logs import Logger
from slice_api.chassis.rate_limits import (
    MICROSECONDS,
    Allowance,
    Limit,
    RateLimiter,
    Seconds,
    allowance_of,
)
from slice_api.settings import SettingsError

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

TIMEOUT: Final = 0.5
"""Seconds that a request waits for Redis at most."""
_PAUSE: Final = 1.0
"""Seconds after a failure in which nobody asks again."""
_START_SECONDS: Final = 5.0
_START_PAUSE: Final = 0.25
_QUIET_SECONDS: Final = 10.0
"""How long nothing may be heard before the listener asks whether anybody is still there."""
_TELL_PAUSE: Final = 0.01
_MOST_CONNECTIONS: Final = 16
_PREFIX: Final = "slice:"
_GONE: Final = (RedisConnectionError, RedisTimeoutError, OSError)
_FAULTS: Final = (RedisError, OSError)

_SPEND: Final = """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local answers = {}
for at, key in ipairs(KEYS) do
  local interval, quota = tonumber(ARGV[2 * at]), tonumber(ARGV[2 * at + 1])
  local furthest = now + quota * interval
  local arrival = math.min(math.max(tonumber(redis.call('GET', key) or 0), now), furthest)
  local is_exceeded = arrival + interval > furthest
  if not is_exceeded then
    arrival = arrival + interval
    redis.call('SET', key, string.format('%.0f', arrival), 'PX', math.ceil((arrival - now) / 1000))
  end
  answers[at] = {arrival - now, is_exceeded and 1 or 0}
end
return answers
"""
"""`MemoryRateLimiter.count` for each key, by the server's own clock, which all processes share, unless a time is given.

Answers how far ahead of now each arrival time is. Whole numbers below 2 ** 53 are exact in Lua. A key goes when its
bucket is full.
"""
_SPEND_SHA: Final = sha1(_SPEND.encode(), usedforsecurity=False).hexdigest()


class RedisAway(Exception):  # noqa: N818 - it reads as what it says
    """Redis does not answer, or has just not answered."""


def _pool_of(url: str, timeout: float) -> BlockingConnectionPool:
    """The connections of a URL; raises SettingsError for one that no connection can be made from."""
    try:
        pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
            url,
            protocol=2,
            max_connections=_MOST_CONNECTIONS,
            timeout=timeout,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
        )
        pool.connection_class(**pool.connection_kwargs)  # unconnected, to find options that nobody knows
        _check_database(url)
    except (TypeError, ValueError, RedisError) as error:  # whose texts may hold the password
        raise SettingsError(
            "SLICE_REDIS_URL: must be like redis://localhost:6379/0 (or rediss:// for TLS, or unix:///path/to/socket)"
        ) from error
    return pool


def _check_database(url: str) -> None:
    """Raise ValueError when the path of a redis:// address is no number: the library would take database 0 for it."""
    parts = urlsplit(url)
    if parts.scheme != "unix" and parts.path.strip("/"):
        int(parts.path.strip("/"))


def _place_of(options: Mapping[str, Any]) -> str:
    return options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"


class RedisEngine:
    """The connections of one process; raises SettingsError for an address that is none.

    What takes more than `timeout` seconds fails, and so does everything in the second after that.
    """

    def __init__(self, url: str, log: Logger, seconds: Seconds = monotonic, timeout: float = TIMEOUT) -> None:
        self._pool = _pool_of(url, timeout)
        self._client = Redis.from_pool(self._pool)
        self._log, self._seconds, self._timeout = log, seconds, timeout
        # Databases share their channels, but not what is told in them.
        self._channel = f"{_PREFIX}events:{self._pool.connection_kwargs.get('db', 0)}"
        self._id = random_text(16).encode()
        self._news = asyncio.Event()
        self._retry_at: float | None = None
        """When to ask again; None while it answers."""

    async def open(self, patience: float = _START_SECONDS) -> None:
        """Make sure that it answers, within `patience` seconds; raises SettingsError when it does not."""
        until = self._seconds() + patience
        while (fault := await self._fault()) is not None:
            if self._seconds() >= until:
                await self.close()
                place = _place_of(self._pool.connection_kwargs)
                raise SettingsError(f"SLICE_REDIS_URL: no Redis that can be used at {place}: {fault}") from fault
            await asyncio.sleep(_START_PAUSE)

    async def _fault(self) -> Exception | None:
        try:
            async with asyncio.timeout(self._timeout):
                await self._client.ping()
        except TimeoutError:
            return TimeoutError("no answer")
        except _FAULTS as error:
            return error
        return None

    async def close(self) -> None:
        """Send what is still to be told, and end."""
        if self._news.is_set():
            await self._publish()
        await self._client.aclose()

    async def check(self) -> None:
        """Raise RedisAway when it does not answer."""
        await self.ask(lambda client: client.ping())

    @property
    def is_worth_asking(self) -> bool:
        """Whether it answers, as far as is known, or may do so again."""
        return self._retry_at is None or self._seconds() >= self._retry_at

    async def ask(self, question: Callable[[Redis], Awaitable[T]]) -> T:
        """What Redis answers; raises RedisAway when it does not in time, and at once for a second after that."""
        if not self.is_worth_asking:
            raise RedisAway
        if self._retry_at is not None:  # one finds out whether it is back; nobody else need wait for that
            self._retry_at = self._seconds() + _PAUSE
        try:
            async with asyncio.timeout(self._timeout):
                answer = await question(self._client)
        except _FAULTS as error:
            self._note_away(error)
            raise RedisAway from error
        self._note_back()
        return answer

    def _note_away(self, error: Exception) -> None:
        if self._retry_at is None:
            self._log.warning("redis is away", error=repr(error))
        self._retry_at = self._seconds() + _PAUSE

    def _note_back(self) -> None:
        if self._retry_at is None:
            return
        self._retry_at = None
        self._log.info("redis is back")

    # Waking other processes

    def tell(self) -> None:
        """Wake the other processes; returns at once and never fails. While `listen` runs it is sent within 10 ms."""
        self._news.set()

    async def listen(self, notify: Callable[[], None], closing: asyncio.Event) -> None:
        """Call `notify` whenever other processes tell something, or may have while nobody listened; until `closing`."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._hear_on(notify)), group.create_task(self._tell_on())]
            await closing.wait()
            for task in tasks:
                task.cancel()

    async def _tell_on(self) -> None:
        while True:
            await self._news.wait()
            await self._publish()
            await asyncio.sleep(_TELL_PAUSE)  # much news in a short time is told as one

    async def _publish(self) -> None:
        self._news.clear()
        with suppress(RedisAway):
            await self.ask(lambda client: client.publish(self._channel, self._id))

    async def _hear_on(self, notify: Callable[[], None]) -> None:
        while True:
            try:
                await self._hear(notify)
            except _GONE as error:
                self._note_away(error)
            await asyncio.sleep(_PAUSE)

    async def _hear(self, notify: Callable[[], None]) -> None:
        async with self._client.pubsub() as channel:
            async with asyncio.timeout(self._timeout):
                await channel.subscribe(self._channel)
            while True:
                message = await _next_message(channel, self._timeout)
                self._note_back()
                # To have begun to listen is news too: whatever was told before then was missed.
                if message["type"] == "subscribe" or (message["type"] == "message" and message["data"] != self._id):
                    notify()


async def _next_message(channel: PubSub, patience: float) -> dict[str, Any]:
    """The next message; raises TimeoutError when the other side, asked, says nothing for `patience` seconds."""
    message = await channel.get_message(timeout=_QUIET_SECONDS)
    if message is None:
        await channel.ping()
        message = await channel.get_message(timeout=patience)
    if message is None:
        raise TimeoutError
    found: dict[str, Any] = message
    return found


class _Hit(NamedTuple):
    name: str
    limit: Limit


async def _spend(client: Redis, hits: Sequence[_Hit], now: int | None) -> list[tuple[int, int]]:
    """How far ahead each arrival time is after these requests, in microseconds, and whether each is one too many."""
    keys = [f"{_PREFIX}rate:{hit.name}" for hit in hits]
    paces = [number for hit in hits for number in (hit.limit.interval, hit.limit.quota)]
    arguments = (*keys, "" if now is None else now, *paces)
    try:
        spent: Any = await client.evalsha(_SPEND_SHA, len(keys), *arguments)
    except NoScriptError:  # a server that has just been started
        spent = await client.eval(_SPEND, len(keys), *arguments)
    return [(full_in, is_exceeded) for full_in, is_exceeded in spent]


class RedisRateLimiter:
    """Counts for all processes together by the clock of Redis (or `seconds`); while it is away, as `fallback` does.

    One question is under way at a time, and what is asked meanwhile goes together in the next: the more requests there
    are, the less each costs.
    """

    def __init__(self, engine: RedisEngine, fallback: RateLimiter, seconds: Seconds | None = None) -> None:
        self._engine, self._fallback, self._seconds = engine, fallback, seconds
        self._waiting: list[_Hit] = []
        self._last: asyncio.Task[list[tuple[int, int]]] | None = None
        """Asks for those that wait, or did so for those before them."""

    async def hit(self, name: str, limit: Limit) -> Allowance:
        if not self._engine.is_worth_asking:
            return await self._fallback.hit(name, limit)
        at = len(self._waiting)
        self._waiting.append(_Hit(name, limit))
        if at == 0 or self._last is None:
            self._last = asyncio.create_task(self._ask(self._last))
        try:
            full_in, is_exceeded = (await asyncio.shield(self._last))[at]
        except RedisAway:
            return await self._fallback.hit(name, limit)
        return allowance_of(full_in, 0, limit, is_exceeded=bool(is_exceeded))

    async def _ask(self, before: asyncio.Task[list[tuple[int, int]]] | None) -> list[tuple[int, int]]:
        if before is not None:
            await asyncio.wait([before])
        hits, self._waiting = self._waiting, []
        now = None if self._seconds is None else round(self._seconds() * MICROSECONDS)
        return await self._engine.ask(lambda client: _spend(client, hits, now))


class RedisCache:
    """Entries for all processes together, as JSON; while Redis is away, it holds none."""

    def __init__(self, engine: RedisEngine) -> None:
        self._engine = engine

    async def get(self, name: str, model: type[M]) -> Entry[M] | None:
        try:
            kept = await self._engine.ask(lambda client: client.get(f"{_PREFIX}cache:{name}"))
        except RedisAway:
            return None
        return None if kept is None else _entry_of(kept, model)

    async def put(self, name: str, entry: Entry[Any], seconds: int) -> None:
        body = "" if entry.value is None else entry.value.model_dump_json()
        text = f"{entry.position} {body}"
        with suppress(RedisAway):
            await self._engine.ask(lambda client: client.set(f"{_PREFIX}cache:{name}", text, ex=seconds))


def _entry_of(kept: bytes | str, model: type[M]) -> Entry[M] | None:
    """What `put` has kept; None for what another version of the service has, by another model."""
    try:
        position, _, body = (kept if isinstance(kept, str) else kept.decode()).partition(" ")
        return Entry(model.model_validate_json(body) if body else None, int(position))
    except ValueError:
        return None
