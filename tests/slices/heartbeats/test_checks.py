"""Checks: made, listed, changed, paused, snoozed and deleted."""

from typing import Any

import httpx
import pytest

from tests.conftest import AssertEvents, on_every_engine
from tests.slices.heartbeats.conftest import HOURLY, Make, Ping, Read
from tests.support import BASE_URL, FrozenClock
from tests.told import told

CHECKS = "/api/heartbeats"


async def test_a_new_check_has_its_addresses_and_a_slug(client: httpx.AsyncClient, make: Make, read: Read) -> None:
    made = await make(name="Übernacht-Backup (Wien)")
    assert made["slug"] == "ubernacht-backup-wien"
    assert made["ping_url"] == f"{BASE_URL}/ping/{made['id']}"
    assert made["badge_url"].startswith(f"{BASE_URL}/b/2/")
    assert made["id"] not in made["badge_url"]
    assert made["state"] == "new"
    assert await read(made) == made
    again = await make(name="Übernacht-Backup (Wien)")
    assert again["slug"] == "ubernacht-backup-wien-2"


async def test_by_default_it_is_due_every_day_with_an_hour_of_grace(client: httpx.AsyncClient) -> None:
    made = (await client.post(CHECKS, json={"name": "Backup"})).json()
    assert (made["schedule"], made["grace_seconds"]) == ({"every_seconds": 86400}, 3600)
    assert (made["failures_before_alert"], made["max_run_seconds"]) == (1, None)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": ""}, "#/name"),
        ({"name": "x" * 101}, "#/name"),
        ({"name": "a\0b"}, "#/name"),
        ({"slug": "Backup"}, "#/slug"),
        ({"tags": ["a b"]}, "#/tags/0"),
        ({"tags": [f"{number:0100}" for number in range(5)]}, "#/tags"),
        ({"grace_seconds": 59}, "#/grace_seconds"),
        ({"grace_seconds": 99999999999999}, "#/grace_seconds"),
        ({"grace_seconds": 60.0}, "#/grace_seconds"),
        ({"schedule": {"every_seconds": 59}}, "#/schedule/every_seconds"),
        ({"schedule": {"cron": "0 0 31 2 *"}}, "#/schedule/cron"),
        ({"schedule": {"on_calendar": "1999-01-01"}}, "#/schedule/on_calendar"),
        ({"schedule": {"cron": "* * * * *", "timezone": "Mars/Base"}}, "#/schedule/timezone"),
        ({"schedule": {}}, "#/schedule"),
        ({"methods": "GET"}, "#/methods"),
        ({"maintenance": [{"cron": "0 3 * * 0"}]}, "#/maintenance/0/duration_seconds"),
        ({"color": "red"}, "#/color"),
    ],
)
async def test_what_does_not_fit_is_refused_at_its_place(
    client: httpx.AsyncClient, fields: dict[str, Any], pointer: str
) -> None:
    answer = await client.post(CHECKS, json={"name": "Backup", **fields})
    assert answer.status_code == 422, answer.text
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
    assert (await client.get(CHECKS)).json()["items"] == []


@on_every_engine
async def test_lists_are_found_by_what_people_look_for(
    client: httpx.AsyncClient, make: Make, ping: Ping, clock: FrozenClock
) -> None:
    states = {}
    for name in ("new", "up", "grace", "down", "failed", "paused", "running"):
        states[name] = await make(name=name, tags=["all", f"is-{name}"])
    for name in ("grace", "down"):
        await ping(states[name])
    clock.advance(minutes=9)
    await ping(states["failed"], "/fail")
    await client.post(f"{CHECKS}/{states['paused']['id']}/pause")
    clock.advance(minutes=51)
    await ping(states["grace"])
    await ping(states["up"])
    clock.advance(minutes=59, seconds=59)
    await ping(states["up"])
    await ping(states["running"], "/start")
    clock.advance(seconds=2)

    async def names(**query: str) -> list[str]:
        return [each["name"] for each in (await client.get(CHECKS, params=query)).json()["items"]]

    assert await names(state="new") == ["new"]
    assert await names(state="up") == ["up"]
    assert await names(state="grace") == ["grace"]
    assert await names(state="down") == ["down", "failed"]
    assert await names(state="paused") == ["paused"]
    assert await names(state="running") == ["running"]
    shown = {each["name"]: each["state"] for each in (await client.get(CHECKS)).json()["items"]}
    assert shown == {**{name: name for name in states}, "failed": "down"}
    counts = (await client.get("/api/heartbeats/summary")).json()
    assert counts == {"new": 1, "up": 1, "grace": 1, "down": 2, "paused": 1, "running": 1, "total": 7}
    assert await names(tag="is-up") == ["up"]
    assert await names(search="FAIL") == ["failed"]
    assert await names(slug="paused") == ["paused"]
    assert (await names(order="-name"))[:2] == ["up", "running"]
    assert (await names(order="-next_due_at"))[0] == "up"


