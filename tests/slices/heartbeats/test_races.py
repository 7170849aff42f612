"""Pings and deadlines at the same moment, in several processes: one change of state and one event for each change."""

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from slice_api.chassis import EVENTS, Tx
from tests.slices.heartbeats.conftest import HOURLY
from tests.support import FrozenClock, chassis_of, client_of, make_app, running

PINGS = 100
NOBODY = "00000000-0000-4000-8000-000000000000"


async def told_of(app: Any, check_id: str) -> list[tuple[str, str]]:
    """What was told of a check's state, oldest first: topic and moment."""
    entries = await chassis_of(app).db.transact(Tx.read, EVENTS, 0, limit=10_000)
    return [(each.type, each.data.get("at", "")) for _, each in entries if each.subject == check_id][1:]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_a_hundred_pings_and_a_deadline_make_one_outage_and_one_recovery(
    storage_url: str, clock: FrozenClock
) -> None:
    async with (
        running(make_app(clock=clock, storage_url=storage_url)) as one,
        running(make_app(clock=clock, storage_url=storage_url)) as other,
        client_of(one) as first,
        client_of(other) as second,
    ):
        check = (await first.post("/api/heartbeats", json={"name": "Backup", **HOURLY})).json()
        url = f"/ping/{check['id']}"
        await first.get(url)
        clock.advance(hours=2)
        pings = [client.get(url) for _ in range(PINGS // 2) for client in (first, second)]
        jobs = [chassis_of(app).jobs.run_due() for app in (one, other) for _ in range(3)]
        answers = await asyncio.gather(*pings[:50], *jobs, *pings[50:])
        assert Counter(answer.text for answer in answers if answer is not None) == {"OK": PINGS}
        flips = (await second.get(f"/api/heartbeats/{check['id']}/flips")).json()["items"]
        assert [(flip["at"], flip["new"]) for flip in reversed(flips)] == [
            ("2026-01-31T09:00:00Z", "up"), ("2026-01-31T10:10:00Z", "down"), ("2026-01-31T11:00:00Z", "up")
        ]  # fmt: skip
        assert await told_of(one, check["id"]) == [(f"heartbeats.{flip['new']}", flip["at"]) for flip in flips[::-1]]
        numbers = await all_numbers(second, check["id"])
        assert numbers == list(range(PINGS + 1, 0, -1))


async def all_numbers(client: httpx.AsyncClient, check_id: str) -> list[int]:
    """The numbers of a check's pings, newest first."""
    page = (await client.get(f"/api/heartbeats/{check_id}/pings", params={"limit": 200})).json()
    return [each["n"] for each in page["items"]]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_of_pings_that_make_a_check_one_does(storage_url: str, clock: FrozenClock) -> None:
    async with (
        running(make_app(clock=clock, storage_url=storage_url)) as one,
        running(make_app(clock=clock, storage_url=storage_url)) as other,
        client_of(one) as first,
        client_of(other) as second,
    ):
        key = (await first.get("/api/heartbeats/ping_key")).json()["ping_key"]
        assert key == (await second.get("/api/heartbeats/ping_key")).json()["ping_key"]
        url = f"/ping/{key}/nightly?create=1"
        answers = await asyncio.gather(*(client.get(url) for _ in range(20) for client in (first, second)))
        assert Counter(answer.text for answer in answers) == {"Created": 1, "OK": 39}
        [check] = (await second.get("/api/heartbeats")).json()["items"]
        assert check["n_pings"] == 40


async def test_pings_and_edits_leave_each_other_alone(client: httpx.AsyncClient) -> None:
    check = (await client.post("/api/heartbeats", json={"name": "Backup", **HOURLY})).json()
    url = f"/api/heartbeats/{check['id']}"
    edits = [client.patch(url, json={"description": str(number)}) for number in range(20)]
    pings = [client.get(f"/ping/{check['id']}") for _ in range(20)]
    answers = await asyncio.gather(*(each for pair in zip(edits, pings, strict=True) for each in pair))
    assert {answer.status_code for answer in answers} == {200}
    now = (await client.get(url)).json()
    assert (now["n_pings"], now["description"], now["state"]) == (20, "19", "up")


async def test_a_check_that_cannot_be_read_is_no_fault_of_others_that_are_pinged_with_it(
    tmp_path: Path, clock: FrozenClock
) -> None:
    file = tmp_path / "data.db"
    async with running(make_app(clock=clock, storage_url=f"sqlite:///{file}")) as app, client_of(app) as client:
        ids = [(await client.post("/api/heartbeats", json={"name": str(n)})).json()["id"] for n in range(5)]
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE heartbeats SET body = 'nonsense' WHERE key = ?", (ids[2],))
        answers = await asyncio.gather(*(client.get(f"/ping/{each}") for each in [*ids, ids[0], "0" * 36, NOBODY]))
        assert [answer.status_code for answer in answers] == [200, 200, 500, 200, 200, 200, 404, 404]
        sound = [ids[0], *ids[1:2], *ids[3:]]
        pings = [(await client.get(f"/api/heartbeats/{each}")).json()["n_pings"] for each in sound]
        assert pings == [2, 1, 1, 1]
