"""The live stream, over a real socket: told as it happens, resumed without a gap, ended cleanly."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from slice_api.chassis import EVENTS, Event, Tx
from tests.server import serving
from tests.support import ADMIN_KEY, chassis_of, grant_key, make_app

_PATIENCE = 30
_KEY = {"Authorization": f"Bearer {ADMIN_KEY}"}


class Rung(Event):
    """A bell was rung."""

    topic = "bells.rung"
    number: int


class Opened(Event):
    """A door was opened."""

    topic = "doors.opened"
    number: int


class Live(NamedTuple):
    """A server in this loop."""

    app: FastAPI
    server: uvicorn.Server
    client: httpx.AsyncClient


class Reader:
    """A stream as a browser reads it: message by message, comments apart."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()

    async def next(self) -> dict[str, str]:
        """The next message, or {} at the end."""
        message: dict[str, str] = {}
        async with asyncio.timeout(_PATIENCE):
            async for line in self._lines:
                if not line and message:
                    return message
                name, _, value = line.partition(":")
                if line and name:
                    message[name] = value.removeprefix(" ")
        return message

    async def numbers(self, count: int) -> list[int]:
        return [json.loads((await self.next())["data"])["data"]["number"] for _ in range(count)]

    async def opened(self) -> None:
        """Wait for the first bytes: from then on nothing is missed."""
        async with asyncio.timeout(_PATIENCE):
            line = await anext(self._lines)
        assert line.startswith(":")


@pytest.fixture
async def live() -> AsyncIterator[Live]:
    app = make_app()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on"))
        serving_task = asyncio.create_task(server.serve(sockets=[listening]))
        url = "http://{}:{}".format(*listening.getsockname())
        async with httpx.AsyncClient(base_url=url, headers=_KEY, timeout=_PATIENCE) as client:
            while not server.started:  # noqa: ASYNC110 (uvicorn tells it in no other way)
                await asyncio.sleep(0.01)
            yield Live(app, server, client)
        await _stop(Live(app, server, client), serving_task)


async def _stop(live: Live, serving_task: "asyncio.Task[None]") -> None:
    chassis_of(live.app).begin_shutdown()
    live.server.should_exit = True
    async with asyncio.timeout(_PATIENCE):
        await serving_task


@asynccontextmanager
async def _reading(live: Live, headers: dict[str, str] | None = None, **query: Any) -> AsyncIterator[Reader]:
    async with live.client.stream("GET", "/api/activity/stream", headers=headers, params=query) as answer:
        assert answer.status_code == 200
        yield Reader(answer)


async def _tell(app: FastAPI, *events: Event) -> None:
    def tell(tx: Tx) -> None:
        for event in events:
            tx.emit(event)

    await chassis_of(app).db.transact(tell)


async def test_events_are_told_as_they_happen(live: Live) -> None:
    await _tell(live.app, Rung(number=0))
    async with _reading(live) as reader:
        await reader.opened()
        await _tell(live.app, Rung(number=1))
        message = await reader.next()
        assert message.keys() == {"id", "event", "data"}
        assert message["event"] == "bells.rung"
        record = json.loads(message["data"])
        assert (record["type"], record["slice"], record["data"]) == ("bells.rung", "bells", {"number": 1})
        await _tell(live.app, Rung(number=2), Rung(number=3))
        assert await reader.numbers(2) == [2, 3]


async def test_a_stream_is_no_page_to_keep(live: Live) -> None:
    async with _reading(live) as reader:
        headers = reader.answer.headers
        assert headers["content-type"].startswith("text/event-stream")
        assert headers["cache-control"] in ("no-cache", "no-store")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-request-id"]
        assert "etag" not in headers
        assert "content-length" not in headers


async def test_a_stream_resumes_behind_the_last_event_read(live: Live) -> None:
    async with _reading(live) as reader:
        await reader.opened()
        await _tell(live.app, *(Rung(number=number) for number in range(5)))
        messages = [await reader.next() for _ in range(3)]
    async with _reading(live, {"Last-Event-ID": messages[1]["id"]}) as reader:
        assert await reader.numbers(3) == [2, 3, 4]
        await _tell(live.app, Rung(number=5))
        assert await reader.numbers(1) == [5]


async def test_a_long_pause_is_caught_up_with_in_order(live: Live) -> None:
    async with _reading(live) as reader:
        await reader.opened()
        await _tell(live.app, Rung(number=0))
        first = await reader.next()
    await _tell(live.app, *(Rung(number=number) for number in range(1, 451)))
    async with _reading(live, {"Last-Event-ID": first["id"]}) as reader:
        assert await reader.numbers(450) == list(range(1, 451))


