"""Many requests at once, on each engine: what must hold whatever comes first."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from typing import Any

import httpx

from slice_api.chassis import EVENTS, PageQuery, Tx
from tests.conftest import Settle, Transact, on_every_engine

from .conftest import MakeLink

URL = "https://example.org/"


async def statuses(answers: Sequence[Awaitable[httpx.Response]]) -> Counter[int]:
    return Counter(answer.status_code for answer in await asyncio.gather(*answers))


@on_every_engine
async def test_one_of_a_hundred_creates_of_a_slug_wins(client: httpx.AsyncClient, transact: Transact) -> None:
    bodies = [{"url": f"{URL}{number}", "slug": "guide"} for number in range(100)]
    answers = await asyncio.gather(*(client.post("/api/links", json=body) for body in bodies))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 99}
    winner = next(answer for answer in answers if answer.status_code == 201)
    assert (await client.get("/api/links/guide")).json() == winner.json()
    events = await transact(Tx.entries, EVENTS, PageQuery(limit=200))
    assert [event.type for event in events.items if event.slice == "links"] == ["links.created"]


@on_every_engine
async def test_max_visits_is_met_to_the_visit(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, settle: Settle
) -> None:
    await make_link(slug="guide", max_visits=10)
    answers = await asyncio.gather(*(visitor.get("/guide") for _ in range(100)))
    assert Counter(answer.status_code for answer in answers) == {302: 10, 410: 90}
    assert "used up" in next(answer for answer in answers if answer.status_code == 410).json()["detail"]
    await settle()
    link = (await client.get("/api/links/guide")).json()
    assert (link["visit_count"], link["bot_visit_count"]) == (10, 0)
    assert len((await client.get("/api/links/guide/visits")).json()["items"]) == 10


@on_every_engine
async def test_of_identical_requests_that_find_existing_one_makes_the_link(client: httpx.AsyncClient) -> None:
    body = {"url": URL, "tags": ["a"], "rules": [{"when": {"device": "ios"}, "url": f"{URL}ios"}]}
    answers = await asyncio.gather(*(client.post("/api/links?find_existing=true", json=body) for _ in range(50)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 49}
    assert len({answer.json()["slug"] for answer in answers}) == 1
    assert len((await client.get("/api/links")).json()["items"]) == 1


@on_every_engine
async def test_in_a_storm_of_creates_and_deletes_nothing_of_an_old_link_shows_in_a_new_one(
    client: httpx.AsyncClient, visitor: httpx.AsyncClient, settle: Settle
) -> None:
    async def one(number: int) -> tuple[str, int]:
        kind = ("create", "visit", "delete", "visit")[number % 4]
        if kind == "visit":
            return kind, (await visitor.get("/guide")).status_code
        if kind == "delete":
            return kind, (await client.delete("/api/links/guide")).status_code
        body = {
            "url": f"{URL}{number}",
            "slug": "guide",
            "title": str(number),
            "max_visits": 1000 if number % 8 else None,
        }
        made = await client.post("/api/links", json=body)
        assert made.status_code == 409 or (made.json()["title"], made.json()["visit_count"]) == (str(number), 0)
        return kind, made.status_code

    async def write() -> None:
        await settle()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(number)) for number in range(80)]
        group.create_task(write())
    counts = Counter(task.result() for task in tasks)
    await settle()
    assert counts.keys() <= {
        ("create", 201), ("create", 409), ("delete", 204), ("delete", 404), ("visit", 302), ("visit", 404),
    }  # fmt: skip
    assert counts["create", 201] > 0
    left = counts["create", 201] - counts["delete", 204]
    link = await client.get("/api/links/guide")
    visits = await client.get("/api/links/guide/visits")
    assert (left, link.status_code, visits.status_code) in ((1, 200, 200), (0, 404, 404))
    if left:
        assert link.json()["url"] == f"{URL}{link.json()['title']}"
        assert link.json()["visit_count"] == len(visits.json()["items"])
    await client.delete("/api/links/guide")
    await client.post("/api/links", json={"url": URL, "slug": "guide"})
    await settle()
    fresh = (await client.get("/api/links/guide")).json()
    assert (fresh["visit_count"], fresh["last_visited_at"], fresh["title"]) == (0, None, None)
    assert (await client.get("/api/links/guide/visits")).json()["items"] == []


def changes() -> list[dict[str, Any]]:
    """Fifty patches of one field each, no two alike."""
    rules = [[{"when": {"query": {"n": str(number)}}, "url": f"{URL}{number}"}] for number in range(10)]
    return [
        *({"title": f"title {number}"} for number in range(10)),
        *({"tags": [f"tag{number}"]} for number in range(10)),
        *({"note": f"note {number}"} for number in range(10)),
        *({"max_visits": number} for number in range(1, 11)),
        *({"rules": each} for each in rules),
    ]


@on_every_engine
async def test_no_update_is_lost_among_fifty_at_once(
    client: httpx.AsyncClient, make_link: MakeLink, transact: Transact
) -> None:
    """They come one after another: each is told as the link of the one before with its own field changed."""
    before = await make_link(slug="guide")
    assert await statuses([client.patch("/api/links/guide", json=change) for change in changes()]) == {200: 50}
    events = await transact(Tx.entries, EVENTS, PageQuery(limit=200), is_newest_first=False)
    links = [event.data["link"] for event in events.items if event.type == "links.updated"]
    left = changes()
    for link in links:
        change = next(each for each in left if all(link[name] == value for name, value in each.items()))
        left.remove(change)
        assert link == {**before, **change}
        before = link
    assert left == []
    assert (await client.get("/api/links/guide")).json() == before


@on_every_engine
async def test_of_fifty_updates_of_one_version_one_is_made(
    client: httpx.AsyncClient, make_link: MakeLink, transact: Transact
) -> None:
    await make_link(slug="guide")
    headers = {"If-Match": (await client.get("/api/links/guide")).headers["etag"]}
    patches = [client.patch("/api/links/guide", json={"title": f"{at}"}, headers=headers) for at in range(50)]
    answers = await asyncio.gather(*patches)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 49}
    winner = next(answer for answer in answers if answer.status_code == 200)
    assert (await client.get("/api/links/guide")).json() == winner.json()
