"""Status pages: kept by whoever has a key, read by everybody, live, and telling no secret."""

import asyncio
import json
import re
import socket
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any, NamedTuple

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from tests.conftest import AssertEvents, ClientWith, Settle, on_every_engine
from tests.support import ADMIN_KEY, FrozenClock, chassis_of, make_app
from tests.told import told

PAGES = "/api/heartbeats/pages"
HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
JSON = {"Accept": "application/json"}
PATIENCE_SECONDS = 30

MakeCheck = Callable[..., Awaitable[str]]
MakePage = Callable[..., Awaitable[dict[str, Any]]]
See = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def make_check(client: httpx.AsyncClient) -> MakeCheck:
    """Makes a check that is due every hour and has a minute of grace; gives its id."""

    async def make(name: str = "Backup", *tags: str, **more: Any) -> str:
        terms = {"schedule": {"every_seconds": 3600}, "grace_seconds": 60, **more}
        answer = await client.post("/api/heartbeats", json={"name": name, "tags": tags, **terms})
        assert answer.status_code == 201, answer.text
        made: str = answer.json()["id"]
        return made

    return make


@pytest.fixture
def make_page(client: httpx.AsyncClient) -> MakePage:
    async def make(name: str = "jobs", **fields: Any) -> dict[str, Any]:
        answer = await client.post(PAGES, json={"name": name, **fields})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    return make


@pytest.fixture
def see(anonymous: httpx.AsyncClient) -> See:
    """Reads a page as a program without a key does."""

    async def read(name: str = "jobs") -> dict[str, Any]:
        answer = await anonymous.get(f"/status/{name}", headers=JSON)
        assert answer.status_code == 200, answer.text
        seen: dict[str, Any] = answer.json()
        return seen

    return read


async def _ping(client: httpx.AsyncClient, check: str, action: str = "", **options: Any) -> None:
    (await client.post(f"/ping/{check}{action}", **options)).raise_for_status()


# Keeping them


async def test_a_page_is_made_changed_and_deleted(client: httpx.AsyncClient, clock: FrozenClock) -> None:
    made = await client.post(PAGES, json={"name": "jobs", "title": "Our jobs", "tags": ["prod"]})
    assert (made.status_code, made.headers["location"]) == (201, f"{PAGES}/jobs")
    assert made.json() == {
        "name": "jobs",
        "title": "Our jobs",
        "description": "",
        "tags": ["prod"],
        "is_listed": True,
        "has_history": True,
        "url": "http://slice.test/status/jobs",
        "created_at": "2026-01-31T09:00:00Z",
        "updated_at": "2026-01-31T09:00:00Z",
    }
    clock.advance(hours=1)
    changed = await client.patch(f"{PAGES}/jobs", json={"title": None, "tags": [], "has_history": False})
    assert changed.json() == {
        **made.json(), "title": None, "tags": [], "has_history": False, "updated_at": "2026-01-31T10:00:00Z",
    }  # fmt: skip
    assert (await client.get(f"{PAGES}/jobs")).json() == changed.json()
    assert (await client.get(PAGES)).json() == {"items": [changed.json()], "next": None}
    assert (await client.delete(f"{PAGES}/jobs")).status_code == 204
    assert (await client.get(f"{PAGES}/jobs")).status_code == 404


async def test_what_happens_to_a_page_is_told(
    client: httpx.AsyncClient, make_page: MakePage, assert_events: AssertEvents
) -> None:
    await make_page()
    await client.patch(f"{PAGES}/jobs", json={"title": "Jobs"})
    await client.patch(f"{PAGES}/jobs", json={"title": "Jobs"})
    await client.delete(f"{PAGES}/jobs")
    await assert_events(
        told("heartbeats.page_created", "jobs"),
        told("heartbeats.page_updated", "jobs", changed=["title"]),
        told("heartbeats.page_deleted", "jobs"),
    )


