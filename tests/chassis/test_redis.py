"""Redis: limits and documents that processes share, waking one another, and going on without while it is away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from statistics import median
from time import monotonic
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slice_api.chassis import Schema
from slice_api.chassis.caches import Cache, Entry, MemoryCache
from slice_api.chassis.logs import make_logger
from slice_api.chassis.rate_limits import Limit, MemoryRateLimiter, Seconds
from slice_api.chassis.redis import TIMEOUT, RedisAway, RedisCache, RedisEngine, RedisRateLimiter
from slice_api.settings import SettingsError
from tests.chassis.strategies import STEADY
from tests.chassis.test_rate_limits import Ticks
from tests.support import make_settings
from tests.valkey import PrivateValkey, ValkeyServer, shared_valkey, valkey_server

HOUR = 3600
PATIENT = 30.0
"""Where nothing hangs, no busy machine shall look as if something did."""


@pytest.fixture
def valkey() -> ValkeyServer:
    """The server of all tests, empty."""
    server = shared_valkey()
    server.flush()
    return server


@pytest.fixture
def own_valkey() -> Iterator[PrivateValkey]:
    """A server to stop and freeze."""
    with valkey_server() as server:
        yield server


@asynccontextmanager
async def opened(
    url: str, lines: list[bytes] | None = None, seconds: Seconds = monotonic, patience: float = PATIENT
) -> AsyncIterator[RedisEngine]:
    """An engine as one process has it; its log lines go to `lines`."""
    log = make_logger(make_settings(), ([] if lines is None else lines).append)
    engine = RedisEngine(url, log, seconds, patience)
    await engine.open()
    try:
        yield engine
    finally:
        await engine.close()


def told(lines: list[bytes]) -> list[str]:
    """What the log says."""
    return [orjson.loads(line)["event"] for line in lines]


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that happens in the background."""
    async with asyncio.timeout(PATIENT):
        while not is_so():  # noqa: ASYNC110 - what happens is told to nobody
            await asyncio.sleep(0.005)


