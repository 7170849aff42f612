"""Between HTTP and the use cases: what is read from a visitor's request, and what is sent back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import parse_qs

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import SecretStr

from slice_api.chassis import NOTICE_CSP, Exchange, Problem, RawResponse, described, invalid, prefers_page
from slice_api.slices.links.following.pages import password_csp, password_page, preview_page, refusal_page, wait_page
from slice_api.slices.links.following.passwords import Passwords
from slice_api.slices.links.following.redirects import Redirection, Visitor
from slice_api.slices.links.qr import MEDIA_TYPES, QrStyle, draw_qr, qr_tag
from slice_api.slices.links.schemas import Preview
from slice_api.slices.links.visits.visitors import is_prefetch

_HTML_HEADERS = {"Content-Security-Policy": NOTICE_CSP, "Cache-Control": "no-store", "Vary": "Accept"}
_MAX_TEXT = 1024  # characters of a header that wait in memory until the visit is noted
_PURPOSES = frozenset({b"sec-purpose", b"purpose", b"x-purpose", b"x-moz"})
_ANY_TEXT = {"schema": {"type": "string"}}
_LOCATION = {"Location": {"description": "Where the link leads.", "schema": {"type": "string"}}}

Responses = dict[int | str, dict[str, Any]]

MAX_PASSWORD_BYTES: Final = 8192
"""What a body with a password may have; every escape that there is of 200 characters fits."""
_FORM_TYPE: Final = "application/x-www-form-urlencoded"
_JSON_TYPE: Final = "application/json"


def _with_page(*statuses: int) -> Responses:
    return {
        status: {**response, "content": {**response["content"], "text/html": _ANY_TEXT}}
        for status, response in described(*statuses).items()
    }


REFUSALS: Responses = _with_page(404, 410)
REDIRECTS: Responses = {
    status: {"description": "Where the link leads", "headers": _LOCATION} for status in (301, 302, 307, 308)
}
DOORS: Responses = {
    200: {"description": "A form that asks for the password", "content": {"text/html": _ANY_TEXT}},
    **_with_page(401),
}
OPENINGS: Responses = {
    303: {"description": "Where the link leads", "headers": _LOCATION},
    **_with_page(401, 429),
    **described(405, 413, 415),
}
_PASSWORD_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "password": {
            "type": "string",
            "format": "password",
            "writeOnly": True,
            "description": "The password of the link.",
        }
    },
    "required": ["password"],
    "title": "OpenLink",
}
PASSWORD_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": False,
        "content": {
            kind: {"schema": _PASSWORD_SCHEMA, "example": {"password": "open sesame"}}
            for kind in (_FORM_TYPE, _JSON_TYPE)
        },
    }
}
PREVIEWS: Responses = {
    200: {"model": Preview, "description": "Where the link leads", "content": {"text/html": _ANY_TEXT}}
}
PICTURES: Responses = {200: {"description": "The QR code", "content": dict.fromkeys(MEDIA_TYPES.values(), _ANY_TEXT)}}
ROBOTS: Responses = {200: {"description": "What crawlers may follow", "content": {"text/plain": _ANY_TEXT}}}


@asynccontextmanager
async def with_passwords(app: FastAPI) -> AsyncIterator[None]:
    """What there is of the links between start and stop: who checks passwords."""
    app.state.links_passwords = Passwords()
    yield


def robots(*, is_crawlable: bool) -> str:
    """The rules for crawlers: the front page and the docs are for all, short links as the settings say."""
    if is_crawlable:
        return "User-agent: *\nDisallow:\n"
    return "User-agent: *\nAllow: /$\nAllow: /docs\nAllow: /assets/\nDisallow: /\n"


def visitor_of(asked: Exchange) -> Visitor:
    """What a request tells of who makes it."""
    scope, told = asked.scope, asked.given
    purposes = () if _PURPOSES.isdisjoint(told) else [_text(told[name]) for name in _PURPOSES if name in told]
    return Visitor(
        scope["method"] != "HEAD",
        is_prefetch(purposes) if purposes else False,
        scope["query_string"],
        _text(told[b"user-agent"]) if b"user-agent" in told else "",
        _text(told[b"referer"]) if b"referer" in told else "",
        _text(told[b"accept-language"]) if b"accept-language" in told else "",
    )


def _text(value: bytes) -> str:
    return value[:_MAX_TEXT].decode("latin-1")


def _accept(asked: Exchange) -> str:
    return asked.given.get(b"accept", b"").decode("latin-1")


def refusal(asked: Exchange, problem: Problem, schemes: tuple[str, ...] = ()) -> Response:
    """A page that says why there is nothing to follow, or asks for a password; for browsers alone.

    For the rest, and where there is no page, the problem itself is raised. `schemes` are those that links may have
    besides http and https.
    """
    if not prefers_page(_accept(asked), by_default=False):
        raise problem
    if problem.status_code == 401:
        return _password_form(asked, problem, schemes)
    headers = {**(problem.headers or {}), **_HTML_HEADERS}
    if problem.status_code == 429:
        page = wait_page(asked.scope["path_params"]["slug"], int(headers["Retry-After"]))
        return HTMLResponse(page, 429, headers)
    if problem.status_code not in REFUSALS:
        raise problem
    return HTMLResponse(refusal_page(problem), problem.status_code, headers)


def _password_form(asked: Exchange, problem: Problem, schemes: tuple[str, ...]) -> Response:
    """The form: 200 for whoever comes to it, 401 after a password that was wrong."""
    headers = {**_HTML_HEADERS, "Content-Security-Policy": password_csp(schemes)}
    slug = asked.scope["path_params"]["slug"]
    if asked.scope["method"] != "POST":
        return HTMLResponse(password_page(slug, is_wrong=False), headers=headers)
    return HTMLResponse(password_page(slug, is_wrong=True), 401, {**(problem.headers or {}), **headers})


def redirect(found: Redirection) -> Response:
    location, cache_control = found.location.encode(), found.cache_control.encode()
    return RawResponse(found.status, ((b"location", location), (b"cache-control", cache_control)))


def redirect_after_form(found: Redirection) -> Response:
    """303, whatever the link's own status: what is followed now is followed by GET (RFC 9110, section 15.4.4)."""
    return redirect(found._replace(status=303, cache_control="no-store"))