async def test_a_name_is_given_once(client: httpx.AsyncClient, make_page: MakePage) -> None:
    await make_page()
    answer = await client.post(PAGES, json={"name": "jobs"})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/conflict")
    assert "'jobs' is taken" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "Our jobs"}, "#/name"),
        ({"name": ""}, "#/name"),
        ({"name": "x" * 61}, "#/name"),
        ({"name": "jobs\n"}, "#/name"),
        ({}, "#/name"),
        ({"name": "jobs", "tags": ["two words"]}, "#/tags/0"),
        ({"name": "jobs", "title": "two\nlines"}, "#/title"),
        ({"name": "jobs", "is_listed": "yes"}, "#/is_listed"),
        ({"name": "jobs", "url": "https://example.org"}, "#/url"),
    ],
)
async def test_what_does_not_fit_is_refused(client: httpx.AsyncClient, body: dict[str, Any], pointer: str) -> None:
    answer = await client.post(PAGES, json=body)
    assert answer.status_code == 422, answer.text
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


async def test_a_page_keeps_its_name(client: httpx.AsyncClient, make_page: MakePage) -> None:
    await make_page()
    assert (await client.patch(f"{PAGES}/jobs", json={"name": "other"})).status_code == 422


async def test_keeping_pages_needs_a_key_and_reading_them_none(
    anonymous: httpx.AsyncClient, client_with: ClientWith, make_page: MakePage
) -> None:
    await make_page()
    assert (await anonymous.get(PAGES)).status_code == 401
    assert (await anonymous.get(f"{PAGES}/jobs")).status_code == 401
    async with client_with("heartbeats:read") as reader:
        assert (await reader.get(f"{PAGES}/jobs")).status_code == 200
        assert (await reader.post(PAGES, json={"name": "more"})).status_code == 403
    assert (await anonymous.get("/status/jobs")).status_code == 200


# What they show


@on_every_engine
async def test_a_page_shows_the_checks_that_have_all_its_tags(
    make_check: MakeCheck, make_page: MakePage, see: See
) -> None:
    await make_check("Zip", "prod", "backup", "eu")
    await make_check("Copy", "prod", "backup")
    await make_check("Mail", "prod")
    await make_check("Other")
    await make_page(tags=["backup", "prod"])
    await make_page("all")
    assert [each["name"] for each in (await see())["checks"]] == ["Copy", "Zip"]
    assert [each["name"] for each in (await see("all"))["checks"]] == ["Copy", "Mail", "Other", "Zip"]


@on_every_engine
async def test_states_are_right_as_time_passes_before_anybody_notices(
    client: httpx.AsyncClient, clock: FrozenClock, make_check: MakeCheck, make_page: MakePage, see: See
) -> None:
    check = await make_check()
    await make_page(title="Our jobs", description="Every night.")
    new = await see()
    assert (new["state"], new["summary"], new["title"], new["description"]) == (
        "new", "Nothing heard yet", "Our jobs", "Every night.",
    )  # fmt: skip
    clock.advance(minutes=10)
    await _ping(client, check)
    up = await see()
    assert (up["state"], up["summary"]) == ("up", "All systems operational")
    assert up["checks"][0] | {"days": []} == {
        "name": "Backup",
        "state": "up",
        "since": "2026-01-31T09:10:00Z",
        "last_ping_at": "2026-01-31T09:10:00Z",
        "next_due_at": "2026-01-31T10:10:00Z",
        "uptime": None,
        "days": [],
        "downtimes": [],
        "n_downtimes": 0,
    }
    clock.advance(hours=1)
    late = await see()
    assert (late["state"], late["summary"], late["counts"]["grace"]) == ("grace", "1 system late", 1)
    assert (late["checks"][0]["state"], late["checks"][0]["since"]) == ("grace", "2026-01-31T10:10:00Z")
    assert late["checks"][0]["next_due_at"] == "2026-01-31T10:10:00Z"
    clock.advance(hours=1)
    down = await see()
    assert (down["state"], down["summary"], down["counts"]["down"]) == ("down", "1 system down", 1)
    assert (down["checks"][0]["state"], down["checks"][0]["since"]) == ("down", "2026-01-31T10:11:00Z")
    assert down["checks"][0]["next_due_at"] is None
    assert down["checks"][0]["downtimes"] == [
        {"began_at": "2026-01-31T10:11:00Z", "ended_at": None, "reason": "timeout"}
    ]


