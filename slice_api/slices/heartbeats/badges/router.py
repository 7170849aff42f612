"""Badges over HTTP, as Healthchecks has them: for everybody, and never kept by anybody."""

import json
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Response

from slice_api.chassis import Db, any_origin
from slice_api.slices.heartbeats.addresses import OwnSecrets
from slice_api.slices.heartbeats.badges.addresses import FORMATS, asked_by
from slice_api.slices.heartbeats.badges.drawing import badge
from slice_api.slices.heartbeats.badges.handling import Standing, Told, standing, standing_of
from slice_api.slices.heartbeats.pinging.requests import CANONICAL
from slice_api.slices.heartbeats.schemas import Secrets

router = APIRouter(default_response_class=Response)

readable = any_origin("X-Api-Key")

_SVG: Final = "image/svg+xml"
_JSON: Final = "application/json"
_HEADERS: Final = {"Cache-Control": "max-age=0, no-cache, no-store, must-revalidate, private"}
_SHIELDS: Final[Mapping[Told, str]] = {"up": "success", "late": "important", "down": "critical"}
_FIGURES: Final = {"status": "up", "total": 3, "grace": 0, "down": 0}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The state as a picture (svg), in JSON, or for shields.io",
        "content": {
            _SVG: {"schema": {"type": "string"}},
            _JSON: {"schema": {"type": "object"}, "example": _FIGURES},
        },
    },
    404: {
        "description": "No badge has this address",
        "content": {"text/plain": {"schema": {"type": "string"}, "example": "not found"}},
    },
}


@router.get("/badge/{badge_key}/{signature}.{fmt}", responses=_ANSWERS)
@readable
async def show_badge(badge_key: str, signature: str, fmt: str, db: Db, secrets: OwnSecrets) -> Response:
    """Show how all checks stand together: the worst of them."""
    return await _signed(db, secrets, (badge_key, signature, None), fmt)


@router.get("/badge/{badge_key}/{signature}/{tag:path}.{fmt}", responses=_ANSWERS)
@readable
async def show_badge_of_tag(
    badge_key: str, signature: str, tag: str, fmt: str, db: Db, secrets: OwnSecrets
) -> Response:
    """Show how the checks of a tag stand: the worst of them."""
    return await _signed(db, secrets, (badge_key, signature, tag), fmt)


@router.get("/b/{states}/{badge_id}.{fmt}", responses=_ANSWERS)
@readable
async def show_badge_of_check(states: str, badge_id: str, fmt: str, db: Db) -> Response:
    """Show the state of a check, in two states or in three."""
    if states not in ("2", "3") or CANONICAL.fullmatch(badge_id) is None:
        return _nothing()
    return _answer(await db.transact(standing_of, badge_id), fmt, has_late=states == "3")


async def _signed(db: Db, secrets: Secrets, address: tuple[str, str, str | None], fmt: str) -> Response:
    asked = asked_by(secrets, *address)
    if asked is None:
        return _nothing()
    return _answer(await db.transact(standing, asked.tag), fmt, has_late=asked.has_late)


def _answer(found: Standing | None, fmt: str, *, has_late: bool) -> Response:
    if found is None or fmt not in FORMATS:
        return _nothing()
    status = found.told(has_late=has_late)
    if fmt == "svg":
        return Response(badge(found.label, status), 200, _HEADERS, _SVG)
    if fmt == "json":
        told: dict[str, Any] = {"status": status, **found._asdict()}
        del told["label"]
    else:
        told = {"schemaVersion": 1, "label": found.label, "message": status, "color": _SHIELDS[status]}
    return Response(json.dumps(told), 200, _HEADERS, _JSON)


def _nothing() -> Response:
    return Response("not found", 404, _HEADERS, "text/plain; charset=utf-8")
