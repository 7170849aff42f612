"""What the routes of checks are given besides bodies: settings, addresses, and the parameters of paths and queries."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Path, Query
from pydantic import ValidationError

from slice_api.chassis import invalid_at, own_settings
from slice_api.slices.heartbeats.schedules import Schedule, Zone
from slice_api.slices.heartbeats.schemas import EVERY_DAY, HeartbeatFilter, Order, State
from slice_api.slices.heartbeats.settings import HeartbeatsSettings

Options = Annotated[HeartbeatsSettings, Depends(own_settings)]
Number = Annotated[str, Path(description="The how manieth ping of the check it is.", examples=["42"])]
Days = Annotated[int, Query(ge=1, le=400, description="How many days, today being the last.")]


async def _zone(
    timezone: Annotated[Zone, Query(description="The zone that days are of.", examples=["Europe/Vienna"])] = "UTC",
) -> ZoneInfo:
    return ZoneInfo(timezone)


async def _schedule(
    every_seconds: Annotated[
        int | None, Query(description="So many seconds after it last ran, 60 to 31,536,000.", examples=[None])
    ] = None,
    cron: Annotated[
        str | None, Query(description="A cron expression of five fields.", examples=["30 2 * * 1-5"])
    ] = None,
    on_calendar: Annotated[
        str | None, Query(description="An OnCalendar expression of systemd.", examples=[None])
    ] = None,
    timezone: Annotated[
        str | None,
        Query(description="The zone of `cron` and `on_calendar`; UTC by default.", examples=["Europe/Vienna"]),
    ] = None,
) -> Schedule:
    given = {"every_seconds": every_seconds, "cron": cron, "on_calendar": on_calendar, "timezone": timezone}
    if not any(value is not None for value in given.values()):
        return EVERY_DAY
    try:
        return Schedule.model_validate(given)
    except ValidationError as error:
        raise invalid_at(error, "query") from error


async def _filter(
    search: Annotated[str | None, Query(max_length=200, description="Text in name, slug or description.")] = None,
    slug: Annotated[str | None, Query(max_length=100, description="The slug it has.")] = None,
    tag: Annotated[list[str] | None, Query(description="A tag it has; several: all of them.")] = None,
    state: Annotated[State | None, Query(description="The state it is in now.")] = None,
    order: Annotated[Order, Query(description="What to sort by; `-` for descending.")] = "name",
) -> HeartbeatFilter:
    return HeartbeatFilter(search=search, slug=slug, tags=tuple(tag or ()), state=state, order=order)


DayZone = Annotated[ZoneInfo, Depends(_zone)]
Asked = Annotated[Schedule, Depends(_schedule)]
Filter = Annotated[HeartbeatFilter, Depends(_filter)]
