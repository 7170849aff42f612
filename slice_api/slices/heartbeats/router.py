"""Checks over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query

from slice_api.chassis import Now
from slice_api.slices.heartbeats import handlers
from slice_api.slices.heartbeats.schedules import Schedule
from slice_api.slices.heartbeats.schemas import Preview

router = APIRouter()


@router.get("/preview")
async def preview_schedule(schedule: Annotated[Schedule, Query()], now: Now) -> Preview:
    """Tell what a schedule means: in words, and the next ten times at which a job is due.

    Give one of `every_seconds`, `cron` and `on_calendar`.
    """
    return handlers.preview(schedule, now)
