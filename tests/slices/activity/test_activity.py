"""The feed: what has happened, newest first, by slice, type and time."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from slice_api.chassis import EVENTS, Event, Tx
from tests.conftest import ClientWith, Transact
from tests.support import FrozenClock


class Opened(Event):
    """A door was opened."""

    topic = "doors.opened"
    number: int


class Shut(Event):
    """A door was shut."""

    topic = "doors.shut"
    number: int


class Rung(Event):
    """A bell was rung."""

    topic = "bells.rung"
    number: int


def tell(tx: Tx, *events: Event) -> None:
    for event in events:
        tx.emit(event, subject="1")


async def _feed(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await client.get("/api/activity", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def _numbers(items: list[dict[str, Any]]) -> list[int]:
    return [item["data"]["number"] for item in items]


async def test_the_newest_event_comes_first(client: httpx.AsyncClient, transact: Transact) -> None:
    await transact(tell, Opened(number=1), Shut(number=2))
    await transact(tell, Rung(number=3))
    assert _numbers(await _feed(client)) == [3, 2, 1]


async def test_an_event_tells_what_where_when_and_about_what(client: httpx.AsyncClient, transact: Transact) -> None:
    await transact(tell, Opened(number=1))
    (item,) = await _feed(client)
    assert item.pop("id").startswith("evt_")
    assert item == {
        "type": "doors.opened",
        "slice": "doors",
        "subject": "1",
        "at": "2026-01-31T09:00:00Z",
        "by": None,
        "data": {"number": 1},
    }


async def test_an_event_tells_whose_key_caused_it(client: httpx.AsyncClient) -> None:
    made = await client.post("/api/keys", json={"name": "x", "scopes": ["keys:read"]})
    if made.status_code == 404:
        pytest.skip("there are no keys to make")
    (item,) = await _feed(client)
    assert item["by"] == made.json()["created_by"]


async def test_filters_by_slice_and_type(client: httpx.AsyncClient, transact: Transact) -> None:
    await transact(tell, Opened(number=1), Shut(number=2), Rung(number=3))
    assert _numbers(await _feed(client, slice="doors")) == [2, 1]
    assert _numbers(await _feed(client, type="doors.opened")) == [1]
    assert _numbers(await _feed(client, slice="bells", type="doors.opened")) == []
    assert _numbers(await _feed(client, slice="nothing-of-that-name")) == []


async def test_since_takes_the_moment_itself_with_it(
    client: httpx.AsyncClient, transact: Transact, clock: FrozenClock
) -> None:
    for number in (1, 2, 3):
        await transact(tell, Rung(number=number))
        clock.advance(minutes=1)
    second = (clock.now - timedelta(minutes=2)).isoformat()
    assert _numbers(await _feed(client, since=second)) == [3, 2]
    assert _numbers(await _feed(client, since="2026-01-31T10:01:00+01:00")) == [3, 2]
    assert _numbers(await _feed(client, since="2026-01-31T09:00:00.000001Z")) == [3, 2]


@pytest.mark.parametrize("since", ["yesterday", "2026-01-31", "2026-01-31T09:00:00", "1769850000", ""])
async def test_since_is_a_time_with_its_offset(client: httpx.AsyncClient, since: str) -> None:
    answer = await client.get("/api/activity", params={"since": since})
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == ["query/since"]


async def test_pages_of_a_filtered_feed_fit_together(client: httpx.AsyncClient, transact: Transact) -> None:
    for number in range(10):
        await transact(tell, Opened(number=number), Rung(number=number + 100))
    seen: list[int] = []
    query: dict[str, Any] = {"slice": "doors", "limit": 3}
    while True:
        body = (await client.get("/api/activity", params=query)).json()
        seen += _numbers(body["items"])
        await transact(tell, Opened(number=999))
        if body["next"] is None:
            break
        query["after"] = body["next"]
    assert seen == list(range(9, -1, -1))


async def test_what_was_taken_back_is_not_told(client: httpx.AsyncClient, transact: Transact) -> None:
    def tell_and_fail(tx: Tx) -> None:
        tell(tx, Rung(number=1))
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 (the one raised above)
        await transact(tell_and_fail)
    assert await _feed(client) == []


async def test_what_was_let_go_of_is_no_longer_shown(client: httpx.AsyncClient, transact: Transact) -> None:
    await transact(tell, *(Rung(number=number) for number in range(5)))
    await transact(Tx.trim, EVENTS, 2)
    assert _numbers(await _feed(client)) == [4, 3]


async def test_the_feed_is_read_only(client: httpx.AsyncClient, client_with: ClientWith) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert (await client.request(method, "/api/activity")).status_code == 405
    assert (await client_with("activity:read").get("/api/activity")).status_code == 200
    assert (await client_with("activity:write").get("/api/activity")).status_code == 403
