"""Changes that happen by themselves: once, at their time, whatever becomes of the process that planned them."""

from typing import Any

import httpx
import pytest

from slice_api.chassis import Tx
from slice_api.chassis.jobs import LEASES
from tests.conftest import AssertEvents, Settle, Transact, on_every_engine
from tests.support import FrozenClock, client_of, make_app, running
from tests.support import settle as settle_app
from tests.told import told

from .conftest import FOR_STAFF, MakeFlag

NOON = "2026-01-31T12:00:00Z"
PATH = "/api/flags/checkout/schedule"


async def plan(client: httpx.AsyncClient, change: dict[str, Any], at: str = NOON) -> dict[str, Any]:
    answer = await client.post(PATH, json={"at": at, "change": change})
    assert answer.status_code == 201, answer.text
    planned: dict[str, Any] = answer.json()
    assert (await client.get(answer.headers["location"])).json() == planned
    return planned


@on_every_engine
async def test_a_change_happens_at_its_time_and_once(
    client: httpx.AsyncClient, make_flag: MakeFlag, clock: FrozenClock, settle: Settle, assert_events: AssertEvents
) -> None:
    made = await make_flag()
    planned = await plan(client, {"state": "DISABLED", "default_variant": "on", "targeting": FOR_STAFF})
    assert (await client.get(PATH)).json()["items"] == [planned]
    await assert_events(told("flags.created"), told("flags.change_planned", planned["id"], key="checkout"))
    clock.advance(hours=2, minutes=59, seconds=59)
    await settle()
    assert (await client.get("/api/flags/checkout")).json() == made
    clock.advance(seconds=2)
    await settle()
    flag = (await client.get("/api/flags/checkout")).json()
    expected = {"state": "DISABLED", "default_variant": "on", "targeting": FOR_STAFF}
    assert flag == made | expected | {"revision": 2, "updated_at": "2026-01-31T12:00:01Z", "updated_by": None}
    assert (await client.get(PATH)).json()["items"] == []
    newest = (await client.get("/api/flags/checkout/history")).json()["items"][0]
    assert (newest["action"], newest["by"]) == ("scheduled", None)
    await assert_events(told("flags.updated", "checkout", action="scheduled", revision=2))
    clock.advance(hours=1)
    await settle()
    assert (await client.get("/api/flags/checkout")).json() == flag


async def test_several_happen_in_the_order_of_their_times(
    client: httpx.AsyncClient, make_flag: MakeFlag, clock: FrozenClock, settle: Settle
) -> None:
    await make_flag()
    await plan(client, {"default_variant": None}, "2026-01-31T12:00:02Z")
    await plan(client, {"default_variant": "on"}, "2026-01-31T12:00:01Z")
    listed = (await client.get(PATH)).json()["items"]
    assert [each["change"] for each in listed] == [{"default_variant": "on"}, {"default_variant": None}]
    clock.advance(hours=4)
    await settle()
    versions = (await client.get("/api/flags/checkout/history")).json()["items"]
    assert [each["flag"]["defaultVariant"] for each in versions] == [None, "on", "off"]


async def test_what_was_called_off_does_not_happen(
    client: httpx.AsyncClient, make_flag: MakeFlag, clock: FrozenClock, settle: Settle
) -> None:
    made = await make_flag()
    one, two = await plan(client, {"state": "DISABLED"}), await plan(client, {"default_variant": "on"})
    assert (await client.delete(f"{PATH}/{one['id']}")).status_code == 204
    assert (await client.delete(f"{PATH}/{one['id']}")).status_code == 404
    assert (await client.get(PATH)).json()["items"] == [two]
    assert (await client.delete(PATH)).status_code == 204
    assert (await client.get(PATH)).json()["items"] == []
    clock.advance(hours=4)
    await settle()
    assert (await client.get("/api/flags/checkout")).json() == made


async def test_one_that_does_not_fit_any_more_says_why(
    client: httpx.AsyncClient, make_flag: MakeFlag, clock: FrozenClock, settle: Settle, assert_events: AssertEvents
) -> None:
    await make_flag()
    planned = await plan(client, {"default_variant": "on"})
    await client.patch("/api/flags/checkout", json={"variants": {"off": False, "new": True}})
    clock.advance(hours=4)
    await settle()
    (failed,) = (await client.get(PATH)).json()["items"]
    assert failed["id"] == planned["id"]
    assert "'on' must be one of off, new" in failed["error"]
    assert (await client.get("/api/flags/checkout")).json()["revision"] == 2
    await assert_events(
        told("flags.created"),
        told("flags.change_planned"),
        told("flags.updated"),
        told("flags.change_failed", planned["id"], key="checkout", error=failed["error"]),
    )
    await settle()
    await assert_events()
    assert (await client.delete(f"{PATH}/{planned['id']}")).status_code == 204


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"at": "2026-01-31T09:00:00Z", "change": {"state": "DISABLED"}}, "#/at"),
        ({"at": "soon", "change": {"state": "DISABLED"}}, "#/at"),
        ({"at": NOON, "change": {}}, "#/change"),
        ({"at": NOON, "change": {"state": None}}, "#/change/state"),
        ({"at": NOON, "change": {"variants": {"on": True}}}, "#/change/variants"),
        ({"at": NOON, "change": {"default_variant": "maybe"}}, "#/change/default_variant"),
        ({"at": NOON, "change": {"targeting": {"nope": []}}}, "#/change/targeting"),
        ({"change": {"state": "DISABLED"}}, "#/at"),
    ],
)
async def test_what_cannot_happen_is_refused(
    client: httpx.AsyncClient, make_flag: MakeFlag, body: dict[str, Any], pointer: str
) -> None:
    await make_flag()
    answer = await client.post(PATH, json=body)
    assert answer.status_code == 422
    assert [error["pointer"].startswith(pointer) for error in answer.json()["errors"]] == [True]
    assert (await client.get(PATH)).json()["items"] == []


async def test_it_happens_after_a_restart_and_once_with_two_processes(url: str) -> None:
    clock = FrozenClock()
    async with running(make_app(clock=clock, storage_url=url)) as app, client_of(app) as client:
        body = {"key": "checkout", "variants": {"on": True, "off": False}, "default_variant": "off"}
        assert (await client.post("/api/flags", json=body)).status_code == 201
        await plan(client, {"default_variant": "on"})
    clock.advance(hours=4)
    async with (
        running(make_app(clock=clock, storage_url=url)) as one,
        running(make_app(clock=clock, storage_url=url)) as two,
    ):
        await settle_app(one)
        await settle_app(two)
        async with client_of(two) as client:
            versions = (await client.get("/api/flags/checkout/history")).json()["items"]
            assert [each["action"] for each in versions] == ["scheduled", "created"]


async def test_nothing_is_written_while_nothing_is_due(
    client: httpx.AsyncClient, make_flag: MakeFlag, clock: FrozenClock, settle: Settle, transact: Transact
) -> None:
    async def has_run() -> bool:
        return await transact(Tx.get, LEASES, "flags.make_due_changes") is not None

    await make_flag()
    await plan(client, {"state": "DISABLED"})
    await settle()
    assert not await has_run()
    clock.advance(hours=4)
    await settle()
    assert await has_run()
