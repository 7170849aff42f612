"""What evaluations gave, counted by the hour and by the day, and which flags nobody needs any more."""

from typing import Any

import httpx
import pytest

from tests.conftest import Settle, on_every_engine
from tests.support import FrozenClock

from .conftest import FOR_STAFF, MakeFlag

STAFF = {"targetingKey": "anna", "email": "anna@example.org"}
ALL = "/ofrep/v1/evaluate/flags"


async def evaluate(client: httpx.AsyncClient, context: dict[str, Any], key: str = "/checkout", times: int = 1) -> None:
    for _ in range(times):
        answer = await client.post(f"{ALL}{key}", json={"context": context})
        assert answer.status_code in (200, 404), answer.text


async def exposures(client: httpx.AsyncClient, key: str = "checkout", **query: Any) -> dict[str, Any]:
    answer = await client.get(f"/api/flags/{key}/exposures", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@on_every_engine
async def test_evaluations_are_counted_by_variant(
    client: httpx.AsyncClient, make_flag: MakeFlag, settle: Settle, clock: FrozenClock
) -> None:
    await make_flag(targeting=FOR_STAFF)
    await make_flag("other", default_variant=None)
    await evaluate(client, STAFF, times=3)
    await settle()
    clock.advance(hours=1)
    await evaluate(client, {}, times=2)
    await evaluate(client, STAFF, key="")
    await settle()
    found = await exposures(client)
    assert (found["interval"], found["total"], found["by_variant"]) == ("hour", 6, {"on": 4, "off": 2})
    assert (found["from"], found["to"], len(found["series"])) == ("2026-01-29T11:00:00Z", "2026-01-31T11:00:00Z", 48)
    assert found["series"][-2:] == [
        {"start": "2026-01-31T09:00:00Z", "total": 3, "variants": {"on": 3}},
        {"start": "2026-01-31T10:00:00Z", "total": 3, "variants": {"off": 2, "on": 1}},
    ]
    assert {point["total"] for point in found["series"][:-2]} == {0}
    assert (await exposures(client, "other"))["by_variant"] == {"": 1}
    days = await exposures(client, interval="day")
    assert (days["from"], days["to"], len(days["series"])) == ("2026-01-02T00:00:00Z", "2026-02-01T00:00:00Z", 30)
    assert days["series"][-1] == {"start": "2026-01-31T00:00:00Z", "total": 6, "variants": {"on": 4, "off": 2}}
    flag = (await client.get("/api/flags/checkout")).json()
    assert flag["last_evaluated_at"] == "2026-01-31T10:00:00Z"


async def test_a_range_is_moved_outwards_to_whole_hours_or_days(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag()
    query = {"from": "2026-01-30T22:30:00Z", "to": "2026-01-31T01:00:01Z"}
    found = await exposures(client, **query)
    assert [point["start"] for point in found["series"]] == [
        f"2026-01-{hour}:00:00Z" for hour in ("30T22", "30T23", "31T00", "31T01")
    ]
    assert len((await exposures(client, interval="day", **query))["series"]) == 2


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"interval": "week"}, "query/interval"),
        ({"from": "yesterday"}, "query/from"),
        ({"from": "2026-02-02T00:00:00Z", "to": "2026-02-01T00:00:00Z"}, "query/to"),
        ({"from": "2020-01-01T00:00:00Z"}, "query/from"),
    ],
)
async def test_a_range_that_is_none_is_refused(
    client: httpx.AsyncClient, make_flag: MakeFlag, query: dict[str, str], pointer: str
) -> None:
    await make_flag()
    answer = await client.get("/api/flags/checkout/exposures", params=query)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_errors_and_unknown_flags_are_not_counted(
    client: httpx.AsyncClient, make_flag: MakeFlag, settle: Settle
) -> None:
    await make_flag(targeting={"cat": ["may", "be"]})
    assert (await client.post(f"{ALL}/checkout")).status_code == 400
    await evaluate(client, {}, "/nothing")
    await evaluate(client, {}, "")
    await settle()
    assert (await exposures(client))["total"] == 0
    assert (await client.get("/api/flags/checkout")).json()["last_evaluated_at"] is None


async def test_a_new_flag_of_an_old_key_begins_at_nothing(
    client: httpx.AsyncClient, make_flag: MakeFlag, settle: Settle, clock: FrozenClock
) -> None:
    await make_flag()
    await evaluate(client, {})
    await settle()
    await client.delete("/api/flags/checkout")
    clock.advance(seconds=1)
    await make_flag()
    assert (await exposures(client))["total"] == 0
    assert (await client.get("/api/flags/checkout")).json()["last_evaluated_at"] is None


async def stale(client: httpx.AsyncClient, key: str = "checkout") -> str | None:
    flag = (await client.get(f"/api/flags/{key}")).json()
    assert flag["is_stale"] == (flag["stale_reason"] is not None)
    reason: str | None = flag["stale_reason"]
    return reason


async def test_a_flag_that_nobody_evaluates_becomes_stale(
    client: httpx.AsyncClient, make_flag: MakeFlag, settle: Settle, clock: FrozenClock
) -> None:
    await make_flag()
    clock.advance(days=30, seconds=-1)
    assert await stale(client) is None
    clock.advance(seconds=1)
    assert await stale(client) == "not_evaluated"
    await evaluate(client, {})
    await settle()
    await client.patch("/api/flags/checkout", json={"description": "In use"})
    assert await stale(client) is None


async def test_a_flag_that_gives_all_the_same_becomes_stale_unless_it_was_changed(
    client: httpx.AsyncClient, make_flag: MakeFlag, settle: Settle, clock: FrozenClock
) -> None:
    await make_flag(targeting=FOR_STAFF)
    await make_flag("both", targeting=FOR_STAFF)
    await make_flag("young", targeting=FOR_STAFF)
    clock.advance(days=20)
    await client.patch("/api/flags/young", json={"description": "New"})
    clock.advance(days=10)
    for key in ("/checkout", "/both", "/young"):
        await evaluate(client, {}, key)
    await evaluate(client, STAFF, "/both")
    await settle()
    assert [await stale(client, key) for key in ("checkout", "both", "young")] == ["one_variant", None, None]
    listed = (await client.get("/api/flags?is_stale=true")).json()["items"]
    assert [flag["key"] for flag in listed] == ["checkout"]
    listed = (await client.get("/api/flags?is_stale=false&limit=1")).json()
    assert [flag["key"] for flag in listed["items"]] == ["both"]
    rest = (await client.get("/api/flags", params={"is_stale": "false", "after": listed["next"]})).json()["items"]
    assert [flag["key"] for flag in rest] == ["young"]
    clock.advance(days=31)
    await evaluate(client, {}, "/both")
    await settle()
    assert await stale(client, "both") == "one_variant"
