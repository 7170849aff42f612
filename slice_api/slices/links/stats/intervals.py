"""Hours, days, weeks and months as a time zone has them, over the days on which its clocks are changed too.

Moments are whole seconds since 1970 in UTC here.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice, takewhile
from typing import Final, Literal
from zoneinfo import ZoneInfo

Interval = Literal["hour", "day", "week", "month"]

_HOUR: Final = 3600
_ZONE: Final = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*", re.ASCII)
# What lies beside the zones and is none of them: leap seconds counted in, and whatever the machine is set to.
_NO_ZONES: Final = frozenset({"posix", "right", "posixrules", "localtime", "Factory"})
_HOW_MANY_BY_DEFAULT: Final[dict[Interval, int]] = {"hour": 48, "day": 30, "week": 12, "month": 12}


def zone_of(name: str) -> tzinfo:
    """The time zone of an IANA name such as `Europe/Vienna`; raises ValueError when there is none."""
    if name == "UTC":
        return UTC
    if len(name) <= 100 and _ZONE.fullmatch(name) and name.partition("/")[0] not in _NO_ZONES:
        try:
            return ZoneInfo(name)
        except (LookupError, OSError, ValueError):
            pass
    raise ValueError("must be the IANA name of a time zone, such as Europe/Vienna or UTC")


def start_of_day(day: date, zone: tzinfo) -> int:
    """When a day begins; where its midnight is skipped, the moment that is skipped to."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def starts(interval: Interval, zone: tzinfo, first: int, end: int, most: int) -> list[int]:
    """When each interval begins that the range from `first` to before `end` touches; not more of them than `most`."""
    found = _hours(zone, first) if interval == "hour" else _dated(interval, zone, first)
    return list(islice(takewhile(lambda at: at < end, found), most))


def last_intervals(interval: Interval, zone: tzinfo, at: int) -> tuple[int, int]:
    """From where to where the range goes that is shown by default: so many whole intervals, the last one holds `at`."""
    count = _HOW_MANY_BY_DEFAULT[interval]
    if interval == "hour":
        last = _start_of_hour(at, zone)
        return _start_of_hour(last - (count - 1) * _HOUR, zone), _next_hour(last, zone)
    last_day = _FLOORS[interval](_local(at, zone).date())
    end = start_of_day(_NEXT[interval](last_day), zone)
    first_day = last_day
    for _ in range(count - 1):
        first_day = _FLOORS[interval](first_day - timedelta(days=1))
    return start_of_day(first_day, zone), end


def _local(at: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(at, zone)


def _seconds_past(at: int, zone: tzinfo) -> int:
    """How long ago the clock on the wall has shown a whole hour, had nobody changed it."""
    local = _local(at, zone)
    return local.minute * 60 + local.second


def _next_hour(at: int, zone: tzinfo) -> int:
    return at + _HOUR - _seconds_past(at, zone)


def _start_of_hour(at: int, zone: tzinfo) -> int:
    start = at - _seconds_past(at, zone)
    # Clocks that are changed by half an hour begin a new hour then, which may be a short one.
    while (following := _next_hour(start, zone)) <= at:
        start = following
    return start


def _hours(zone: tzinfo, first: int) -> Iterator[int]:
    start = _start_of_hour(first, zone)
    while True:
        yield start
        start = _next_hour(start, zone)


_FLOORS: Final[dict[Interval, Callable[[date], date]]] = {
    "day": lambda day: day,
    "week": lambda day: day - timedelta(days=day.weekday()),
    "month": lambda day: day.replace(day=1),
}
_NEXT: Final[dict[Interval, Callable[[date], date]]] = {
    "day": lambda day: day + timedelta(days=1),
    "week": lambda day: day + timedelta(days=7),
    "month": lambda day: (day.replace(day=28) + timedelta(days=4)).replace(day=1),
}


def _dated(interval: Interval, zone: tzinfo, first: int) -> Iterator[int]:
    """The starts of days, weeks or months, without those that a zone has left out by moving over the date line."""
    day = _FLOORS[interval](_local(first, zone).date())
    start = start_of_day(day, zone)
    while True:
        yield start
        before = start
        while start <= before:
            day = _NEXT[interval](day)
            start = start_of_day(day, zone)
