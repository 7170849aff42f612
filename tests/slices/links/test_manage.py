"""Listing, reading, changing and deleting links, and the events of all that."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from slice_api.chassis import EVENTS, PageQuery, Tx
from tests.conftest import Settle
from tests.support import chassis_of

from .conftest import MakeLink


async def _slugs(client: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await client.get("/api/links", params=query)
    assert answer.status_code == 200, answer.text
    return [link["slug"] for link in answer.json()["items"]]


async def _events(app: FastAPI) -> list[tuple[str, str | None, dict[str, Any]]]:
    def read(tx: Tx) -> Any:
        return tx.entries(EVENTS, PageQuery(limit=200), is_newest_first=False).items

    records = await chassis_of(app).db.transact(read)
    return [(each.type, each.subject, each.data) for each in records if each.slice == "links"]


async def test_lists_are_newest_first(client: httpx.AsyncClient, make_link: MakeLink, clock: Any) -> None:
    for slug in ("one", "two", "three"):
        await make_link(slug=slug)
        clock.advance(seconds=1)
    assert await _slugs(client) == ["three", "two", "one"]


async def test_every_order_goes_both_ways(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, clock: Any, settle: Settle
) -> None:
    for slug, visits in (("one", 1), ("two", 3), ("three", 2)):
        await make_link(slug=slug)
        clock.advance(seconds=1)
        for _ in range(visits):
            await visitor.get(f"/{slug}")
    await visitor.get("/one")
    await visitor.get("/one")
    await visitor.get("/one")
    await settle()
    expected = {
        "created_at": ["one", "two", "three"],
        "visit_count": ["three", "two", "one"],
        "last_visited_at": ["two", "one", "three"],
        "slug": ["one", "three", "two"],
    }
    for order, slugs in expected.items():
        assert await _slugs(client, order=order) == slugs
        assert await _slugs(client, order=f"-{order}") == slugs[::-1]


async def test_pages_walk_through_all_links_once(client: httpx.AsyncClient, make_link: MakeLink, clock: Any) -> None:
    for number in range(25):
        await make_link(slug=f"n{number:02}")
        clock.advance(seconds=number % 3)
    seen: list[str] = []
    after: str | None = None
    while True:
        query = {"limit": "7"} | ({"after": after} if after else {})
        answer = await client.get("/api/links", params=query)
        seen += [link["slug"] for link in answer.json()["items"]]
        after = answer.json()["next"]
        assert ("link" in answer.headers) == (after is not None)
        if after is None:
            break
        await client.delete(f"/api/links/{seen[-1]}")
        await make_link(slug=f"new{len(seen)}")
    assert sorted(seen) == [f"n{number:02}" for number in range(25)]


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 201}, {"after": "x"}, {"order": "url"}, {"state": "gone"}, {"tag": ""}]
)
async def test_bad_list_queries_are_refused(query: dict[str, Any], client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/links", params=query)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"query/{next(iter(query))}"


async def test_search_looks_in_slug_url_and_title(client: httpx.AsyncClient, make_link: MakeLink) -> None:
    await make_link("https://example.org/Guide", slug="a")
    await make_link(slug="my-guide")
    await make_link(slug="z", title="The GUIDE")
    await make_link(slug="c", note="guide")
    assert sorted(await _slugs(client, search="guide")) == ["a", "my-guide", "z"]


async def test_all_tags_must_hold(client: httpx.AsyncClient, make_link: MakeLink) -> None:
    await make_link(slug="both", tags=["a", "b"])
    await make_link(slug="one", tags=["a"])
    assert sorted(await _slugs(client, tag=["a"])) == ["both", "one"]
    assert await _slugs(client, tag=["A", "b"]) == ["both"]
    assert await _slugs(client, tag=["a", "c"]) == []


async def test_states_part_the_links(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, clock: Any
) -> None:
    await make_link(slug="always")
    await make_link(slug="now", starts_at="2026-01-31T08:00:00Z", expires_at="2026-01-31T10:00:00Z")
    await make_link(slug="later", starts_at="2026-01-31T10:00:00Z")
    await make_link(slug="past", expires_at="2026-01-31T09:00:00Z")
    await make_link(slug="used", max_visits=1)
    await visitor.get("/used")
    assert sorted(await _slugs(client, state="active")) == ["always", "now"]
    assert await _slugs(client, state="upcoming") == ["later"]
    assert sorted(await _slugs(client, state="expired")) == ["past", "used"]
    clock.advance(hours=1)
    assert sorted(await _slugs(client, state="active")) == ["always", "later"]
    assert sorted(await _slugs(client, state="expired")) == ["now", "past", "used"]
    assert await _slugs(client, state="upcoming") == []


async def test_a_link_is_read_with_an_etag(client: httpx.AsyncClient, make_link: MakeLink) -> None:
    link = await make_link(slug="guide")
    answer = await client.get("/api/links/guide")
    assert answer.json() == link
    again = await client.get("/api/links/guide", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_a_link_that_is_not_there_is_404(method: str, client: httpx.AsyncClient) -> None:
    body = {"json": {"title": "x"}} if method == "PATCH" else {}
    answer = await client.request(method, "/api/links/nope", **body)  # type: ignore[arg-type]
    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/not-found"
    assert (await client.get("/api/links/nope/visits")).status_code == 404


async def test_a_patch_changes_what_it_names_and_clears_what_is_null(
    client: httpx.AsyncClient, make_link: MakeLink, clock: Any
) -> None:
    link = await make_link(slug="guide", title="a", note="b", tags=["x"], max_visits=3, expired_url="https://x.org/")
    clock.advance(seconds=5)
    change = {"title": "c", "note": None, "tags": None, "max_visits": None, "expired_url": None, "redirect_status": 301}
    answer = await client.patch("/api/links/guide", json=change)
    assert answer.status_code == 200
    assert answer.json() == {**link, **change, "tags": [], "updated_at": "2026-01-31T09:00:05Z"}
    assert (await client.get("/api/links/guide")).json() == answer.json()


async def test_a_patch_that_changes_nothing_leaves_the_link_as_it_is(
    client: httpx.AsyncClient, make_link: MakeLink, app: FastAPI, clock: Any
) -> None:
    link = await make_link(slug="guide", title="a")
    clock.advance(seconds=5)
    for change in ({}, {"title": "a"}):
        assert (await client.patch("/api/links/guide", json=change)).json() == link
    assert [kind for kind, _, _ in await _events(app)] == ["links.created"]


@pytest.mark.parametrize("field", ["url", "redirect_status", "is_query_forwarded", "slug", "visit_count", "short_url"])
async def test_some_fields_cannot_be_cleared_or_set(field: str, client: httpx.AsyncClient, make_link: MakeLink) -> None:
    await make_link(slug="guide")
    answer = await client.patch("/api/links/guide", json={field: None})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"#/{field}"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"url": "javascript:x"}, "#/url"),
        ({"url": "ftp://example.org/"}, "#/url"),
        ({"url": "http://slice.test/guide"}, "#/url"),
        ({"expired_url": "http://slice.test/guide"}, "#/expired_url"),
        ({"expires_at": "2026-01-31T07:00:00Z"}, "#/expires_at"),
        ({"starts_at": "2026-01-31T12:00:00Z"}, "#/starts_at"),
        ({"starts_at": "2026-02-02T00:00:00Z", "expires_at": "2026-02-01T00:00:00Z"}, "#/expires_at"),
    ],
)
async def test_a_patch_is_held_against_the_whole_link(
    change: dict[str, Any], pointer: str, client: httpx.AsyncClient, make_link: MakeLink
) -> None:
    link = await make_link(slug="guide", starts_at="2026-01-31T08:00:00Z", expires_at="2026-01-31T10:00:00Z")
    answer = await client.patch("/api/links/guide", json=change)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    assert (await client.get("/api/links/guide")).json() == link


@pytest.mark.parametrize("max_visits", [None, 10])
async def test_if_match_guards_edits_but_not_against_visitors(
    max_visits: int | None, client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, settle: Settle
) -> None:
    await make_link(slug="guide", max_visits=max_visits)
    etag = (await client.get("/api/links/guide")).headers["etag"]
    await visitor.get("/guide")
    await settle()
    fresh = await client.patch("/api/links/guide", json={"title": "a"}, headers={"If-Match": etag})
    assert (fresh.status_code, fresh.json()["visit_count"]) == (200, 1)
    stale = await client.patch("/api/links/guide", json={"title": "b"}, headers={"If-Match": etag})
    assert stale.status_code == 412
    assert (await client.delete("/api/links/guide", headers={"If-Match": etag})).status_code == 412
    assert (await client.get("/api/links/guide")).json()["title"] == "a"


async def test_patch_takes_merge_patch_json(client: httpx.AsyncClient, make_link: MakeLink) -> None:
    await make_link(slug="guide")
    headers = {"Content-Type": "application/merge-patch+json"}
    answer = await client.patch("/api/links/guide", content=b'{"title":"x"}', headers=headers)
    assert answer.json()["title"] == "x"


def test_the_patch_schema_has_no_defaults_for_clients_to_send(app: FastAPI) -> None:
    schemas = app.openapi()["components"]["schemas"]
    assert all("default" not in field for field in schemas["LinkChange"]["properties"].values())
    assert "required" not in schemas["LinkChange"]


async def test_deleting_frees_the_slug_and_takes_the_visits_along(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, settle: Settle
) -> None:
    await make_link(slug="guide", max_visits=2, title="old")
    await visitor.get("/guide")
    await settle()
    assert (await client.delete("/api/links/guide")).status_code == 204
    assert (await visitor.get("/guide")).status_code == 404
    assert (await client.get("/api/links/guide")).status_code == 404
    link = await make_link(slug="guide")
    assert (link["title"], link["visit_count"], link["last_visited_at"]) == (None, 0, None)
    assert (await client.get("/api/links/guide/visits")).json()["items"] == []


async def test_an_expired_link_keeps_its_slug_until_it_is_deleted(
    client: httpx.AsyncClient, make_link: MakeLink, clock: Any
) -> None:
    await make_link(slug="guide", expires_at="2026-01-31T10:00:00Z")
    clock.advance(days=400)
    assert (await client.post("/api/links", json={"url": "https://x.org/", "slug": "guide"})).status_code == 409
    assert (await client.delete("/api/links/guide")).status_code == 204
    await make_link(slug="guide")


async def test_every_change_is_told(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, app: FastAPI, settle: Settle
) -> None:
    link = await make_link(slug="guide")
    changed = (await client.patch("/api/links/guide", json={"title": "x"})).json()
    await visitor.get("/guide")
    await visitor.get("/guide", headers={"User-Agent": "Googlebot/2.1"})
    await settle()
    await client.delete("/api/links/guide")
    visited = {"slug": "guide", "visits": 2, "visit_count": 1, "bot_visit_count": 1}
    assert await _events(app) == [
        ("links.created", "guide", {"link": link}),
        ("links.updated", "guide", {"link": changed}),
        ("links.visited", "guide", {**visited, "last_visited_at": "2026-01-31T09:00:00Z"}),
        ("links.deleted", "guide", {"slug": "guide"}),
    ]


async def test_an_idempotency_key_makes_one_link(client: httpx.AsyncClient) -> None:
    body, headers = {"url": "https://example.org/"}, {"Idempotency-Key": "once"}
    first = await client.post("/api/links", json=body, headers=headers)
    again = await client.post("/api/links", json=body, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    assert len(await _slugs(client)) == 1
