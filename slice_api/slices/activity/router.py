"""The event feed."""

from typing import Annotated

from fastapi import APIRouter, Header, Query

from slice_api.chassis import Db, EventRecord, EventStream, Feed, Page, Paging, Time
from slice_api.slices.activity import store

router = APIRouter()

SliceName = Annotated[str | None, Query(alias="slice", description="Only what this slice tells.", examples=["links"])]
EventType = Annotated[
    str | None, Query(alias="type", description="Only events of this type.", examples=["links.created"])
]


@router.get("")
async def list_activity(
    db: Db,
    page: Paging,
    slice_name: SliceName = None,
    event_type: EventType = None,
    since: Annotated[Time | None, Query(description="Only what happened at this moment or later.")] = None,
) -> Page[EventRecord]:
    """List what has happened, newest first."""
    wanted = store.ActivityFilter(slice=slice_name, type=event_type, since=since)
    return await db.transact(store.newest, page, wanted)


@router.get("/stream", response_class=EventStream)
async def stream_activity(
    feed: Feed,
    slice_name: SliceName = None,
    event_type: EventType = None,
    last_event_id: Annotated[str | None, Header(description="The id of the last event that was read.")] = None,
) -> EventStream:
    """Follow what happens, as Server-Sent Events: `id` to resume with, `event` the type, `data` the event."""
    wanted_events = feed.follow(
        "activity",
        last_event_id,
        lambda record: slice_name in (None, record.slice) and event_type in (None, record.type),
    )
    return EventStream(wanted_events)
