"""Making, listing, reading, changing and deleting flags, in the set without a name and in others."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from tests.conftest import AssertEvents, on_every_engine
from tests.support import FrozenClock, needs
from tests.told import told

from .conftest import FOR_STAFF, MakeFlag


def pointers_of(answer: httpx.Response) -> set[str]:
    assert answer.status_code == 422, answer.text
    return {error["pointer"] for error in answer.json()["errors"]}


async def keys(client: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await client.get("/api/flags", params=query)
    assert answer.status_code == 200, answer.text
    return [flag["key"] for flag in answer.json()["items"]]


async def test_a_flag_is_made_with_all_its_fields(client: httpx.AsyncClient, assert_events: AssertEvents) -> None:
    body = {
        "key": "new.checkout:v2_a-b",
        "description": "The checkout in one step",
        "state": "DISABLED",
        "variants": {"red": "#f00", "blue": "#00f"},
        "default_variant": "red",
        "targeting": {"if": [{"==": [{"var": "tier"}, "gold"]}, "blue", None]},
        "metadata": {"team": "shop", "ticket": 12, "share": 0.5, "is_risky": False},
        "tags": ["Shop", "spring"],
    }
    answer = await client.post("/api/flags", json=body)
    assert answer.status_code == 201
    assert answer.headers["location"] == "/api/flags/new.checkout%3Av2_a-b"
    made = answer.json()
    assert made | body | {"tags": ["shop", "spring"]} == made
    assert (made["revision"], made["kind"], made["set"]) == (1, "string", "")
    assert made["created_at"] == made["updated_at"] == "2026-01-31T09:00:00Z"
    assert (made["is_stale"], made["stale_reason"], made["last_evaluated_at"]) == (False, None, None)
    assert (await client.get(answer.headers["location"])).json() == made
    await assert_events(told("flags.created", made["key"], key=made["key"], set="", revision=1))


async def test_little_is_enough(make_flag: MakeFlag) -> None:
    made = await make_flag(variants={"a": 1, "b": 2.5}, default_variant=None)
    assert (made["state"], made["default_variant"], made["targeting"], made["metadata"]) == ("ENABLED", None, None, {})
    assert made["kind"] == "number"


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"key": ""}, "#/key"),
        ({"key": "a b"}, "#/key"),
        ({"key": "a/b"}, "#/key"),
        ({"key": "x" * 129}, "#/key"),
        ({"key": "document"}, "#/key"),
        ({"state": "enabled"}, "#/state"),
        ({"variants": {}}, "#/variants"),
        ({"variants": {"on": True, "off": 0}}, "#/variants"),
        ({"variants": {"on": [1]}, "default_variant": "on"}, "#/variants"),
        ({"variants": {"on": None}, "default_variant": "on"}, "#/variants"),
        ({"default_variant": "maybe"}, "#/default_variant"),
        ({"default_variant": ""}, "#/default_variant"),
        ({"targeting": "on"}, "#/targeting"),
        ({"metadata": {"team": ["shop"]}}, "#/metadata/team"),
        ({"metadata": {"team": None}}, "#/metadata/team"),
        ({"tags": ["x" * 41]}, "#/tags/0"),
        ({"colour": "red"}, "#/colour"),
    ],
)
async def test_what_does_not_fit_is_refused_at_its_place(
    client: httpx.AsyncClient, fields: dict[str, Any], pointer: str
) -> None:
    body = {"key": "a", "variants": {"on": True, "off": False}, "default_variant": "off", **fields}
    answer = await client.post("/api/flags", json=body)
    assert {at for at in pointers_of(answer) if at.startswith(pointer)}, answer.text
    assert await keys(client) == []


async def test_a_rule_with_an_unknown_operator_is_refused_with_its_place(client: httpx.AsyncClient) -> None:
    rule = {"if": [{"is_friday": [{"var": "$flagd.timestamp"}]}, "on", None]}
    body = {"key": "a", "variants": {"on": True}, "targeting": rule}
    answer = await client.post("/api/flags", json=body)
    (at,) = pointers_of(answer)
    assert at.startswith("#/targeting/if/0")
    await client.post("/api/flags", json={**body, "targeting": None})
    assert pointers_of(await client.patch("/api/flags/a", json={"targeting": rule})) == {at}


async def test_lists_are_searched_filtered_and_ordered(
    client: httpx.AsyncClient, make_flag: MakeFlag, clock: FrozenClock
) -> None:
    await make_flag("beta", tags=["shop"], description="Green buttons")
    clock.advance(seconds=1)
    await make_flag("alpha", tags=["shop", "spring"], state="DISABLED")
    clock.advance(seconds=1)
    await make_flag("gamma")
    assert await keys(client) == ["alpha", "beta", "gamma"]
    assert await keys(client, order="-key") == ["gamma", "beta", "alpha"]
    assert await keys(client, order="created_at") == ["beta", "alpha", "gamma"]
    assert await keys(client, order="-updated_at") == ["gamma", "alpha", "beta"]
    assert await keys(client, search="green") == ["beta"]
    assert await keys(client, search="MM") == ["gamma"]
    assert await keys(client, tag="shop") == ["alpha", "beta"]
    assert await keys(client, tag=["shop", "spring"]) == ["alpha"]
    assert await keys(client, state="DISABLED") == ["alpha"]
    assert await keys(client, is_stale="true") == []
    assert await keys(client, is_stale="false", limit=2) == ["alpha", "beta"]


async def test_a_patch_changes_what_it_names(
    client: httpx.AsyncClient, make_flag: MakeFlag, clock: FrozenClock, assert_events: AssertEvents
) -> None:
    before = await make_flag(metadata={"team": "shop"}, tags=["a"], description="x", targeting=FOR_STAFF)
    clock.advance(seconds=5)
    await assert_events(told("flags.created", "checkout"))
    answer = await client.patch("/api/flags/checkout", json={"state": "DISABLED", "metadata": None, "tags": None})
    expected = before | {"state": "DISABLED", "metadata": {}, "tags": [], "revision": 2}
    assert answer.json() == expected | {"updated_at": "2026-01-31T09:00:05Z"}
    changed = ["metadata", "state", "tags"]
    await assert_events(told("flags.updated", "checkout", action="updated", state="DISABLED", changed=changed))
    cleared = await client.patch("/api/flags/checkout", json={"targeting": None, "default_variant": None})
    assert (cleared.json()["targeting"], cleared.json()["default_variant"]) == (None, None)


async def test_a_patch_that_changes_nothing_is_no_version(
    client: httpx.AsyncClient, make_flag: MakeFlag, assert_events: AssertEvents
) -> None:
    made = await make_flag()
    await assert_events(told("flags.created", "checkout"))
    assert (await client.patch("/api/flags/checkout", json={"state": "ENABLED"})).json() == made
    assert len((await client.get("/api/flags/checkout/history")).json()["items"]) == 1
    await assert_events()


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"default_variant": "maybe"}, "#/default_variant"),
        ({"variants": {"yes": True}}, "#/variants"),
        ({"variants": None}, "#/variants"),
        ({"state": None}, "#/state"),
        ({"key": "other"}, "#/key"),
    ],
)
async def test_a_patch_that_does_not_fit_changes_nothing(
    client: httpx.AsyncClient, make_flag: MakeFlag, change: dict[str, Any], pointer: str
) -> None:
    made = await make_flag()
    assert pointers_of(await client.patch("/api/flags/checkout", json=change)) == {pointer}
    assert (await client.get("/api/flags/checkout")).json() == made


@pytest.mark.parametrize("query", ["", "?set=mobile"])
async def test_if_match_holds_a_change_against_the_revision_read(
    client: httpx.AsyncClient, make_flag: MakeFlag, query: str
) -> None:
    await make_flag(query=query)
    etag = (await client.get(f"/api/flags/checkout{query}")).headers["etag"]
    ask = {"If-Match": etag}
    first = await client.patch(f"/api/flags/checkout{query}", json={"state": "DISABLED"}, headers=ask)
    assert first.status_code == 200
    second = await client.patch(f"/api/flags/checkout{query}", json={"state": "ENABLED"}, headers=ask)
    assert second.status_code == 412
    assert (await client.delete(f"/api/flags/checkout{query}", headers=ask)).status_code == 412
    ask = {"If-Match": first.headers["etag"]}
    assert (await client.delete(f"/api/flags/checkout{query}", headers=ask)).status_code == 204


async def test_a_deleted_flag_leaves_nothing_behind(
    client: httpx.AsyncClient, make_flag: MakeFlag, assert_events: AssertEvents
) -> None:
    await make_flag()
    await client.patch("/api/flags/checkout", json={"state": "DISABLED"})
    later = {"at": "2026-02-01T00:00:00Z", "change": {"state": "ENABLED"}}
    await client.post("/api/flags/checkout/schedule", json=later)
    assert (await client.delete("/api/flags/checkout")).status_code == 204
    for path in ("", "/history", "/schedule"):
        assert (await client.get(f"/api/flags/checkout{path}")).status_code == 404
    assert (await make_flag())["revision"] == 1
    assert len((await client.get("/api/flags/checkout/history")).json()["items"]) == 1
    assert (await client.get("/api/flags/checkout/schedule")).json()["items"] == []
    topics = ("flags.created", "flags.updated")
    planned = told("flags.change_planned", key="checkout")
    await assert_events(
        *(told(topic, "checkout") for topic in topics),
        planned,
        told("flags.deleted", "checkout", key="checkout", set=""),
        told("flags.created", "checkout"),
    )


async def test_sets_live_side_by_side(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    web = await make_flag(description="web")
    mobile = await make_flag(query="?set=mobile", description="mobile", state="DISABLED")
    assert (web["set"], mobile["set"]) == ("", "mobile")
    assert (await client.get("/api/flags/checkout")).json() == web
    assert (await client.get("/api/flags/checkout?set=mobile")).json() == mobile
    assert await keys(client, set="mobile", state="DISABLED") == ["checkout"]
    assert await keys(client, set="desktop") == []
    sets = (await client.get("/api/flags/sets")).json()["items"]
    assert [(each["name"], each["flags"]) for each in sets] == [("", 1), ("mobile", 1)]
    assert (await client.delete("/api/flags/checkout?set=mobile")).status_code == 204
    assert (await client.get("/api/flags/checkout")).json() == web


async def test_the_only_set_there_is_needs_no_name(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    made = await make_flag(query="?set=mobile")
    assert (await client.get("/api/flags/checkout")).json() == made
    assert (await make_flag("second"))["set"] == "mobile"


async def test_a_set_cannot_have_every_name(client: httpx.AsyncClient) -> None:
    for name in ("x" * 129, "a%1Fb", "a%0Ab"):
        answer = await client.get(f"/api/flags?set={name}")
        assert pointers_of(answer) == {"query/set"}


@on_every_engine
async def test_one_of_many_creates_of_a_key_wins(client: httpx.AsyncClient) -> None:
    bodies = [{"key": "a", "variants": {"on": number}} for number in range(20)]
    answers = await asyncio.gather(*(client.post("/api/flags", json=body) for body in bodies))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 19}
    winner = next(answer for answer in answers if answer.status_code == 201)
    assert (await client.get("/api/flags/a")).json() == winner.json()


@on_every_engine
async def test_no_change_of_many_at_once_is_lost(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag()
    changes = [{"metadata": {"number": number}} for number in range(20)]
    answers = await asyncio.gather(*(client.patch("/api/flags/checkout", json=change) for change in changes))
    assert {answer.status_code for answer in answers} == {200}
    versions = (await client.get("/api/flags/checkout/history", params={"limit": 200})).json()["items"]
    assert [each["revision"] for each in versions] == [*range(21, 0, -1)]
    assert {each["flag"]["metadata"]["number"] for each in versions[:-1]} == {*range(20)}


@needs("search")
async def test_flags_are_found_by_the_search_of_all_tools(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag(description="Green buttons")
    found = (await client.get("/api/search?q=green")).json()
    assert "checkout" in str(found)
