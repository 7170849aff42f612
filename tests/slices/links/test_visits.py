"""What is kept of visits, and what is not."""

import secrets
import time
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from slice_api.slices.links.schemas import Arrival
from slice_api.slices.links.store import LINKS
from slice_api.slices.links.visits import visitors
from slice_api.slices.links.visits.noting import visits_batch
from slice_api.slices.links.visits.visitors import parse_agent, preferred_language, referrer_host
from tests.conftest import Settle
from tests.support import chassis_of, client_of, make_app, running

from .conftest import FIREFOX, MakeLink

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
)


async def test_visits_are_listed_newest_first_with_no_address(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, clock: Any, settle: Settle
) -> None:
    await make_link(slug="guide")
    await visitor.get("/guide")
    clock.advance(seconds=1)
    headers = {
        "User-Agent": IPHONE,
        "Referer": "https://News.example.com/secret?token=1",
        "Accept-Language": "fr;q=0.5, de-at",
    }
    await visitor.get("/guide", headers=headers)
    await settle()
    answer = await client.get("/api/links/guide/visits")
    assert answer.json() == {
        "items": [
            {"at": "2026-01-31T09:00:01Z", "referrer": "news.example.com", "browser": "Mobile Safari", "os": "iOS",
             "device": "mobile", "language": "de-AT", "is_bot": False, "rule": None},
            {"at": "2026-01-31T09:00:00Z", "referrer": None, "browser": "Firefox", "os": "Linux", "device": "desktop",
             "language": None, "is_bot": False, "rule": None},
        ],
        "next": None,
    }  # fmt: skip
    assert "127.0.0.1" not in answer.text


async def test_visits_come_in_pages(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, clock: Any, settle: Settle
) -> None:
    await make_link(slug="guide")
    for _ in range(5):
        await visitor.get("/guide")
        clock.advance(seconds=1)
    await settle()
    first = await client.get("/api/links/guide/visits?limit=3")
    rest = await client.get(f"/api/links/guide/visits?limit=3&after={first.json()['next']}")
    times = [visit["at"] for page in (first, rest) for visit in page.json()["items"]]
    assert times == [f"2026-01-31T09:00:0{second}Z" for second in (4, 3, 2, 1, 0)]
    assert (await client.get("/api/links/guide/visits?after=x")).status_code == 422


async def test_the_redirect_answers_before_the_visit_is_stored(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, clock: Any, settle: Settle
) -> None:
    await make_link(slug="guide")
    await visitor.get("/guide")
    assert (await client.get("/api/links/guide")).json()["visit_count"] == 0
    clock.advance(seconds=9)
    await settle()
    link = (await client.get("/api/links/guide")).json()
    assert (link["visit_count"], link["last_visited_at"]) == (1, "2026-01-31T09:00:00Z")


async def test_user_agents_are_parsed_when_visits_are_noted_and_not_before(
    make_link: MakeLink, visitor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, settle: Settle
) -> None:
    parsed: list[str] = []

    def parse(user_agent: str) -> visitors.Agent:
        parsed.append(user_agent)
        return parse_agent(user_agent)

    monkeypatch.setattr(visitors, "parse_agent", parse)
    rules = [{"when": {"device": device}, "url": "https://x.org/"} for device in ("android", "ios", "mobile")]
    await make_link(slug="guide", rules=rules)
    never_seen = f"{FIREFOX} {secrets.token_hex(8)}"
    assert (await visitor.get("/guide", headers={"User-Agent": never_seen})).status_code == 302
    assert parsed == []
    await settle()
    assert parsed == [never_seen]


async def test_a_clean_stop_loses_no_visit() -> None:
    app = make_app()
    storage, counts = chassis_of(app).storage, []
    close = storage.close

    async def look_and_close() -> None:
        link = await chassis_of(app).db.get(LINKS, "guide")
        counts.append(link.visit_count if link else None)
        await close()

    storage.close = look_and_close  # type: ignore[method-assign]
    async with running(app), client_of(app) as client:
        await client.post("/api/links", json={"url": "https://example.org/", "slug": "guide"})
        await client.get("/guide", headers={"User-Agent": FIREFOX})
    assert counts == [1]