async def test_what_was_down_is_told_with_its_end(
    client: httpx.AsyncClient, clock: FrozenClock, settle: Settle, make_check: MakeCheck, make_page: MakePage, see: See
) -> None:
    check = await make_check()
    await make_page()
    await _ping(client, check)
    clock.advance(hours=15)  # it goes down at 10:01, and midnight passes
    await settle()
    await _ping(client, check)
    clock.advance(hours=1)
    shown = await see()
    told_of = shown["checks"][0]
    assert shown["first_day"] == "2025-11-04"
    assert told_of["downtimes"] == [
        {"began_at": "2026-01-31T10:01:00Z", "ended_at": "2026-02-01T00:00:00Z", "reason": "timeout"}
    ]
    assert (told_of["n_downtimes"], len(told_of["days"])) == (1, 90)
    assert told_of["days"][-2:] == [pytest.approx(61 / 900, abs=0.0001), 1.0]
    assert set(told_of["days"][:-2]) == {None}
    assert told_of["uptime"] == pytest.approx(121 / 960, abs=0.0001)


async def test_a_history_goes_on_while_nothing_happens(
    client: httpx.AsyncClient, clock: FrozenClock, make_check: MakeCheck, make_page: MakePage, see: See
) -> None:
    check = await make_check()
    await make_page()
    await _ping(client, check, "/fail")
    clock.advance(minutes=1)
    assert (await see())["checks"][0]["uptime"] == 0
    await _ping(client, check)
    clock.advance(minutes=1)
    assert (await see())["checks"][0]["uptime"] == 0.5
    clock.advance(minutes=2)
    assert (await see())["checks"][0]["uptime"] == 0.75


async def test_what_is_known_at_once_shows_soon(
    client: httpx.AsyncClient, clock: FrozenClock, make_check: MakeCheck, make_page: MakePage, see: See
) -> None:
    check = await make_check()
    await make_page()
    await _ping(client, check)
    assert (await see())["checks"][0]["uptime"] is None
    clock.advance(seconds=2)
    assert (await see())["checks"][0]["uptime"] == 1
    await _ping(client, check)  # changes no state, so nothing is told of it
    clock.advance(seconds=2)
    assert (await see())["checks"][0]["last_ping_at"] == "2026-01-31T09:00:02Z"
    await _ping(client, check, "/fail")
    clock.advance(seconds=4)
    down = (await see())["checks"][0]
    assert (down["uptime"], down["n_downtimes"]) == (0.5, 1)


async def test_paused_and_new_checks_do_not_make_a_page_red(
    client: httpx.AsyncClient, make_check: MakeCheck, make_page: MakePage, see: See
) -> None:
    await make_page()
    assert ((await see())["state"], (await see())["summary"]) == ("new", "Nothing to show yet")
    paused = await make_check("Paused")
    await _ping(client, paused, "/fail")
    await client.post(f"/api/heartbeats/{paused}/pause")
    assert (await see())["state"] == "paused"
    await make_check("New")
    assert (await see())["state"] == "new"
    running = await make_check("Running")
    await _ping(client, running, "/start")
    shown = await see()
    assert (shown["state"], shown["summary"]) == ("up", "All systems operational")
    assert {each["name"]: each["state"] for each in shown["checks"]} == {
        "New": "new", "Paused": "paused", "Running": "running",
    }  # fmt: skip


async def test_how_many_are_down_is_said(
    client: httpx.AsyncClient, make_check: MakeCheck, make_page: MakePage, see: See
) -> None:
    await make_page()
    for name in ("One", "Two"):
        await _ping(client, await make_check(name), "/fail")
    assert (await see())["summary"] == "All systems down"
    third = await make_check("Three")
    await _ping(client, third)
    assert (await see())["summary"] == "2 systems down"


