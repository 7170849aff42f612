"""When a job is due: every so many seconds, by a cron expression, or by an OnCalendar expression of systemd.

Cron has five fields and Debian's rules for days on which clocks are changed; both kinds are in a time zone.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from itertools import islice
from typing import Annotated, Any, Final, Self
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from oncalendar import OnCalendar, OnCalendarError
from pydantic import AfterValidator, Field, StringConstraints, model_serializer, model_validator

from slice_api.chassis import Schema

LEAST_SECONDS: Final = 60
MOST_SECONDS: Final = 365 * 86_400
_LONGEST: Final = 100
_KNOWN: Final = 1_000
"""So many expressions are not looked at again: they come with every document that is read."""
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""An expression must have a moment after it, whether or not that is past by now."""


@cache
def _zones() -> set[str]:
    """The names of all zones; looking for their files takes longer than all the rest of reading a check."""
    return available_timezones()


def _known_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError(f"{name!r} is no time zone; write one as Europe/Vienna or UTC")
    return name


@lru_cache(_KNOWN)
def _cron(text: str) -> str:
    if len(text.split()) != 5 or "\n" in text:
        raise ValueError("must have five fields: minute, hour, day of month, month, day of week, as in 30 2 * * 1-5")
    try:
        next(CronSim(text, _FIRST))
    except CronSimError as error:
        raise ValueError(f"is no cron expression: {error}") from error
    except StopIteration:
        raise ValueError("never matches") from None
    return text


@lru_cache(_KNOWN)
def _on_calendar(text: str) -> str:
    try:
        next(OnCalendar(text, _FIRST))
    except OnCalendarError as error:
        raise ValueError(f"is no OnCalendar expression: {error}") from error
    except StopIteration:
        raise ValueError("has no moment after the year 2000") from None
    return text


_Expression = StringConstraints(strip_whitespace=True, min_length=1, max_length=_LONGEST)
Zone = Annotated[str, StringConstraints(max_length=_LONGEST), AfterValidator(_known_zone)]
CronText = Annotated[str, _Expression, AfterValidator(_cron)]
CalendarText = Annotated[str, _Expression, AfterValidator(_on_calendar)]


class Schedule(Schema):
    """When a job is due: one of `every_seconds`, `cron` and `on_calendar`."""

    every_seconds: Annotated[int, Field(ge=LEAST_SECONDS, le=MOST_SECONDS)] | None = None
    """So many seconds after it last ran, 60 to 31,536,000."""
    cron: CronText | None = Field(default=None, examples=["30 2 * * 1-5"])
    """A cron expression of five fields."""
    on_calendar: CalendarText | None = Field(default=None, examples=["Mon..Fri 02:30"])
    """An OnCalendar expression of systemd."""
    timezone: Zone | None = Field(default=None, examples=["Europe/Vienna"])
    """The zone of `cron` and `on_calendar`; UTC by default."""

    @model_validator(mode="before")
    @classmethod
    def _with_zone(cls, given: Any) -> Any:
        """UTC where a zone is needed and none is named."""
        if not isinstance(given, dict) or given.get("timezone") is not None:
            return given
        return {**given, "timezone": "UTC"} if given.get("cron") or given.get("on_calendar") else given

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        kinds = [kind for kind in (self.every_seconds, self.cron, self.on_calendar) if kind is not None]
        if len(kinds) != 1:
            raise ValueError("must have one of every_seconds, cron and on_calendar")
        if self.every_seconds is not None and self.timezone is not None:
            raise ValueError("every_seconds has no timezone")
        return self

    @model_serializer
    def _told(self) -> dict[str, Any]:
        """Only what it has."""
        return {name: value for name, value in vars(self).items() if value is not None}


def moments_after(schedule: Schedule, at: datetime) -> Iterator[datetime]:
    """The moments in UTC at which it is due after a moment, until the calendar has no more."""
    if schedule.every_seconds is not None:
        yield from _steps(at, timedelta(seconds=schedule.every_seconds))
        return
    start = at.astimezone(ZoneInfo(schedule.timezone or "UTC"))
    found: Iterator[datetime] = (
        CronSim(schedule.cron, start) if schedule.cron is not None else OnCalendar(schedule.on_calendar or "", start)
    )
    for moment in found:
        yield moment.astimezone(UTC)


def _steps(at: datetime, step: timedelta) -> Iterator[datetime]:
    while at < datetime.max.replace(tzinfo=UTC) - step:
        at += step
        yield at


def due_after(schedule: Schedule, at: datetime, times: int = 1) -> datetime | None:
    """The moment in UTC at which it is due for the first, or so many-th, time after another; None where it never is."""
    if schedule.every_seconds is not None:
        return _later(at, schedule.every_seconds * times)
    return next(islice(moments_after(schedule, at), times - 1, None), None)


def _later(at: datetime, seconds: int) -> datetime | None:
    try:
        return at + timedelta(seconds=seconds)
    except OverflowError:  # after the year 9999
        return None


def in_words(schedule: Schedule) -> str:
    """The schedule as people say it."""
    if schedule.cron is not None:
        return f"{CronSim(schedule.cron, _FIRST).explain()} ({schedule.timezone})"
    if schedule.on_calendar is not None:
        return f"{schedule.on_calendar} ({schedule.timezone})"
    return f"Every {_length(schedule.every_seconds or 0)}"


def _length(seconds: int) -> str:
    units = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
    name, size = next((name, size) for name, size in units.items() if seconds % size == 0)
    count = seconds // size
    return name if count == 1 else f"{count} {name}s"