async def test_a_change_leaves_what_is_left_out_and_moves_the_deadline(
    client: httpx.AsyncClient, make: Make, ping: Ping, assert_events: AssertEvents
) -> None:
    made = await make(description="Dumps", tags=["a"])
    await ping(made)
    await assert_events(told("heartbeats.created", made["id"]), told("heartbeats.up", made["id"], old="new"))
    url = f"{CHECKS}/{made['id']}"
    changed = (await client.patch(url, json={"grace_seconds": 60, "tags": None})).json()
    assert (changed["description"], changed["tags"], changed["schedule"]) == ("Dumps", [], {"every_seconds": 3600})
    assert changed["alert_at"] == "2026-01-31T10:01:00Z"
    await assert_events(told("heartbeats.updated", made["id"], changed=["tags", "grace_seconds"]))
    same = await client.patch(url, json={"grace_seconds": 60})
    assert same.json()["updated_at"] == changed["updated_at"]
    await assert_events()
    assert (await client.patch(url, json={"name": None})).status_code == 422
    stale = await client.patch(url, json={"name": "New"}, headers={"If-Match": '"1.2"'})
    assert stale.status_code == 412


async def test_a_ping_does_not_stop_an_edit(client: httpx.AsyncClient, make: Make, ping: Ping) -> None:
    made = await make()
    url = f"{CHECKS}/{made['id']}"
    etag = (await client.get(url)).headers["etag"]
    await ping(made)
    assert (await client.get(url, headers={"If-None-Match": etag})).status_code == 200
    assert (await client.patch(url, json={"name": "Edited"}, headers={"If-Match": etag})).status_code == 200


@pytest.mark.parametrize(
    ("patch", "schedule"),
    [
        ({"timezone": "Asia/Tokyo"}, {"cron": "30 2 * * *", "timezone": "Asia/Tokyo"}),
        ({"cron": "0 3 * * *"}, {"cron": "0 3 * * *", "timezone": "Europe/Vienna"}),
        ({"on_calendar": "Mon 03:00"}, {"on_calendar": "Mon 03:00", "timezone": "Europe/Vienna"}),
        ({"every_seconds": 300}, {"every_seconds": 300}),
        ({"every_seconds": 300, "cron": None, "timezone": None}, {"every_seconds": 300}),
        (None, {"every_seconds": 86400}),
    ],
)
async def test_a_schedule_is_changed_by_what_is_given_of_it(
    client: httpx.AsyncClient, make: Make, patch: Any, schedule: dict[str, Any]
) -> None:
    made = await make(schedule={"cron": "30 2 * * *", "timezone": "Europe/Vienna"})
    answer = await client.patch(f"{CHECKS}/{made['id']}", json={"schedule": patch})
    assert answer.json()["schedule"] == schedule, answer.text


async def test_a_schedule_that_does_not_fit_is_refused_at_its_place(client: httpx.AsyncClient, make: Make) -> None:
    made = await make()
    for patch, pointer in (
        ({"every_seconds": 5}, "#/schedule/every_seconds"),
        ({"every_seconds": 300, "cron": "* * * * *"}, "#/schedule"),
        ({"timezone": "Asia/Tokyo"}, "#/schedule"),
    ):
        answer = await client.patch(f"{CHECKS}/{made['id']}", json={"schedule": patch})
        assert answer.status_code == 422
        assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