async def test_a_page_without_history_shows_none(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, make_check: MakeCheck, make_page: MakePage, see: See
) -> None:
    await _ping(client, await make_check(), "/fail")
    await make_page(has_history=False)
    shown = await see()
    check = shown["checks"][0]
    assert (shown["first_day"], check["uptime"], check["days"], check["downtimes"]) == (None, None, [], [])
    assert "<svg" not in (await anonymous.get("/status/jobs")).text


async def test_a_page_shows_200_checks_and_says_when_there_are_more(
    anonymous: httpx.AsyncClient, make_check: MakeCheck, make_page: MakePage, see: See
) -> None:
    await make_page(has_history=False)
    for number in range(201):
        await make_check(f"Job {number:03}")
    shown = await see()
    assert (len(shown["checks"]), shown["counts"]["total"]) == (200, 201)
    answer = await anonymous.get("/status/jobs")
    assert "Only the first 200 of 201 by name are shown." in answer.text
    assert "link" not in (await anonymous.get("/status/jobs.json")).headers


async def test_nothing_secret_is_shown(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, make_check: MakeCheck, make_page: MakePage
) -> None:
    made = (
        await client.post(
            "/api/heartbeats",
            json={
                "name": "Backup",
                "slug": "the-slug",
                "tags": ["shown", "inner-tag"],
                "description": "call 0123",
                "schedule": {"every_seconds": 3600},
            },
        )
    ).json()
    await _ping(client, made["id"], "/fail", content=b"password=hunter2", headers={"User-Agent": "inner-agent"})
    await make_page(tags=["shown"])
    secrets = [made["id"], made["ping_url"], made["badge_url"].rpartition("/")[2].removesuffix(".svg"), "/ping/"]
    secrets += [
        "the-slug",
        "inner-tag",
        "shown",
        "call 0123",
        "hunter2",
        "inner-agent",
        "127.0.0.1",
        made["created_by"],
    ]
    for path, accept in [("jobs", HTML), ("jobs", JSON), ("jobs.json", HTML), ("", HTML), ("", JSON)]:
        answer = await anonymous.get(f"/status/{path}".rstrip("/"), headers=accept)
        assert answer.status_code == 200
        # What the page says in its own words ("are shown", "not shown") is no tag.
        text = re.sub(r"<(style|script)>.*?</\1>", "", answer.text, flags=re.DOTALL)
        assert [secret for secret in secrets if secret in text] == []


# How they look


async def test_a_browser_is_given_a_page(
    client: httpx.AsyncClient,
    anonymous: httpx.AsyncClient,
    clock: FrozenClock,
    make_check: MakeCheck,
    make_page: MakePage,
) -> None:
    await _ping(client, await make_check(), "/fail")
    clock.advance(minutes=5)
    await make_page(title="Our jobs", description="Every night.")
    answer = await anonymous.get("/status/jobs", headers=HTML)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["vary"] == "Accept"
    assert "<title>Our jobs: 1 system down</title>" in answer.text
    for words in ("Every night.", "1 check: 1 down", ">Backup<", ">Down<", "1 downtime in 90 days", ": failed<"):
        assert words in answer.text
    assert '<time datetime="2026-01-31T09:00:00Z">31 Jan 2026, 09:00 UTC</time>' in answer.text
    assert 'role="img" aria-label="Uptime of the last 90 days: 0 without downtime, 1 with downtime, 89 unknown"' in (
        answer.text
    )


async def test_a_day_with_downtime_is_told_in_words(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, clock: FrozenClock, make_check: MakeCheck,
    make_page: MakePage,
) -> None:  # fmt: skip
    check = await make_check()
    await make_page()
    await _ping(client, check)
    clock.advance(minutes=45)
    await _ping(client, check, "/fail")
    clock.advance(minutes=15)
    text = (await anonymous.get("/status/jobs")).text
    assert "<title>31 Jan 2026: 75.00 % up</title>" in text
    assert ">75 % up<" in text
    assert "0 without downtime, 1 with downtime, 89 unknown" in text


