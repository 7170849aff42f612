"""The pings of a check, what they carried, and its changes of state, for Healthchecks' clients."""

import httpx
import pytest

from tests.support import FrozenClock, client_of, make_app, running

START = 1769850000
"""2026-01-31 09:00 UTC."""


@pytest.fixture
async def check_id(client: httpx.AsyncClient) -> str:
    answer = await client.post("/api/v3/checks/", json={"name": "x", "timeout": 60, "grace": 60})
    return str(answer.json()["uuid"])


async def test_pings_are_told_newest_first(client: httpx.AsyncClient, clock: FrozenClock, check_id: str) -> None:
    rid = "123e4567-e89b-12d3-a456-426614174000"
    await client.get(f"/ping/{check_id}/start", params={"rid": rid}, headers={"User-Agent": "curl/8.9.1"})
    clock.advance(seconds=4.256789)
    await client.post(f"/ping/{check_id}", params={"rid": rid}, content=b"\xff\0done")
    await client.get(f"/ping/{check_id}/log")
    await client.get(f"/ping/{check_id}/3")
    await client.post(f"/api/v3/checks/{check_id}", json={"methods": "POST"})
    await client.get(f"/ping/{check_id}")
    pings = (await client.get(f"/api/v3/checks/{check_id}/pings/")).json()["pings"]
    assert [(ping["n"], ping["type"]) for ping in pings] == [
        (5, "ign"),
        (4, "fail"),
        (3, "log"),
        (2, "success"),
        (1, "start"),
    ]
    assert list(pings[3].items()) == [
        ("type", "success"),
        ("date", "2026-01-31T09:00:04.256789+00:00"),
        ("n", 2),
        ("scheme", "http"),
        ("remote_addr", "127.0.0.1"),
        ("method", "POST"),
        ("ua", pings[3]["ua"]),
        ("rid", rid),
        ("body_url", f"http://slice.test/api/v3/checks/{check_id}/pings/2/body"),
        ("duration", 4.26),
    ]
    assert (pings[4]["date"], pings[4]["ua"]) == ("2026-01-31T09:00:00.000000+00:00", "curl/8.9.1")
    assert "duration" not in pings[4]
    assert (pings[0]["rid"], pings[0]["body_url"]) == (None, None)
    assert "link" not in (await client.get(f"/api/v3/checks/{check_id}/pings/")).headers
    body = await client.get(f"/api/v3/checks/{check_id}/pings/2/body")
    assert (body.status_code, body.content) == (200, b"\xff\0done")
    assert body.headers["content-type"] == "text/plain"
    for n in ("1", "9", "0", "-1", "x", "9" * 30):
        assert (await client.get(f"/api/v3/checks/{check_id}/pings/{n}/body")).status_code == 404
    told = (await client.get(f"/api/v3/checks/{check_id}")).json()
    assert told["n_pings"] == 5
    older = (await client.get(f"/api/v1/checks/{check_id}/pings/")).json()["pings"][3]["body_url"]
    assert older == f"http://slice.test/api/v1/checks/{check_id}/pings/2/body"


async def test_the_last_duration_is_told_in_whole_seconds(
    client: httpx.AsyncClient, clock: FrozenClock, check_id: str
) -> None:
    await client.get(f"/ping/{check_id}/start")
    clock.advance(seconds=4.9)
    await client.get(f"/ping/{check_id}")
    assert (await client.get(f"/api/v3/checks/{check_id}")).json()["last_duration"] == 4


async def test_a_run_that_goes_on_is_late_and_down_in_time(
    client: httpx.AsyncClient, clock: FrozenClock, check_id: str
) -> None:
    async def status(version: int) -> tuple[str, bool]:
        told = (await client.get(f"/api/v{version}/checks/{check_id}")).json()
        return told["status"], told["started"]

    await client.get(f"/ping/{check_id}")
    clock.advance(seconds=50)
    await client.get(f"/ping/{check_id}/start")
    assert (await status(3), await status(1)) == (("up", True), ("started", True))
    clock.advance(seconds=10)
    assert (await status(3), await status(1)) == (("grace", True), ("started", True))
    clock.advance(seconds=50)
    assert (await status(3), await status(1)) == (("down", True), ("down", True))
    await client.get(f"/ping/{check_id}/fail")
    await client.get(f"/ping/{check_id}/start")
    assert (await status(3), await status(1)) == (("down", True), ("started", True))


async def test_flips_are_told_newest_first_and_by_time(
    client: httpx.AsyncClient, clock: FrozenClock, check_id: str
) -> None:
    for action in ("", "/fail", ""):
        await client.get(f"/ping/{check_id}{action}")
        clock.advance(seconds=10.5)
    url = f"/api/v3/checks/{check_id}/flips/"
    every = [
        {"timestamp": "2026-01-31T09:00:21+00:00", "up": 1},
        {"timestamp": "2026-01-31T09:00:10+00:00", "up": 0},
        {"timestamp": "2026-01-31T09:00:00+00:00", "up": 1},
    ]

    async def flips(query: str) -> list[dict[str, object]]:
        answer = await client.get(f"{url}?{query}")
        assert (answer.status_code, list(answer.json())) == (200, ["flips"])
        found: list[dict[str, object]] = answer.json()["flips"]
        return found

    assert await flips("") == await flips("seconds=") == await flips("seconds=0") == await flips("start=0") == every
    assert await flips(f"start={START + 1}") == every[:2]
    assert await flips(f"end={START + 21}") == every[1:]
    assert await flips("seconds=11") == every[:1]
    assert await flips(f"seconds=31536000&start={START + 1}&end={START + 21}") == every[1:2]
    for query in ("start=x", "start=", "end=-1", "end=10000000001", "seconds=-1", "seconds=31536001", "seconds=1.5"):
        answer = await client.get(f"{url}?{query}")
        assert (answer.status_code, answer.content) == (400, b""), query


async def test_a_deadline_is_a_flip_of_its_own_time_and_pausing_twice_is_one(
    client: httpx.AsyncClient, clock: FrozenClock, check_id: str
) -> None:
    await client.get(f"/ping/{check_id}")
    clock.advance(seconds=200)
    for _ in range(2):
        assert (await client.post(f"/api/v3/checks/{check_id}/pause")).json()["status"] == "paused"
    told = (await client.get(f"/api/v3/checks/{check_id}/flips/")).json()["flips"]
    assert told == [
        {"timestamp": "2026-01-31T09:03:20+00:00", "up": 0},
        {"timestamp": "2026-01-31T09:02:00+00:00", "up": 0},
        {"timestamp": "2026-01-31T09:00:00+00:00", "up": 1},
    ]


async def test_no_more_pings_are_told_than_are_to_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLICE_HEARTBEATS_KEEP_PINGS", "2")
    async with running(make_app()) as app, client_of(app) as client:
        check = (await client.post("/api/v3/checks/", json={"name": "x"})).json()
        for n in (1, 2, 3):
            await client.post(f"/ping/{check['uuid']}", content=f"body {n}")
        url = f"/api/v3/checks/{check['uuid']}/pings"
        assert [ping["n"] for ping in (await client.get(f"{url}/")).json()["pings"]] == [3, 2]
        bodies = [await client.get(f"{url}/{n}/body") for n in (1, 2)]
        assert [(each.status_code, each.text) for each in bodies] == [(404, bodies[0].text), (200, "body 2")]