async def password_in(request: Request) -> SecretStr | None:
    """What a body holds as password: a form's or JSON's field `password`; None when there is none or it is empty.

    Raises 400, 413, 415 and 422 for what is neither.
    """
    body = await _short_body(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not body and not kind:
        return None
    if kind not in (_FORM_TYPE, _JSON_TYPE):
        taken = f"{_FORM_TYPE}, {_JSON_TYPE}"
        raise Problem("unsupported-media-type", f"The body must be one of {taken}.", headers={"Accept": taken})
    text = _json_password(body) if kind == _JSON_TYPE else _form_password(body)
    return SecretStr(text) if text else None


async def _short_body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_PASSWORD_BYTES:
            detail = f"The body may have at most {MAX_PASSWORD_BYTES:,} bytes."
            raise Problem("too-large", detail, headers={"Connection": "close"})
    return bytes(body)


def _form_password(body: bytes) -> str:
    return parse_qs(body.decode("utf-8", "replace")).get("password", [""])[-1]


def _json_password(body: bytes) -> str:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Problem("malformed-body", "The body is not valid JSON.") from None
    text = value.get("password", "") if isinstance(value, dict) else None
    if not isinstance(text, str):
        raise invalid("#/password", 'must be a text: {"password": "…"}')
    return text


def preview(asked: Exchange, found: Preview) -> Response:
    """The preview as a page, or as JSON when that is asked for."""
    if prefers_page(_accept(asked), by_default=True):
        return HTMLResponse(preview_page(found), headers=_HTML_HEADERS)
    return JSONResponse(found.model_dump(mode="json"), headers={"Vary": "Accept"})


async def picture(request: Request, text: str, style: QrStyle, *, max_age: int) -> Response:
    """The QR code of a text, drawn in a thread; not at all when the client has it."""
    headers = {"ETag": qr_tag(text, style), "Cache-Control": f"public, max-age={max_age}"}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    drawing = await asyncio.to_thread(draw_qr, text, style)
    return Response(drawing, headers=headers, media_type=MEDIA_TYPES[style.format])