async def test_texts_are_escaped(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, make_check: MakeCheck, make_page: MakePage
) -> None:
    evil = "\"'><script>alert(1)</script>{}"
    await make_check(evil)
    await make_page(title=evil, description=evil)
    for path in ("/status/jobs", "/status"):
        text = (await anonymous.get(path, headers=HTML)).text
        assert "<script>alert" not in text
        assert "&quot;&#x27;&gt;&lt;script&gt;alert(1)&lt;/script&gt;{}" in text
    assert (await anonymous.get("/status/jobs.json")).json()["checks"][0]["name"] == evil


async def test_only_the_pages_own_script_and_style_may_run(
    anonymous: httpx.AsyncClient, make_check: MakeCheck, make_page: MakePage
) -> None:
    await make_check()
    await make_page()
    answer = await anonymous.get("/status/jobs", headers=HTML)
    policy = dict(each.strip().split(" ", 1) for each in answer.headers["content-security-policy"].split(";"))
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        parts = re.findall(rf"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
        assert [f"'sha256-{b64encode(sha256(each.encode()).digest()).decode()}'" for each in parts] == [
            policy[directive]
        ]
    assert policy["default-src"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    body = answer.text.partition("<body>")[2].partition("<script>")[0]
    assert re.findall(r"\s(on\w+|style|src)=", body) == []


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
        ("application/json", "application/json"),
        ("application/json, text/html;q=0.9", "application/json"),
        ("application/json;q=0.5, text/*", "text/html; charset=utf-8"),
        ("text/html;q=0, */*", "application/json"),
        (";;q=,=", "text/html; charset=utf-8"),
    ],
)
async def test_who_asks_says_what_is_sent(
    anonymous: httpx.AsyncClient, make_page: MakePage, accept: str | None, kind: str
) -> None:
    await make_page()
    headers = {} if accept is None else {"Accept": accept}
    for path in ("/status", "/status/jobs"):
        assert (await anonymous.get(path, headers=headers)).headers["content-type"] == kind


async def test_json_is_not_sent_twice(anonymous: httpx.AsyncClient, make_page: MakePage, clock: FrozenClock) -> None:
    await make_page()
    etag = (await anonymous.get("/status/jobs.json")).headers["etag"]
    clock.advance(minutes=1)
    assert (await anonymous.get("/status/jobs.json", headers={"If-None-Match": etag})).status_code == 304


async def test_the_list_shows_the_pages_that_are_listed(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, make_check: MakeCheck, make_page: MakePage
) -> None:
    empty = await anonymous.get("/status", headers=HTML)
    assert "There is no status page to show yet." in empty.text
    await _ping(client, await make_check("Backup", "a"), "/fail")
    await _ping(client, await make_check("Mail", "b"))
    await make_page("mail", tags=["b"], title="The mail")
    await make_page("backup", tags=["a"])
    await make_page("hidden", is_listed=False)
    found = (await anonymous.get("/status", headers=JSON)).json()
    assert [(each["name"], each["title"], each["state"], each["url"]) for each in found["items"]] == [
        ("backup", "backup", "down", "http://slice.test/status/backup"),
        ("mail", "The mail", "up", "http://slice.test/status/mail"),
    ]
    page = (await anonymous.get("/status", headers=HTML)).text
    assert '<a href="/status/mail">The mail</a>' in page
    assert "hidden" not in page.partition("<body>")[2]
    assert (await anonymous.get("/status/hidden")).status_code == 200


async def test_a_long_list_goes_on(anonymous: httpx.AsyncClient, make_page: MakePage) -> None:
    for name in ("a", "b", "c"):
        await make_page(name)
    first = await anonymous.get("/status", headers=HTML, params={"limit": 2})
    more = re.findall(r'<a href="(/status\?after=[^"]*)">More</a>', first.text)
    assert len(more) == 1
    assert re.findall(r'href="/status/(\w+)"', (await anonymous.get(more[0], headers=HTML)).text) == ["c"]


async def test_an_unknown_page_is_404(anonymous: httpx.AsyncClient) -> None:
    for path in ("/status/nothing", "/status/nothing.json", "/status/nothing/stream", "/status/NOTHING", "/status/qr"):
        answer = await anonymous.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json"), path
    page = await anonymous.get("/status/nothing", headers=HTML)
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is no such status page" in page.text


