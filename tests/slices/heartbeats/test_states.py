"""The state of a check, by what was heard of it and by the time."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from slice_api.slices.heartbeats import states
from slice_api.slices.heartbeats.schedules import Schedule
from slice_api.slices.heartbeats.states import Flip, Record, Signal, deadline_of, expected_at, shown


class Window(NamedTuple):
    schedule: Schedule
    duration_seconds: int


class Terms(NamedTuple):
    schedule: Schedule
    grace_seconds: int
    max_run_seconds: int | None = None
    failures_before_alert: int = 1
    is_manual_resume: bool = False
    snoozed_until: datetime | None = None
    maintenance: tuple[Window, ...] = ()


NINE = datetime(2026, 1, 31, 9, tzinfo=UTC)
HOURLY = Terms(Schedule(every_seconds=3600), grace_seconds=600)


def later(**amount: float) -> datetime:
    return NINE + timedelta(**amount)


def heard(record: Record, terms: Terms, signal: Signal, rid: str | None, now: datetime) -> tuple[Record, Flip | None]:
    change = states.heard(record, terms, signal, rid, now)
    return change.record, change.flip


def overdue(record: Record, terms: Terms, now: datetime) -> tuple[Record, Flip | None] | None:
    change = states.overdue(record, terms, now)
    return (change.record, change.flip) if change else None


def paused(record: Record, now: datetime) -> tuple[Record, Flip | None]:
    change = states.paused(record, now)
    return change.record, change.flip


def up(terms: Terms = HOURLY) -> Record:
    return heard(Record(), terms, "success", None, NINE)[0]


def test_a_new_check_is_expected_nothing_of() -> None:
    assert shown(Record(), HOURLY, later(days=900)) == "new"
    assert expected_at(Record()) is None
    assert deadline_of(Record(), HOURLY) is None


def test_it_is_up_then_late_then_down() -> None:
    seen = [shown(up(), HOURLY, later(seconds=seconds)) for seconds in (0, 3599, 3600, 4199, 4200, 10**7)]
    assert seen == ["up", "up", "grace", "grace", "down", "down"]


def test_going_down_bears_the_time_of_the_deadline() -> None:
    down, flip = overdue(up(), HOURLY, later(days=3)) or (None, None)
    assert flip == Flip(later(seconds=4200), "up", "down", "timeout")
    assert down is not None
    assert overdue(down, HOURLY, later(days=4)) is None


def test_a_failure_takes_it_down_and_a_success_brings_it_up() -> None:
    down, flip = heard(up(), HOURLY, "fail", None, later(minutes=5))
    assert flip == Flip(later(minutes=5), "up", "down", "fail")
    assert heard(down, HOURLY, "fail", None, later(minutes=6))[1] is None
    assert heard(down, HOURLY, "success", None, later(minutes=7))[1] == Flip(later(minutes=7), "down", "up")


def test_so_many_failures_are_let_pass_and_a_success_begins_anew() -> None:
    terms = HOURLY._replace(failures_before_alert=3)
    record = up(terms)
    for minute in (1, 2):
        record, flip = heard(record, terms, "fail", None, later(minutes=minute))
        assert flip is None
    assert heard(record, terms, "fail", None, later(minutes=3))[0].status == "down"
    record, _ = heard(record, terms, "success", None, later(minutes=3))
    assert heard(record, terms, "fail", None, later(minutes=4))[0].status == "up"


def test_so_many_missed_times_are_let_pass() -> None:
    terms = HOURLY._replace(failures_before_alert=3)
    deadline = deadline_of(up(terms), terms)
    assert deadline is not None
    assert deadline.at == later(hours=3, minutes=10)


def test_a_run_is_timed_by_its_id() -> None:
    started, _ = heard(up(), HOURLY, "start", "a", later(minutes=1))
    ended, _ = heard(started, HOURLY, "success", "a", later(minutes=3))
    assert (ended.last_duration_seconds, ended.is_running) == (120, False)
    other, _ = heard(started, HOURLY, "success", "b", later(minutes=3))
    assert (other.last_duration_seconds, other.is_running) == (None, True)
    failed, _ = heard(started, HOURLY, "fail", "b", later(minutes=3))
    assert (failed.last_duration_seconds, failed.is_running) == (None, False)


def test_a_run_that_does_not_end_takes_it_down_even_when_new_or_paused() -> None:
    for record in (Record(), up(), paused(up(), NINE)[0]):
        started, _ = heard(record, HOURLY, "start", None, later(minutes=1))
        assert shown(started, HOURLY, later(minutes=10)) == record.status
        assert shown(started, HOURLY, later(minutes=11)) == "down"


def test_a_limit_of_its_own_for_a_run() -> None:
    terms = HOURLY._replace(max_run_seconds=60)
    started, _ = heard(up(), terms, "start", None, later(minutes=1))
    _, flip = overdue(started, terms, later(hours=9)) or (None, None)
    assert flip == Flip(later(minutes=2), "up", "down", "run-time")


def test_a_paused_check_wakes_by_a_ping_unless_by_hand_alone() -> None:
    asleep, flip = paused(up(), later(minutes=1))
    assert flip == Flip(later(minutes=1), "up", "paused")
    assert paused(asleep, later(minutes=2))[1] is None
    assert heard(asleep, HOURLY, "success", None, later(minutes=2))[0].status == "up"
    by_hand = HOURLY._replace(is_manual_resume=True)
    assert heard(asleep, by_hand, "success", None, later(minutes=2)) == (asleep, None)
    assert states.resumed(asleep, later(minutes=3)).record.status == "new"


def test_nobody_is_woken_while_it_is_snoozed() -> None:
    terms = HOURLY._replace(snoozed_until=later(hours=8))
    assert shown(up(terms), terms, later(hours=7)) == "grace"
    assert overdue(up(terms), terms, later(hours=7)) is None
    _, flip = overdue(up(terms), terms, later(hours=9)) or (None, None)
    assert flip == Flip(later(hours=8), "up", "down", "timeout")


def test_nor_in_maintenance_however_long_it_goes_on() -> None:
    window = Window(Schedule(cron="0 10 * * *"), 7200)
    terms = HOURLY._replace(maintenance=(window,), snoozed_until=later(hours=2))
    deadline = deadline_of(up(terms), terms)
    assert deadline is not None
    assert deadline.at == later(hours=3)


def test_a_failure_in_a_quiet_time_is_told_when_that_ends() -> None:
    terms = HOURLY._replace(snoozed_until=later(hours=2))
    failed = states.heard(up(terms), terms, "fail", None, later(minutes=5))
    assert failed.flip == Flip(later(minutes=5), "up", "down", "fail")
    assert failed.told is None
    assert states.overdue(failed.record, terms, later(hours=1)) is None
    told = states.overdue(failed.record, terms, later(hours=3))
    assert told is not None
    assert (told.flip, told.told) == (None, Flip(later(hours=2), "up", "down", "fail"))
    assert states.overdue(told.record, terms, later(hours=4)) is None


def test_a_failure_that_was_mended_before_anybody_heard_of_it_is_not_told() -> None:
    terms = HOURLY._replace(snoozed_until=later(hours=2))
    failed = states.heard(up(terms), terms, "fail", None, later(minutes=5))
    mended = states.heard(failed.record, terms, "success", None, later(minutes=6))
    assert (mended.flip, mended.told) == (Flip(later(minutes=6), "down", "up"), None)
