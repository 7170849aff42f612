"""GET and HEAD /{slug}: where visitors go, what counts, and what no request can do."""

from typing import Any

import httpx
import pytest

from slice_api.slices.links.visits.visitors import is_bot
from tests.conftest import Settle
from tests.support import client_of, make_app, running

from .conftest import BROWSER_ACCEPT, FIREFOX, MakeLink, RawGet, ask_raw


async def _counts(client: httpx.AsyncClient, slug: str) -> tuple[int, int]:
    link = (await client.get(f"/api/links/{slug}")).json()
    return link["visit_count"], link["bot_visit_count"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_each_redirect_status_is_sent(status: int, make_link: MakeLink, visitor: httpx.AsyncClient) -> None:
    link = await make_link("https://example.org/a?b#c", redirect_status=status)
    answer = await visitor.get(link["short_url"])
    assert (answer.status_code, answer.headers["location"], answer.content) == (
        status,
        "https://example.org/a?b#c",
        b"",
    )
    expected = "private, max-age=60" if status in (301, 308) else "no-store"
    assert answer.headers["cache-control"] == expected


async def test_permanent_redirects_are_kept_no_longer_than_they_hold(
    make_link: MakeLink, visitor: httpx.AsyncClient
) -> None:
    ending = await make_link(redirect_status=301, expires_at="2026-01-31T09:00:20Z")
    limited = await make_link(redirect_status=308, max_visits=5)
    assert (await visitor.get(ending["short_url"])).headers["cache-control"] == "private, max-age=20"
    assert (await visitor.get(limited["short_url"])).headers["cache-control"] == "no-store"


async def test_how_long_permanent_redirects_are_kept_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLICE_LINKS_PERMANENT_CACHE_SECONDS", "7")
    async with running(make_app()) as app, client_of(app) as client:
        body = {"url": "https://example.org/", "slug": "x", "redirect_status": 301}
        assert (await client.post("/api/links", json=body)).status_code == 201
        assert (await client.get("/x")).headers["cache-control"] == "private, max-age=7"


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://bücher.example/straße?q=ü#ä", "https://xn--bcher-kva.example/stra%C3%9Fe?q=%C3%BC#%C3%A4"),
        ("https://Bücher.example:8443", "https://xn--bcher-kva.example:8443"),
        ("https://example.org/%2F+;?a=%zz&b#c?d", "https://example.org/%2F+;?a=%zz&b#c?d"),
        ("HTTPS://Example.ORG", "HTTPS://Example.ORG"),
    ],
)
async def test_a_location_is_ascii_and_otherwise_as_typed(
    url: str, location: str, make_link: MakeLink, visitor: httpx.AsyncClient
) -> None:
    link = await make_link(url)
    assert (await visitor.get(link["short_url"])).headers["location"] == location


@pytest.mark.parametrize(
    ("url", "query", "location"),
    [
        ("https://x.org/?a=1&b=2#f", "b=3&c=4", "https://x.org/?a=1&b=3&c=4#f"),
        ("https://x.org/p", "a=1&a=2", "https://x.org/p?a=1&a=2"),
        ("https://x.org/?a=1&a=2", "", "https://x.org/?a=1&a=2"),
        ("https://x.org/?a=1&a=2", "a=%26+%2B", "https://x.org/?a=%26+%2B"),
        ("https://x.org/?%61b=1&c+d=2", "ab=3&c%20d=4", "https://x.org/?ab=3&c%20d=4"),
        ("https://x.org/?a=b=c&flag", "flag=on", "https://x.org/?a=b=c&flag=on"),
        ("https://x.org/?a&&b", "&", "https://x.org/?a&&b"),
    ],
)
async def test_a_forwarded_query_is_merged_and_the_visitor_wins(
    url: str, query: str, location: str, make_link: MakeLink, visitor: httpx.AsyncClient
) -> None:
    link = await make_link(url, is_query_forwarded=True)
    assert (await visitor.get(f"{link['short_url']}?{query}")).headers["location"] == location


async def test_a_query_goes_nowhere_unless_asked(make_link: MakeLink, visitor: httpx.AsyncClient) -> None:
    link = await make_link("https://x.org/?a=1")
    assert (await visitor.get(f"{link['short_url']}?a=2&b=3")).headers["location"] == "https://x.org/?a=1"


