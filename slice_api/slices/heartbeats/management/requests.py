"""What a call is: its request, what is needed to answer it, and whose key it carries."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, NamedTuple

import orjson
from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from slice_api.chassis import Database, Db, Now, Principal, caller_by_key
from slice_api.slices.heartbeats.addresses import Here, OwnSecrets, Site
from slice_api.slices.heartbeats.management.refusals import (
    MISSING_KEY,
    NO_OBJECT,
    UNREADABLE,
    WRONG_KEY,
    RefusalError,
)
from slice_api.slices.heartbeats.parameters import Options
from slice_api.slices.heartbeats.schemas import Secrets
from slice_api.slices.heartbeats.settings import HeartbeatsSettings

LATEST: Final = 3

_LAST_SECOND: Final = 10_000_000_000
_YEAR: Final = 365 * 86_400


class Incoming(NamedTuple):
    """A call, and what is needed to answer it."""

    request: Request
    db: Database
    options: HeartbeatsSettings
    secrets: Secrets
    site: Site
    now: datetime
    version: int = LATEST


async def _incoming(request: Request, db: Db, options: Options, secrets: OwnSecrets, here: Here, now: Now) -> Incoming:
    return Incoming(request, db, options, secrets, here, now)


Given = Annotated[Incoming, Depends(_incoming)]


class Asking(NamedTuple):
    """Who calls, and whether they may only read."""

    caller: Principal
    is_readonly: bool


async def document_of(given: Incoming) -> Mapping[str, Any]:
    """The object in the body, whatever its content type; nothing sent is an empty one. Raises RefusalError."""
    try:
        body = await given.request.body()
    except ClientDisconnect as error:
        raise RefusalError(400, UNREADABLE) from error
    if not body:
        return {}
    try:
        # The one parser refuses what is no JSON (NaN, lone surrogates), the other reads long numbers as they are.
        orjson.loads(body)
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusalError(400, UNREADABLE) from error
    if not isinstance(document, dict):
        raise RefusalError(400, NO_OBJECT)
    return document


async def asking(given: Incoming, need: Literal["read", "write"], document: Mapping[str, Any] | None = None) -> Asking:
    """Who calls, by the key in a header or in the body; who may write may read. Raises RefusalError."""
    key = _key_in(given.request, document or {})
    if not key:
        raise RefusalError(401, MISSING_KEY)
    caller = await caller_by_key(given.request, key)
    if caller is not None and caller.has_scope("heartbeats:write"):
        return Asking(caller, is_readonly=False)
    if caller is not None and caller.has_scope("heartbeats:read") and need == "read":
        return Asking(caller, is_readonly=True)
    raise RefusalError(401, WRONG_KEY)


def _key_in(request: Request, document: Mapping[str, Any]) -> str:
    key = request.headers.get("x-api-key")
    if key is not None:
        return key
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else str(document.get("api_key", ""))


async def is_for_admins(given: Incoming) -> bool:
    """Whether the key for figures is one that may do everything."""
    key = given.request.headers.get("x-metrics-key")
    caller = await caller_by_key(given.request, key) if key else None
    return caller is not None and caller.has_scope("admin")


class Span(NamedTuple):
    """From when on and until when."""

    since: datetime | None
    until: datetime | None


def span_of(given: Incoming) -> Span:
    """The time that a query asks about; raises RefusalError."""
    query = given.request.query_params
    start, end = (_moment(query[name]) if name in query else None for name in ("start", "end"))
    seconds = _whole(query["seconds"], _YEAR) if query.get("seconds") else 0
    recent = given.now - timedelta(seconds=seconds) if seconds else None
    return Span(max(filter(None, (start, recent)), default=None), end)


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(_whole(text, _LAST_SECOND), UTC)


def _whole(text: str, most: int) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most):
        raise RefusalError(400)
    return int(text)
