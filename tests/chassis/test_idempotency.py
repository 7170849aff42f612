"""Idempotency-Key: a POST that is sent again is answered again, and done once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from slice_api.chassis import Tx
from slice_api.chassis.idempotency import ATTEMPTS
from tests.chassis.examples import problem
from tests.conftest import ClientWith
from tests.support import FrozenClock, chassis_of

OF_EACH_ANSWER = {"x-request-id", "server-timing", "idempotency-replayed"}


async def post(
    client: httpx.AsyncClient, path: str = "/api/things", *, key: str = "k", **options: Any
) -> httpx.Response:
    """A POST under an Idempotency-Key."""
    options = options or {"json": {"title": "one"}}
    return await client.post(path, headers={"Idempotency-Key": key}, **options)


def lasting(answer: httpx.Response) -> dict[str, str]:
    """The headers that do not change from answer to answer."""
    return {name: value for name, value in answer.headers.items() if name not in OF_EACH_ANSWER}


def assert_replayed(first: httpx.Response, second: httpx.Response) -> None:
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert lasting(second) == lasting(first)
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["x-request-id"] != first.headers["x-request-id"]


async def things(client: httpx.AsyncClient) -> list[str]:
    return [each["title"] for each in (await client.get("/api/things")).json()["items"]]


async def test_the_same_request_again_is_done_once_and_answered_alike(client: httpx.AsyncClient) -> None:
    first, second, third = [await post(client) for _ in range(3)]
    assert {"etag", "location"} <= first.headers.keys()
    assert_replayed(first, second)
    assert_replayed(first, third)
    assert await things(client) == ["one"]


async def test_a_refusal_is_answered_alike_too(client: httpx.AsyncClient) -> None:
    await client.post("/api/things", json={"title": "one"})
    first, second = [await post(client) for _ in range(2)]
    body = problem(first, 409, "conflict")
    assert_replayed(first, second)
    assert second.json()["request_id"] == body["request_id"]


async def test_an_answer_without_a_body_is_answered_alike_too(client: httpx.AsyncClient) -> None:
    first, second = [await post(client, "/api/probes/empty", content=b"") for _ in range(2)]
    assert first.status_code == 204
    assert_replayed(first, second)


async def test_without_a_key_a_request_is_done_each_time(client: httpx.AsyncClient) -> None:
    for title in ("one", "two"):
        assert (await client.post("/api/things", json={"title": title})).status_code == 201
    assert len(await things(client)) == 2


OTHER_REQUESTS: dict[str, dict[str, Any]] = {
    "another body": {"json": {"title": "two"}},
    "another query": {"json": {"title": "one"}, "params": {"x": "1"}},
}


@pytest.mark.parametrize("case", OTHER_REQUESTS)
async def test_another_request_under_the_same_key_is_refused(client: httpx.AsyncClient, case: str) -> None:
    await post(client)
    problem(await post(client, **OTHER_REQUESTS[case]), 422, "idempotency-mismatch")
    assert await things(client) == ["one"]


async def test_a_key_counts_for_one_route_and_one_caller(client: httpx.AsyncClient, client_with: ClientWith) -> None:
    await post(client)
    assert (await post(client, "/api/probes", json={"value": 1})).json() == {"value": 1}
    async with client_with("things:write") as other:
        answer = await post(other, json={"title": "two"})
    assert (answer.status_code, "idempotency-replayed" in answer.headers) == (201, False)


async def test_a_caller_without_the_scope_is_not_shown_an_answer(
    client: httpx.AsyncClient, client_with: ClientWith
) -> None:
    await post(client)
    async with client_with("things:read") as other:
        problem(await post(other), 403, "missing-scope")


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_of_the_wrong_length_is_refused(client: httpx.AsyncClient, key: str) -> None:
    assert problem(await post(client, key=key), 422, "invalid")["errors"][0]["pointer"] == "header/Idempotency-Key"
    assert await things(client) == []


@pytest.mark.parametrize("key", ["x", "x" * 255, '"quoted"', "a, b"])
async def test_a_key_may_be_any_text(client: httpx.AsyncClient, key: str) -> None:
    assert_replayed(await post(client, key=key), await post(client, key=key))


async def test_what_does_not_reach_the_route_is_not_kept(client: httpx.AsyncClient) -> None:
    problem(await post(client, content=b"{", key="k"), 415, "unsupported-media-type")
    assert (await post(client)).status_code == 201


async def test_an_answer_is_kept_for_a_day(client: httpx.AsyncClient, clock: FrozenClock) -> None:
    first = await post(client)
    clock.advance(hours=24, seconds=-1)
    assert_replayed(first, await post(client))
    clock.advance(seconds=1)
    problem(await post(client), 409, "conflict")


FAULTS = {"boom": (500, "internal"), "away": (503, "unavailable")}


@pytest.mark.parametrize("fault", FAULTS)
async def test_our_own_fault_is_not_kept(app: FastAPI, client: httpx.AsyncClient, fault: str) -> None:
    for _ in range(2):
        answer = await post(client, f"/api/probes/{fault}", content=b"")
        problem(answer, *FAULTS[fault])
        assert "idempotency-replayed" not in answer.headers
    assert app.state.booms == 2


async def test_a_body_that_is_read_while_it_comes_in_is_not_held_for_a_key(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    for _ in range(2):
        answer = await post(client, "/api/probes/stream", content=body())
        assert answer.json() == {"value": [6, 3]}
        assert "idempotency-replayed" not in answer.headers
    described = app.openapi()["paths"]["/api/probes/stream"]["post"]["parameters"]
    assert [each["description"] for each in described if each["name"] == "Idempotency-Key"] == [
        "Not looked at here: a repeated request does no harm by itself."
    ]


# Two at once


@asynccontextmanager
async def one_running(app: FastAPI, client: httpx.AsyncClient) -> AsyncIterator[asyncio.Task[httpx.Response]]:
    """A request that has reached its route; it ends with the block."""
    app.state.has_begun, app.state.may_end = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(post(client, "/api/probes/wait", content=b""))
    await app.state.has_begun.wait()
    yield task
    app.state.may_end.set()
    await task


async def test_the_same_request_while_the_first_is_running_is_told_to_wait(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    async with one_running(app, client) as first:
        problem(await post(client, "/api/probes/wait", content=b""), 409, "idempotency-in-progress")
    assert_replayed(await first, await post(client, "/api/probes/wait", content=b""))


async def test_of_many_at_once_one_is_done(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(post(client) for _ in range(10)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert sum("idempotency-replayed" not in each.headers and each.status_code == 201 for each in answers) == 1
    assert await things(client) == ["one"]


async def test_a_request_that_never_ended_gives_way_after_a_minute(
    app: FastAPI, client: httpx.AsyncClient, clock: FrozenClock
) -> None:
    async with one_running(app, client):
        clock.advance(seconds=59)
        problem(await post(client, "/api/probes/wait", content=b""), 409, "idempotency-in-progress")
        clock.advance(seconds=1)
        app.state.has_begun.clear()
        second = asyncio.create_task(post(client, "/api/probes/wait", content=b""))
        await app.state.has_begun.wait()
        app.state.may_end.set()
        assert (await second).status_code == 200


# What lies in storage


async def kept(app: FastAPI) -> str:
    """Everything that is kept of answers."""
    attempts = await chassis_of(app).db.transact(Tx.all, ATTEMPTS)
    assert attempts
    return "\n".join(each.model_dump_json() for each in attempts)


async def test_a_secret_in_an_answer_does_not_lie_in_storage(app: FastAPI, client: httpx.AsyncClient) -> None:
    first = await post(client, "/api/probes/secret", json={})
    secret = first.json()["key"]
    assert secret.startswith("slice_")
    assert "slice_" not in await kept(app)
    assert_replayed(first, await post(client, "/api/probes/secret", json={}))


async def test_a_cookie_in_an_answer_does_not_lie_in_storage(app: FastAPI, client: httpx.AsyncClient) -> None:
    first = await post(client, "/api/probes/cookie", content=b"")
    assert "oat-and-raisin" in first.headers["set-cookie"]
    assert "oat-and-raisin" not in await kept(app)
    assert_replayed(first, await post(client, "/api/probes/cookie", content=b""))


async def test_the_key_and_the_body_do_not_lie_in_storage(app: FastAPI, client: httpx.AsyncClient) -> None:
    await post(client, key="my-idempotency-key", json={"title": "a private title"})
    text = await kept(app)
    assert "my-idempotency-key" not in text
    assert "private" not in text
