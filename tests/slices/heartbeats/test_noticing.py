"""Whether anybody looks in time makes no difference: what happened to a check follows from what was heard of it."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from slice_api.slices.heartbeats.recording import Arrival, Noted, after_pings, brought_up_to
from slice_api.slices.heartbeats.schedules import Schedule
from slice_api.slices.heartbeats.schemas import MaintenanceWindow, StoredHeartbeat
from slice_api.slices.heartbeats.shown import state_of
from slice_api.slices.heartbeats.states import Flip, deadline_of

NINE = datetime(2026, 3, 28, 9, tzinfo=UTC)


class Step(NamedTuple):
    """Some time goes by, and then something is heard."""

    minutes: int
    arrival: Arrival


terms = st.fixed_dictionaries({
    "schedule": st.sampled_from([
        Schedule(every_seconds=3600),
        Schedule(cron="30 2 * * *", timezone="Europe/Vienna"),
        Schedule(cron="*/20 * * * *"),
        Schedule(on_calendar="2026-03-28 10..12:00"),
    ]),
    "grace_seconds": st.sampled_from([60, 1800]),
    "max_run_seconds": st.sampled_from([None, 300]),
    "failures_before_alert": st.sampled_from([1, 1, 3]),
    "snoozed_until": st.sampled_from([None, None, NINE + timedelta(hours=3)]),
    "maintenance": st.sampled_from([[], [], [MaintenanceWindow(cron="0 10 * * *", duration_seconds=5400)]]),
})  # fmt: skip
arrivals = st.builds(
    Arrival,
    kind=st.sampled_from(["success", "success", "fail", "start", "log"]),
    rid=st.sampled_from([None, None, "a", "b"]),
)
steps = st.lists(st.builds(Step, st.integers(0, 200), arrivals), max_size=12)


def new_check(fields: dict[str, Any]) -> StoredHeartbeat:
    return StoredHeartbeat(
        name="Backup",
        id="1",
        unique_key="1",
        badge_id="2",
        created_at=NINE,
        updated_at=NINE,
        created_by="someone",
        **fields,
    )


def after(fields: dict[str, Any], heard: list[Step], *, look_every: int) -> tuple[Noted, list[Flip]]:
    """What has become of a check, and its changes of state, when somebody looks every so many minutes; 0: never."""
    noted, now, flips, told = Noted(new_check(fields)), NINE, list[Flip](), list[Flip]()
    for minutes, arrival in [*heard, Step(200, Arrival("log"))]:
        for minute in range(look_every, minutes, look_every) if look_every else ():
            noted = brought_up_to(noted.check, now + timedelta(minutes=minute))
            flips, told = flips + list(noted.flips), told + list(noted.told)
        now += timedelta(minutes=minutes)
        became = after_pings(noted.check, [arrival], now)
        flips += [flip for each in became for flip in each.flips]
        told += [flip for each in became for flip in each.told]
        noted = became[-1]
    assert told == sorted(told, key=lambda flip: flip.at)
    return noted, flips


@settings(max_examples=60, deadline=None)
@given(terms, steps)
def test_looking_in_time_changes_nothing(fields: dict[str, Any], heard: list[Step]) -> None:
    seldom, flips = after(fields, heard, look_every=0)
    often, others = after(fields, heard, look_every=7)
    assert flips == others
    assert seldom.check == often.check


@settings(max_examples=60, deadline=None)
@given(terms, steps)
def test_changes_follow_each_other_without_a_gap(fields: dict[str, Any], heard: list[Step]) -> None:
    noted, flips = after(fields, heard, look_every=0)
    states = ["new", *(flip.new for flip in flips)]
    assert states[:-1] == [flip.old for flip in flips]
    assert states[-1] == noted.check.status
    assert flips == sorted(flips, key=lambda flip: flip.at)
    assert noted.check.n_pings == len(heard) + 1


@settings(max_examples=60, deadline=None)
@given(terms, steps, st.integers(0, 5000))
def test_what_is_kept_of_the_deadline_is_what_follows_from_the_rest(
    fields: dict[str, Any], heard: list[Step], minutes: int
) -> None:
    noted, _ = after(fields, heard, look_every=0)
    deadline = deadline_of(noted.check.record, noted.check)
    assert noted.check.alert_at == (deadline.at if deadline else None)
    later = NINE + timedelta(minutes=minutes + 3000)
    assert (state_of(noted.check, later) == "down") == (brought_up_to(noted.check, later).check.status == "down")