async def test_nothing_is_expected_of_a_paused_check(
    client: httpx.AsyncClient, make: Make, ping: Ping, read: Read, clock: FrozenClock, assert_events: AssertEvents
) -> None:
    made = await make()
    await ping(made)
    await ping(made, "/start")
    await assert_events(told("heartbeats.created", made["id"]), told("heartbeats.up", made["id"]))
    paused = await client.post(f"/api/heartbeats/{made['id']}/pause")
    assert (paused.status_code, paused.json()["state"], paused.json()["is_running"]) == (200, "paused", False)
    assert (await client.post(f"/api/heartbeats/{made['id']}/pause")).status_code == 200
    await assert_events(told("heartbeats.paused", made["id"], old="up"))
    clock.advance(days=9)
    assert (await read(made))["state"] == "paused"
    resumed = await client.post(f"/api/heartbeats/{made['id']}/resume")
    assert (resumed.json()["state"], resumed.json()["last_ping_at"], resumed.json()["n_pings"]) == ("new", None, 2)
    await assert_events(told("heartbeats.resumed", made["id"], old="paused"))
    assert (await client.post(f"/api/heartbeats/{made['id']}/resume")).status_code == 409


async def test_a_snooze_is_told_of_and_ends(
    client: httpx.AsyncClient, make: Make, ping: Ping, read: Read, clock: FrozenClock
) -> None:
    made = await make()
    await ping(made)
    until = {"until": "2026-01-31T20:00:00Z"}
    snoozed = (await client.post(f"/api/heartbeats/{made['id']}/snooze", json=until)).json()
    assert (snoozed["is_quiet"], snoozed["snoozed_until"], snoozed["alert_at"]) == (
        True,
        until["until"],
        until["until"],
    )
    clock.advance(hours=5)
    assert (await read(made))["state"] == "grace"
    ended = (await client.post(f"/api/heartbeats/{made['id']}/snooze", json={"until": None})).json()
    assert (ended["state"], ended["is_quiet"]) == ("down", False)
    assert (await client.post(f"/api/heartbeats/{made['id']}/snooze", json={"until": "soon"})).status_code == 422


@on_every_engine
async def test_a_deleted_check_leaves_nothing_behind(
    client: httpx.AsyncClient, make: Make, ping: Ping, assert_events: AssertEvents
) -> None:
    made, other = await make(), await make(name="Other")
    for check in (made, other):
        await ping(check, "/fail", b"out of space")
    url = f"{CHECKS}/{made['id']}"
    await assert_events(*[told(each) for each in ("heartbeats.created",) * 2 + ("heartbeats.down",) * 2])
    assert (await client.delete(url)).status_code == 204
    await assert_events(told("heartbeats.deleted", made["id"], heartbeat={"name": "Backup"}))
    for path in ("", "/pings", "/flips", "/uptime", "/pings/1/body"):
        assert (await client.get(url + path)).status_code == 404
    assert (await ping(made)).status_code == 404
    assert (await client.get(f"{CHECKS}/{other['id']}/pings/1/body")).text == "out of space"


async def test_keys_need_the_scopes_of_heartbeats(client_with: Any, make: Make) -> None:
    made = await make()
    async with client_with("heartbeats:read") as reader:
        assert (await reader.get(CHECKS)).status_code == 200
        assert (await reader.post(f"/api/heartbeats/{made['id']}/pause")).status_code == 403
        assert (await reader.get("/api/heartbeats/ping_key")).status_code == 403


async def test_a_whole_check_can_be_sent(make: Make) -> None:
    fields: dict[str, Any] = {
        **HOURLY,
        "name": "All of it",
        "slug": "all",
        "tags": ["Prod", "db"],
        "description": "Text",
        "max_run_seconds": 60,
        "failures_before_alert": 3,
        "methods": "POST",
        "filter_http_body": True,
        "start_kw": "s",
        "success_kw": "a,b",
        "failure_kw": "c",
        "filter_default_fail": True,
        "is_manual_resume": True,
        "snoozed_until": "2026-02-01T00:00:00Z",
        "maintenance": [{"cron": "0 3 * * 0", "timezone": "UTC", "duration_seconds": 60}],
    }
    made = await make(**fields)
    assert {name: made[name] for name in fields} == fields
