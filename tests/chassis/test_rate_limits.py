"""Rate limits: how much is left is told, too much is refused, and nobody uses up the share of another."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from slice_api.chassis.addresses import address_group
from slice_api.chassis.clock import system_clock
from slice_api.chassis.rate_limits import Allowance, Limit, MemoryRateLimiter, RateLimiter
from slice_api.chassis.storage.sqlite import SqliteStorage
from tests.chassis.examples import EXAMPLES, problem
from tests.chassis.strategies import STEADY
from tests.engines import ENGINES, OpenStorage
from tests.support import BASE_URL, chassis_of, client_of, grant_key, make_app, running


class Ticks:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def limited_app(ticks: Ticks, **settings: Any) -> AsyncIterator[FastAPI]:
    """A running app whose limits know only these seconds."""
    app = make_app(packages=EXAMPLES, **{"rate_limit": "3/minute", **settings})
    chassis_of(app).rate_limiter = MemoryRateLimiter(ticks)
    async with running(app):
        yield app


SHARED = [engine for engine in ENGINES if engine != "memory"]


@pytest.mark.parametrize("engine", SHARED)
def test_what_was_spent_under_a_larger_quota_counts_as_all_of_a_smaller_one(engine: str) -> None:
    storage = OpenStorage(engine, (), system_clock)
    limiter = storage.storage.rate_limiter()
    for _ in range(100):
        storage.run(limiter.hit("n", Limit(1000, 3600)))
    refused = storage.run(limiter.hit("n", Limit(2, 4)))
    storage.close()
    assert (refused.is_exceeded, refused.remaining) == (True, 0)
    assert refused.reset_seconds <= 4


@pytest.mark.parametrize("engine", SHARED)
@pytest.mark.parametrize(("spent", "at_once"), [(0, 5), (0, 8), (0, 12), (3, 5), (3, 6), (8, 3)])
def test_requests_at_once_count_as_if_they_came_one_after_another(engine: str, spent: int, at_once: int) -> None:
    async def hits(limiter: RateLimiter) -> list[Allowance]:
        for _ in range(spent):
            await limiter.hit("n", Limit(8, 36_000))
        names = [*["n"] * at_once, "other"]
        return await asyncio.gather(*(limiter.hit(name, Limit(8, 36_000)) for name in names))

    storage = OpenStorage(engine, (), system_clock)
    *given, other = storage.run(hits(storage.storage.rate_limiter()))
    storage.close()
    fit = min(at_once, 8 - spent)
    assert [each.remaining for each in given] == [7 - spent - at for at in range(fit)] + [0] * (at_once - fit)
    assert [each.is_exceeded for each in given] == [False] * fit + [True] * (at_once - fit)
    assert other.remaining == 7


def test_limits_go_on_in_memory_while_their_file_is_broken_and_are_shared_again_after_it(tmp_path: Path) -> None:
    async def hits() -> list[int]:
        first, second = (SqliteStorage(f"sqlite:///{tmp_path}/data.db", system_clock) for _ in range(2))
        limiters = [each.rate_limiter() for each in (first, second)]
        left = [(await limiter.hit("n", Limit(10, 3600))).remaining for limiter in limiters]
        with closing(sqlite3.connect(tmp_path / "data.db-rates")) as rates:
            rates.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (tmp_path / "data.db-rates").write_bytes(b"no database" * 1000)
        left += [(await limiter.hit("n", Limit(10, 3600))).remaining for limiter in limiters]
        for path in tmp_path.glob("data.db-rates*"):
            path.unlink()
        left += [(await limiter.hit("n", Limit(10, 3600))).remaining for limiter in limiters]
        await first.close()
        await second.close()
        return left

    assert asyncio.run(hits()) == [9, 8, 9, 9, 9, 8]


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
async def app(ticks: Ticks) -> AsyncIterator[FastAPI]:
    async with limited_app(ticks) as app:
        yield app


async def statuses(client: httpx.AsyncClient, count: int, path: str = "/api/things") -> list[int]:
    return [(await client.get(path)).status_code for _ in range(count)]


async def test_every_limited_answer_tells_the_policy_and_what_is_left(client: httpx.AsyncClient) -> None:
    told = [(await client.get("/api/things")).headers for _ in range(3)]
    assert {each["ratelimit-policy"] for each in told} == {'"default";q=3;w=60'}
    assert [each["ratelimit"] for each in told] == [
        '"default";r=2;t=20',
        '"default";r=1;t=40',
        '"default";r=0;t=60',
    ]


async def test_too_much_is_refused_and_told_when_to_come_again(client: httpx.AsyncClient, ticks: Ticks) -> None:
    await statuses(client, 3)
    ticks.now += 5
    refused = await client.get("/api/things")
    problem(refused, 429, "rate-limited")
    assert refused.headers["retry-after"] == "15"
    assert refused.headers["ratelimit"] == '"default";r=0;t=55'


async def test_who_comes_again_when_told_is_welcome(client: httpx.AsyncClient, ticks: Ticks) -> None:
    await statuses(client, 4)
    ticks.now += int((await client.get("/api/things")).headers["retry-after"])
    assert await statuses(client, 2) == [200, 429]
    ticks.now += 6000
    assert await statuses(client, 4) == [200, 200, 200, 429]


async def test_errors_count_and_are_told_what_is_left(client: httpx.AsyncClient) -> None:
    answers = [await client.get("/api/things/nothing") for _ in range(4)]
    assert [each.status_code for each in answers] == [404, 404, 404, 429]
    assert all("ratelimit" in each.headers for each in answers)


async def test_keys_have_shares_of_their_own(app: FastAPI, client: httpx.AsyncClient) -> None:
    assert await statuses(client, 4) == [200, 200, 200, 429]
    async with client_of(app, grant_key(app, "things:read")) as other:
        assert await statuses(other, 1) == [200]


async def test_one_share_counts_for_all_slices_together(client: httpx.AsyncClient) -> None:
    await statuses(client, 2)
    assert await statuses(client, 2, "/api/probes/any") == [200, 429]


def stranger(app: FastAPI, address: str) -> httpx.AsyncClient:
    """A client without a key, from an address."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(address, 1)), base_url=BASE_URL)


