"""What a schedule means, in words and times."""

from datetime import datetime
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from slice_api.slices.heartbeats.schedules import Schedule, in_words, moments_after
from slice_api.slices.heartbeats.schemas import DueTime, SchedulePreview

_TIMES: Final = 10


def preview(schedule: Schedule, now: datetime) -> SchedulePreview:
    """What a schedule means, from now on."""
    zone = ZoneInfo(schedule.timezone or "UTC")
    times = [DueTime(at=at, in_words=_said(at.astimezone(zone))) for at in islice(moments_after(schedule, now), _TIMES)]
    return SchedulePreview(in_words=in_words(schedule), times=times)


def _said(at: datetime) -> str:
    clock = "%H:%M:%S" if at.second else "%H:%M"
    return f"{at:%A} {at.day} {at:%B %Y}, {at:{clock}} {at.tzname()}"
