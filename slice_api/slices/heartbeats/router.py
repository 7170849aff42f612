"""Checks over HTTP: under `/api/heartbeats` to keep them, at the root to ping them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Response

from slice_api.chassis import Caller, Db, Now, Page, Paging, described, requires
from slice_api.slices.heartbeats import handlers
from slice_api.slices.heartbeats.addresses import Here, OwnSecrets, with_secrets
from slice_api.slices.heartbeats.badges.addresses import badge_urls
from slice_api.slices.heartbeats.badges.handling import all_tags
from slice_api.slices.heartbeats.badges.router import router as badges
from slice_api.slices.heartbeats.badges.schemas import BadgeAddresses
from slice_api.slices.heartbeats.management.router import router as management
from slice_api.slices.heartbeats.parameters import Asked, Days, DayZone, Filter, Number
from slice_api.slices.heartbeats.pinging.router import router as pinging
from slice_api.slices.heartbeats.previews import preview
from slice_api.slices.heartbeats.schemas import (
    FlipRecord,
    Heartbeat,
    HeartbeatChange,
    NewHeartbeat,
    Ping,
    PingKey,
    SchedulePreview,
    Snooze,
    StateCounts,
)
from slice_api.slices.heartbeats.status_pages.router import root_router as status
from slice_api.slices.heartbeats.status_pages.router import router as status_pages
from slice_api.slices.heartbeats.store import counts
from slice_api.slices.heartbeats.uptime import UptimeReport, uptime_of


@asynccontextmanager
async def _with_parts(app: Any) -> AsyncIterator[None]:
    """What the routes of all parts need, from start to stop."""
    async with with_secrets(app), pinging.lifespan_context(app), status.lifespan_context(app):
        yield


router = APIRouter()
root_router = APIRouter(lifespan=_with_parts)
# The parts' routes as they are: `include_router` would have each of them analysed once more, at every start.
router.routes += status_pages.routes
root_router.routes += [*pinging.routes, *status.routes, *management.routes, *badges.routes]

BODY: dict[int | str, dict[str, Any]] = {
    200: {"description": "The first 10,000 bytes of what it carried", "content": {"text/plain": {}}}
}


@router.post("", status_code=201)
async def create_heartbeat(new: NewHeartbeat, db: Db, caller: Caller, here: Here) -> Heartbeat:
    """Make a check."""
    return await db.transact(handlers.create_heartbeat, new, caller, here)


@router.get("")
async def list_heartbeats(db: Db, wanted: Filter, page: Paging, here: Here) -> Page[Heartbeat]:
    """List checks, by name unless asked otherwise."""
    return await db.transact(handlers.list_heartbeats, wanted, page, here)


@router.get("/summary")
async def count_heartbeats(db: Db) -> StateCounts:
    """Count the checks in each state."""
    return await db.transact(counts)


@router.get("/preview")
async def preview_schedule(schedule: Asked, now: Now) -> SchedulePreview:
    """Tell what a schedule means: in words, and the next ten times at which a job is due.

    Give one of `every_seconds`, `cron` and `on_calendar`; without any it is the schedule that a new check has.
    """
    return preview(schedule, now)


@router.get("/ping_key")
@requires("heartbeats:write")
async def read_ping_key(secrets: OwnSecrets, here: Here) -> PingKey:
    """Read the key of ping URLs that name a check by its slug."""
    return PingKey(ping_key=secrets.ping_key, ping_url=f"{here.base_url}/ping/{secrets.ping_key}/{{slug}}")


@router.get("/badges")
async def list_badges(db: Db, secrets: OwnSecrets, page: Paging, here: Here) -> Page[BadgeAddresses]:
    """List the addresses of badges: those of all checks together, then those of each tag, by name."""
    tags = [None, *await db.transact(all_tags)]
    found = (BadgeAddresses.model_validate({"tag": tag, **badge_urls(here, secrets, tag)}) for tag in tags)
    return db.page_of(found, page, name="heartbeats:badges", key=lambda each: each.tag or "")


@router.get("/{id}")
async def read_heartbeat(id: str, db: Db, here: Here) -> Heartbeat:
    """Read a check and its state now."""
    return await db.transact(handlers.read_heartbeat, id, here)


@router.patch("/{id}")
async def update_heartbeat(id: str, change: HeartbeatChange, db: Db, here: Here) -> Heartbeat:
    """Change a check; what is left out stays, null clears. Its deadline follows."""
    return await db.transact(handlers.update_heartbeat, id, change, here)


@router.delete("/{id}", status_code=204)
async def delete_heartbeat(id: str, db: Db) -> None:
    """Delete a check with its pings."""
    await db.transact(handlers.delete_heartbeat, id)


@router.post("/{id}/pause")
async def pause_heartbeat(id: str, db: Db, here: Here) -> Heartbeat:
    """Expect nothing of a check until it is resumed or, unless it is to be resumed by hand, heard of."""
    return await db.transact(handlers.pause_heartbeat, id, here)


@router.post("/{id}/resume", responses=described(409))
async def resume_heartbeat(id: str, db: Db, here: Here) -> Heartbeat:
    """Take a paused check up again, as a new one."""
    return await db.transact(handlers.resume_heartbeat, id, here)


@router.post("/{id}/snooze")
async def snooze_heartbeat(id: str, snooze: Snooze, db: Db, here: Here) -> Heartbeat:
    """Alert nobody until a moment; what is wrong then is told at that moment, if it still is."""
    return await db.transact(handlers.snooze_heartbeat, id, snooze, here)


@router.get("/{id}/pings")
async def list_pings(id: str, db: Db, page: Paging) -> Page[Ping]:
    """List the pings of a check, newest first."""
    return await db.transact(handlers.list_pings, id, page)


@router.get("/{id}/pings/{n}/body", response_class=Response, responses=BODY)
async def read_body(id: str, n: Number, db: Db) -> Response:
    """Read what a ping carried, byte for byte."""
    body = await db.transact(handlers.read_body, id, n)
    return Response(body, media_type="text/plain; charset=utf-8")


@router.get("/{id}/flips")
async def list_flips(id: str, db: Db, page: Paging) -> Page[FlipRecord]:
    """List a check's changes of state, newest first."""
    return await db.transact(handlers.list_flips, id, page)


@router.get("/{id}/uptime")
async def read_uptime(id: str, db: Db, zone: DayZone, days: Days = 90) -> UptimeReport:
    """Tell how much of each day a check was up, and when it was down."""
    return await db.transact(uptime_of, id, days, zone)
