"""How fast the service answers, as it tells programs: what was asked of it, by slice and route and over time."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.conftest import ClientWith
from tests.support import FrozenClock, chassis_of, client_of

METRICS = "/api/platform/metrics"

Answer = Callable[..., None]


@pytest.fixture
def answer(app: FastAPI) -> Answer:
    """Counts answers as if requests had been sent: how many, and how long each took."""

    def count(name: str, *, times: int = 1, ms: float = 1.0, status: int = 200) -> None:
        for _ in range(times):
            chassis_of(app).metrics.answered((name, f"/api/{name}", "GET"), status, ms / 1000)

    return count


async def _read(client: httpx.AsyncClient, **query: str) -> dict[str, Any]:
    answer = await client.get("/api/platform/metrics", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _row(rows: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    [row] = [each for each in rows if wanted.items() <= each.items()]
    return row


async def test_only_the_admin_scope_reads_it(anonymous: httpx.AsyncClient, client_with: ClientWith) -> None:
    assert (await anonymous.get(METRICS)).status_code == 401
    refused = await client_with("platform:read").get(METRICS)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/missing-scope")


async def test_a_request_shows_two_seconds_later(client: httpx.AsyncClient, clock: FrozenClock) -> None:
    for _ in range(3):
        await client.get("/livez")
    await client.get("/problems/nothing")
    assert (await _read(client))["total"]["count"] == 0
    clock.advance(seconds=2)
    told = await _read(client)
    lively = _row(told["routes"], slice="platform", route="/livez", method="GET")
    assert (lively["recent"]["count"], lively["recent"]["per_second"]) == (3, 1.5)
    assert 0 < lively["recent"]["p50_ms"] <= lively["recent"]["p99_ms"] <= lively["recent"]["max_ms"]
    failed = _row(told["routes"], route="/problems/{type}")
    assert (failed["total"]["count"], failed["total"]["client_error_count"]) == (1, 1)


async def test_figures_are_those_of_what_was_answered(
    client: httpx.AsyncClient, clock: FrozenClock, answer: Answer
) -> None:
    answer("links", times=98, ms=2)
    answer("links", ms=400, status=404)
    answer("links", ms=3000, status=503)
    clock.advance(seconds=10)
    figures = _row((await _read(client))["slices"], slice="links")["recent"]
    counts = ("count", "per_second", "client_error_count", "server_error_count")
    assert tuple(figures[each] for each in counts) == (100, 10, 1, 1)
    assert (figures["p50_ms"], figures["p99_ms"], figures["max_ms"]) == (
        pytest.approx(2, rel=0.05),
        pytest.approx(400, rel=0.05),
        3000,
    )


async def test_recent_figures_pass_and_those_in_all_stay(
    client: httpx.AsyncClient, clock: FrozenClock, answer: Answer
) -> None:
    answer("links", times=5, ms=900)
    clock.advance(seconds=10)
    await _read(client)
    clock.advance(minutes=30)
    told = await _read(client)
    links = _row(told["slices"], slice="links")
    assert (links["total"]["count"], links["total"]["max_ms"]) == (5, 900)
    assert links["recent"]["count"] == 0
    assert {links["recent"][each] for each in ("p50_ms", "p95_ms", "p99_ms", "max_ms")} == {None}
    assert (told["began_at"], told["counted_until"]) == ("2026-01-31T09:00:00Z", "2026-01-31T09:30:10Z")


async def test_the_series_has_every_interval(client: httpx.AsyncClient, clock: FrozenClock, answer: Answer) -> None:
    answer("links", times=20, ms=5)
    clock.advance(seconds=25)
    series = (await _read(client))["series"]
    assert [(each["start"], each["seconds"], each["count"]) for each in series] == [
        ("2026-01-31T09:00:00Z", 10, 20),
        ("2026-01-31T09:00:10Z", 10, 0),
        ("2026-01-31T09:00:20Z", 4, 0),
    ]
    assert (series[0]["per_second"], series[0]["p95_ms"]) == (2, pytest.approx(5, rel=0.05))
    assert (series[1]["per_second"], series[1]["p95_ms"]) == (0, None)


async def test_one_slice_alone(client: httpx.AsyncClient, clock: FrozenClock, answer: Answer) -> None:
    answer("links", times=4, ms=5)
    answer("flags", times=6, ms=50)
    clock.advance(seconds=10)
    whole, flags = await _read(client), await _read(client, slice="flags")
    assert whole["total"]["count"] >= 10
    assert (flags["total"]["count"], flags["recent"]["p50_ms"]) == (6, pytest.approx(50, rel=0.05))
    assert [each["count"] for each in flags["series"]] == [6]
    assert {each["slice"] for each in flags["routes"]} == {"flags"}
    assert {each["slice"] for each in flags["slices"]} >= {"links", "flags"}, "the choice stays whole"
    nobody = await _read(client, slice="nobody")
    assert (nobody["total"]["count"], nobody["routes"]) == (0, [])


async def test_requests_that_no_route_is_for_are_counted_under_no_name(
    client: httpx.AsyncClient, clock: FrozenClock
) -> None:
    await client.get("/api/nothing/of/the/kind")
    clock.advance(seconds=2)
    row = _row((await _read(client))["routes"], slice="", route="", method="GET")
    assert row["total"]["client_error_count"] == 1


async def test_live_streams_are_listed_and_not_timed(
    app: FastAPI, client: httpx.AsyncClient, clock: FrozenClock
) -> None:
    metrics = chassis_of(app).metrics
    streams = {labels for labels in metrics.answers.streams if labels[0] != "platform"}
    if not streams:
        pytest.skip("no slice has a live stream")
    name, route, method = min(streams)
    metrics.answered((name, route, method), 200, 3600)
    clock.advance(seconds=2)
    told = await _read(client)
    row = _row(told["routes"], slice=name, route=route)
    assert (row["is_stream"], row["total"]["count"], row["total"]["max_ms"]) == (True, 1, None)
    assert told["total"]["count"] == 0
    assert name not in [each["slice"] for each in told["slices"]]


async def test_requests_in_hand_and_streams_are_told(app: FastAPI, client: httpx.AsyncClient) -> None:
    metrics = chassis_of(app).metrics
    assert ((await _read(client))["running_count"], (await _read(client))["stream_count"]) == (0, 0)
    metrics.streams.labels("activity").inc(2)
    metrics.running += 5
    told = await _read(client)
    assert (told["running_count"], told["stream_count"]) == (3, 2)


async def test_between_two_ticks_nothing_is_sent_again(client: httpx.AsyncClient, clock: FrozenClock) -> None:
    etag = (await client.get(METRICS)).headers["etag"]
    asked = {"If-None-Match": etag}
    assert (await client.get(METRICS, headers=asked)).status_code == 304
    clock.advance(seconds=2)
    assert (await client.get(METRICS, headers=asked)).status_code == 200


async def test_figures_are_kept_up_to_date_though_nobody_reads_them(app: FastAPI, clock: FrozenClock) -> None:
    metrics = chassis_of(app).metrics
    metrics.answered(("links", "/api/links", "GET"), 200, 0.001)
    clock.advance(seconds=2)
    closing = asyncio.Event()
    running = asyncio.create_task(metrics.run(closing))
    await asyncio.sleep(0)
    closing.set()
    await running
    async with client_of(app) as client:
        assert (await _read(client))["total"]["count"] == 1
