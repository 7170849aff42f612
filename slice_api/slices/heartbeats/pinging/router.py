"""The pinging API, as Healthchecks has it: plain texts, and no key but the address."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Response

from slice_api.chassis import Exchange, InHand, any_origin, reads_stream
from slice_api.slices.heartbeats.pinging.requests import (
    CANONICAL,
    NOT_FOUND,
    Action,
    RefusalError,
    action_of,
    agent_of,
    asked_of,
    body_of,
    check_slug,
    is_action,
)
from slice_api.slices.heartbeats.pinging.taking import PingTaker, Taker, make_taker
from slice_api.slices.heartbeats.recording import MOST_BODY_BYTES, Arrival


@asynccontextmanager
async def _with_taker(app: FastAPI) -> AsyncIterator[None]:
    """What there is of pings between start and stop: who notes them."""
    app.state.heartbeats_pings = make_taker(app)
    yield


router = APIRouter(lifespan=_with_taker)

_MOST_BYTES: Final = 64 * 2**20
"""What is read of a body, though most of it is let go of."""
_HEADERS: Final = {
    "Ping-Body-Limit": str(MOST_BODY_BYTES),
    "Cache-Control": "max-age=0, no-cache, no-store, must-revalidate, private",
}
_TEXT: Final = "text/plain; charset=utf-8"
_OK: Final = Response(b"OK", 200, _HEADERS, _TEXT)
_CREATED: Final = Response(b"Created", 201, _HEADERS, _TEXT)
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "It is noted", "content": {"text/plain": {"example": "OK"}}},
    201: {"description": "It is noted, and its check was made", "content": {"text/plain": {"example": "Created"}}},
    400: {"description": "A part of the URL is wrong", "content": {"text/plain": {"example": "invalid url format"}}},
    404: {"description": "No such check", "content": {"text/plain": {"example": "not found"}}},
    409: {"description": "Several checks have that slug", "content": {"text/plain": {"example": "ambiguous slug"}}},
}


@router.get("/ping/{uuid}", response_class=Response, responses=_ANSWERS)
@router.get("/ping/{uuid}/", response_class=Response, include_in_schema=False)
@any_origin()
async def ping(uuid: str, asked: InHand, taker: Taker) -> Response:
    """Tell that a job has succeeded."""
    return await _answer(_note(asked, taker, uuid, ""))


@router.post("/ping/{uuid}", response_class=Response, responses=_ANSWERS, max_body_size=_MOST_BYTES)
@router.post("/ping/{uuid}/", response_class=Response, include_in_schema=False, max_body_size=_MOST_BYTES)
@any_origin()
@reads_stream
async def ping_with_body(uuid: str, asked: InHand, taker: Taker) -> Response:
    """Tell that a job has succeeded, with its output: 10,000 bytes of it are kept."""
    return await _answer(_note(asked, taker, uuid, ""))


@router.get("/ping/{ping_key}/{slug}", response_class=Response, responses=_ANSWERS)
@any_origin()
async def ping_by_slug(ping_key: str, slug: str, asked: InHand, taker: Taker) -> Response:
    """Tell of a job by its slug, or by its id and `start`, `fail`, `log` or an exit status.

    With `create=1` a check that is not there is made; `timeout`, `grace`, `schedule`, `tz` and `tags` say how.
    """
    return await _answer(_note_either(asked, taker, ping_key, slug))


@router.post("/ping/{ping_key}/{slug}", response_class=Response, responses=_ANSWERS, max_body_size=_MOST_BYTES)
@any_origin()
@reads_stream
async def ping_by_slug_with_body(ping_key: str, slug: str, asked: InHand, taker: Taker) -> Response:
    """Tell of a job by its slug, or by its id and an action, with its output: 10,000 bytes of it are kept."""
    return await _answer(_note_either(asked, taker, ping_key, slug))


@router.get("/ping/{ping_key}/{slug}/{action}", response_class=Response, responses=_ANSWERS)
@any_origin()
async def ping_action(ping_key: str, slug: str, action: str, asked: InHand, taker: Taker) -> Response:
    """Tell of a job by its slug that it has started or failed, something of it, or its exit status."""
    return await _answer(_note_slug(asked, taker, ping_key, slug, action))


@router.post("/ping/{ping_key}/{slug}/{action}", response_class=Response, responses=_ANSWERS, max_body_size=_MOST_BYTES)
@any_origin()
@reads_stream
async def ping_action_with_body(ping_key: str, slug: str, action: str, asked: InHand, taker: Taker) -> Response:
    """Tell of a job by its slug that it has started or failed, something of it, or its exit status, with its output."""
    return await _answer(_note_slug(asked, taker, ping_key, slug, action))


async def _answer(noted: Awaitable[bool]) -> Response:
    """The answer to a ping: whether its check was made for it, or why it is refused."""
    try:
        is_new = await noted
    except RefusalError as refusal:
        return Response(refusal.text, refusal.status, media_type=_TEXT)
    return _CREATED if is_new else _OK


async def _note_either(asked: Exchange, taker: PingTaker, name: str, step: str) -> bool:
    """Note a ping whose path is an id and an action, or the ping key and a slug."""
    if CANONICAL.fullmatch(name) and is_action(step):
        return await _note(asked, taker, name, step)
    return await _note_slug(asked, taker, name, step, "")


async def _note(asked: Exchange, taker: PingTaker, check_id: str, step: str) -> bool:
    if CANONICAL.fullmatch(check_id) is None:
        raise RefusalError(404, NOT_FOUND)
    action = action_of(step)
    arrival = await _arrival(asked, action, asked_of(asked.scope["query_string"]).rid)
    if not await taker.take(check_id, arrival):
        raise RefusalError(404, NOT_FOUND)
    return False


async def _note_slug(asked: Exchange, taker: PingTaker, ping_key: str, slug: str, step: str) -> bool:
    check_slug(slug)
    action = action_of(step)
    if not taker.is_right_key(ping_key):
        raise RefusalError(404, NOT_FOUND)
    wanted = asked_of(asked.scope["query_string"], slug)
    arrival = await _arrival(asked, action, wanted.rid)
    return await taker.take_by_slug(slug, wanted.new, arrival)


async def _arrival(asked: Exchange, action: Action, rid: str | None) -> Arrival:
    method = asked.scope["method"]
    body = await body_of(asked) if method == "POST" else b""
    scheme = asked.base_url.partition(":")[0]
    kind, exit_status = action
    return Arrival(kind, method, scheme, asked.client, agent_of(asked), rid, exit_status, body)
