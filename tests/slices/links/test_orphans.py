"""Visits to slugs that no link has."""

from typing import Any

import httpx
from fastapi import FastAPI

from tests.conftest import Settle, on_every_engine
from tests.support import BASE_URL, FrozenClock

from .conftest import MakeLink, RawGet

GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


async def orphans(client: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await client.get("/api/links/stats", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["orphans"]
    return found


@on_every_engine
async def test_visits_to_unknown_slugs_are_counted_per_day_and_by_slug(
    client: httpx.AsyncClient, visitor: httpx.AsyncClient, clock: FrozenClock, settle: Settle
) -> None:
    for slug in ("nope", "nope", "gone"):
        assert (await visitor.get(f"/{slug}")).status_code == 404
    clock.advance(days=1)
    await visitor.get("/nope")
    await settle()
    found = await orphans(client, **{"from": "2026-01-31"})
    assert found == {
        "total": 4,
        "series": [
            {"start": "2026-01-31T00:00:00Z", "visits": 3},
            {"start": "2026-02-01T00:00:00Z", "visits": 1},
        ],
        "slugs": [{"name": "nope", "visits": 3}, {"name": "gone", "visits": 1}],
    }


async def test_nothing_is_written_before_the_answer(
    client: httpx.AsyncClient, visitor: httpx.AsyncClient, settle: Settle
) -> None:
    await visitor.get("/nope")
    assert (await orphans(client))["total"] == 0
    await settle()
    assert (await orphans(client))["total"] == 1


async def test_bots_are_counted_apart(client: httpx.AsyncClient, visitor: httpx.AsyncClient, settle: Settle) -> None:
    for headers in ({}, {"User-Agent": GOOGLEBOT}, {"Sec-Purpose": "prefetch"}):
        await visitor.get("/nope", headers=headers)
    await settle()
    assert (await orphans(client))["total"] == 1
    assert (await orphans(client, include_bots=True))["total"] == 3


async def test_only_a_get_counts(client: httpx.AsyncClient, visitor: httpx.AsyncClient, settle: Settle) -> None:
    for method in ("HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
        await visitor.request(method, "/nope")
    for path in ("/nope+", "/nope/qr", "/nope/deeper", "/"):
        await visitor.get(path)
    await settle()
    assert (await orphans(client, include_bots=True))["total"] == 0


async def test_what_could_be_no_slug_is_no_orphan(
    app: FastAPI, client: httpx.AsyncClient, raw_get: RawGet, settle: Settle
) -> None:
    owned = {f"/{path.split('/')[1]}" for path in app.openapi()["paths"] if not path.startswith("/{")}
    paths = (
        "/wp-login.php", "/.env", "/a%20b", "/a%2Fb", "/a%00b", "/%ff", "/" + "x" * 65, "/favicon.ico", "/stats",
        "/%E2%80%AE", "/api", *owned,
    )  # fmt: skip
    for path in paths:
        await raw_get(path.encode())
    await settle()
    assert (await orphans(client, include_bots=True))["slugs"] == []


async def test_one_slug_is_one_however_it_is_typed(
    client: httpx.AsyncClient, visitor: httpx.AsyncClient, settle: Settle
) -> None:
    await visitor.get("/caf%C3%A9")
    await visitor.get("/cafe%CC%81")
    await settle()
    assert (await orphans(client))["slugs"] == [{"name": "café", "visits": 2}]


async def test_links_that_have_expired_or_are_yet_to_begin_are_no_orphans(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, clock: FrozenClock, settle: Settle
) -> None:
    await make_link(slug="soon", starts_at="2026-02-01T00:00:00Z")
    await make_link(slug="over", expires_at="2026-01-31T09:00:01Z")
    clock.advance(seconds=2)
    assert [(await visitor.get(f"/{slug}")).status_code for slug in ("soon", "over")] == [404, 410]
    await settle()
    assert (await orphans(client))["total"] == 0


async def test_visits_to_a_deleted_link_are_orphans(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, settle: Settle
) -> None:
    await make_link(slug="guide")
    await client.delete("/api/links/guide")
    await visitor.get("/guide")
    await settle()
    assert (await orphans(client))["slugs"] == [{"name": "guide", "visits": 1}]


async def test_slugs_that_are_made_up_are_capped(
    client: httpx.AsyncClient, visitor: httpx.AsyncClient, settle: Settle
) -> None:
    for _ in range(3):
        await visitor.get("/often")
    for at in range(250):
        await visitor.get(f"/made-up-{at}")
    await settle()
    found = await orphans(client)
    names = {each["name"]: each["visits"] for each in found["slugs"]}
    assert (found["total"], sum(names.values()), len(names)) == (253, 253, 201)
    assert (names["often"], names["(other)"]) == (3, 51)
    assert BASE_URL not in str(found)