async def test_strangers_are_counted_by_address_on_open_and_closed_paths_alike(app: FastAPI) -> None:
    async with stranger(app, "1.1.1.1") as one, stranger(app, "1.1.1.2") as two:
        assert await statuses(one, 2, "/api/probes/open") == [200, 200]
        assert await statuses(one, 2) == [401, 429]
        assert await statuses(two, 1, "/api/probes/open") == [200]


async def test_wrong_keys_are_counted_by_address_so_that_nobody_can_try_many(app: FastAPI) -> None:
    async with stranger(app, "1.1.1.1") as client:
        tried = [await client.get("/api/things", headers={"X-API-Key": f"wrong-{at}"}) for at in range(4)]
    assert [each.status_code for each in tried] == [401, 401, 401, 429]


async def test_a_v6_network_has_one_share(app: FastAPI) -> None:
    async with stranger(app, "2001:db8::1") as one, stranger(app, "2001:db8::ffff:2") as two:
        assert await statuses(one, 2, "/api/probes/open") == [200, 200]
        assert await statuses(two, 2, "/api/probes/open") == [200, 429]
    async with stranger(app, "2001:db8:0:1::1") as other:
        assert await statuses(other, 1, "/api/probes/open") == [200]


def test_addresses_are_grouped_as_their_owners_have_them() -> None:
    assert address_group("1.2.3.4") == "1.2.3.4"
    assert address_group("2001:db8:1:2:3::4") == "2001:db8:1:2::/64"
    assert address_group("::ffff:1.2.3.4") == "1.2.3.4"
    assert address_group("fe80::1%eth0") == address_group("fe80::2%eth0")
    assert address_group("a socket") == "a socket"


async def test_paths_at_the_root_have_no_limit_unless_their_slice_sets_one(
    ticks: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with limited_app(ticks) as app, client_of(app) as client:
        assert await statuses(client, 5, "/probe") == [200] * 5
        assert "ratelimit" not in (await client.get("/probe")).headers
    monkeypatch.setenv("SLICE_PROBES_RATE_LIMIT", "2/hour")
    async with limited_app(ticks) as app, client_of(app) as client:
        assert await statuses(client, 3, "/probe") == [200, 200, 429]


async def test_a_slice_with_a_limit_of_its_own_counts_by_itself(ticks: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLICE_PROBES_RATE_LIMIT", "1/hour")
    async with limited_app(ticks) as app, client_of(app) as client:
        assert await statuses(client, 2, "/api/probes/any") == [200, 429]
        assert (await client.get("/api/probes/any")).headers["ratelimit-policy"] == '"default";q=1;w=3600'
        assert await statuses(client, 4) == [200, 200, 200, 429]


async def test_limits_can_be_off_and_for_one_slice_alone(ticks: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    async with limited_app(ticks, rate_limit="off") as app, client_of(app) as client:
        assert await statuses(client, 5) == [200] * 5
        assert "ratelimit" not in (await client.get("/api/things")).headers
    monkeypatch.setenv("SLICE_THINGS_RATE_LIMIT", "off")
    async with limited_app(ticks) as app, client_of(app) as client:
        assert await statuses(client, 5) == [200] * 5
        assert await statuses(client, 4, "/api/probes/any") == [200, 200, 200, 429]


@STEADY
@given(
    quota=st.integers(1, 20),
    window=st.sampled_from([1, 60, 3600]),
    pauses=st.lists(st.floats(0, 100, allow_nan=False), max_size=30),
)
async def test_no_window_lets_more_than_twice_the_quota_through_and_retrying_when_told_always_works(
    quota: int, window: int, pauses: list[float]
) -> None:
    ticks = Ticks()
    limiter = MemoryRateLimiter(ticks)
    taken: list[float] = []
    for pause in pauses:
        ticks.now += pause
        allowance = await limiter.hit("who", Limit(quota, window))
        if not allowance.is_exceeded:
            taken.append(ticks.now)
            continue
        assert (allowance.remaining, allowance.retry_seconds > 0) == (0, True)
        ticks.now += allowance.retry_seconds
        assert not (await limiter.hit("who", Limit(quota, window))).is_exceeded
        taken.append(ticks.now)
    for start in taken:
        assert sum(start <= each < start + window for each in taken) <= 2 * quota


async def test_many_addresses_do_not_fill_the_memory(ticks: Ticks) -> None:
    limiter = MemoryRateLimiter(ticks)
    for at in range(25_000):
        ticks.now += 1
        await limiter.hit(str(at), Limit(10, 60))
    assert len(limiter._arrivals) <= 10_000
