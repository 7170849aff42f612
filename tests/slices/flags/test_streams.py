"""Streams that tell when to ask for all flags again, over real sockets; and processes that see each other's changes."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.server import Server, served
from tests.support import ADMIN_KEY, FrozenClock, chassis_of, client_of, make_app, needs, running

from .asking import EVALUATE, ON_OFF, ask_all, keep_document
from .conftest import MakeFlag

PATIENCE_SECONDS = 30
_KEY = {"Authorization": f"Bearer {ADMIN_KEY}"}


class Message(NamedTuple):
    """One message of a stream."""

    event: str
    id: str
    data: dict[str, Any]


class Reader:
    """A stream as a browser reads it, without any header of ours."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.aiter_lines()

    async def opened(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert (await anext(self._lines)).startswith(":")

    async def next(self) -> Message | None:
        """The next message; None at the end."""
        told: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for line in self._lines:
                if not line and told:
                    return Message(told["event"], told["id"], json.loads(told["data"]))
                name, _, value = line.partition(":")
                if line and name:
                    told[name] = value.removeprefix(" ")
        return None


@asynccontextmanager
async def reading(url: str, last_event_id: str | None = None) -> AsyncIterator[Reader]:
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    async with httpx.AsyncClient() as browser, browser.stream("GET", url, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Reader(answer)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests here: each has a flag set of its own."""
    folder = tmp_path_factory.mktemp("served")
    with served(
        folder,
        SLICE_ADMIN_KEY=ADMIN_KEY,
        SLICE_RATE_LIMIT="off",
        SLICE_CORS_ORIGINS="https://shop.example",
        SLICE_LOG_FORMAT="json",
    ) as server:
        yield server


@pytest.fixture
async def live(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, headers=_KEY, timeout=PATIENCE_SECONDS) as client:
        yield client


async def make(live: httpx.AsyncClient, name: str, key: str = "checkout") -> None:
    body = {"key": key, "variants": ON_OFF, "default_variant": "off"}
    (await live.post("/api/flags", params={"set": name}, json=body)).raise_for_status()


async def change(live: httpx.AsyncClient, name: str, variant: str, key: str = "checkout") -> None:
    body = {"default_variant": variant}
    (await live.patch(f"/api/flags/{key}", params={"set": name}, json=body)).raise_for_status()


async def stream_of(live: httpx.AsyncClient, name: str) -> str:
    answer = await live.post(EVALUATE, headers={"Flagd-Selector": f"flagSetId={name}"})
    url: str = answer.json()["eventStreams"][0]["url"]
    return url


async def test_a_change_is_told_and_what_is_asked_for_then_is_new(live: httpx.AsyncClient) -> None:
    await make(live, "told")
    async with reading(await stream_of(live, "told")) as reader:
        await reader.opened()
        await change(live, "told", "on")
        message = await reader.next()
        assert message is not None
        assert message.event == "message"
        assert message.id.isdecimal()
        assert message.data.keys() == {"type", "etag", "lastModified"}
        assert message.data["type"] == "refetchEvaluation"
        assert abs(message.data["lastModified"] - time.time()) < PATIENCE_SECONDS
        query = {"flagConfigEtag": message.data["etag"], "flagConfigLastModified": message.data["lastModified"]}
        answer = await live.post(EVALUATE, params=query, headers={"Flagd-Selector": "told"})
        assert answer.json()["flags"][0]["value"] is True
        await live.delete("/api/flags/checkout", params={"set": "told"})
        gone = await reader.next()
        assert gone is not None
        assert gone.data["etag"] != message.data["etag"]


@needs("activity")
async def test_only_changes_of_the_set_are_told(live: httpx.AsyncClient) -> None:
    await make(live, "mine")
    await make(live, "theirs")
    async with reading(await stream_of(live, "mine")) as reader:
        await reader.opened()
        await change(live, "theirs", "on")
        plan = {"at": "2099-01-31T09:00:00Z", "change": {"state": "DISABLED"}}
        planned = await live.post("/api/flags/checkout/schedule", params={"set": "mine"}, json=plan)
        assert planned.status_code == 201
        await change(live, "mine", "on")
        history = (await live.get("/api/activity", params={"type": "flags.updated", "limit": 1})).json()["items"]
        message = await reader.next()
        assert message is not None
        assert history[0]["data"]["set"] == "mine"
        answer = await live.post(EVALUATE, headers={"Flagd-Selector": "mine"})
        assert answer.json()["flags"][0]["value"] is True  # so that it was not the other set's change that was told


async def test_what_was_missed_is_told_again(live: httpx.AsyncClient) -> None:
    await make(live, "missed")
    url = await stream_of(live, "missed")
    async with reading(url) as reader:
        await reader.opened()
        await change(live, "missed", "on")
        first = await reader.next()
    assert first is not None
    await change(live, "missed", "off")
    await change(live, "missed", "on")
    async with reading(url, first.id) as reader:
        again = [await reader.next(), await reader.next()]
        ids = [int(message.id) for message in again if message is not None]
        assert len(ids) == 2
        assert int(first.id) < ids[0] < ids[1]


async def test_who_comes_back_too_late_is_told_to_ask_again(live: httpx.AsyncClient) -> None:
    await make(live, "late")
    async with reading(await stream_of(live, "late"), "999999999") as reader:
        message = await reader.next()
    assert message is not None
    assert (message.event, message.data["type"]) == ("message", "refetchEvaluation")


@needs("keys")
async def test_a_key_that_is_taken_back_hears_nothing_more(live: httpx.AsyncClient) -> None:
    made = (await live.post("/api/keys", json={"name": "program", "scopes": ["flags:evaluate"]})).json()
    await make(live, "revoked")
    async with httpx.AsyncClient(base_url=live.base_url, headers={"X-API-Key": made["key"]}) as program:
        url = await stream_of(program, "revoked")
    async with reading(url) as reader:
        await reader.opened()
        (await live.delete(f"/api/keys/{made['id']}")).raise_for_status()
        await change(live, "revoked", "on")
        assert await reader.next() is None
    assert (await live.get(url)).status_code == 401


async def test_the_token_stands_in_no_log_line(live: httpx.AsyncClient, server: Server) -> None:
    await make(live, "logged")
    url = await stream_of(live, "logged")
    async with reading(url) as reader:
        await reader.opened()
    forged = url[:-3] + ("xyz" if not url.endswith("xyz") else "abc")
    assert (await live.get(forged)).status_code == 401
    async with asyncio.timeout(PATIENCE_SECONDS):
        while server.heard().count('"/ofrep/v1/stream/{token}"') < 2:  # noqa: ASYNC110 - it is told to nobody
            await asyncio.sleep(0.01)
    for address in (url, forged):
        assert address.rpartition("/")[2] not in server.heard()


async def test_a_page_of_another_origin_may_listen(live: httpx.AsyncClient) -> None:
    await make(live, "cors")
    url, origin = await stream_of(live, "cors"), "https://shop.example"
    async with live.stream("GET", url, headers={"Origin": origin}) as answer:
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, origin)


# In process


async def test_no_other_token_opens_a_stream(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag()
    token = (await ask_all(client)).json()["eventStreams"][0]["url"].rpartition("/")[2]
    swapped = ("B" if token[30] == "A" else "A").join((token[:30], token[31:]))
    for wrong in ("x", "a.b", "é", token[:-4], token[4:], swapped, "A" * 64, "%00x", "A" * 5_000):
        answer = await client.get(f"/ofrep/v1/stream/{wrong}")
        assert answer.status_code in (401, 404), wrong
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_token_ends(client: httpx.AsyncClient, clock: FrozenClock, make_flag: MakeFlag) -> None:
    await make_flag()
    url = (await ask_all(client)).json()["eventStreams"][0]["url"]
    clock.advance(seconds=3600)
    answer = await client.get(url)
    assert (answer.status_code, "ask for all flags" in answer.json()["detail"]) == (401, True)


async def test_a_public_address_opens_nothing_once_evaluation_is_public_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = f"sqlite:///{tmp_path}/data.db"
    monkeypatch.setenv("SLICE_FLAGS_EVALUATION_PUBLIC", "true")
    async with running(make_app(storage_url=storage)) as app, client_of(app, key=None) as visitor:
        url = (await ask_all(visitor)).json()["eventStreams"][0]["url"]
    monkeypatch.setenv("SLICE_FLAGS_EVALUATION_PUBLIC", "false")
    async with running(make_app(storage_url=storage)) as app, client_of(app, key=None) as visitor:
        assert (await visitor.get(url)).status_code == 401


# Processes


@pytest.fixture
def pair(url: str, tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """Two processes on one database."""
    start = partial(served, tmp_path, SLICE_ADMIN_KEY=ADMIN_KEY, SLICE_RATE_LIMIT="off", SLICE_STORAGE_URL=url)
    with start() as first, start() as second:
        yield first, second


async def variants_of(client: httpx.AsyncClient) -> set[str]:
    answer = await client.post(EVALUATE)
    answer.raise_for_status()
    return {each["variant"] for each in answer.json()["flags"]}


async def until(client: httpx.AsyncClient, variant: str) -> None:
    """Ask again and again until this process answers so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await variants_of(client) != {variant}:
            pass


async def test_processes_see_each_others_changes_soon(pair: tuple[Server, Server]) -> None:
    urls = [server.url for server in pair]
    async with (
        httpx.AsyncClient(base_url=urls[0], headers=_KEY, timeout=PATIENCE_SECONDS) as here,
        httpx.AsyncClient(base_url=urls[1], headers=_KEY, timeout=PATIENCE_SECONDS) as there,
    ):
        await make(here, "")
        await until(there, "off")
        async with reading(await stream_of(there, "")) as reader:
            await reader.opened()
            for variant in ("on", "off") * 3:
                await change(here, "", variant)
                assert await variants_of(here) == {variant}
                await until(there, variant)
                assert await reader.next() is not None
        await _never_told_before_it_is_so(here, there)
        # The address that one process gives out works at the other.
        path = (await stream_of(here, "")).removeprefix(urls[0])
        async with reading(urls[1] + path) as reader:
            await reader.opened()


async def _never_told_before_it_is_so(here: httpx.AsyncClient, there: httpx.AsyncClient) -> None:
    """Who was told of a change by one process is not given what was before it by another."""
    async with reading(await stream_of(here, "")) as reader:
        await reader.opened()
        for variant in ("on", "off") * 10:
            await change(here, "", variant)
            message = await reader.next()
            assert message is not None
            answer = await there.post(EVALUATE, params={"flagConfigEtag": message.data["etag"]})
            assert answer.json()["flags"][0]["variant"] == variant


async def test_a_document_is_never_seen_by_half(url: str) -> None:
    """Two apps on one database: one replaces all flags again and again, the other evaluates all the time."""
    seen = set[str]()
    async with (
        running(make_app(storage_url=url)) as here,
        running(make_app(storage_url=url)) as there,
        client_of(there) as program,
    ):
        for round_number in range(12):
            name = f"v{round_number}"
            flag = {"variants": {name: True}, "defaultVariant": name}
            flags = {f"flag-{number}": flag for number in range(5 + round_number)}
            writing = asyncio.create_task(chassis_of(here).db.transact(keep_document, {"flags": flags}))
            async with asyncio.timeout(PATIENCE_SECONDS):
                while name not in seen:
                    answer = (await program.post(EVALUATE)).json()["flags"]
                    variants = {each["variant"] for each in answer}
                    assert len(variants) <= 1
                    assert not variants or len(answer) == 5 + int(next(iter(variants))[1:])
                    seen |= variants
                    await asyncio.sleep(0)
            await writing
