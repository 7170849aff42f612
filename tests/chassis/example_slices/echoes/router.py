"""Echoes over HTTP."""

from collections.abc import AsyncIterable
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from slice_api.chassis import Feed, Later

from .batches import LATER
from .schemas import Echo

router = APIRouter()


@router.post("", status_code=202)
async def shout(echo: Echo, later: Later) -> None:
    """Hear an echo a moment later."""
    later.add(LATER, echo.text)


@router.get("/stream", response_class=EventSourceResponse)
async def stream(feed: Feed, last_event_id: Annotated[str | None, Header()] = None) -> AsyncIterable[ServerSentEvent]:
    """Follow everything."""
    async for event in feed.follow("echoes", last_event_id):
        yield event