async def test_a_gap_is_told_and_never_hidden(live: Live) -> None:
    async with _reading(live) as reader:
        await reader.opened()
        await _tell(live.app, *(Rung(number=number) for number in range(10)))
        first = await reader.next()
    await chassis_of(live.app).db.transact(Tx.trim, EVENTS, 3)
    async with _reading(live, {"Last-Event-ID": first["id"]}) as reader:
        reset = await reader.next()
        assert reset["event"] == "reset"
        await _tell(live.app, Rung(number=10))
        assert await reader.numbers(1) == [10]
    async with _reading(live, {"Last-Event-ID": reset["id"]}) as reader:
        assert await reader.numbers(1) == [10], "the id that a reset gives is one to resume with"


async def test_the_oldest_event_held_is_no_gap(live: Live) -> None:
    async with _reading(live) as reader:
        await reader.opened()
        await _tell(live.app, *(Rung(number=number) for number in range(4)))
        ids = [(await reader.next())["id"] for _ in range(4)]
    await chassis_of(live.app).db.transact(Tx.trim, EVENTS, 2)
    async with _reading(live, {"Last-Event-ID": ids[1]}) as reader:
        assert await reader.numbers(2) == [2, 3]


@pytest.mark.parametrize("last_id", ["x", "-1", "1.5", "999999", "9" * 500, "\u0663"])
async def test_an_id_that_was_never_given_is_answered_with_reset(live: Live, last_id: str) -> None:
    await _tell(live.app, Rung(number=0))
    async with _reading(live, httpx.Headers({"Last-Event-ID": last_id.encode()})) as reader:  # type: ignore[arg-type]
        assert (await reader.next())["event"] == "reset"
        await _tell(live.app, Rung(number=1))
        assert await reader.numbers(1) == [1]


async def test_filters_leave_the_others_out(live: Live) -> None:
    async with _reading(live, slice="doors") as doors, _reading(live, type="bells.rung") as bells:
        await doors.opened()
        await bells.opened()
        await _tell(live.app, Rung(number=1), Opened(number=2), Rung(number=3), Opened(number=4))
        assert await doors.numbers(2) == [2, 4]
        assert await bells.numbers(2) == [1, 3]


async def test_many_readers_are_told_the_same(live: Live) -> None:
    contexts = [_reading(live) for _ in range(20)]
    readers = [await context.__aenter__() for context in contexts]
    for reader in readers:
        await reader.opened()
    await _tell(live.app, *(Rung(number=number) for number in range(50)))
    heard = await asyncio.gather(*(reader.numbers(50) for reader in readers))
    for context in contexts:
        await context.__aexit__(None, None, None)
    assert heard == [list(range(50))] * 20


async def test_open_streams_are_counted_and_forgotten(live: Live) -> None:
    gauge = chassis_of(live.app).metrics.streams.labels("activity")
    async with _reading(live) as reader:
        await reader.opened()
        assert gauge._value.get() == 1
    async with asyncio.timeout(_PATIENCE):
        while gauge._value.get() or b"slice_streams_open{" not in chassis_of(live.app).metrics.text():
            await _tell(live.app, Rung(number=1))
            await asyncio.sleep(0.01)


async def test_a_stream_needs_its_scope(live: Live) -> None:
    for headers, status in (
        ({"Authorization": ""}, 401),
        ({"Authorization": f"Bearer {grant_key(live.app, 'other:read')}"}, 403),
    ):
        answer = await live.client.get("/api/activity/stream", headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_a_revoked_key_hears_nothing_more(live: Live) -> None:
    made = (await live.client.post("/api/keys", json={"name": "x", "scopes": ["activity:read"]})).json()
    if "key" not in made:
        pytest.skip("there are no keys to revoke")
    async with _reading(live, {"Authorization": f"Bearer {made['key']}"}) as reader:
        await reader.opened()
        await live.client.delete(f"/api/keys/{made['id']}")
        await _tell(live.app, Rung(number=1))
        heard = [await reader.next() for _ in range(2)]
    assert all(message.get("event") != "bells.rung" for message in heard)


async def test_a_stop_ends_streams_cleanly(live: Live) -> None:
    async with _reading(live) as reader:
        await reader.opened()
        await _tell(live.app, Rung(number=1))
        assert await reader.numbers(1) == [1]
        chassis_of(live.app).begin_shutdown()
        assert await reader.next() == {}, "the end, not a broken connection"


def test_a_terminated_server_ends_its_streams_and_itself() -> None:
    with serving() as server, httpx.Client(base_url=server.url, headers=_KEY, timeout=_PATIENCE) as client:
        with client.stream("GET", "/api/activity/stream") as answer:
            lines = answer.iter_lines()
            assert next(lines).startswith(":")
            server.process.terminate()
            assert not any(line.startswith("data") for line in lines)
        server.process.wait(timeout=_PATIENCE)
    assert server.process.returncode in (0, -15)
    assert "Traceback" not in "".join(server.said)


async def test_the_head_of_a_stream_is_answered_at_once(live: Live) -> None:
    answer = await live.client.head("/api/activity/stream")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.content == b""
