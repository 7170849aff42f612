"""The catalogue of events."""

from operator import attrgetter
from typing import Annotated

from fastapi import APIRouter, Path, Query

from slice_api.chassis import Db, Page, Paging, Service
from slice_api.slices.events import handlers
from slice_api.slices.events.schemas import Topic

router = APIRouter()

SliceName = Annotated[str | None, Query(alias="slice", description="Only what this slice tells.", examples=["links"])]
TopicName = Annotated[str, Path(description="The topic.", examples=["links.created"])]


@router.get("")
async def list_events(db: Db, service: Service, page: Paging, slice_name: SliceName = None) -> Page[Topic]:
    """List the kinds of events that are told, by name."""
    wanted = (each for each in handlers.topics(service.slices) if slice_name in (None, each.slice))
    return db.page_of(wanted, page, name="events:topic", key=attrgetter("topic"))


@router.get("/{topic}")
async def read_event(topic: TopicName, service: Service) -> Topic:
    """Read what one kind of event tells."""
    return handlers.read_topic(service.slices, topic)
