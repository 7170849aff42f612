"""What is sent of status pages: a page for browsers, JSON for programs."""

from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from slice_api.chassis import NOTICE_CSP, Page, Problem, described, notice_page, prefers_page
from slice_api.slices.heartbeats.status_pages.boards import Board
from slice_api.slices.heartbeats.status_pages.pages import CSP, list_page, status_page
from slice_api.slices.heartbeats.status_pages.schemas import StatusDocument, StatusOverview

_VARY: Final = {"Vary": "Accept"}
_JSON: Final = "application/json"
_ANY_TEXT: Final = {"schema": {"type": "string"}}

Responses = dict[int | str, dict[str, Any]]

OVERVIEWS: Final[Responses] = {
    200: {
        "model": Page[StatusOverview],
        "description": "The pages that are listed",
        "content": {"text/html": _ANY_TEXT},
    }
}
DATA: Final[Responses] = {
    200: {"model": StatusDocument, "description": "What the page shows"},
    **described(404),
}
_MISSING: Final = described(404)[404]
DOCUMENTS: Final[Responses] = {
    200: {**DATA[200], "content": {"text/html": _ANY_TEXT}},
    404: {**_MISSING, "content": {**_MISSING["content"], "text/html": _ANY_TEXT}},
}


def overviews(request: Request, found: Page[StatusOverview]) -> Response:
    """The list of pages."""
    is_page = _prefers_page(request, by_default=True)
    return _page(list_page(found)) if is_page else as_json(found.model_dump_json())


def board(request: Request, found: Board) -> Response:
    """A status page."""
    is_page = _prefers_page(request, by_default=True)
    return _page(status_page(found.document, found.at)) if is_page else as_json(found.text)


def as_json(text: str) -> Response:
    return Response(text, headers=_VARY, media_type=_JSON)


def refusal(request: Request, problem: Problem) -> Response:
    """A notice that there is no such page, for browsers alone; for the rest the problem itself is raised."""
    if problem.status_code != 404 or not _prefers_page(request, by_default=False):
        raise problem
    heading = "There is no such status page"
    content = '<p>Check the address, or see <a href="/status">all status pages</a>.</p>'
    page = notice_page(title=heading, status="404", heading=heading, content=content)
    return HTMLResponse(page, 404, {**_VARY, "Content-Security-Policy": NOTICE_CSP, "Cache-Control": "no-store"})


def _page(text: str) -> Response:
    return HTMLResponse(text, headers={**_VARY, "Content-Security-Policy": CSP, "Cache-Control": "no-store"})


def _prefers_page(request: Request, *, by_default: bool) -> bool:
    return prefers_page(",".join(request.headers.getlist("accept")), by_default=by_default)
