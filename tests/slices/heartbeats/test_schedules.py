"""When jobs are due."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from slice_api.slices.heartbeats.schedules import Schedule, due_after, in_words, moments_after


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def told(schedule: Schedule, after: str, count: int) -> list[str]:
    return [moment.strftime("%d %H:%M") for moment in islice(moments_after(schedule, at(after)), count)]


def test_an_interval_counts_from_the_last_time() -> None:
    schedule = Schedule(every_seconds=3600)
    assert due_after(schedule, at("2026-01-31T09:10:00+00:00")) == at("2026-01-31T10:10:00+00:00")
    assert due_after(schedule, at("2026-01-31T09:10:00+00:00"), 3) == at("2026-01-31T12:10:00+00:00")


def test_an_interval_ends_with_the_calendar() -> None:
    schedule = Schedule(every_seconds=3600)
    assert due_after(schedule, at("9999-12-31T22:59:59+00:00")) == at("9999-12-31T23:59:59+00:00")
    assert due_after(schedule, at("9999-12-31T22:59:59+00:00"), 2) is None
    assert list(moments_after(schedule, at("9999-12-31T23:00:00+00:00"))) == []


def test_a_cron_job_every_hour_runs_twice_in_the_hour_that_comes_twice() -> None:
    schedule = Schedule(cron="0 * * * *", timezone="Europe/Riga")
    assert told(schedule, "2023-10-29T01:30:00+03:00", 4) == ["28 23:00", "29 00:00", "29 01:00", "29 02:00"]


def test_a_cron_job_at_an_hour_that_is_skipped_runs_right_after_it() -> None:
    schedule = Schedule(cron="30 2 * * *", timezone="Europe/Vienna")
    assert told(schedule, "2026-03-28T12:00:00+01:00", 2) == ["29 01:00", "30 00:30"]


def test_a_cron_job_at_an_hour_that_comes_twice_runs_once() -> None:
    schedule = Schedule(cron="30 2 * * *", timezone="Europe/Vienna")
    assert told(schedule, "2026-10-24T12:00:00+02:00", 2) == ["25 00:30", "26 01:30"]


def test_a_calendar_too_knows_that_clocks_are_changed() -> None:
    schedule = Schedule(on_calendar="*-*-* 02:30", timezone="Europe/Vienna")
    assert told(schedule, "2026-03-27T12:00:00+01:00", 3) == ["28 01:30", "30 00:30", "31 00:30"]
    assert told(schedule, "2026-10-24T12:00:00+02:00", 3) == ["25 00:30", "26 01:30", "27 01:30"]
    hourly = Schedule(on_calendar="hourly", timezone="Europe/Riga")
    assert told(hourly, "2023-10-29T01:30:00+03:00", 3) == ["28 23:00", "29 00:00", "29 02:00"]


def test_a_calendar_may_end() -> None:
    schedule = Schedule(on_calendar="2026-02-01 08:00", timezone="UTC")
    assert due_after(schedule, at("2026-01-31T09:00:00+00:00")) == at("2026-02-01T08:00:00+00:00")
    assert due_after(schedule, at("2026-02-01T08:00:00+00:00")) is None


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"every_seconds": 59},
        {"every_seconds": 31_536_001},
        {"every_seconds": 3600, "cron": "* * * * *"},
        {"every_seconds": 3600, "timezone": "UTC"},
        {"cron": "* * * * * *"},
        {"cron": "@daily"},
        {"cron": "0 0 31 2 *"},
        {"cron": "* * * * *", "timezone": "Mars/Base"},
        {"on_calendar": "1999-01-01"},
        {"on_calendar": "nonsense"},
    ],
)
def test_what_is_no_schedule_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Schedule(**fields)


def test_it_is_told_with_no_more_than_it_has() -> None:
    assert Schedule(every_seconds=60).model_dump() == {"every_seconds": 60}
    assert Schedule(cron="5 4 * * *").model_dump() == {"cron": "5 4 * * *", "timezone": "UTC"}


def test_it_is_said_in_words() -> None:
    assert in_words(Schedule(every_seconds=7200)) == "Every 2 hours"
    assert in_words(Schedule(every_seconds=86_400)) == "Every day"
    assert in_words(Schedule(cron="30 2 * * *", timezone="Europe/Vienna")) == "At 02:30 every day (Europe/Vienna)"


@given(st.integers(60, 10**6), st.integers(946_684_800, 4_102_444_800))
def test_moments_follow_each_other(seconds: int, begun: int) -> None:
    start = datetime.fromtimestamp(begun, UTC)
    first, second = islice(moments_after(Schedule(every_seconds=seconds), start), 2)
    assert first - start == second - first == timedelta(seconds=seconds)
