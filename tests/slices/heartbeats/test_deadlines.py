"""Deadlines: noticed by themselves, once, stamped with the moment that they passed, also after an absence."""

import httpx
import pytest
from fastapi import FastAPI

from slice_api.chassis import EVENTS, Tx
from tests.conftest import AssertEvents, Settle, on_every_engine
from tests.slices.heartbeats.conftest import HOURLY, Make, Ping, Read
from tests.support import FrozenClock, client_of, make_app, running
from tests.support import settle as settle_app
from tests.told import told


async def flips_of(client: httpx.AsyncClient, check_id: str) -> list[tuple[str, str, str, str | None]]:
    """The changes of a check's state, the oldest first."""
    found = (await client.get(f"/api/heartbeats/{check_id}/flips")).json()["items"]
    return [(each["at"][11:19], each["old"], each["new"], each["reason"]) for each in reversed(found)]


@on_every_engine
async def test_silence_is_noticed_once_and_stamped_with_the_deadline(
    client: httpx.AsyncClient,
    make: Make,
    ping: Ping,
    read: Read,
    clock: FrozenClock,
    settle: Settle,
    assert_events: AssertEvents,
) -> None:
    made, silent = await make(), await make(name="Never heard of")
    await ping(made, "", b"all well")
    await settle()
    await assert_events(*[told(each) for each in ("heartbeats.created", "heartbeats.created", "heartbeats.up")])
    clock.advance(minutes=70, seconds=-1)
    await settle()
    assert (await read(made))["state"] == "grace"
    clock.advance(hours=3)
    assert (await read(made))["state"] == "down"
    for _ in range(3):
        await settle()
        clock.advance(seconds=5)
    assert (await read(silent))["state"] == "new"
    assert await flips_of(client, made["id"]) == [
        ("09:00:00", "new", "up", None),
        ("10:10:00", "up", "down", "timeout"),
    ]
    await assert_events(
        told(
            "heartbeats.down",
            made["id"],
            old="up",
            at="2026-01-31T10:10:00Z",
            reason="timeout",
            last_ping_at="2026-01-31T09:00:00Z",
            last_ping_text="all well",
        )
    )


async def test_a_ping_that_comes_before_anybody_noticed_leaves_the_outage_in_the_log(
    client: httpx.AsyncClient, make: Make, ping: Ping, clock: FrozenClock, settle: Settle, assert_events: AssertEvents
) -> None:
    made = await make()
    await ping(made, "", b"all well")
    clock.advance(hours=2)
    await ping(made, "", b"late")
    await settle()
    assert await flips_of(client, made["id"]) == [
        ("09:00:00", "new", "up", None), ("10:10:00", "up", "down", "timeout"), ("11:00:00", "down", "up", None)
    ]  # fmt: skip
    await assert_events(
        told("heartbeats.created"),
        told("heartbeats.up"),
        told("heartbeats.down", last_ping_at="2026-01-31T09:00:00Z", last_ping_text="all well"),
        told("heartbeats.up", last_ping_at="2026-01-31T11:00:00Z", last_ping_text="late"),
    )


@pytest.mark.parametrize(
    ("fields", "minutes", "reason"),
    [
        ({}, 10, "start-deadline"),
        ({"max_run_seconds": 120}, 2, "run-time"),
        ({"max_run_seconds": 7200}, 120, "run-time"),
    ],
)
async def test_a_run_that_does_not_end_takes_it_down(
    client: httpx.AsyncClient,
    make: Make,
    ping: Ping,
    clock: FrozenClock,
    settle: Settle,
    fields: dict[str, int],
    minutes: int,
    reason: str,
) -> None:
    made = await make(**fields)
    await ping(made, "/start")
    clock.advance(minutes=minutes, seconds=-1)
    await settle()
    assert await flips_of(client, made["id"]) == []
    clock.advance(minutes=1)
    await settle()
    [(_, old, new, why)] = await flips_of(client, made["id"])
    assert (old, new, why) == ("new", "down", reason)
    await ping(made, "/start")
    clock.advance(hours=9)
    await settle()
    assert len(await flips_of(client, made["id"])) == 1


async def test_many_deadlines_at_once_are_all_noticed(
    client: httpx.AsyncClient, make: Make, ping: Ping, clock: FrozenClock, settle: Settle
) -> None:
    checks = [await make(name=f"Check {number}") for number in range(130)]
    for check in checks:
        await ping(check)
    clock.advance(hours=9)
    await settle()
    await settle()
    down = [await flips_of(client, check["id"]) for check in checks]
    assert all(len(flips) == 2 for flips in down)


async def test_a_failure_in_maintenance_is_told_when_that_ends(
    make: Make, ping: Ping, clock: FrozenClock, settle: Settle, assert_events: AssertEvents
) -> None:
    window = {"cron": "0 10 * * *", "timezone": "Europe/Vienna", "duration_seconds": 3600}
    made = await make(maintenance=[window])
    clock.advance(minutes=30)
    await ping(made, "/fail", b"broken")
    await settle()
    await assert_events(told("heartbeats.created"))
    clock.advance(minutes=31)
    await settle()
    await settle()
    await assert_events(
        told("heartbeats.down", made["id"], at="2026-01-31T10:00:00Z", reason="fail", last_ping_text="broken")
    )


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_what_passed_during_an_absence_is_told_once_at_the_next_start(
    storage_url: str, clock: FrozenClock
) -> None:
    async with running(make_app(clock=clock, storage_url=storage_url)) as app, client_of(app) as client:
        checks = [(await client.post("/api/heartbeats", json={"name": str(n), **HOURLY})).json() for n in range(3)]
        for check in checks:
            await client.get(f"/ping/{check['id']}")
    clock.advance(hours=5)
    for _ in range(2):
        async with running(make_app(clock=clock, storage_url=storage_url)) as app, client_of(app) as client:
            await settle_app(app)
            await settle_app(app)
            assert await downs_told(app, client) == 3
            for check in checks:
                assert (await flips_of(client, check["id"]))[1:] == [("10:10:00", "up", "down", "timeout")]
        clock.advance(hours=1)


async def downs_told(app: FastAPI, client: httpx.AsyncClient) -> int:
    """How many outages were told of, ever."""
    entries = await app.state.chassis.db.transact(Tx.read, EVENTS, 0, limit=1_000)
    return sum(event.type == "heartbeats.down" for _, event in entries)