async def test_visits_of_a_link_deleted_meanwhile_are_dropped(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, settle: Settle
) -> None:
    await make_link(slug="guide")
    await visitor.get("/guide")
    await client.delete("/api/links/guide")
    await settle()
    assert (await client.get("/api/links/guide")).status_code == 404


async def test_visits_of_an_old_link_do_not_count_for_the_new_one_of_its_slug(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, settle: Settle
) -> None:
    await make_link(slug="guide")
    await visitor.get("/guide")
    await client.delete("/api/links/guide")
    await make_link(slug="guide")
    await settle()
    assert (await client.get("/api/links/guide")).json()["visit_count"] == 0
    assert (await client.get("/api/links/guide/visits")).json()["items"] == []


async def test_a_visit_that_cannot_be_noted_holds_no_other_up_and_none_is_counted_twice(
    app: FastAPI, client: httpx.AsyncClient, make_link: MakeLink, clock: Any, settle: Settle
) -> None:
    await make_link(slug="guide")
    link = await chassis_of(app).db.get(LINKS, "guide")
    assert link is not None
    good = Arrival("guide", link.id, clock.now, FIREFOX, "", "", is_prefetch=False)
    for arrival in (good, good._replace(at=None), good, good):  # type: ignore[arg-type]
        chassis_of(app).batches.add(visits_batch(10), arrival)
    await settle()
    assert (await client.get("/api/links/guide")).json()["visit_count"] == 3
    assert (await client.get("/api/links/guide/stats")).json()["total"] == 3
    assert len((await client.get("/api/links/guide/visits")).json()["items"]) == 3


@pytest.mark.parametrize("keep", [0, 3])
async def test_only_the_newest_visits_are_kept_one_by_one(keep: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLICE_LINKS_KEEP_VISITS", str(keep))
    async with running(make_app()) as app, client_of(app) as client:
        await client.post("/api/links", json={"url": "https://example.org/", "slug": "guide"})
        for visits in (2, 5):
            for _ in range(visits):
                await client.get("/guide", headers={"User-Agent": FIREFOX})
            await chassis_of(app).settle()
        assert (await client.get("/api/links/guide")).json()["visit_count"] == 7
        assert len((await client.get("/api/links/guide/visits")).json()["items"]) == keep


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (FIREFOX, "desktop"),
        (IPHONE, "mobile"),
        (
            "Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile/15E148 Safari",
            "tablet",
        ),
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "mobile"),
        ("Mozilla/5.0 (Linux; Android 15; SM-X700) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "tablet"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "desktop"),
        ("Something else entirely", None),
    ],
)
def test_devices_are_told_apart(agent: str, device: str | None) -> None:
    assert parse_agent(agent).device == device


@pytest.mark.parametrize(
    ("header", "language"),
    [("", None), ("*", None), ("de", "de"), ("de-at", "de-AT"), ("zh-hant-tw,zh;q=0.9", "zh-Hant-TW"),
     ("en;q=0.2,fr;q=0.8", "fr"), ("en,fr", "en"), ("en;q=0", None), ("en;q=x,fr;q=0.1", "fr"),
     ("garbage in here", None), ("x" * 9000, None)],
)  # fmt: skip
def test_the_language_wanted_most_is_kept(header: str, language: str | None) -> None:
    assert preferred_language(header) == language


@pytest.mark.parametrize(
    ("referrer", "host"),
    [("", None), ("https://a.example/x", "a.example"), ("https://u:p@A.example:99/x", "a.example"),
     ("android-app://com.app/", "com.app"),
     ("https://[2001:db8::1]/", "2001:db8::1"), ("not a url", None), ("http://[x", None), ("https://a b/", None),
     ("https://" + "a" * 300, None), ("https://<script>/", None)],
)  # fmt: skip
def test_only_the_host_of_a_referrer_is_kept(referrer: str, host: str | None) -> None:
    assert referrer_host(referrer) == host


def test_long_user_agents_take_no_long_time() -> None:
    parse_agent("loads the patterns")
    texts = ("ab-cd_" * 1400, "1." * 4096, "(" * 8192, "bot" * 2000, "a " * 4096)
    start = time.thread_time()  # what else the machine does is not counted
    for agent in (*texts, *(secrets.token_hex(4096) for _ in range(40))):
        parse_agent(agent)
    assert time.thread_time() - start < 3
