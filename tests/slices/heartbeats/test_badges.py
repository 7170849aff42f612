"""Badges: addresses that are signed, and the state that everybody sees at them."""

from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from tests.conftest import ClientWith
from tests.support import BASE_URL, FrozenClock

KINDS = ["svg", "svg3", "json", "json3", "shields", "shields3"]


async def make(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post("/api/v3/checks/", json={"timeout": 60, "grace": 60, **fields})
    made: dict[str, Any] = answer.json()
    return made


async def addresses(client: httpx.AsyncClient) -> dict[str, dict[str, str]]:
    badges: dict[str, dict[str, str]] = (await client.get("/api/v3/badges/")).json()["badges"]
    return badges


async def test_addresses_are_the_same_in_both_faces(client: httpx.AsyncClient, client_with: ClientWith) -> None:
    await make(client, tags="web prod")
    await make(client, tags="prod ä/b.svg")
    badges = await addresses(client)
    assert sorted(badges) == ["*", "prod", "web", "ä/b.svg"]
    assert list(badges["*"]) == KINDS
    assert badges["prod"]["svg"].startswith(f"{BASE_URL}/badge/")
    assert badges["prod"]["svg"].endswith("-2/prod.svg")
    assert badges["prod"]["shields3"].endswith("/prod.shields")
    assert badges["*"]["json"].endswith("-2.json")
    async with client_with("heartbeats:read") as reader:
        own = (await reader.get("/api/heartbeats/badges")).json()
        assert [each["tag"] for each in own["items"]] == [None, "prod", "web", "ä/b.svg"]
        assert [{name: each[name] for name in KINDS} for each in own["items"]] == [
            badges[name] for name in ("*", "prod", "web", "ä/b.svg")
        ]
        page = (await reader.get("/api/heartbeats/badges", params={"limit": 1})).json()
        rest = (await reader.get("/api/heartbeats/badges", params={"after": page["next"]})).json()
        assert page["items"] + rest["items"] == own["items"]
    async with client_with("heartbeats:write") as writer:
        assert (await writer.get("/api/heartbeats/badges")).status_code == 403


async def test_a_badge_tells_the_worst_of_a_tag(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, clock: FrozenClock
) -> None:
    first, second = await make(client, tags="prod ä/b.svg"), await make(client, tags="prod")
    await make(client, tags="production")
    badges = await addresses(client)

    async def told(tag: str) -> tuple[Any, Any]:
        two, three = [(await anonymous.get(badges[tag][kind])).json() for kind in ("json", "json3")]
        colors = [(await anonymous.get(badges[tag][kind])).json()["message"] for kind in ("shields", "shields3")]
        assert colors == [two["status"], three["status"]]
        assert {**two, "status": ""} == {**three, "status": ""}
        return two["status"], tuple(three.values())

    assert await told("prod") == ("up", ("up", 2, 0, 0))
    for check in (first, second):
        await client.get(f"/ping/{check['uuid']}")
    clock.advance(seconds=60)
    assert await told("prod") == ("up", ("late", 2, 2, 0))
    await client.get(f"/ping/{second['uuid']}")
    assert await told("prod") == ("up", ("late", 2, 1, 0))
    await client.get(f"/ping/{second['uuid']}/start")
    clock.advance(seconds=60)
    assert await told("prod") == ("down", ("down", 2, 0, 2))
    assert await told("ä/b.svg") == ("down", ("down", 1, 0, 1))
    assert await told("*") == ("down", ("down", 3, 0, 2))
    assert await told("production") == ("up", ("up", 1, 0, 0))


async def test_pictures_can_be_read_by_everybody(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, clock: FrozenClock
) -> None:
    check = await make(client, name='<b>"&\x07' + "w" * 80, tags="prod")
    for advance, state, color in ((0, "up", "#4c1"), (60, "late", "#fe7d37"), (60, "down", "#e05d44")):
        if not advance:
            await client.get(f"/ping/{check['uuid']}")
        clock.advance(seconds=advance)
        url = check["badge_url"].replace("/b/2/", "/b/3/")
        answer = await anonymous.get(url, headers={"Origin": "https://page.example"})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
        assert answer.headers["cache-control"] == "max-age=0, no-cache, no-store, must-revalidate, private"
        assert answer.headers["access-control-allow-origin"] == "*"
        picture = ElementTree.fromstring(answer.text)
        assert picture.get("role") == "img"
        assert picture.findtext("{*}title") == picture.get("aria-label") == f'<b>"& {"w" * 80}: {state}'
        assert color in answer.text
    tagged = await anonymous.get((await addresses(client))["prod"]["svg3"])
    assert "prod: down" in tagged.text


async def test_the_badge_of_one_check_has_two_states_or_three(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, clock: FrozenClock
) -> None:
    check = await make(client)
    badge_id = check["badge_url"].rpartition("/")[2].removesuffix(".svg")
    await client.get(f"/ping/{check['uuid']}")
    clock.advance(seconds=60)
    two, three = [(await anonymous.get(f"/b/{states}/{badge_id}.json")).json() for states in (2, 3)]
    assert two == {"status": "up", "total": 1, "grace": 1, "down": 0}
    assert three == {"status": "late", "total": 1, "grace": 1, "down": 0}
    shields = (await anonymous.get(f"/b/3/{badge_id}.shields")).json()
    label = check["uuid"]
    assert shields == {"schemaVersion": 1, "label": label, "message": "late", "color": "important"}
    await client.post(f"/api/v3/checks/{check['uuid']}/pause")
    assert (await anonymous.get(f"/b/3/{badge_id}.json")).json()["status"] == "up"
    for path in (f"/b/4/{badge_id}.svg", f"/b/3/{badge_id}.png", f"/b/3/{check['uuid']}.svg", "/b/3/x.svg"):
        assert (await anonymous.get(path)).status_code == 404


@pytest.mark.parametrize("change", [("prod.svg", "web.svg"), ("prod.svg", "prod.png"), ("/badge/", "/badge/x")])
async def test_an_address_that_was_not_made_here_is_404(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, change: tuple[str, str]
) -> None:
    await make(client, tags="prod web")
    url = (await addresses(client))["prod"]["svg"]
    assert (await anonymous.get(url)).status_code == 200
    answer = await anonymous.get(url.replace(*change))
    assert (answer.status_code, answer.text) == (404, "not found")


async def test_the_badge_of_all_is_signed_too(client: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    badges = await addresses(client)
    key, signature = badges["*"]["svg3"].removesuffix(".svg").split("/")[-2:]
    assert (await anonymous.get(f"/badge/{key}/{signature}.json")).status_code == 200
    assert (await anonymous.get(f"/badge/{key}/{signature[:-1]}.json")).status_code == 404
    assert (await anonymous.get(f"/badge/{key}/{signature}/prod.json")).status_code == 404
