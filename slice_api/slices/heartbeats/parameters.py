"""What the routes of checks are given besides bodies: settings, addresses, and the parameters of paths and queries."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Path, Query

from slice_api.chassis import own_settings
from slice_api.slices.heartbeats.schedules import Zone
from slice_api.slices.heartbeats.schemas import HeartbeatFilter, Order, State
from slice_api.slices.heartbeats.settings import HeartbeatsSettings

Options = Annotated[HeartbeatsSettings, Depends(own_settings)]
Number = Annotated[int, Path(ge=1, le=2**53, description="The how manieth ping of the check it is.")]
Days = Annotated[int, Query(ge=1, le=400, description="How many days, today being the last.")]


async def _zone(
    timezone: Annotated[Zone, Query(description="The zone that days are of.", examples=["Europe/Vienna"])] = "UTC",
) -> ZoneInfo:
    return ZoneInfo(timezone)


async def _filter(
    search: Annotated[str | None, Query(max_length=200, description="Text in name, slug or description.")] = None,
    slug: Annotated[str | None, Query(max_length=100, description="The slug it has.")] = None,
    tag: Annotated[list[str] | None, Query(description="A tag it has; several: all of them.")] = None,
    state: Annotated[State | None, Query(description="The state it is in now.")] = None,
    order: Annotated[Order, Query(description="What to sort by; `-` for descending.")] = "name",
) -> HeartbeatFilter:
    return HeartbeatFilter(search=search, slug=slug, tags=tuple(tag or ()), state=state, order=order)


DayZone = Annotated[ZoneInfo, Depends(_zone)]
Filter = Annotated[HeartbeatFilter, Depends(_filter)]
