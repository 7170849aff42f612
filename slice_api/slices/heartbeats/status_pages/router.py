"""Status pages over HTTP: under `/api/heartbeats/pages` to keep them, under `/status` for everybody to read them."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from slice_api.chassis import BaseUrl, Db, EventStream, Page, Paging, Problem
from slice_api.slices.heartbeats.status_pages import answers, documents, handlers
from slice_api.slices.heartbeats.status_pages.boards import Shown, with_boards
from slice_api.slices.heartbeats.status_pages.schemas import NewStatusPage, StatusPage, StatusPageChange
from slice_api.slices.heartbeats.status_pages.streams import Opened, updates

router = APIRouter(prefix="/pages")
root_router = APIRouter(prefix="/status", lifespan=with_boards)


@router.post("", status_code=201)
async def create_page(new: NewStatusPage, db: Db, base_url: BaseUrl) -> StatusPage:
    """Make a status page: whoever opens its address sees the checks that have its tags."""
    return await db.transact(handlers.create_page, new, base_url)


@router.get("")
async def list_pages(db: Db, page: Paging, base_url: BaseUrl) -> Page[StatusPage]:
    """List the status pages, by name."""
    return await db.transact(handlers.list_pages, page, base_url)


@router.get("/{name}")
async def read_page(name: str, db: Db, base_url: BaseUrl) -> StatusPage:
    """Read the settings of a status page."""
    return await db.transact(handlers.read_page, name, base_url)


@router.patch("/{name}")
async def update_page(name: str, change: StatusPageChange, db: Db, base_url: BaseUrl) -> StatusPage:
    """Change a status page; what is left out stays, null clears."""
    return await db.transact(handlers.update_page, name, change, base_url)


@router.delete("/{name}", status_code=204)
async def delete_page(name: str, db: Db) -> None:
    """Delete a status page; its checks stay."""
    await db.transact(handlers.delete_page, name)


@root_router.get("", response_class=Response, responses=answers.OVERVIEWS)
async def list_status(request: Request, db: Db, page: Paging, base_url: BaseUrl) -> Response:
    """List the public status pages with their states: as a page, or as JSON when that is asked for."""
    return answers.overviews(request, await db.transact(documents.list_overviews, page, base_url))


# Before the page, whose name would take the ".json" in.
@root_router.get("/{name}.json", response_class=Response, responses=answers.DATA)
async def read_status_data(name: str, boards: Shown, base_url: BaseUrl) -> Response:
    """Read what a status page shows, as JSON whatever is asked for."""
    return answers.as_json((await boards.fetch(name, base_url)).text)


@root_router.get("/{name}", response_class=Response, responses=answers.DOCUMENTS)
async def read_status(name: str, request: Request, boards: Shown, base_url: BaseUrl) -> Response:
    """Show how the checks of a status page are: as a page, or as JSON when that is asked for."""
    try:
        return answers.board(request, await boards.fetch(name, base_url))
    except Problem as problem:
        return answers.refusal(request, problem)


@root_router.get("/{name}/stream", response_class=EventStream)  # noqa: FAST003 - the dependency takes it
async def stream_status(
    listening: Opened,
    last_event_id: Annotated[str | None, Header(description="The id of the last message that was read.")] = None,
) -> EventStream:
    """Follow a status page, as Server-Sent Events: what it shows, and again whenever that has changed.

    `data` is the same JSON as that of the page. What time alone changes, and pings that change no state, are told some
    seconds later.
    """
    return EventStream(updates(listening, last_event_id))
