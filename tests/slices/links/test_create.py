"""POST /api/links: every field and every rule; and whether a slug is free."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from slice_api.slices.links.slugs import normal_slug
from tests.conftest import ClientWith, on_every_engine
from tests.support import has_slice, make_app

from .conftest import MakeLink, shares_app


async def _faults(client: httpx.AsyncClient, **fields: Any) -> dict[str, str]:
    answer = await client.post("/api/links", json={"url": "https://example.org/", **fields})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return {fault["pointer"]: fault["detail"] for fault in answer.json()["errors"]}


async def test_a_link_is_made_with_all_its_fields(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/links", json={"url": "https://example.org/a?b=c#d", "slug": "guide"})
    assert answer.status_code == 201
    assert answer.headers["location"] == "/api/links/guide"
    assert answer.headers["etag"].startswith('"')
    link = answer.json()
    assert link.pop("created_by")
    assert link == {
        "url": "https://example.org/a?b=c#d", "slug": "guide", "short_url": "http://slice.test/guide",
        "title": None, "note": None, "tags": [], "starts_at": None, "expires_at": None, "max_visits": None,
        "redirect_status": 302, "is_query_forwarded": False, "expired_url": None, "rules": [], "has_password": False,
        "visit_count": 0, "bot_visit_count": 0, "last_visited_at": None,
        "created_at": "2026-01-31T09:00:00Z", "updated_at": "2026-01-31T09:00:00Z",
    }  # fmt: skip


async def test_a_slug_is_made_up_of_seven_clear_characters(make_link: MakeLink) -> None:
    slugs = [(await make_link())["slug"] for _ in range(50)]
    assert len(set(slugs)) == 50
    assert all(len(slug) == 7 and slug.isalnum() and slug.isascii() for slug in slugs)
    assert not set("".join(slugs)) & set("0O1lI")


@on_every_engine
async def test_a_slug_that_is_made_up_and_taken_makes_way_for_another(
    make_link: MakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["same", "else", "same", "same", "other"])
    monkeypatch.setattr("slice_api.slices.links.handlers.random_text", lambda _: next(drawn))
    made = [await make_link() for _ in range(3)]
    assert [link["slug"] for link in made] == ["same", "else", "other"]
    assert [link["short_url"] for link in made] == [f"http://slice.test/{slug}" for slug in ("same", "else", "other")]


async def test_a_taken_slug_is_a_conflict(client: httpx.AsyncClient, make_link: MakeLink) -> None:
    await make_link(slug="guide")
    answer = await client.post("/api/links", json={"url": "https://example.org/", "slug": "guide"})
    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/conflict"
    assert "guide" in answer.json()["detail"]


async def test_slugs_are_case_sensitive(client: httpx.AsyncClient, make_link: MakeLink) -> None:
    await make_link("https://example.org/lower", slug="guide")
    await make_link("https://example.org/upper", slug="GUIDE")
    assert (await client.get("/api/links/GUIDE")).json()["url"] == "https://example.org/upper"


@pytest.mark.parametrize(
    "slug", ["a", "-", "_", "x" * 64, "grüße", "हिन्दी", "链接", "٣٤٥", "🎉", "👩‍💻", "❤️", "👍🏽", "🇦🇹", "go-🚀"]
)
async def test_letters_of_any_script_and_emoji_make_a_slug(
    slug: str, client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient
) -> None:
    link = await make_link(slug=slug)
    assert link["slug"] == slug
    assert link["short_url"].isascii()
    assert (await visitor.get(link["short_url"])).status_code == 302
    assert (await client.get(f"/api/links/{slug}")).json()["slug"] == slug


async def test_a_slug_is_found_however_its_accents_were_typed(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient
) -> None:
    link = await make_link(slug="cafe\u0301")
    assert link["slug"] == "caf\u00e9"
    assert (await visitor.get("/cafe%CC%81")).status_code == 302
    assert (await client.get("/api/links/cafe%CC%81")).status_code == 200
    assert (await client.post("/api/links", json={"url": "https://x.org/", "slug": "caf\u00e9"})).status_code == 409


@pytest.mark.parametrize(
    "slug",
    ["", "x" * 65, "a b", "a/b", "a.b", "a+", "a?b", "a#b", "a%20b", "a\u200bb", "a\u200db", "\u202eab", "a\u0007",
     "²", "½", "\u0301a", "\ufe0f", "\u200d", "a\ufe0f", "👩\u200d", "\u2768", "\ud83d"],
)  # fmt: skip
@shares_app
async def test_other_slugs_are_refused(slug: str, shared_client: httpx.AsyncClient) -> None:
    if slug == "\ud83d":
        answer = await shared_client.post("/api/links", content=b'{"url": "https://example.org/", "slug": "\\ud83d"}',
                                   headers={"Content-Type": "application/json"})  # fmt: skip
        assert answer.status_code == 400
        return
    assert list(await _faults(shared_client, slug=slug)) == ["#/slug"]


OF_PLATFORM = ["metrics", "livez", "problems"] if has_slice("platform") else []


@pytest.mark.parametrize("slug", ["api", "favicon.ico", ".well-known", *OF_PLATFORM])
@shares_app
async def test_reserved_slugs_are_refused_with_the_reason(slug: str, shared_client: httpx.AsyncClient) -> None:
    assert "reserved" in (await _faults(shared_client, slug=slug))["#/slug"]


async def test_every_slug_that_a_root_path_owns_is_reserved(client: httpx.AsyncClient, app: FastAPI) -> None:
    owned = {path.split("/")[1] for path in app.openapi()["paths"]} - {"{slug}", "{slug}+", ""}
    assert owned >= {"api", "robots.txt"}
    for segment in owned:
        assert "#/slug" in await _faults(client, slug=segment)


@pytest.mark.parametrize(
    "url",
    ["", "example.org", "//example.org/", "/path", "http:example.org", "https:/example.org", "https://", "https:///x",
     "javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:https://x/y",
     "ftp://example.org/", "mailto:someone@example.org", "https://user:pw@example.org/", "https://paypal.com@evil.example/",
     "https://example.org\\@evil.example/", "https:\\\\evil.example", "https://exa\tmple.org/",
     "https://example.org/\r\nX: y",
     "https://example.org/a b", " https://example.org/", "https://example.org/\u00a0", "https://example.org/\u202egnp.exe",
     "https://exa mple.org", "https://-a.org/", "https://a..org/", "https://.org/", f"https://{'a' * 64}.org/",
     "https://0x7f.1/", "https://2130706433/", "https://127.1/", "https://256.1.1.1/", "https://1.2.3.4.5/",
     "https://[::1/", "https://[::g]/", "https://[fe80::1%25eth0]/", "https://example.org:port/", "https://example.org:65536/",
     "https://ex%61mple.org/", "https://℀.com/", "https://xn--\u00fc.de/", "https://example.org/" + "a" * 2048],
)  # fmt: skip
@shares_app
async def test_urls_that_lead_nowhere_safe_are_refused(url: str, shared_client: httpx.AsyncClient) -> None:
    assert list(await _faults(shared_client, url=url)) == ["#/url"]
    assert list(await _faults(shared_client, expired_url=url)) == ["#/expired_url"]


@pytest.mark.parametrize(
    "url",
    ["https://example.org", "HTTP://EXAMPLE.ORG/X", "https://example.org/%2F%zz;a=b?c=d+e&f=%26#g?h", "https://example.org?x",
     "https://bücher.example/straße?q=ü#ä", "https://127.0.0.1:8080/", "https://[2001:db8::1]:8443/x", "http://localhost:3000/",
     "https://a_b.example.org/", "https://example.org./", "https://example.org:/", "https://xn--bcher-kva.example/",
     "https://example.org/a//b/../c", 'https://example.org/<>"{}|^`', "https://example.org/" + "a" * 2028],
)  # fmt: skip
async def test_a_url_is_kept_byte_for_byte(url: str, make_link: MakeLink) -> None:
    assert (await make_link(url, expired_url=url))["url"] == url


@pytest.mark.parametrize(
    "url",
    ["http://slice.test/other", "HTTPS://SLICE.test:443/other?x#y", "http://slice.test./other", "http://slice.test/./a/../z",
     "http://slice.test//other", "http://slice.test/%6fther"],
)  # fmt: skip
async def test_a_url_that_would_redirect_here_again_is_refused(url: str, client: httpx.AsyncClient) -> None:
    assert "again" in (await _faults(client, url=url))["#/url"]
    assert "again" in (await _faults(client, expired_url=url))["#/expired_url"]


@pytest.mark.parametrize(
    "url", ["http://slice.test/", "http://slice.test/api/links", "http://slice.test/robots.txt", "http://slice.test/x+",
            "http://slice.test/x/qr", "http://slice.test:8080/x", "http://other.test/x"]
)  # fmt: skip
async def test_other_paths_of_this_host_are_fine(url: str, make_link: MakeLink) -> None:
    await make_link(url)


async def test_more_schemes_come_by_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.support import client_of, running

    monkeypatch.setenv("SLICE_LINKS_SCHEMES", "mailto,TEL:")
    async with running(make_app()) as app, client_of(app) as client:
        for url in ("mailto:someone@example.org", "tel:+43-1-234", "https://example.org/"):
            assert (await client.post("/api/links", json={"url": url})).status_code == 201
        assert list(await _faults(client, url="ftp://example.org/")) == ["#/url"]


@pytest.mark.parametrize("schemes", ["javascript", "mailto,DATA", "a b"])
def test_dangerous_schemes_cannot_be_set(schemes: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLICE_LINKS_SCHEMES", schemes)
    with pytest.raises(Exception, match=r"scheme|never"):
        make_app()


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"title": "x" * 201}, "#/title"),
        ({"note": "x" * 2001}, "#/note"),
        ({"tags": [f"tag{number}" for number in range(21)]}, "#/tags"),
        ({"tags": ["x" * 41]}, "#/tags/0"),
        ({"starts_at": "2026-02-01T00:00:00"}, "#/starts_at"),
        ({"starts_at": "2026-02-02T00:00:00Z", "expires_at": "2026-02-01T00:00:00Z"}, "#/expires_at"),
        ({"starts_at": "2026-02-01T01:00:00+01:00", "expires_at": "2026-02-01T00:00:00Z"}, "#/expires_at"),
        ({"max_visits": 0}, "#/max_visits"),
        ({"max_visits": True}, "#/max_visits"),
        ({"max_visits": "3"}, "#/max_visits"),
        ({"redirect_status": 303}, "#/redirect_status"),
        ({"is_query_forwarded": "yes"}, "#/is_query_forwarded"),
        ({"visit_count": 3}, "#/visit_count"),
        ({"colour": "red"}, "#/colour"),
    ],
)
@shares_app
async def test_each_field_has_its_rule(fields: dict[str, Any], pointer: str, shared_client: httpx.AsyncClient) -> None:
    assert list(await _faults(shared_client, **fields)) == [pointer]


async def test_every_fault_is_told_at_once(client: httpx.AsyncClient) -> None:
    found = await _faults(client, url="x", slug="a b", tags=[""], max_visits=0, title="x" * 201)
    assert sorted(found) == ["#/max_visits", "#/slug", "#/tags/0", "#/title", "#/url"]
    found = await _faults(client, url="ftp://example.org/", slug="api", expired_url="http://slice.test/x")
    assert sorted(found) == ["#/expired_url", "#/slug", "#/url"]


async def test_tags_are_lowered_and_told_once(make_link: MakeLink) -> None:
    assert (await make_link(tags=["Docs", "docs", " Spring "]))["tags"] == ["docs", "spring"]


async def test_times_are_given_back_in_utc(make_link: MakeLink) -> None:
    link = await make_link(starts_at="2026-02-01T01:30:00+01:00", expires_at="2026-03-01T00:00:00Z")
    assert (link["starts_at"], link["expires_at"]) == ("2026-02-01T00:30:00Z", "2026-03-01T00:00:00Z")


LIMITS = {"tags": ["b", "a"], "max_visits": 3, "expires_at": "2026-03-01T00:00:00Z"}


async def test_find_existing_gives_an_identical_live_link_back(client: httpx.AsyncClient, make_link: MakeLink) -> None:
    link = await make_link(**LIMITS, title="kept")
    body = {"url": link["url"], **LIMITS, "tags": ["a", "b"], "title": "another"}
    answer = await client.post("/api/links?find_existing=true", json=body)
    assert (answer.status_code, answer.json()) == (200, link)
    again = await client.post("/api/links", json=body)
    assert again.status_code == 201


@pytest.mark.parametrize(
    "other",
    [{"url": "https://example.org/x"}, {"tags": ["a"]},
     {"rules": [{"when": {"device": "ios"}, "url": "https://x.org/"}]}, {"max_visits": 4}, {"expires_at": None},
     {"redirect_status": 301},
     {"starts_at": "2026-01-01T00:00:00Z"}, {"is_query_forwarded": True}, {"expired_url": "https://x.org/"},
     {"slug": "own"}],
)  # fmt: skip
async def test_find_existing_makes_a_link_where_anything_differs(
    other: dict[str, Any], client: httpx.AsyncClient, make_link: MakeLink
) -> None:
    link = await make_link(**LIMITS)
    answer = await client.post("/api/links?find_existing=true", json={"url": link["url"], **LIMITS, **other})
    assert answer.status_code == 201


async def test_find_existing_passes_over_links_that_are_over(
    client: httpx.AsyncClient, make_link: MakeLink, clock: Any
) -> None:
    link = await make_link(expires_at="2026-01-31T10:00:00Z")
    clock.advance(hours=1)
    body = {"url": link["url"], "expires_at": link["expires_at"]}
    assert (await client.post("/api/links?find_existing=true", json=body)).status_code == 201


async def test_find_existing_gives_the_oldest_and_the_named(
    client: httpx.AsyncClient, make_link: MakeLink, clock: Any
) -> None:
    await make_link(slug="zz")
    clock.advance(seconds=1)
    await make_link(slug="aa")
    url = "https://example.org/"
    assert (await client.post("/api/links?find_existing=1", json={"url": url})).json()["slug"] == "zz"
    assert (await client.post("/api/links?find_existing=1", json={"url": url, "slug": "aa"})).status_code == 200


@pytest.mark.parametrize(
    ("slug", "part"),
    [
        ("api", "reserved"), ("robots.txt", "reserved"), ("a b", "letters"), ("a.b", "'.'"), ("x" * 65, "64"),
        ("a\u200db", "letters"), ("taken", "is taken"), ("cafe\u0301", "is taken"),
    ],
)  # fmt: skip
async def test_a_slug_that_is_not_free_is_told_with_the_reason(
    slug: str, part: str, client: httpx.AsyncClient, make_link: MakeLink
) -> None:
    await make_link(slug="taken")
    await make_link(slug="caf\u00e9", expires_at="2026-01-31T09:00:00Z")
    answer = await client.get(f"/api/links/{quote(slug)}/availability")
    found = answer.json()
    assert (answer.status_code, found.keys()) == (200, {"slug", "is_available", "detail"})
    assert (found["slug"], found["is_available"]) == (normal_slug(slug), False)
    assert part in found["detail"]
    made = await client.post("/api/links", json={"url": "https://example.org/", "slug": slug})
    assert made.status_code in (409, 422)


@pytest.mark.parametrize("slug", ["taken2", "Taken", "cafe\u0301", "👩‍💻", "a" * 64])
async def test_a_slug_that_is_free_is_told_in_its_normal_form_and_can_be_had(
    slug: str, client: httpx.AsyncClient, make_link: MakeLink
) -> None:
    await make_link(slug="taken")
    found = (await client.get(f"/api/links/{quote(slug)}/availability")).json()
    assert found == {"slug": normal_slug(slug), "is_available": True, "detail": None}
    assert (await make_link(slug=slug))["slug"] == found["slug"]


async def test_who_may_read_links_may_ask_for_a_slug(client_with: ClientWith, anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get("/api/links/guide/availability")).status_code == 401
    async with client_with("links:read") as reader, client_with("links:write") as writer:
        assert (await reader.get("/api/links/guide/availability")).status_code == 200
        assert (await writer.get("/api/links/guide/availability")).status_code == 403


async def test_scopes_are_needed(client_with: ClientWith, anonymous: httpx.AsyncClient) -> None:
    body = {"url": "https://example.org/"}
    assert (await anonymous.post("/api/links", json=body)).status_code == 401
    async with client_with("links:read") as reader, client_with("links:write") as writer:
        assert (await reader.post("/api/links", json=body)).status_code == 403
        assert (await writer.post("/api/links", json=body)).status_code == 201
        assert (await writer.get("/api/links")).status_code == 403
        assert (await reader.get("/api/links")).status_code == 200
