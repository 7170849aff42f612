"""Pings over HTTP: what each means, what is kept of it, and what is refused."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.conftest import AssertEvents, on_every_engine
from tests.slices.heartbeats.conftest import Make, Ping, Read
from tests.support import FrozenClock, client_of, make_app, running
from tests.told import told

RID = "123e4567-e89b-12d3-a456-426614174000"


async def log_of(client: httpx.AsyncClient, check: dict[str, Any]) -> list[dict[str, Any]]:
    """The pings of a check, the oldest first."""
    found: list[dict[str, Any]] = (await client.get(f"/api/heartbeats/{check['id']}/pings")).json()["items"]
    return found[::-1]


@pytest.fixture
async def key(client: httpx.AsyncClient) -> str:
    """The ping key."""
    told_key: str = (await client.get("/api/heartbeats/ping_key")).json()["ping_key"]
    return told_key


@on_every_engine
async def test_a_ping_is_answered_once_it_is_kept(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, make: Make, read: Read
) -> None:
    made = await make()
    url = f"/ping/{made['id']}"
    answer = await anonymous.get(url, headers={"User-Agent": "x" * 300})
    assert (answer.status_code, answer.text) == (200, "OK")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["ping-body-limit"] == "10000"
    assert "no-store" in answer.headers["cache-control"]
    head = await anonymous.head(f"/ping/{made['id']}/")
    assert (head.status_code, head.content, head.headers["ping-body-limit"]) == (200, b"", "10000")
    assert (await anonymous.post(url, content=b"\xff\0done")).text == "OK"
    assert (await anonymous.post(f"/ping/{made['id']}/", content=b"")).text == "OK"
    assert (await anonymous.post(f"/ping/{made['id']}/log", content=b"so far")).text == "OK"
    pings = await log_of(client, made)
    assert [(each["n"], each["method"], each["kind"]) for each in pings] == [
        (1, "GET", "success"), (2, "HEAD", "success"), (3, "POST", "success"), (4, "POST", "success"),
        (5, "POST", "log"),
    ]  # fmt: skip
    assert (pings[0]["user_agent"], pings[0]["scheme"]) == ("x" * 200, "http")
    assert pings[0]["remote_addr"] == "127.0.0.1"
    body = await client.get(f"/api/heartbeats/{made['id']}/pings/3/body")
    assert (body.content, pings[2]["body_bytes"]) == (b"\xff\0done", 6)
    assert (await client.get(f"/api/heartbeats/{made['id']}/pings/1/body")).status_code == 404
    now = await read(made)
    assert (now["state"], now["n_pings"], now["next_due_at"]) == ("up", 5, "2026-01-31T10:00:00Z")


async def test_only_get_head_and_post_are_pings(anonymous: httpx.AsyncClient, make: Make, read: Read) -> None:
    made = await make()
    for method in ("PUT", "PATCH", "DELETE"):
        answer = await anonymous.request(method, f"/ping/{made['id']}")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")
    assert (await read(made))["n_pings"] == 0


@pytest.mark.parametrize(
    ("action", "kind", "status"),
    [
        ("/start", "start", None), ("/fail", "fail", None), ("/log", "log", None), ("/0", "success", 0),
        ("/7", "fail", 7), ("/007", "fail", 7), ("/255", "fail", 255),
    ],
)  # fmt: skip
async def test_the_path_says_what_it_means(
    client: httpx.AsyncClient, make: Make, ping: Ping, key: str, action: str, kind: str, status: int | None
) -> None:
    made = await make(slug="backup")
    assert (await ping(made, action)).text == "OK"
    assert (await ping(made, action, b"x")).text == "OK"
    assert (await client.get(f"/ping/{key}/backup{action}")).text == "OK"
    assert (await client.post(f"/ping/{key}/backup{action}")).text == "OK"
    assert [(each["kind"], each["exit_status"]) for each in await log_of(client, made)] == [(kind, status)] * 4


async def test_what_is_wrong_with_a_url_is_said_and_leaves_nothing(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, make: Make, read: Read, key: str
) -> None:
    made = await make(slug="backup")
    check_id = made["id"]
    refused = {
        f"/ping/{check_id}/256": (400, "invalid url format"),
        f"/ping/{check_id}/{'9' * 500}": (400, "invalid url format"),
        f"/ping/{check_id}?rid=": (400, "invalid uuid format"),
        f"/ping/{check_id}?rid=1": (400, "invalid uuid format"),
        f"/ping/{check_id}?rid={RID.replace('-', '')}": (400, "invalid uuid format"),
        f"/ping/{check_id.upper()}": (404, "not found"),
        f"/ping/{check_id.replace('-', '')}": (404, "not found"),
        f"/ping/{RID}": (404, "not found"),
        f"/ping/{check_id}/stop": (404, "not found"),
        f"/ping/{key}/Backup": (400, "invalid url format"),
        f"/ping/{key}/b.c": (404, "not found"),
        f"/ping/{key}/nothing": (404, "not found"),
        f"/ping/{key[:-1]}/backup": (404, "not found"),
        f"/ping/{key}/backup/stop": (404, "not found"),
        f"/ping/{key}/backup/256": (400, "invalid url format"),
        f"/ping/{key}/x?create=1&rid=1": (400, "invalid uuid format"),
        f"/ping/{key}/x/256?create=1": (400, "invalid url format"),
        f"/ping/{key}/x?create=2": (404, "not found"),
        f"/ping/wrong-key/x?create=1": (404, "not found"),  # noqa: F541
    }
    for url, expected in refused.items():
        for method in ("GET", "POST"):
            answer = await anonymous.request(method, url)
            assert (answer.status_code, answer.text) == expected, url
            assert answer.headers["access-control-allow-origin"] == "*"
    assert (await read(made))["n_pings"] == 0
    assert len((await client.get("/api/heartbeats")).json()["items"]) == 1


@on_every_engine
async def test_a_slug_is_made_a_check_when_asked_for(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, key: str, assert_events: AssertEvents
) -> None:
    url = f"/ping/{key}/nightly_1"
    made = await anonymous.get(f"{url}/start?create=1&timeout=7200&grace=120&tags=prod,db+x")
    assert (made.status_code, made.text) == (201, "Created")
    again = await anonymous.post(f"{url}?create=1&timeout=60", content=b"x")
    assert (again.status_code, again.text) == (200, "OK")
    [check] = (await client.get("/api/heartbeats")).json()["items"]
    assert (check["name"], check["slug"], check["tags"]) == ("nightly_1", "nightly_1", ["prod", "db", "x"])
    assert (check["schedule"], check["grace_seconds"], check["n_pings"]) == ({"every_seconds": 7200}, 120, 2)
    await assert_events(told("heartbeats.created", check["id"]), told("heartbeats.up", check["id"], old="new"))


@pytest.mark.parametrize(
    ("query", "schedule"),
    [
        ("", {"every_seconds": 86400}),
        ("&schedule=30+2+*+*+*&tz=Europe/Vienna", {"cron": "30 2 * * *", "timezone": "Europe/Vienna"}),
        ("&schedule=Mon..Fri+02:30&timeout=60", {"on_calendar": "Mon..Fri 02:30", "timezone": "UTC"}),
    ],
)
async def test_its_schedule_may_stand_in_the_query(
    client: httpx.AsyncClient, key: str, query: str, schedule: dict[str, Any]
) -> None:
    assert (await client.get(f"/ping/{key}/x?create=1{query}")).text == "Created"
    assert (await client.get("/api/heartbeats")).json()["items"][0]["schedule"] == schedule


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("timeout=59", "timeout"), ("timeout=soon", "timeout"), ("timeout=99999999999999", "timeout"),
        ("timeout=-1", "timeout"), ("grace=1", "grace"), ("grace=", "grace"), ("schedule=61+*+*+*+*", "schedule"),
        ("schedule=*+*+*+*+*&tz=Mars", "tz"), ("tags=" + "x" * 101, "tags"),
        ("tags=%00", "tags"),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_its_settings_is_said(
    client: httpx.AsyncClient, key: str, query: str, text: str
) -> None:
    answer = await client.get(f"/ping/{key}/x?create=1&{query}")
    assert answer.status_code == 400
    assert answer.text.startswith(f"invalid {text}: ")
    assert (await client.get("/api/heartbeats")).json()["items"] == []


async def test_a_slug_that_several_have_is_nobodys(client: httpx.AsyncClient, make: Make, read: Read, key: str) -> None:
    checks = [await make(slug="twice"), await make(slug="twice")]
    answer = await client.get(f"/ping/{key}/twice?create=1")
    assert (answer.status_code, answer.text) == (409, "ambiguous slug")
    assert [(await read(each))["n_pings"] for each in checks] == [0, 0]


async def test_a_long_body_is_taken_and_cut(client: httpx.AsyncClient, make: Make, ping: Ping) -> None:
    made = await make()
    assert (await ping(made, "/fail", b"ab" * 2_000_000)).text == "OK"
    body = await client.get(f"/api/heartbeats/{made['id']}/pings/1/body")
    assert body.content == b"ab" * 5_000
    assert (await log_of(client, made))[0]["body_bytes"] == 10_000


@pytest.mark.parametrize(
    ("fields", "body", "kind"),
    [
        ({"failure_kw": "ERROR, FAIL"}, b"all FAILed", "fail"),
        ({"failure_kw": "ERROR", "success_kw": "OK"}, b"OK but ERROR", "fail"),
        ({"success_kw": "OK"}, b"OK", "success"),
        ({"start_kw": "BEGIN", "success_kw": "OK"}, b"BEGIN", "start"),
        ({"success_kw": "OK"}, b"ok", "ignored"),
        ({"success_kw": " , OK,"}, b"nothing", "ignored"),
        ({"success_kw": "OK", "filter_default_fail": True}, b"nothing", "fail"),
        ({"failure_kw": "\u00e4rger"}, b"\xff \xc3\xa4rger", "fail"),
        ({"success_kw": "OK"}, b"x" * 10_000 + b"OK", "ignored"),
    ],
)
async def test_the_body_may_say_what_it_means(
    client: httpx.AsyncClient, make: Make, ping: Ping, fields: dict[str, Any], body: bytes, kind: str
) -> None:
    made = await make(filter_http_body=True, **fields)
    assert (await ping(made, "/log", body)).text == "OK"
    assert [each["kind"] for each in await log_of(client, made)] == [kind]


async def test_filters_beat_the_path_and_manual_resume_beats_all(
    client: httpx.AsyncClient, make: Make, ping: Ping, read: Read
) -> None:
    made = await make(methods="POST", is_manual_resume=True)
    for action in ("", "/start", "/fail"):
        await ping(made, action)
    assert (await read(made))["state"] == "new"
    await ping(made, "", b"")
    assert (await read(made))["state"] == "up"
    await client.post(f"/api/heartbeats/{made['id']}/pause")
    await ping(made, "/fail", b"")
    now = await read(made)
    assert (now["state"], now["n_pings"]) == ("paused", 5)
    assert [each["kind"] for each in await log_of(client, made)] == ["ignored"] * 3 + ["success", "ignored"]


async def test_runs_are_timed_each_by_its_id(
    client: httpx.AsyncClient, make: Make, ping: Ping, read: Read, clock: FrozenClock
) -> None:
    made, other = await make(), RID.replace("1", "2")
    await ping(made, "/start", rid=RID.upper())
    running = await read(made)
    assert (running["state"], running["is_running"]) == ("running", True)
    clock.advance(seconds=10)
    await ping(made, "/start", rid=other)
    clock.advance(seconds=5)
    await ping(made, "", rid=RID)
    assert (await read(made))["is_running"] is True
    await ping(made, "/fail", rid=other)
    now = await read(made)
    assert (now["is_running"], now["last_duration_seconds"]) == (False, 5)
    await ping(made)
    assert (await read(made))["last_duration_seconds"] is None
    pings = await log_of(client, made)
    assert [(each["rid"], each["duration_seconds"]) for each in pings] == [
        (RID, None), (other, None), (RID, 15), (other, 5), (None, None)
    ]  # fmt: skip


async def test_the_text_of_a_failure_is_told(make: Make, ping: Ping, assert_events: AssertEvents) -> None:
    made = await make(tags=["prod"])
    await ping(made, "/1", b"no space\0 left " + b"x" * 2_000)
    await assert_events(
        told("heartbeats.created", made["id"]),
        told(
            "heartbeats.down",
            made["id"],
            old="new",
            reason="fail",
            at="2026-01-31T09:00:00Z",
            heartbeat={"name": "Backup", "tags": ["prod"]},
            last_ping_text="no space left " + "x" * 986,
        ),
    )


async def test_a_log_is_kept_to_its_length(client: httpx.AsyncClient, make: Make, ping: Ping) -> None:
    made = await make()
    for number in range(1, 301):
        await ping(made, "/log", b"%d" % number)
    assert len(await log_of(client, made)) == 50
    page: dict[str, Any] = {"next": None}
    numbers: list[int] = []
    while not numbers or page["next"]:
        query = {"limit": "120", **({"after": page["next"]} if page["next"] else {})}
        page = (await client.get(f"/api/heartbeats/{made['id']}/pings", params=query)).json()
        numbers += [each["n"] for each in page["items"]]
    assert numbers == list(range(300, 0, -1))


@pytest.mark.parametrize("engine", ["memory", "sqlite"])
async def test_what_goes_of_a_log_goes_with_its_bodies(
    storage_url: str, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLICE_HEARTBEATS_KEEP_PINGS", "50")
    async with running(make_app(clock=clock, storage_url=storage_url)) as app, client_of(app) as client:
        made = (await client.post("/api/heartbeats", json={"name": "Backup"})).json()
        for number in range(1, 201):
            await client.post(f"/ping/{made['id']}", content=b"%d" % number)
        assert [each["n"] for each in await log_of(client, made)] == list(range(151, 201))
        url = f"/api/heartbeats/{made['id']}/pings"
        assert (await client.get(f"{url}/150/body")).status_code == 404
        assert (await client.get(f"{url}/151/body")).text == "151"


async def test_the_ping_key_reaches_no_log(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, key: str, log_lines: list[bytes]
) -> None:
    for path in ("x?create=1", "x/fail", "X", "nothing"):
        await anonymous.get(f"/ping/{key}/{path}")
        await anonymous.put(f"/ping/{key}/{path}")
    assert log_lines
    assert not any(key.encode() in line for line in log_lines)


async def test_where_it_came_from_is_told_by_proxies_that_are_trusted(clock: FrozenClock) -> None:
    forwarded = {"192.0.2.7": "192.0.2.7", "192.0.2.8, 127.0.0.1": "192.0.2.8", "garbage": "127.0.0.1", "": "127.0.0.1"}
    async with running(make_app(clock=clock, trusted_proxies="127.0.0.1")) as app, client_of(app) as client:
        made = (await client.post("/api/heartbeats", json={"name": "Backup"})).json()
        for text in forwarded:
            headers = {"X-Forwarded-For": text, "X-Forwarded-Proto": "https"}
            assert (await client.get(f"/ping/{made['id']}", headers=headers)).text == "OK"
        pings = await log_of(client, made)
    assert [each["remote_addr"] for each in pings] == list(forwarded.values())
    assert {each["scheme"] for each in pings} == {"https"}


async def test_a_ping_whose_output_stops_coming_is_none() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"so far"
        yield b""  # so the server tells that nothing came for long

    async with running(make_app(body_seconds=1e-9)) as app, client_of(app) as client:
        check = (await client.post("/api/heartbeats", json={"name": "Backup"})).json()
        answer = await client.post(f"/ping/{check['id']}", content=pieces())
        assert (answer.status_code, answer.json()["type"]) == (408, "/problems/request-timeout")
        assert await log_of(client, check) == []