async def turns() -> None:
    """Let everybody who can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def seconds_of(awaited: Awaitable[object]) -> float:
    """How long something takes."""
    start = monotonic()
    await awaited
    return monotonic() - start


# Addresses


@pytest.mark.parametrize(
    "url",
    [
        "http://:hidden@localhost",
        "localhost:6379",
        "redis://:hidden@localhost:99999",
        "redis://:hidden@localhost/hidden",
        "redis://:hidden@localhost?nonsense=1",
        "redis://:hidden@localhost?socket_timeout=hidden",
    ],
)
def test_a_wrong_address_is_told_in_one_line_without_what_it_holds(url: str) -> None:
    with pytest.raises(SettingsError, match=r"SLICE_REDIS_URL: must be like redis://") as caught:
        RedisEngine(url, make_logger(make_settings(), print))
    assert "hidden" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["redis://127.0.0.1:1/0", "unix:///nowhere.sock"])
async def test_a_server_that_is_not_there_is_told_in_one_line(address: str) -> None:
    lines: list[bytes] = []
    engine = RedisEngine(address, make_logger(make_settings(), lines.append))
    place = address.partition("//")[2].removesuffix("/0")
    with pytest.raises(SettingsError, match=rf"SLICE_REDIS_URL: no Redis that can be used at {place}: ") as caught:
        await engine.open(patience=0)
    assert "\n" not in str(caught.value)
    assert lines == []


async def test_a_wrong_password_is_told_but_not_shown(valkey: ValkeyServer) -> None:
    engine = RedisEngine(valkey.url.replace("//", "//:hidden@"), make_logger(make_settings(), print))
    with pytest.raises(SettingsError, match="SLICE_REDIS_URL: no Redis that can be used") as caught:
        await engine.open(patience=0)
    assert "hidden" not in str(caught.value)


async def test_a_start_waits_a_while_for_a_server_that_starts_too(own_valkey: PrivateValkey) -> None:
    own_valkey.stop()
    engine = RedisEngine(own_valkey.url, make_logger(make_settings(), print))
    opening = asyncio.create_task(engine.open(patience=PATIENT))
    await asyncio.sleep(0.1)
    own_valkey.start()
    await opening
    await engine.check()
    await engine.close()


# Limits


async def test_processes_share_a_limit_to_the_last_request(valkey: ValkeyServer) -> None:
    async with opened(valkey.url) as one, opened(valkey.url) as other:
        limiters = [RedisRateLimiter(engine, MemoryRateLimiter()) for engine in (one, other)]
        hits = [limiters[at % 2].hit("who", Limit(10, HOUR)) for at in range(100)]
        allowances = await asyncio.gather(*hits)
        passed = [each for each in allowances if not each.is_exceeded]
        assert sorted(each.remaining for each in passed) == list(range(10))
        assert {each.retry_seconds for each in allowances if each.is_exceeded} == {HOUR // 10}
        assert not (await limiters[0].hit("somebody else", Limit(10, HOUR))).is_exceeded


@STEADY
@given(
    hits=st.lists(
        st.tuples(
            st.floats(-50, 4000, allow_nan=False),
            st.sampled_from("ab"),
            st.integers(1, 20),
            st.sampled_from([60, HOUR]),
        ),
        max_size=40,
    )
)
async def test_limits_are_the_same_in_memory_and_in_redis(hits: list[tuple[float, str, int, int]]) -> None:
    valkey = shared_valkey()
    valkey.flush()
    ticks = Ticks()
    async with opened(valkey.url) as engine:
        here, there = MemoryRateLimiter(ticks), RedisRateLimiter(engine, MemoryRateLimiter(ticks), ticks)
        for pause, name, quota, window in hits:
            ticks.now = max(0.0, ticks.now + pause)
            assert await there.hit(name, Limit(quota, window)) == await here.hit(name, Limit(quota, window))


async def questions(engine: RedisEngine) -> int:
    """How often the server was asked to count."""
    stats: Any = await engine.ask(lambda client: client.info("commandstats"))
    return int(stats["cmdstat_evalsha"]["calls"])


async def test_requests_while_one_is_counted_go_together_and_each_gets_its_own_answer(
    own_valkey: PrivateValkey,
) -> None:
    async with opened(own_valkey.url) as engine:
        limiter = RedisRateLimiter(engine, MemoryRateLimiter())
        await limiter.hit("first", Limit(1, HOUR))
        before = await questions(engine)
        own_valkey.freeze()
        hits = []
        for at in range(70):
            hits.append(asyncio.create_task(limiter.hit(f"name {at % 7}", Limit(100 + at % 7, HOUR))))
            await asyncio.sleep(0)
        own_valkey.thaw()
        allowances = await asyncio.gather(*hits)
        assert [each.remaining for each in allowances] == [100 + at % 7 - at // 7 - 1 for at in range(70)]
        assert await questions(engine) - before == 2


async def test_who_goes_away_while_being_counted_holds_up_nobody(valkey: ValkeyServer) -> None:
    async with opened(valkey.url) as engine:
        limiter = RedisRateLimiter(engine, MemoryRateLimiter())
        hits = [asyncio.create_task(limiter.hit("who", Limit(10, HOUR))) for _ in range(3)]
        await asyncio.sleep(0)
        hits[0].cancel()
        assert [(await each).remaining for each in hits[1:]] == [8, 7]


async def test_a_full_bucket_leaves_nothing_behind(valkey: ValkeyServer) -> None:
    async with opened(valkey.url) as engine:
        await RedisRateLimiter(engine, MemoryRateLimiter()).hit("who", Limit(6, 60))
        keys: Any = await engine.ask(lambda client: client.keys())
        assert keys == [b"slice:rate:who"]
        left: Any = await engine.ask(lambda client: client.pttl(keys[0]))
        assert 0 < left <= 10_000


async def test_without_redis_each_process_counts_by_itself_until_it_is_back(own_valkey: PrivateValkey) -> None:
    lines: list[bytes] = []
    ticks = Ticks()
    async with opened(own_valkey.url, lines, ticks) as engine:
        limiter = RedisRateLimiter(engine, MemoryRateLimiter(ticks))
        assert [(await limiter.hit("who", Limit(9, HOUR))).remaining for _ in range(3)] == [8, 7, 6]
        own_valkey.stop()
        assert [(await limiter.hit("who", Limit(9, HOUR))).remaining for _ in range(2)] == [8, 7]
        with pytest.raises(RedisAway):
            await engine.check()
        own_valkey.start()
        assert (await limiter.hit("who", Limit(9, HOUR))).remaining == 6  # nobody asks again so soon
        ticks.now += 1
        assert [(await limiter.hit("who", Limit(9, HOUR))).remaining for _ in range(2)] == [8, 7]
        await engine.check()
    assert told(lines) == ["redis is away", "redis is back"]


async def test_a_server_that_hangs_holds_up_a_request_for_half_a_second_and_then_none(
    own_valkey: PrivateValkey,
) -> None:
    ticks = Ticks()
    async with opened(own_valkey.url, seconds=ticks, patience=TIMEOUT) as engine:
        limiter = RedisRateLimiter(engine, MemoryRateLimiter())
        await limiter.hit("who", Limit(100, HOUR))
        own_valkey.freeze()
        at_once = await seconds_of(asyncio.gather(*(limiter.hit("who", Limit(100, HOUR)) for _ in range(50))))
        assert 0.8 * TIMEOUT < at_once < 25 * TIMEOUT  # one after another they would take twice that
        later = [await seconds_of(limiter.hit("who", Limit(100, HOUR))) for _ in range(20)]
        assert median(later) < 0.8 * TIMEOUT
        own_valkey.thaw()


async def test_one_request_finds_out_whether_redis_is_back_and_the_others_do_not_wait(
    own_valkey: PrivateValkey,
) -> None:
    ticks = Ticks()
    async with opened(own_valkey.url, seconds=ticks, patience=TIMEOUT) as engine:
        limiter = RedisRateLimiter(engine, MemoryRateLimiter())
        own_valkey.freeze()
        await limiter.hit("who", Limit(100, HOUR))
        ticks.now += 1
        first = asyncio.create_task(limiter.hit("who", Limit(100, HOUR)))
        await turns()
        others = [asyncio.create_task(limiter.hit("who", Limit(100, HOUR))) for _ in range(20)]
        ended: list[asyncio.Task[Any]] = []
        for each in (first, *others):
            each.add_done_callback(ended.append)
        await asyncio.gather(first, *others)
        assert ended[-1] is first
        own_valkey.thaw()


# Waking one another


class Listener:
    """Counts how often an engine wakes its process."""

    def __init__(self, engine: RedisEngine) -> None:
        self.count = 0
        self._closing = asyncio.Event()
        self._task = asyncio.create_task(engine.listen(self._notify, self._closing))

    def _notify(self) -> None:
        self.count += 1

    async def hears(self) -> None:
        """Wait for the next time, and be ready for another."""
        await until(lambda: self.count > 0)
        await asyncio.sleep(0.05)
        self.count = 0

    async def close(self) -> None:
        self._closing.set()
        async with asyncio.timeout(PATIENT):
            await self._task


@asynccontextmanager
async def listening(engine: RedisEngine) -> AsyncIterator[Listener]:
    """A listener that is already connected: to begin to listen is news by itself."""
    listener = Listener(engine)
    await listener.hears()
    try:
        yield listener
    finally:
        await listener.close()


async def test_what_one_process_tells_wakes_the_others_but_not_itself(valkey: ValkeyServer) -> None:
    async with (
        opened(valkey.url) as one,
        opened(valkey.url) as other,
        listening(one) as at_home,
        listening(other) as away,
    ):
        one.tell()
        await away.hears()
        assert at_home.count == 0
        other.tell()
        await at_home.hears()


async def test_much_news_is_told_as_little(valkey: ValkeyServer) -> None:
    async with opened(valkey.url) as one, opened(valkey.url) as other, listening(one), listening(other) as listener:
        start = monotonic()
        for _ in range(100):
            for _ in range(10):
                one.tell()
            await asyncio.sleep(0.001)
        await until(lambda: listener.count > 0)
        await asyncio.sleep(0.1)
        assert listener.count <= 100 * (monotonic() - start)


async def test_the_last_news_is_told_when_a_process_ends(valkey: ValkeyServer) -> None:
    async with opened(valkey.url) as other, listening(other) as listener:
        async with opened(valkey.url) as one:
            one.tell()
        await listener.hears()


async def test_databases_of_one_server_do_not_wake_one_another(own_valkey: PrivateValkey) -> None:
    elsewhere = own_valkey.url.removesuffix("0") + "1"
    async with opened(own_valkey.url) as one, opened(elsewhere) as other, listening(one), listening(other) as listener:
        one.tell()
        await asyncio.sleep(0.1)
        assert listener.count == 0


async def test_a_listener_comes_back_by_itself_and_supposes_that_it_missed_something(
    own_valkey: PrivateValkey,
) -> None:
    lines: list[bytes] = []
    async with (
        opened(own_valkey.url, lines) as one,
        opened(own_valkey.url) as other,
        listening(one) as listener,
        listening(other) as away,
    ):
        own_valkey.stop()
        one.tell()
        await asyncio.sleep(0.1)
        own_valkey.start()
        await listener.hears()
        await until(lambda: "redis is back" in told(lines))
        await away.hears()
        other.tell()
        await listener.hears()
    assert told(lines) == ["redis is away", "redis is back"]


async def test_a_listener_notices_a_server_that_has_gone_without_a_word(
    own_valkey: PrivateValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slice_api.chassis.redis._QUIET_SECONDS", 0.1)
    lines: list[bytes] = []
    async with opened(own_valkey.url, lines, patience=TIMEOUT) as engine, listening(engine) as listener:
        await asyncio.sleep(0.5)
        assert listener.count == 0  # it asked and was answered
        own_valkey.freeze()
        await until(lambda: told(lines) == ["redis is away"])
        own_valkey.thaw()
        await listener.hears()


# Documents


class Note(Schema):
    text: str


class OtherNote(Schema):
    title: str


@pytest.fixture(params=["memory", "redis"])
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    if request.param == "memory":
        yield MemoryCache()
        return
    server = shared_valkey()
    server.flush()
    async with opened(server.url) as engine:
        yield RedisCache(engine)


@pytest.mark.parametrize("entry", [Entry(Note(text="one\n two ☂"), 7), Entry(None, 0), Entry(Note(text=""), 2**60)])
async def test_a_cache_gives_back_what_it_was_given(cache: Cache, entry: Entry[Note]) -> None:
    assert await cache.get("a name", Note) is None
    await cache.put("a name", entry, 60)
    assert await cache.get("a name", Note) == entry
    assert await cache.get("another name", Note) is None
    await cache.put("a name", Entry(Note(text="newer"), 9), 60)
    assert await cache.get("a name", Note) == Entry(Note(text="newer"), 9)


async def test_what_redis_keeps_it_keeps_for_a_while_under_a_name_of_ours(valkey: ValkeyServer) -> None:
    async with opened(valkey.url) as engine:
        await RedisCache(engine).put("a name", Entry(Note(text="one"), 7), 60)
        left: Any = await engine.ask(lambda client: client.ttl("slice:cache:a name"))
        assert 0 < left <= 60


async def test_what_another_version_has_kept_is_passed_over(valkey: ValkeyServer) -> None:
    async with opened(valkey.url) as engine:
        cache = RedisCache(engine)
        await cache.put("a name", Entry(OtherNote(title="one"), 7), 60)
        assert await cache.get("a name", Note) is None
        await engine.ask(lambda client: client.set("slice:cache:a name", b"\xff nonsense"))
        assert await cache.get("a name", Note) is None


async def test_a_cache_in_redis_is_empty_while_redis_is_away(own_valkey: PrivateValkey) -> None:
    async with opened(own_valkey.url) as engine:
        cache = RedisCache(engine)
        await cache.put("a name", Entry(Note(text="one"), 7), 60)
        own_valkey.stop()
        assert await cache.get("a name", Note) is None
        await cache.put("a name", Entry(Note(text="two"), 8), 60)


async def test_memory_keeps_entries_for_their_time_and_the_most_used_of_too_many() -> None:
    ticks = Ticks()
    cache = MemoryCache(most=2, seconds=ticks)
    note = Entry(Note(text="one"), 1)
    await cache.put("a", note, 10)
    await cache.put("b", note, 20)
    assert await cache.get("a", Note) is note
    await cache.put("c", note, 20)
    assert [await cache.get(name, Note) for name in "abc"] == [note, None, note]
    ticks.now += 10
    assert [await cache.get(name, Note) for name in "abc"] == [None, None, note]
