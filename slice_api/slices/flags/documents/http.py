"""Between HTTP and documents: what the body is, and how one is sent back."""

import asyncio
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from slice_api.chassis import Database, Problem, described
from slice_api.slices.flags.documents import handlers
from slice_api.slices.flags.documents.reading import MOST_BYTES, ReadDocument, read_document
from slice_api.slices.flags.documents.schemas import DocumentReport

__all__ = ["EXPORT", "IMPORT", "IMPORT_BODY", "MOST_BYTES", "export", "take_in"]

MEDIA_TYPE: Final = "application/json"
_AT_ONCE_BYTES: Final = 64 * 1024
"""A body of this size is read in the time that a thread would take to begin."""

_FLAG_EXAMPLE: Final = {
    "state": "ENABLED",
    "variants": {"on": True, "off": False},
    "defaultVariant": "off",
    "targeting": {"if": [{"ends_with": [{"var": "email"}, "@example.org"]}, "on", None]},
}
_EXAMPLE: Final = {
    "$schema": "https://flagd.dev/schema/v0/flags.json",
    "flags": {"checkout": _FLAG_EXAMPLE},
    "metadata": {"version": "7"},
}
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["flags"],
    "properties": {
        "flags": {
            "description": "The flags by key, or an array of flags with `key` in each.",
            "anyOf": [
                {"type": "object", "additionalProperties": {"type": "object"}},
                {"type": "array", "items": {"type": "object", "required": ["key"]}},
            ],
        },
        "$evaluators": {"description": "Rules that others refer to, by name."},
        "metadata": {"description": "What goes out with every flag; `flagSetId` is the name of the set."},
    },
}
_CONTENT: Final = {MEDIA_TYPE: {"schema": _SCHEMA, "example": _EXAMPLE}}

EXPORT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The document", "content": _CONTENT},
    **described(404),
}
IMPORT: Final = described(413, 415)
IMPORT_BODY: Final = {"requestBody": {"required": True, "description": "A flagd document.", "content": _CONTENT}}


async def export(db: Database, wanted: str | None) -> Response:
    """The document of a set."""
    return Response(await db.transact(handlers.read_set, wanted), media_type=MEDIA_TYPE)


async def take_in(
    request: Request, db: Database, wanted: str | None, hand: handlers.Hand, *, is_strict: bool
) -> DocumentReport:
    """Replace a set by the document that is sent; raises 415 and 422, and then nothing has changed."""
    body = await _body_of(request)
    document, warnings = await _read(body, is_strict=is_strict)
    handlers.check_set_name(document, wanted)
    counts = await db.transact(handlers.replace_set, document, wanted, hand)
    return DocumentReport(imported=len(document.flags), warnings=warnings, **counts._asdict())


async def _read(body: bytes, *, is_strict: bool) -> ReadDocument:
    if len(body) <= _AT_ONCE_BYTES:
        return read_document(body, is_strict=is_strict)
    return await asyncio.to_thread(read_document, body, is_strict=is_strict)


async def _body_of(request: Request) -> bytes:
    """The body; raises 415 for one that says it is something else than JSON, 400 when it breaks off.

    One that says nothing is taken for JSON: it is a file that somebody sends as it lies there.
    """
    try:
        body = await request.body()
    except ClientDisconnect as error:
        raise Problem("malformed-body", "The body broke off.") from error
    given = request.headers.get("content-type", "")
    if given and given.partition(";")[0].strip().lower() != MEDIA_TYPE:
        detail = f"A body of type {given!r} is not taken; {MEDIA_TYPE} is."
        raise Problem("unsupported-media-type", detail, headers={"Accept": MEDIA_TYPE})
    return body