# Live


class Live(NamedTuple):
    """A server in this loop."""

    app: FastAPI
    clock: FrozenClock
    client: httpx.AsyncClient


class Reader:
    """A stream as a browser reads it."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.aiter_lines()

    async def opened(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert (await anext(self._lines)).startswith(":")

    async def next(self) -> dict[str, str]:
        """The next message, or {} at the end."""
        message: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for line in self._lines:
                if not line and message:
                    return message
                name, _, value = line.partition(":")
                if line and name:
                    message[name] = value.removeprefix(" ")
        return message

    async def document(self) -> dict[str, Any]:
        message = await self.next()
        assert message["event"] == "status"
        document: dict[str, Any] = json.loads(message["data"])
        return document


@pytest.fixture
async def live() -> AsyncIterator[Live]:
    clock = FrozenClock()
    app = make_app(clock=clock)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        url = "http://{}:{}".format(*listening.getsockname())
        key = {"Authorization": f"Bearer {ADMIN_KEY}"}
        async with httpx.AsyncClient(base_url=url, headers=key, timeout=PATIENCE_SECONDS) as client:
            while not server.started:  # noqa: ASYNC110 (uvicorn tells it in no other way)
                await asyncio.sleep(0.01)
            (await client.post(PAGES, json={"name": "jobs"})).raise_for_status()
            yield Live(app, clock, client)
        chassis_of(app).begin_shutdown()
        server.should_exit = True
        async with asyncio.timeout(PATIENCE_SECONDS):
            await serving


@asynccontextmanager
async def _reading(live: Live, last_event_id: str | None = None) -> AsyncIterator[Reader]:
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    async with (
        httpx.AsyncClient(base_url=live.client.base_url) as anonymous,
        anonymous.stream("GET", "/status/jobs/stream", headers=headers) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Reader(answer)


async def _new_check(live: Live) -> str:
    body = {"name": "Backup", "schedule": {"every_seconds": 3600}, "grace_seconds": 60}
    made: str = (await live.client.post("/api/heartbeats", json=body)).json()["id"]
    return made


async def test_a_stream_tells_the_document_and_tells_it_anew_after_a_ping(live: Live) -> None:
    check = await _new_check(live)
    async with _reading(live) as reader:
        assert await reader.document() == (await live.client.get("/status/jobs.json")).json()
        await _ping(live.client, check)
        changed = await reader.document()
        assert (changed["state"], changed["checks"][0]["state"]) == ("up", "up")
        assert changed == (await live.client.get("/status/jobs.json")).json()


async def test_a_stream_tells_what_time_has_changed(live: Live) -> None:
    check = await _new_check(live)
    await _ping(live.client, check)
    async with _reading(live) as reader:
        assert (await reader.document())["state"] == "up"
        live.clock.advance(hours=1)
        chassis_of(live.app).news.notify()  # instead of the five seconds
        assert (await reader.document())["state"] == "grace"


async def test_who_has_the_newest_is_not_told_it_again(live: Live) -> None:
    check = await _new_check(live)
    async with _reading(live) as reader:
        newest = (await reader.next())["id"]
    async with _reading(live, newest) as reader:
        await reader.opened()
        await _ping(live.client, check)
        assert (await reader.document())["state"] == "up"


async def test_many_readers_are_told_the_same(live: Live) -> None:
    check = await _new_check(live)
    async with _reading(live) as first, _reading(live) as second, _reading(live) as third:
        readers = (first, second, third)
        assert {(await each.document())["state"] for each in readers} == {"new"}
        await _ping(live.client, check)
        assert {(await each.document())["state"] for each in readers} == {"up"}


async def test_a_stream_ends_with_its_page(live: Live) -> None:
    async with _reading(live) as reader:
        await reader.document()
        await live.client.delete(f"{PAGES}/jobs")
        assert await reader.next() == {}


async def test_a_stream_ends_when_the_service_stops(live: Live) -> None:
    async with _reading(live) as reader:
        await reader.document()
        chassis_of(live.app).begin_shutdown()
        assert await reader.next() == {}
