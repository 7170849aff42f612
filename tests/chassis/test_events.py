"""Events: told if and only if they happened, in order, at least once, and parked in the end."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from slice_api.chassis import EVENTS, EventRecord, Tx
from slice_api.chassis.events import Subscription
from slice_api.chassis.outbox import PARKED, Parked
from tests.chassis.example_slices.echoes.store import forget_orders, heard, keep
from tests.chassis.examples import EXAMPLES, parsed, problem
from tests.conftest import Settle
from tests.support import FrozenClock, chassis_of, client_of, make_app, running


async def make(client: httpx.AsyncClient, *titles: str) -> None:
    for title in titles:
        assert (await client.post("/api/things", json={"title": title})).status_code == 201


async def echoes(app: FastAPI, kind: str) -> list[str]:
    """What a reaction has written."""
    return await chassis_of(app).db.transact(heard, of=kind)


async def events(app: FastAPI) -> list[EventRecord]:
    return [event for _, event in await chassis_of(app).db.transact(Tx.read, EVENTS, 0)]


async def parked(app: FastAPI) -> list[Parked]:
    return await chassis_of(app).db.transact(Tx.all, PARKED)


async def test_an_event_tells_what_when_of_which_and_by_whom(app: FastAPI, client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/things", json={"title": "one"})
    [event] = await events(app)
    assert (event.type, event.slice, event.subject) == ("things.created", "things", answer.json()["id"])
    assert event.data == {"thing": answer.json()}
    assert event.at == chassis_of(app).clock()
    assert (event.by or "").startswith("env")


async def test_what_did_not_happen_is_not_told(app: FastAPI, client: httpx.AsyncClient, settle: Settle) -> None:
    await make(client, "one")
    problem(await client.post("/api/things", json={"title": "one"}), 409, "conflict")
    problem(await client.delete("/api/things/nothing"), 404, "not-found")
    await settle()
    assert [event.type for event in await events(app)] == ["things.created"]
    assert await echoes(app, "titles") == ["one"]


async def test_each_reaction_is_told_what_its_topic_covers_in_order(
    app: FastAPI, client: httpx.AsyncClient, settle: Settle
) -> None:
    await make(client, "one", "two")
    for thing in (await client.get("/api/things")).json()["items"]:
        await client.delete(f"/api/things/{thing['id']}")
    await settle()
    assert await echoes(app, "titles") == ["one", "two"]
    assert await echoes(app, "things") == ["things.created"] * 2 + ["things.deleted"] * 2
    assert len(await echoes(app, "everything")) == 4


async def test_a_reaction_reads_a_small_part_of_what_is_told(
    app: FastAPI, client: httpx.AsyncClient, settle: Settle
) -> None:
    await client.post("/api/things", json={"title": "small", "count": 3})
    await settle()
    assert await echoes(app, "titles") == ["small"]
    assert await parked(app) == []


async def test_what_has_been_told_is_not_told_again(app: FastAPI, client: httpx.AsyncClient, settle: Settle) -> None:
    await make(client, "one")
    for _ in range(3):
        await settle()
    await make(client, "two")
    await settle()
    assert await echoes(app, "titles") == ["one", "two"]


@pytest.mark.parametrize(
    ("topic", "covered", "others"),
    [
        ("things.created", ["things.created"], ["things.created_twice", "things.deleted", "links.created"]),
        ("things.*", ["things.created", "things.deleted"], ["thingsome.created", "links.created"]),
        ("*", ["things.created", "links.created"], []),
    ],
)
def test_a_topic_covers(topic: str, covered: list[str], others: list[str]) -> None:
    subscription = Subscription(topic, lambda: None)
    assert all(subscription.covers(each) for each in covered)
    assert not any(subscription.covers(each) for each in others)


# Failing


PAUSES = [2, 4, 8, 16, 32, 64, 128]


async def test_a_reaction_that_fails_is_tried_again_after_growing_pauses_and_then_parked(
    app: FastAPI, client: httpx.AsyncClient, settle: Settle, clock: FrozenClock, log_lines: list[bytes]
) -> None:
    def failures() -> int:
        return sum(line["event"] == "event not taken" for line in parsed(log_lines))

    await make(client, "unbearable", "next")
    await settle()
    for tries, pause in enumerate(PAUSES, start=1):
        assert (failures(), await parked(app), await echoes(app, "titles")) == (tries, [], [])
        clock.advance(seconds=pause, microseconds=-1)
        await settle()
        assert failures() == tries
        clock.advance(microseconds=1)
        await settle()
    [kept] = await parked(app)
    assert failures() == 8
    assert (kept.consumer, kept.event.type, kept.at) == ("echoes.echo_title:things.created", "things.created", clock())
    assert "too much" in kept.error
    await settle()
    assert await echoes(app, "titles") == ["next"]


async def test_a_reaction_that_fails_holds_up_no_other(app: FastAPI, client: httpx.AsyncClient, settle: Settle) -> None:
    await make(client, "unbearable")
    await settle()
    assert await echoes(app, "things") == ["things.created"]


async def test_what_a_failing_reaction_wrote_is_taken_back_and_the_event_told_again(
    app: FastAPI, client: httpx.AsyncClient, settle: Settle, clock: FrozenClock
) -> None:
    db = chassis_of(app).db
    await db.transact(keep, "refuse", of="orders")
    await make(client, "one", "two")
    await settle()
    assert await echoes(app, "titles") == []
    await db.transact(forget_orders)
    clock.advance(seconds=2)
    await settle()
    assert await echoes(app, "titles") == ["one", "two"]


async def test_each_event_has_all_its_tries(
    app: FastAPI, client: httpx.AsyncClient, settle: Settle, clock: FrozenClock, log_lines: list[bytes]
) -> None:
    await make(client, "unbearable one", "unbearable two", "good")
    for _ in range(20):
        await settle()
        clock.advance(minutes=5)
    titles = [each.event.data["thing"]["title"] for each in await parked(app)]
    assert sorted(titles) == ["unbearable one", "unbearable two"]
    assert sum(line["event"] == "event not taken" for line in parsed(log_lines)) == 16
    assert await echoes(app, "titles") == ["good"]


async def test_events_are_told_without_being_asked_for(app: FastAPI, client: httpx.AsyncClient) -> None:
    news = chassis_of(app).committed.watch()
    await make(client, "one")
    await news.wait()
    for _ in range(10):  # the turns of the loop that whoever waits for news needs to look and write
        await asyncio.sleep(0)
    assert await echoes(app, "titles") == ["one"]


async def test_old_events_are_let_go_of(clock: FrozenClock) -> None:
    async with running(make_app(clock=clock, packages=EXAMPLES, events_keep=100)) as app, client_of(app) as other:
        await make(other, *(f"thing {at}" for at in range(120)))
        await chassis_of(app).jobs.run_due()
        entries = await chassis_of(app).db.transact(Tx.read, EVENTS, 0, limit=1000)
    kept = [event.data["thing"]["title"] for _, event in entries]
    assert kept == [f"thing {at}" for at in range(20, 120)]
