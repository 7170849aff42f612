"""Checks by the API that Healthchecks' clients speak: made, found, changed, paused, deleted, by keys of two kinds."""

from hashlib import sha1
from typing import Any

import httpx
import pytest

from slice_api.chassis import EVENTS, Tx
from tests.conftest import AssertEvents, ClientWith, Transact, on_every_engine
from tests.support import ADMIN_KEY, FrozenClock
from tests.told import told

CHECKS = "/api/v3/checks/"
KEYS = [
    "name", "slug", "tags", "desc", "grace", "n_pings", "status", "started", "last_ping", "next_ping",
    "manual_resume", "methods", "subject", "subject_fail", "start_kw", "success_kw", "failure_kw",
    "filter_subject", "filter_body", "filter_http_body", "filter_default_fail", "badge_url", "uuid", "ping_url",
    "update_url", "pause_url", "resume_url", "channels", "timeout",
]  # fmt: skip
CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "X-Api-Key",
    "access-control-max-age": "600",
}


async def make(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post(CHECKS, json=fields)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_check_is_told_by_29_keys(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v3/checks/", json={"name": "Nightly backup", "tags": "prod  db prod", "grace": 60})
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    check = answer.json()
    assert list(check) == KEYS
    own = f"http://slice.test/api/v3/checks/{check['uuid']}"
    assert answer.headers["location"] == own
    assert check["badge_url"].startswith("http://slice.test/b/2/")
    assert {name: check[name] for name in KEYS if name not in ("uuid", "badge_url")} == {
        "name": "Nightly backup",
        "slug": "",
        "tags": "prod db",
        "desc": "",
        "grace": 60,
        "n_pings": 0,
        "status": "new",
        "started": False,
        "last_ping": None,
        "next_ping": None,
        "manual_resume": False,
        "methods": "",
        "subject": "",
        "subject_fail": "",
        "start_kw": "",
        "success_kw": "",
        "failure_kw": "",
        "filter_subject": False,
        "filter_body": False,
        "filter_http_body": False,
        "filter_default_fail": False,
        "ping_url": f"http://slice.test/ping/{check['uuid']}",
        "update_url": own,
        "pause_url": f"{own}/pause",
        "resume_url": f"{own}/resume",
        "channels": "",
        "timeout": 86400,
    }
    assert (await client.get(f"/api/v3/checks/{check['uuid']}")).content == answer.content


@on_every_engine
async def test_a_check_from_its_making_to_its_end(
    client: httpx.AsyncClient, clock: FrozenClock, assert_events: AssertEvents
) -> None:
    check = await make(client, name="Backup", slug="backup", timeout=600, grace=300, tags="a b", unique=["name"])
    url = f"/api/v3/checks/{check['uuid']}"
    await assert_events(told("heartbeats.created", check["uuid"]))
    clock.advance(microseconds=250_000)
    assert (await client.get(f"/ping/{check['uuid']}")).text == "OK"
    up = (await client.get(url)).json()
    assert (up["status"], up["n_pings"], up["last_ping"], up["next_ping"]) == (
        "up",
        1,
        "2026-01-31T09:00:00+00:00",
        "2026-01-31T09:10:00+00:00",
    )
    clock.advance(seconds=600)
    assert (await client.get(url)).json()["status"] == "grace"
    clock.advance(seconds=300)
    down = (await client.get(url)).json()
    assert (down["status"], down["next_ping"]) == ("down", None)
    changed = await client.post(url, json={"timeout": 6000, "desc": "longer"})
    assert (changed.status_code, changed.json()["desc"]) == (200, "longer")
    again = await client.post(CHECKS, json={"name": "Backup", "unique": ["name"], "grace": 120})
    assert (again.status_code, again.json()["uuid"], again.json()["grace"]) == (200, check["uuid"], 120)
    by_key = (
        await client.get(f"/api/v3/checks/{sha1(check['uuid'].replace('-', '')[:16].encode()).hexdigest()}")
    ).json()
    assert by_key == again.json()
    found = await client.get(CHECKS, params={"tag": ["a", "b"], "slug": "backup"})
    assert [each["uuid"] for each in found.json()["checks"]] == [check["uuid"]]
    paused = await client.post(f"/api/v3/checks/{check['uuid']}/pause")
    assert (paused.status_code, paused.json()["status"]) == (200, "paused")
    assert (await client.post(f"{url}/pause", content=b"")).status_code == 200
    resumed = await client.post(f"/api/v3/checks/{check['uuid']}/resume")
    assert (resumed.status_code, resumed.json()["status"], resumed.json()["last_ping"]) == (200, "new", None)
    assert resumed.json()["n_pings"] == 1
    refused = await client.post(f"{url}/resume")
    assert (refused.status_code, refused.text) == (409, "check is not paused")
    flips = (await client.get(f"/api/v3/checks/{check['uuid']}/flips/")).json()["flips"]
    assert [flip["up"] for flip in flips] == [0, 0, 0, 1]
    gone = await client.delete(f"/api/v3/checks/{check['uuid']}")
    assert (gone.status_code, gone.json()) == (200, resumed.json())
    for answer in (
        await client.get(url),
        await client.delete(url),
        await client.post(url),
        await client.post(f"{url}/pause"),
    ):
        assert (answer.status_code, answer.json()) == (404, {"error": "not found"})


async def test_lists_have_whole_tags_all_of_them_and_begin_with_the_oldest(
    client: httpx.AsyncClient, clock: FrozenClock
) -> None:
    for name, tags in (("z", "prod db"), ("m", "prod web"), ("a", "production")):
        await make(client, name=name, tags=tags, slug=name)
        clock.advance(seconds=1)

    async def names(query: str) -> list[str]:
        return [each["name"] for each in (await client.get(f"/api/v3/checks/?{query}")).json()["checks"]]

    assert await names("") == ["z", "m", "a"]
    assert await names("tag=prod") == ["z", "m"]
    assert await names("tag=prod&tag=db") == ["z"]
    assert await names("slug=a") == ["a"]
    assert await names("slug=") == ["z", "m", "a"]
    assert await names("slug=A") == await names("tag=pro") == await names("tag=%00") == await names("slug=%00") == []


# Keys


async def test_a_key_that_only_reads_learns_nothing_to_ping_by(
    client: httpx.AsyncClient, client_with: ClientWith
) -> None:
    check = await make(client, name="Secret")
    unique_key = sha1(check["uuid"].replace("-", "")[:16].encode()).hexdigest()
    async with client_with("heartbeats:read") as reader:
        seen = (await reader.get(f"/api/v3/checks/{unique_key}")).json()
        assert list(seen) == [*KEYS[:22], "unique_key", "timeout"]
        assert seen["unique_key"] == unique_key
        assert check["uuid"] not in str(seen)
        assert (await reader.get(CHECKS)).json() == {"checks": [seen]}
        assert (await reader.get(f"/api/v3/checks/{unique_key}/flips/")).json() == {"flips": []}
        assert (await reader.get("/api/v3/badges/")).status_code == 200
        own = f"/api/v3/checks/{check['uuid']}"
        for method, url in (
            ("POST", CHECKS),
            ("POST", own),
            ("DELETE", own),
            ("POST", f"{own}/pause"),
            ("POST", f"{own}/resume"),
            ("GET", f"{own}/pings/"),
            ("GET", f"{own}/pings/1/body"),
            ("GET", "/api/v3/channels/"),
        ):
            answer = await reader.request(method, url)
            assert (answer.status_code, answer.json()) == (401, {"error": "wrong api key"}), url
    async with client_with("heartbeats:write") as writer:
        assert (await writer.get(own)).json() == check
        assert (await writer.get("/api/v3/channels/")).json() == {"channels": []}
    for method in ("POST", "DELETE"):
        answer = await client.request(method, f"/api/v3/checks/{unique_key}")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


async def test_a_key_comes_in_a_header_or_in_the_body(anonymous: httpx.AsyncClient, client_with: ClientWith) -> None:
    missing = {"error": "missing api key"}
    wrong = {"error": "wrong api key"}
    for answer in (
        await anonymous.get(CHECKS),
        await anonymous.post(CHECKS),
        await anonymous.post(CHECKS, json={"api_key": ""}),
    ):
        assert (answer.status_code, answer.json()) == (401, missing)
    in_query = await anonymous.get(CHECKS, params={"api_key": ADMIN_KEY})
    assert in_query.json() == missing
    for given in ({"X-Api-Key": "x" * 32}, {"X-Api-Key": "é".encode()}, {"Authorization": "Bearer x"}):
        answer = await anonymous.get(CHECKS, headers=given)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()) == (401, wrong)
    async with client_with("other:write") as stranger:
        assert (await stranger.get(CHECKS)).json() == wrong
    right = {"X-Api-Key": ADMIN_KEY}
    assert (await anonymous.get(CHECKS, headers=right)).status_code == 200
    in_body = await anonymous.post(CHECKS, json={"api_key": ADMIN_KEY, "name": "by body"})
    assert (in_body.status_code, in_body.json()["name"]) == (201, "by body")
    own = f"/api/v3/checks/{in_body.json()['uuid']}"
    assert (await anonymous.post(f"{own}/pause", json={"api_key": ADMIN_KEY})).status_code == 200
    header_wins = await anonymous.post(CHECKS, json={"api_key": ADMIN_KEY}, headers={"X-Api-Key": "x" * 32})
    assert header_wins.json() == wrong
    both = await anonymous.get(CHECKS, headers={**right, "Authorization": "Bearer x"})
    assert both.status_code == 200
    assert (await anonymous.delete(own, headers=right)).status_code == 200


async def test_what_is_done_is_done_by_the_key(
    client: httpx.AsyncClient, client_with: ClientWith, transact: Transact
) -> None:
    async with client_with("heartbeats:write") as writer:
        check = await make(writer, name="x")
        key_id = writer.headers["authorization"].split("_")[1]
    event = (await transact(Tx.entries, EVENTS)).items[0]
    assert (event.type, event.by) == ("heartbeats.created", key_id)
    assert (await client.get(f"/api/heartbeats/{check['uuid']}")).json()["created_by"] == key_id


async def test_pages_of_every_site_may_ask(client: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    check = await make(client, name="x")
    one = f"/api/v3/checks/{check['uuid']}"
    offered = {CHECKS: "GET, POST, OPTIONS", one: "GET, POST, DELETE, OPTIONS", f"{one}/pings/": "GET, OPTIONS"}
    for url, methods in offered.items():
        asked = {"Origin": "https://page.example", "Access-Control-Request-Method": "POST"}
        answer = await anonymous.options(url, headers=asked)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers.items() >= {**CORS, "access-control-allow-methods": methods}.items()
    answers = (
        await client.get(CHECKS),
        await anonymous.get(CHECKS),
        await client.post(CHECKS, content=b"{"),
        await client.put(one, json={}),
        await client.get("/api/v1/nothing"),
        await client.post(CHECKS, content=b" " * (2**20 + 1)),
    )
    assert [answer.status_code for answer in answers] == [200, 401, 400, 405, 404, 413]
    for answer in answers:
        assert answer.headers.items() >= CORS.items(), answer.status_code


# Versions and spellings


async def test_older_versions_make_the_slug_of_the_name_and_the_first_tells_of_runs_in_the_status(
    client: httpx.AsyncClient,
) -> None:
    made = [await client.post(f"/api/v{version}/checks/", json={"name": f"Döner {version}!"}) for version in (1, 2, 3)]
    assert [answer.status_code for answer in made] == [201] * 3
    assert [answer.json()["slug"] for answer in made] == ["doner-1", "doner-2", ""]
    first = made[0].json()
    assert first["update_url"] == f"http://slice.test/api/v1/checks/{first['uuid']}"
    renamed = await client.post(f"/api/v1/checks/{first['uuid']}", json={"name": "New name"})
    assert renamed.json()["slug"] == "new-name"
    same = await client.post(f"/api/v3/checks/{first['uuid']}", json={"name": "Newest name"})
    assert same.json()["slug"] == "new-name"
    given = await client.post(f"/api/v2/checks/{first['uuid']}", json={"name": "Other", "slug": "mine"})
    assert given.json()["slug"] == "mine"
    await client.get(f"/ping/{first['uuid']}/start")
    shown = [(await client.get(f"/api/v{version}/checks/{first['uuid']}")).json() for version in (1, 2, 3)]
    assert [each["status"] for each in shown] == ["started", "new", "new"]
    assert [each["started"] for each in shown] == [True] * 3
    assert {each["next_ping"] for each in shown} == {"2026-01-31T09:00:00+00:00"}
    assert (await client.delete(f"/api/v1/checks/{first['uuid']}")).status_code == 200
    assert (await client.delete(f"/api/v2/checks/{first['uuid']}")).status_code == 404


async def test_every_path_is_answered_with_a_slash_and_without(client: httpx.AsyncClient) -> None:
    check = await make(client, name="x")
    await client.post(f"/ping/{check['uuid']}", content=b"said")
    places = [f"checks/{check['uuid']}{rest}" for rest in ("", "/pings", "/pings/1/body", "/flips")]
    places += ["checks", "channels", "badges", "status"]
    for version in (1, 2, 3):
        for place in places:
            plain = await client.get(f"/api/v{version}/{place}")
            slashed = await client.get(f"/api/v{version}/{place}/")
            assert plain.status_code == slashed.status_code == 200, place
            assert plain.content == slashed.content
        for place in ("pause", "pause/", "resume", "pause", "resume/"):
            answer = await client.post(f"/api/v{version}/checks/{check['uuid']}/{place}")
            assert answer.status_code == 200, answer.text
        assert (await client.post(f"/api/v{version}/checks", json={})).status_code == 201
        refused = await client.delete(f"/api/v{version}/checks")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, POST, OPTIONS")
    assert (await client.delete(f"/api/v3/checks/{check['uuid']}/")).status_code == 200
    for path in ("/api/v3/checkss", "/api/v3/checks//", "/api/v1/", "/api/v3/checks/x/y", "/api/v1/checks/x/pings/1"):
        assert (await client.get(path)).status_code == 404


# The service itself


async def test_status_and_figures(
    anonymous: httpx.AsyncClient, client: httpx.AsyncClient, client_with: ClientWith
) -> None:
    status = await anonymous.get("/api/v3/status/")
    assert (status.status_code, status.text) == (200, "OK")
    check = await make(client, name="x")
    await client.get(f"/ping/{check['uuid']}")
    async with client_with("heartbeats:write") as writer:
        writers_key = writer.headers["authorization"].removeprefix("Bearer ")
    for key in (None, "x" * 32, writers_key):
        refused = await anonymous.get("/api/v3/metrics/", headers={"X-Metrics-Key": key} if key else {})
        assert (refused.status_code, refused.content) == (403, b"")
    figures = (await anonymous.get("/api/v3/metrics/", headers={"X-Metrics-Key": ADMIN_KEY})).json()
    assert list(figures) == ["ts", "max_ping_id", "max_notification_id", "num_unprocessed_flips"]
    assert (figures["ts"], figures["max_ping_id"], figures["num_unprocessed_flips"]) == (1769850000, 1, 0)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"name": "x"}'])
async def test_json_is_taken_under_any_content_type(client: httpx.AsyncClient, body: bytes) -> None:
    for kind in ("application/x-www-form-urlencoded", "text/plain", "application/json", "nonsense"):
        answer = await client.post(CHECKS, content=body, headers={"Content-Type": kind})
        assert answer.status_code == 201, answer.text
    assert (await client.post(CHECKS, content=body)).status_code == 201
