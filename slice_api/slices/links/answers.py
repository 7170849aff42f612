"""Between HTTP and the use cases: what is read from a visitor's request, and what is sent back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from slice_api.chassis import NOTICE_CSP, Problem, described
from slice_api.slices.links.negotiation import prefers_page
from slice_api.slices.links.pages import preview_page, refusal_page
from slice_api.slices.links.qr import MEDIA_TYPES, QrStyle, draw_qr, qr_tag
from slice_api.slices.links.redirects import Redirection, Visitor
from slice_api.slices.links.schemas import Preview
from slice_api.slices.links.visitors import is_prefetch, parse_agent

_HTML_HEADERS = {"Content-Security-Policy": NOTICE_CSP, "Cache-Control": "no-store", "Vary": "Accept"}
_MAX_TEXT = 1024  # characters of a header that wait in memory until the visit is noted
_PURPOSES = (b"sec-purpose", b"purpose", b"x-purpose", b"x-moz")
_ANY_TEXT = {"schema": {"type": "string"}}
_LOCATION = {"Location": {"description": "Where the link leads.", "schema": {"type": "string"}}}

Responses = dict[int | str, dict[str, Any]]

REFUSALS: Responses = {
    status: {**response, "content": {**response["content"], "text/html": _ANY_TEXT}}
    for status, response in described(404, 410).items()
}
REDIRECTS: Responses = {
    status: {"description": "Where the link leads", "headers": _LOCATION} for status in (301, 302, 307, 308)
}
PREVIEWS: Responses = {
    200: {"model": Preview, "description": "Where the link leads", "content": {"text/html": _ANY_TEXT}}
}
PICTURES: Responses = {200: {"description": "The QR code", "content": dict.fromkeys(MEDIA_TYPES.values(), _ANY_TEXT)}}
ROBOTS: Responses = {200: {"description": "What crawlers may follow", "content": {"text/plain": _ANY_TEXT}}}


@asynccontextmanager
async def warmed_up(_app: object) -> AsyncIterator[None]:
    """Load the user agent patterns at start: a fifth of a second that the first visits should not wait for."""
    await asyncio.to_thread(parse_agent, "warm-up")
    yield


def robots(*, is_crawlable: bool) -> str:
    """The rules for crawlers: the front page and the docs are for all, short links as the settings say."""
    if is_crawlable:
        return "User-agent: *\nDisallow:\n"
    return "User-agent: *\nAllow: /$\nAllow: /docs\nAllow: /assets/\nDisallow: /\n"


def visitor_of(request: Request) -> Visitor:
    """What a request tells of who makes it."""
    told = dict(request.scope["headers"])
    return Visitor(
        is_counted=request.method != "HEAD",
        is_prefetch=is_prefetch([_text(told[name]) for name in _PURPOSES if name in told]),
        query=request.scope["query_string"],
        user_agent=_text(told.get(b"user-agent", b"")),
        referrer=_text(told.get(b"referer", b"")),
        accept_language=_text(told.get(b"accept-language", b"")),
    )


def _text(value: bytes) -> str:
    return value[:_MAX_TEXT].decode("latin-1")


def _accept(request: Request) -> str:
    return ",".join(request.headers.getlist("accept"))


def refusal(request: Request, problem: Problem) -> Response:
    """A page that says that there is nothing to follow, for browsers; for the rest the problem itself is raised."""
    if problem.status_code not in REFUSALS or not prefers_page(_accept(request), by_default=False):
        raise problem
    return HTMLResponse(refusal_page(problem), problem.status_code, _HTML_HEADERS)


def redirect(found: Redirection) -> Response:
    headers = {"Location": found.location, "Cache-Control": found.cache_control}
    return Response(status_code=found.status, headers=headers)


def preview(request: Request, found: Preview) -> Response:
    """The preview as a page, or as JSON when that is asked for."""
    if prefers_page(_accept(request), by_default=True):
        return HTMLResponse(preview_page(found), headers=_HTML_HEADERS)
    return JSONResponse(found.model_dump(mode="json"), headers={"Vary": "Accept"})


async def picture(request: Request, text: str, style: QrStyle, *, max_age: int) -> Response:
    """The QR code of a text, drawn in a thread; not at all when the client has it."""
    headers = {"ETag": qr_tag(text, style), "Cache-Control": f"public, max-age={max_age}"}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    drawing = await asyncio.to_thread(draw_qr, text, style)
    return Response(drawing, headers=headers, media_type=MEDIA_TYPES[style.format])
