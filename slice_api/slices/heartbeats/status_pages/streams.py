"""What a status page shows, told again whenever it has changed: by an event, or since time has passed."""

from collections.abc import AsyncGenerator
from typing import Annotated, Final, NamedTuple

from fastapi import Depends, Path
from fastapi.sse import ServerSentEvent

from slice_api.chassis import BaseUrl, Problem, Service, wait_for
from slice_api.slices.heartbeats.status_pages.boards import Boards, Shown

_LOOK_AGAIN_SECONDS: Final = 5.0
"""What time alone has changed is told after so long at most."""
_REST_SECONDS: Final = 0.5
"""How often it is looked at most, however much happens."""
_AWAY_SECONDS: Final = 1.0


class Listening(NamedTuple):
    """A page that is followed."""

    service: Service
    boards: Boards
    name: str
    base_url: str


async def _opened(
    service: Service,
    boards: Shown,
    base_url: BaseUrl,
    name: Annotated[str, Path(description="The name of the page.")],
) -> Listening:
    await boards.fetch(name, base_url)
    return Listening(service, boards, name, base_url)


Opened = Annotated[Listening, Depends(_opened)]
"""The page that is to be followed; 404 where there is none."""


async def updates(listening: Listening, last_event_id: str | None) -> AsyncGenerator[ServerSentEvent]:
    """The document unless it is the one read last, and again whenever it has changed.

    Ends when the page is deleted, and when the service stops.
    """
    service, boards, name, base_url = listening
    streams = service.metrics.streams.labels("heartbeats")
    streams.inc()
    try:
        yield ServerSentEvent(comment="open")
        told = last_event_id
        while not service.closing.is_set():
            news = service.news.watch()
            try:
                board = await boards.find(name, base_url)
            except Problem:  # storage is away: nothing can be told until it is back
                await wait_for(service.closing, _AWAY_SECONDS)
                continue
            if board is None:
                return
            if board.digest != told:
                told = board.digest
                yield ServerSentEvent(event="status", id=told, raw_data=board.text)
            await wait_for(service.closing, _REST_SECONDS)
            await wait_for(news, _LOOK_AGAIN_SECONDS)
    finally:
        streams.dec()
