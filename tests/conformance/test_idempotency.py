"""Idempotency-Key: a repeated POST that creates does it once and gives the first answer again."""

import asyncio
from typing import Any

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from tests.conformance.bodies import bodies_of
from tests.conformance.problems import assert_problem, pointers_of
from tests.conformance.subject import Api, Route, for_routes

_OF_THE_CONNECTION = ("x-request-id", "server-timing", "idempotency-replayed")

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _creates(route: Route) -> bool:
    return route.creates


def _kept(answer: httpx.Response) -> dict[str, str]:
    """The headers that must be the same in a repeated answer."""
    return {name: value for name, value in answer.headers.items() if name not in _OF_THE_CONNECTION}


async def _post(api: Api, url: str, body: Any, key: str, **headers: str) -> httpx.Response:
    return await api.admin.post(url, json=body, headers={"Idempotency-Key": key, **headers})


async def _count_of(api: Api, route: Route, url: str) -> int:
    if api.route_at("GET", route.path) is None:
        return 0
    return len((await api.admin.get(url, params={"limit": 200})).json()["items"])


@for_routes(_creates)
async def test_the_same_request_gives_the_first_answer_again(api: Api, route: Route) -> None:
    url, body = await api.url_of_existing(route), route.body_example
    first = await _post(api, url, body, "one")
    assert first.status_code == 201
    assert "idempotency-replayed" not in first.headers
    count = await _count_of(api, route, url)
    again = await _post(api, url, body, "one")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert _kept(again) == _kept(first)
    assert again.headers.get("location") == first.headers.get("location")
    assert await _count_of(api, route, url) == count


@for_routes(_creates)
async def test_a_quoted_key_is_a_key(api: Api, route: Route) -> None:
    url = await api.url_of_existing(route)
    first = await _post(api, url, route.body_example, '"quoted"')
    again = await _post(api, url, route.body_example, '"quoted"')
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")


@for_routes(_creates)
async def test_another_body_under_the_same_key_is_422(api: Api, route: Route) -> None:
    url = await api.url_of_existing(route)
    first = await _post(api, url, route.body_example, "one")
    bodies = bodies_of(route.body_example, route.body_schema, route.document, 77)
    for body in (each for each in bodies if each != route.body_example):
        answer = await _post(api, url, body, "one")
        await assert_problem(api, answer, "idempotency-mismatch")
    again = await _post(api, url, route.body_example, "one")
    assert again.content == first.content


@for_routes(_creates)
async def test_keys_of_different_callers_do_not_meet(api: Api, route: Route) -> None:
    url = await api.url_of_existing(route)
    await _post(api, url, route.body_example, "one")
    async with api.client_with("admin") as other:
        answer = await other.post(url, json=route.body_example, headers={"Idempotency-Key": "one"})
    assert "idempotency-replayed" not in answer.headers


@for_routes(_creates)
async def test_while_the_first_request_runs_the_second_is_409(api: Api, route: Route) -> None:
    url = await api.url_of_existing(route)
    has_begun, may_go_on = asyncio.Event(), asyncio.Event()

    async def held_back(scope: Scope, receive: Receive, send: Send) -> None:
        async def wait_before_answering(message: Message) -> None:
            has_begun.set()
            await may_go_on.wait()
            await send(message)

        await api.app(scope, receive, wait_before_answering)

    transport = httpx.ASGITransport(held_back)
    async with httpx.AsyncClient(
        transport=transport, base_url=api.admin.base_url, headers=api.admin.headers
    ) as slow_client:
        headers = {"Idempotency-Key": "one"}
        first = asyncio.create_task(slow_client.post(url, json=route.body_example, headers=headers))
        await has_begun.wait()
        await assert_problem(api, await _post(api, url, route.body_example, "one"), "idempotency-in-progress")
        may_go_on.set()
        assert (await first).status_code == 201
    again = await _post(api, url, route.body_example, "one")
    assert (again.status_code, again.content) == (201, (await first).content)


@for_routes(_creates)
async def test_a_refusal_is_given_again_as_well(api: Api, route: Route) -> None:
    url = await api.url_of_existing(route)
    body = {**route.body_example, "nobody_declared_this": 1}
    first, again = await _post(api, url, body, "one"), await _post(api, url, body, "one")
    assert (first.status_code, again.status_code) == (422, 422)
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.content, _kept(again)) == (first.content, _kept(first))


@for_routes(_creates)
async def test_a_key_that_is_too_long_or_empty_is_422(api: Api, route: Route) -> None:
    url = await api.url_of_existing(route)
    for key in ("", "k" * 256):
        answer = await _post(api, url, route.body_example, key)
        await assert_problem(api, answer, "invalid")
        assert pointers_of(answer) == {"header/Idempotency-Key"}
    assert (await _post(api, url, route.body_example, "k" * 255)).status_code == 201


@for_routes(_creates)
async def test_a_key_does_not_open_what_the_caller_may_not_do(api: Api, route: Route) -> None:
    url = await api.url_of_existing(route)
    await _post(api, url, route.body_example, "one")
    async with api.client_with("other:read") as stranger:
        answer = await stranger.post(url, json=route.body_example, headers={"Idempotency-Key": "one"})
    await assert_problem(api, answer, "missing-scope")
