"""Work beside the requests: batches, jobs and live streams, and how they end."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.sse import ServerSentEvent

from slice_api.chassis import EVENTS, Tx
from slice_api.chassis.jobs import LEASES
from tests.chassis.example_slices.echoes.batches import LATER
from tests.chassis.example_slices.echoes.store import forget_orders, heard, keep
from tests.chassis.examples import EXAMPLES, parsed
from tests.conftest import Settle
from tests.support import FrozenClock, chassis_of, client_of, make_app, running


async def echoes(app: FastAPI, kind: str) -> list[str]:
    return await chassis_of(app).db.transact(heard, of=kind)


async def order(app: FastAPI, what: str) -> None:
    """Tell the example slice how to behave from now on."""
    await chassis_of(app).db.transact(keep, what, of="orders")


async def revoke(app: FastAPI) -> None:
    await chassis_of(app).db.transact(forget_orders)


# Batches


async def test_what_is_put_in_line_is_written_together_in_order(app: FastAPI, settle: Settle) -> None:
    for item in ("one", "two", "three"):
        chassis_of(app).batches.add(LATER, item)
    await settle()
    assert await echoes(app, "batches") == ["one", "two", "three"]
    await settle()
    assert await echoes(app, "batches") == ["one", "two", "three"]


async def test_what_is_noted_twice_in_a_row_is_written_once(app: FastAPI, settle: Settle) -> None:
    for item in ("one", "one", "two", "one"):
        chassis_of(app).batches.note(LATER, item)
    assert chassis_of(app).batches.waiting == 3
    await settle()
    assert await echoes(app, "batches") == ["one", "two", "one"]
    chassis_of(app).batches.note(LATER, "one")  # what was written already is no longer in line
    await settle()
    assert await echoes(app, "batches") == ["one", "two", "one", "one"]


async def test_a_route_does_not_wait_for_what_is_written_later(
    app: FastAPI, client: httpx.AsyncClient, settle: Settle
) -> None:
    await order(app, "refuse")
    assert (await client.post("/api/echoes", json={"id": "1", "text": "one"})).status_code == 202
    await revoke(app)
    await settle()
    assert await echoes(app, "batches") == ["one"]


async def test_a_flush_waits_for_what_is_being_written_already(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    batches, transact, may_write = chassis_of(app).batches, chassis_of(app).db.transact, asyncio.Event()

    async def slowly(*arguments: Any) -> Any:
        await may_write.wait()
        return await transact(*arguments)

    batches.add(LATER, "one")
    with monkeypatch.context() as patch:
        patch.setattr(chassis_of(app).db, "transact", slowly)
        first = asyncio.create_task(batches.flush())
        await asyncio.sleep(0)
    second = asyncio.create_task(batches.flush())
    await asyncio.sleep(0.01)
    assert not second.done()
    may_write.set()
    await second
    assert await echoes(app, "batches") == ["one"]
    await first


async def test_what_is_put_in_line_is_written_without_being_asked_for(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slice_api.chassis.batches.INTERVAL", 0)
    for count in (1, 2):  # after the line was empty again, too
        chassis_of(app).batches.add(LATER, "one")
        async with asyncio.timeout(20):
            while len(await echoes(app, "batches")) < count:  # noqa: ASYNC110 - what happens is told to nobody
                await asyncio.sleep(0)


async def test_what_could_not_be_written_stays_in_line_in_order(
    app: FastAPI, settle: Settle, log_lines: list[bytes]
) -> None:
    await order(app, "refuse")
    chassis_of(app).batches.add(LATER, "one")
    await settle()
    chassis_of(app).batches.add(LATER, "two")
    assert await echoes(app, "batches") == []
    told = next(line for line in parsed(log_lines) if line["event"] == "batch not written")
    assert (told["batch"], told["items"]) == ("echoes.later", 1)
    await revoke(app)
    await settle()
    assert await echoes(app, "batches") == ["one", "two"]


async def test_what_is_in_line_is_written_and_told_before_storage_is_closed() -> None:
    app = make_app(packages=EXAMPLES)
    storage = chassis_of(app).storage
    close, written = storage.close, []

    async def note_and_close() -> None:
        written.extend(await echoes(app, "batches") + await echoes(app, "titles"))
        await close()

    storage.close = note_and_close  # type: ignore[method-assign]
    async with running(app), client_of(app) as client:
        await make(client, "told")
        chassis_of(app).batches.add(LATER, "written")
    assert written == ["written", "told"]


# Jobs


async def ticks(app: FastAPI) -> int:
    return len(await echoes(app, "ticks"))


async def test_a_job_runs_once_in_its_interval_however_many_ask(app: FastAPI, clock: FrozenClock) -> None:
    jobs = chassis_of(app).jobs
    for _ in range(3):
        await jobs.run_due()
    assert await ticks(app) == 1
    clock.advance(minutes=50)
    await jobs.run_due()
    assert await ticks(app) == 1
    clock.advance(minutes=10)
    for _ in range(3):
        await jobs.run_due()
    assert await ticks(app) == 2


async def test_a_job_that_fails_leaves_nothing_and_is_tried_again(
    app: FastAPI, clock: FrozenClock, log_lines: list[bytes]
) -> None:
    await order(app, "broken")
    await chassis_of(app).jobs.run_due()
    told = next(line for line in parsed(log_lines) if line["event"] == "job failed")
    assert told["job"] == "echoes.tick"
    assert "the clock is broken" in told["exception"]
    assert await chassis_of(app).db.get(LEASES, "echoes.tick") is None
    await revoke(app)
    await chassis_of(app).jobs.run_due()
    assert await ticks(app) == 1


async def test_a_job_that_fails_holds_up_no_other(app: FastAPI) -> None:
    await order(app, "broken")
    await chassis_of(app).jobs.run_due()
    text = chassis_of(app).metrics.text().decode()
    assert 'slice_jobs_total{job="chassis.trim_events",outcome="done"} 1.0' in text
    assert 'slice_jobs_total{job="echoes.tick",outcome="failed"} 1.0' in text


# Live streams


Stream = AsyncIterator[ServerSentEvent]


async def make(client: httpx.AsyncClient, *titles: str) -> None:
    for title in titles:
        assert (await client.post("/api/things", json={"title": title})).status_code == 201


def title_in(event: ServerSentEvent) -> str:
    assert event.event == "things.created"
    title: str = json.loads(event.raw_data or "")["data"]["thing"]["title"]
    return title


async def turns() -> None:
    """Let everyone who was woken look around."""
    for _ in range(10):
        await asyncio.sleep(0)


async def next_title(stream: Stream) -> str:
    return title_in(await anext(stream))


@pytest.fixture
def feed(app: FastAPI) -> Any:
    return chassis_of(app).feed


async def newest_id(app: FastAPI) -> int:
    _, newest = await chassis_of(app).db.transact(Tx.ends, EVENTS)
    return newest


async def test_a_stream_begins_at_once_and_tells_what_happens_from_then_on(
    feed: Any, client: httpx.AsyncClient
) -> None:
    await make(client, "before")
    stream = feed.follow("echoes")
    assert (await anext(stream)).comment == "open"
    upcoming = asyncio.create_task(next_title(stream))
    await turns()
    assert not upcoming.done()
    await make(client, "after", "later")
    await turns()
    assert upcoming.done()
    assert [await upcoming, await next_title(stream)] == ["after", "later"]


async def test_a_stream_goes_on_behind_the_id_that_was_read_last(
    feed: Any, app: FastAPI, client: httpx.AsyncClient
) -> None:
    await make(client, "one")
    read = await newest_id(app)
    await make(client, "two", "three")
    stream = feed.follow("echoes", str(read))
    assert (await anext(stream)).comment == "open"
    assert [await next_title(stream), await next_title(stream)] == ["two", "three"]
    again = feed.follow("echoes", str(await newest_id(app)))
    await anext(again)
    await make(client, "four")
    assert await next_title(again) == "four"


@pytest.mark.parametrize("last_id", ["0", "1", "9999", "x", "-1", "", "1.5", "9" * 5000, "٣"])
async def test_an_id_that_the_log_does_not_reach_is_answered_with_a_reset(
    feed: Any, app: FastAPI, client: httpx.AsyncClient, last_id: str
) -> None:
    await make(client, "one", "two", "three", "four", "five")
    await chassis_of(app).db.transact(Tx.trim, EVENTS, 1)
    stream = feed.follow("echoes", last_id)
    first = await anext(stream)
    newest = await newest_id(app)
    assert (first.event, first.id, first.data) == ("reset", str(newest), {"position": newest})
    await make(client, "six")
    assert await next_title(stream) == "six"


async def test_an_id_just_before_the_oldest_event_has_missed_nothing(
    feed: Any, app: FastAPI, client: httpx.AsyncClient
) -> None:
    await make(client, "one", "two", "three")
    await chassis_of(app).db.transact(Tx.trim, EVENTS, 2)
    oldest, _ = await chassis_of(app).db.transact(Tx.ends, EVENTS)
    stream = feed.follow("echoes", str(oldest - 1))
    assert (await anext(stream)).comment == "open"
    assert await next_title(stream) == "two"


async def test_a_stream_tells_only_what_is_wanted(feed: Any, client: httpx.AsyncClient) -> None:
    stream = feed.follow("echoes", None, lambda record: record.data["thing"]["title"] == "wanted")
    await anext(stream)
    await make(client, "other", "wanted")
    assert await next_title(stream) == "wanted"


async def test_many_readers_each_have_their_own_place(feed: Any, client: httpx.AsyncClient) -> None:
    streams = [feed.follow("echoes") for _ in range(3)]
    for stream in streams:
        await anext(stream)
    await make(client, "one", "two")
    assert await next_title(streams[0]) == "one"
    assert [await next_title(stream) for stream in streams] == ["two", "one", "one"]


async def test_streams_end_when_the_service_stops(feed: Any, app: FastAPI) -> None:
    stream = feed.follow("echoes")
    await anext(stream)
    waiting = asyncio.create_task(anext(stream, None))
    await turns()
    assert b'slice_streams_open{slice="echoes"} 1.0' in chassis_of(app).metrics.text()
    chassis_of(app).begin_shutdown()
    await turns()
    assert waiting.done()
    assert await waiting is None
    assert b'slice_streams_open{slice="echoes"} 0.0' in chassis_of(app).metrics.text()


async def test_a_stream_over_http_is_one_of_server_sent_events(app: FastAPI, client: httpx.AsyncClient) -> None:
    await make(client, "one", "two")
    chassis_of(app).begin_shutdown()
    answer = await client.get("/api/echoes/stream")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.startswith(": open\n")


# Stopping


async def test_an_app_can_be_stopped_though_it_was_hardly_started() -> None:
    for _ in range(3):
        async with running(make_app(packages=EXAMPLES)):
            pass


async def test_what_goes_wrong_in_the_background_is_logged_and_goes_on(
    log_lines: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(packages=EXAMPLES, log=log_lines)
    chassis = chassis_of(app)
    has_gone_on = asyncio.Event()
    tries: list[int] = []

    async def run(closing: asyncio.Event) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("stumbled")
        has_gone_on.set()

    monkeypatch.setattr(chassis.outbox, "run", run)
    monkeypatch.setattr("slice_api.chassis.assembly._RESTART_SECONDS", 0)
    async with running(app), client_of(app):
        await has_gone_on.wait()
    told = next(line for line in parsed(log_lines) if line["event"] == "background work failed")
    assert (told["work"], "stumbled" in told["exception"]) == ("outbox", True)