async def test_unknown_links_are_a_problem_for_programs_and_a_page_for_browsers(visitor: httpx.AsyncClient) -> None:
    for accept in ("*/*", "application/json", "text/html;q=0.5, application/json", "text/html;q=0"):
        answer = await visitor.get("/nope", headers={"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    for accept in (BROWSER_ACCEPT, "text/html", "text/*"):
        answer = await visitor.get("/nope", headers={"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert "leads nowhere" in answer.text
        assert "script" not in answer.headers["content-security-policy"]
        assert "style=" not in answer.text


async def test_a_link_works_from_its_start_until_its_end(
    make_link: MakeLink, visitor: httpx.AsyncClient, clock: Any
) -> None:
    await make_link(slug="guide", starts_at="2026-01-31T10:00:00Z", expires_at="2026-01-31T11:00:00Z")
    statuses = []
    for seconds in (0, 3599, 1, 3599, 1):
        clock.advance(seconds=seconds)
        statuses.append((await visitor.get("/guide")).status_code)
    assert statuses == [404, 404, 302, 302, 410]
    gone = await visitor.get("/guide")
    assert gone.json()["type"] == "/problems/gone"
    assert "expired" in gone.json()["detail"]
    page = await visitor.get("/guide", headers={"Accept": BROWSER_ACCEPT})
    assert (page.status_code, page.headers["content-type"]) == (410, "text/html; charset=utf-8")


async def test_expired_and_used_up_links_go_to_their_expired_url(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, settle: Settle
) -> None:
    await make_link(
        slug="past", expires_at="2026-01-31T09:00:00Z", expired_url="https://ü.org/over", redirect_status=301
    )
    await make_link(slug="used", max_visits=1, expired_url="https://x.org/over")
    await visitor.get("/used")
    for slug, target in (("past", "https://xn--tda.org/over"), ("used", "https://x.org/over")):
        answer = await visitor.get(f"/{slug}")
        assert (answer.status_code, answer.headers["location"]) == (302, target)
        assert answer.headers["cache-control"] == "no-store"
    await settle()
    assert await _counts(client, "past") == (0, 0)
    assert await _counts(client, "used") == (1, 0)


async def test_a_limited_visit_is_counted_before_it_is_redirected(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient
) -> None:
    await make_link(slug="guide", max_visits=10)
    await visitor.get("/guide")
    assert await _counts(client, "guide") == (1, 0)


async def test_a_raised_limit_opens_the_link_again(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient
) -> None:
    await make_link(slug="guide", max_visits=1)
    await visitor.get("/guide")
    assert (await visitor.get("/guide")).status_code == 410
    await client.patch("/api/links/guide", json={"max_visits": 2})
    assert [(await visitor.get("/guide")).status_code for _ in range(2)] == [302, 410]


async def test_a_new_limit_is_held_against_visits_that_wait_to_be_counted(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient
) -> None:
    await make_link(slug="guide")
    for _ in range(3):
        await visitor.get("/guide")
    await client.patch("/api/links/guide", json={"max_visits": 4})
    assert [(await visitor.get("/guide")).status_code for _ in range(2)] == [302, 410]


PREFETCHES = [("Sec-Purpose", "prefetch"), ("Sec-Purpose", "prefetch;prerender"), ("Purpose", "prefetch"),
              ("X-Moz", "prefetch"), ("X-Purpose", "preview")]  # fmt: skip
BOTS = [("User-Agent", agent) for agent in (
    "", "  ", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "AhrefsBot/7.0",
    "facebookexternalhit/1.1", "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "WhatsApp/2.23.20.0", "Twitterbot/1.0", "TelegramBot (like TwitterBot)",
)]  # fmt: skip


@pytest.mark.parametrize(
    "user_agent",
    ["curl/8.5.0", "Wget/1.21.3", "python-requests/2.34.2", "python-httpx/0.28.1", "Python/3.11 aiohttp/3.13.0",
     "Go-http-client/1.1", "HTTPie/3.2.4", "PostmanRuntime/7.43.0"],
)  # fmt: skip
async def test_a_program_that_somebody_runs_is_a_visitor(
    visitor: httpx.AsyncClient, client: httpx.AsyncClient, make_link: MakeLink, settle: Settle, user_agent: str
) -> None:
    await make_link(slug="tool", max_visits=1)
    headers = {"User-Agent": user_agent}
    statuses = [(await visitor.get("/tool", headers=headers)).status_code for _ in range(2)]
    assert statuses == [302, 410]
    await settle()
    link = (await client.get("/api/links/tool")).json()
    assert (link["visit_count"], link["bot_visit_count"]) == (1, 0)


def test_a_crawler_built_on_such_a_program_is_a_bot() -> None:
    assert is_bot("python-requests/2.34.2 (compatible; ExampleBot/1.0)")
    assert is_bot("curl/8.5.0 Googlebot/2.1")


@pytest.mark.parametrize(("name", "value"), PREFETCHES + BOTS)
async def test_bots_and_prefetches_are_counted_apart_and_use_up_nothing(
    name: str, value: str, client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, settle: Settle
) -> None:
    await make_link(slug="limited", max_visits=1)
    await make_link(slug="free")
    for _ in range(3):
        assert (await visitor.get("/limited", headers={name: value})).status_code == 302
        assert (await visitor.get("/free", headers={name: value})).status_code == 302
    await settle()
    assert await _counts(client, "limited") == (0, 3)
    assert await _counts(client, "free") == (0, 3)
    assert (await visitor.get("/limited")).status_code == 302


async def test_what_is_no_visit_is_never_counted(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, settle: Settle
) -> None:
    await make_link(slug="guide", max_visits=1)
    head = await visitor.head("/guide")
    assert (head.status_code, head.headers["location"], head.content) == (302, "https://example.org/", b"")
    for method, path in [("HEAD", "/guide"), ("GET", "/guide+"), ("GET", "/guide/qr"), ("POST", "/guide"),
                         ("OPTIONS", "/guide"), ("DELETE", "/guide")]:  # fmt: skip
        await visitor.request(method, path)
    await settle()
    assert await _counts(client, "guide") == (0, 0)
    assert (await client.get("/api/links/guide/visits")).json()["items"] == []
    assert (await visitor.get("/guide")).status_code == 302


async def test_wrong_methods_are_told_the_right_ones(make_link: MakeLink, visitor: httpx.AsyncClient) -> None:
    await make_link(slug="guide")
    for path in ("/guide", "/guide+", "/guide/qr", "/robots.txt"):
        answer = await visitor.post(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


NASTY_HEADERS: list[dict[bytes, bytes]] = [
    {b"user-agent": b"A" * 8192},
    {b"user-agent": b"\xff\xfe\x00\x01\r"},
    {b"user-agent": "Mozilla/5.0 \U0001f600".encode()},
    {b"user-agent": b"(" * 8192},
    {b"referer": b"not a url"},
    {b"referer": b"http://[::1"},
    {b"referer": b"http://a:b:c/\xff"},
    {b"referer": b"https://" + b"a" * 9000},
    {b"accept-language": b"\xff;q=\xfe"},
    {b"accept-language": b"," * 5000},
    {b"accept-language": b"de;q=nan, en;q=1e9, fr;q=-1, *"},
    {b"accept": b";;q=,,text/html;q=x"},
    {b"sec-purpose": b"\xff"},
    {b"purpose": b"", b"x-moz": b"\x00"},
    {b"if-none-match": b"\xff"},
]


@pytest.mark.parametrize("headers", NASTY_HEADERS)
async def test_no_header_makes_trouble(
    headers: dict[bytes, bytes],
    client: httpx.AsyncClient,
    make_link: MakeLink,
    raw_get: RawGet,
    settle: Settle,
) -> None:
    await make_link(slug="free")
    await make_link(slug="limited", max_visits=100)
    for slug, expected in ((b"/free", 302), (b"/limited", 302), (b"/free+", 200), (b"/nope", 404)):
        status, head, _ = await raw_get(slug, headers={b"user-agent": FIREFOX.encode(), **headers})
        assert (slug, status) == (slug, expected)
        assert head.get("location", "https://example.org/") == "https://example.org/"
    await settle()
    for name in ("free", "limited"):
        assert len((await client.get(f"/api/links/{name}/visits")).json()["items"]) == 1


@pytest.mark.parametrize(
    "query",
    [
        b"\xff\xfe",
        b"a=%ff%00",
        b"\r\nX-Evil: 1",
        b"a=\x00",
        b"?" * 8000,
        b"#frag",
        b"a=b#c",
        b"//evil.example",
        b"@evil",
    ],
)
async def test_no_query_leads_elsewhere(query: bytes, make_link: MakeLink, raw_get: RawGet) -> None:
    await make_link("https://x.org/p#f", slug="guide", is_query_forwarded=True)
    status, head, _ = await raw_get(b"/guide", query, {b"user-agent": FIREFOX.encode()})
    location = head["location"]
    assert status == 302
    assert location.startswith("https://x.org/p?")
    assert location.endswith("#f")
    assert location.isascii()
    assert location.isprintable()
    assert " " not in location
    assert location.count("#") == 1


@pytest.mark.parametrize("path", [b"/%ff", b"/\xff", b"/%00", b"/a%00b", b"/%ed%a0%80", b"/%2e%2e", b"//evil.example",
                                  b"/a/b", b"/guide/", b"/GUIDE", b"/guide%20", b"/guide++", b"/+",
                                  b"/" + b"a" * 8000])  # fmt: skip
async def test_no_path_but_its_own_leads_to_a_link(path: bytes, make_link: MakeLink, raw_get: RawGet) -> None:
    await make_link(slug="guide")
    status, head, _ = await raw_get(path)
    assert status == 404
    assert "location" not in head


async def test_a_host_header_changes_nothing(make_link: MakeLink, visitor: httpx.AsyncClient) -> None:
    await make_link(slug="guide")
    answer = await visitor.get("/guide", headers={"Host": "evil.example"})
    assert answer.headers["location"] == "https://example.org/"


async def test_a_mailto_link_takes_no_query_from_visitors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLICE_LINKS_SCHEMES", "mailto")
    async with running(make_app()) as app, client_of(app) as client:
        body = {"url": "mailto:a@example.org", "slug": "mail", "is_query_forwarded": True}
        assert (await client.post("/api/links", json=body)).status_code == 201
        status, head, _ = await ask_raw(app, b"/mail", b"to=evil@example.com")  # httpx cannot read such a Location
        assert (status, head["location"]) == (302, "mailto:a@example.org")


async def test_robots_keeps_crawlers_away_unless_told_otherwise(
    visitor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await visitor.get("/robots.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == "User-agent: *\nAllow: /$\nAllow: /docs\nAllow: /assets/\nDisallow: /\n"
    monkeypatch.setenv("SLICE_LINKS_CRAWLABLE", "true")
    async with running(make_app()) as app, client_of(app, key=None) as other:
        assert (await other.get("/robots.txt")).text == "User-agent: *\nDisallow:\n"
