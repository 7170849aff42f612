"""The answers to the calls, byte for byte as Healthchecks gives them."""

import json
from collections.abc import Awaitable
from typing import Any, Final

from fastapi import Response

from slice_api.chassis import Tx
from slice_api.slices.heartbeats.badges.addresses import badge_urls
from slice_api.slices.heartbeats.badges.handling import all_tags
from slice_api.slices.heartbeats.management import handling
from slice_api.slices.heartbeats.management.documents import check_document, check_url, flip_document, ping_document
from slice_api.slices.heartbeats.management.refusals import NOT_FOUND, NOT_OFFERED, RefusalError
from slice_api.slices.heartbeats.management.requests import Incoming, asking, document_of, is_for_admins, span_of
from slice_api.slices.heartbeats.pinging.requests import CANONICAL
from slice_api.slices.heartbeats.schemas import StoredHeartbeat
from slice_api.slices.heartbeats.store import CHECKS

_JSON: Final = "application/json"
_TEXT: Final = "text/plain; charset=utf-8"


async def answered(answer: Awaitable[Response]) -> Response:
    """The answer to a call, or why it is refused."""
    try:
        return await answer
    except RefusalError as refusal:
        return _refused(refusal)


def _refused(refusal: RefusalError) -> Response:
    headers = {"Allow": refusal.allow} if refusal.allow else None
    if not refusal.message:
        return Response(status_code=refusal.status, headers=headers)
    if refusal.status == 409:
        return Response(refusal.message, 409, media_type=_TEXT)
    return _json({"error": refusal.message}, refusal.status, headers)


def _json(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(document), status, headers, _JSON)


def _told(given: Incoming, check: StoredHeartbeat, *, is_readonly: bool = False) -> dict[str, Any]:
    return check_document(check, given.site, given.now, given.version, is_readonly=is_readonly)


def _own_id(name: str, *, allow: str = "") -> str:
    """The id in a path; by its unique key a check is only read. Raises RefusalError."""
    if CANONICAL.fullmatch(name):
        return name
    if allow and handling.UNIQUE_KEY.fullmatch(name):
        raise RefusalError(405, NOT_OFFERED, allow)
    raise RefusalError(404, NOT_FOUND)


async def list_checks(given: Incoming) -> Response:
    asks = await asking(given, "read")
    query = given.request.query_params
    found = await given.db.transact(handling.checks_like, query.get("slug", ""), query.getlist("tag"))
    return _json({"checks": [_told(given, check, is_readonly=asks.is_readonly) for check in found]})


async def put_check(given: Incoming) -> Response:
    document = await document_of(given)
    asks = await asking(given, "write", document)
    check, is_new = await given.db.transact(handling.put_check, document, given.version, asks.caller.key_id)
    if not is_new:
        return _json(_told(given, check))
    return _json(_told(given, check), 201, {"Location": check_url(given.site, given.version, check.id)})


async def read_check(given: Incoming, name: str) -> Response:
    asks = await asking(given, "read")
    check = await given.db.transact(handling.named_check, name)
    return _json(_told(given, check, is_readonly=asks.is_readonly))


async def update_check(given: Incoming, name: str) -> Response:
    check_id = _own_id(name, allow="GET, HEAD, OPTIONS")
    document = await document_of(given)
    await asking(given, "write", document)
    return _json(_told(given, await given.db.transact(handling.update_check, check_id, document, given.version)))


async def delete_check(given: Incoming, name: str) -> Response:
    check_id = _own_id(name, allow="GET, HEAD, OPTIONS")
    await asking(given, "write")
    return _json(_told(given, await given.db.transact(handling.drop_check, check_id)))


async def pause_check(given: Incoming, name: str) -> Response:
    await asking(given, "write", await document_of(given))
    return _json(_told(given, await given.db.transact(handling.pause, _own_id(name))))


async def resume_check(given: Incoming, name: str) -> Response:
    await asking(given, "write", await document_of(given))
    return _json(_told(given, await given.db.transact(handling.resume, _own_id(name))))


async def list_pings(given: Incoming, name: str) -> Response:
    await asking(given, "write")
    found = await given.db.transact(handling.newest_pings, _own_id(name), given.options.keep_pings)
    url = check_url(given.site, given.version, name)
    return _json({"pings": [ping_document(ping, url) for ping in found]})


async def read_ping_body(given: Incoming, name: str, n: str) -> Response:
    await asking(given, "write")
    body = await given.db.transact(handling.ping_body, _own_id(name), n, given.options.keep_pings)
    return Response(body, headers={"Content-Type": "text/plain"})  # in whatever encoding it came


async def list_flips(given: Incoming, name: str) -> Response:
    await asking(given, "read")
    await given.db.transact(handling.named_check, name)
    found = await given.db.transact(handling.flips_between, name, *span_of(given))
    return _json({"flips": [flip_document(flip) for flip in found]})


async def list_channels(given: Incoming) -> Response:
    await asking(given, "write")
    return _json({"channels": []})


async def list_badges(given: Incoming) -> Response:
    await asking(given, "read")
    tags = await given.db.transact(all_tags)
    return _json({"badges": {tag or "*": badge_urls(given.site, given.secrets, tag) for tag in [*tags, None]}})


async def read_status(given: Incoming) -> Response:
    await given.db.transact(Tx.count, CHECKS)
    return Response("OK", media_type=_TEXT)


async def read_figures(given: Incoming) -> Response:
    if not await is_for_admins(given):
        raise RefusalError(403)
    found = await given.db.transact(handling.figures)
    return _json({"ts": int(given.now.timestamp()), **found._asdict()})
