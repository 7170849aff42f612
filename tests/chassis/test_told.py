"""The tools that tests of slices are written with: they notice what they are there for."""

import httpx
import pytest
from fastapi import FastAPI

from slice_api.chassis import Tx
from tests.chassis.example_slices.echoes.batches import LATER
from tests.chassis.example_slices.echoes.store import heard
from tests.chassis.example_slices.things.schemas import Thing, ThingDeleted
from tests.conftest import AssertEvents, Settle, Transact
from tests.support import FrozenClock, chassis_of
from tests.told import told


async def _make(client: httpx.AsyncClient, title: str) -> Thing:
    answer = await client.post("/api/things", json={"title": title})
    assert answer.status_code == 201
    return Thing.model_validate(answer.json())


def _delete(tx: Tx, thing_id: str) -> str:
    tx.emit(ThingDeleted(id=thing_id), subject=thing_id)
    return thing_id


async def test_events_are_compared_by_topic_subject_and_the_fields_given(
    client: httpx.AsyncClient, transact: Transact, assert_events: AssertEvents
) -> None:
    one = await _make(client, "one")
    assert await transact(_delete, one.id) == one.id
    await assert_events(
        told("things.created", one.id, thing={"title": "one", "count": 0}), told("things.deleted", one.id, id=one.id)
    )
    two = await _make(client, "two")
    await assert_events(told("things.created", thing=two))


async def test_each_event_is_asked_for_once(client: httpx.AsyncClient, assert_events: AssertEvents) -> None:
    await assert_events()
    await _make(client, "one")
    await assert_events(told("things.created"))
    await assert_events()


WRONG = {
    "nothing": (),
    "another topic": (told("things.deleted"), told("things.created")),
    "another subject": (told("things.created", "x"), told("things.created")),
    "no subject": (told("things.created", None), told("things.created")),
    "another value": (told("things.created", thing={"title": "x"}), told("things.created")),
    "a field that is not there": (told("things.created", title=None), told("things.created")),
    "another order": (told("things.created", thing={"title": "two"}), told("things.created", thing={"title": "one"})),
    "one too many": (told("things.created"),) * 3,
    "one too few": (told("things.created"),),
}


@pytest.mark.parametrize("what", WRONG)
async def test_what_was_told_otherwise_is_noticed(
    client: httpx.AsyncClient, assert_events: AssertEvents, what: str
) -> None:
    await _make(client, "one")
    await _make(client, "two")
    with pytest.raises(AssertionError):
        await assert_events(*WRONG[what])


async def test_both_lists_are_shown_with_a_mark_where_they_differ(
    client: httpx.AsyncClient, assert_events: AssertEvents
) -> None:
    one = await _make(client, "one")
    with pytest.raises(AssertionError) as seen:
        await assert_events(told("things.created", one.id), told("things.deleted", id="x"))
    *said, last = [line.strip() for line in str(seen.value).splitlines()]
    assert said == ["expected:", f"things.created of {one.id} {{}}", '! things.deleted of … {"id":"x"}', "told:"]
    assert last.startswith(f'things.created of {one.id} {{"thing":{{"title":"one"')


async def test_settling_writes_what_is_buffered_runs_jobs_that_are_due_and_tells_of_events(
    app: FastAPI, client: httpx.AsyncClient, clock: FrozenClock, transact: Transact, settle: Settle
) -> None:
    await _make(client, "one")
    chassis_of(app).batches.add(LATER, "buffered")
    await settle()
    assert [await transact(heard, of=each) for each in ("titles", "batches")] == [["one"], ["buffered"]]
    first = await transact(heard, of="ticks")
    assert first == [clock.now.isoformat()]
    clock.advance(hours=1)
    await settle()
    await settle()
    assert await transact(heard, of="ticks") == [*first, clock.now.isoformat()]
