"""Between HTTP and the files of links: what kind of file is sent, and how one is sent back."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from slice_api.chassis import Database, Principal, Problem, described
from slice_api.slices.links.schemas import ImportReport, StoredLink
from slice_api.slices.links.transfer.exports import MEDIA_TYPES, columns_for, file_of, pages
from slice_api.slices.links.transfer.imports import Maker, import_links, rehearse_import
from slice_api.slices.links.transfer.records import FileFormat

MOST_BYTES: Final = 64 * 2**20
_FORMATS: Final[Mapping[str, FileFormat]] = {
    "text/csv": "csv",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
}
_TAKEN: Final = ", ".join(_FORMATS)
_CHARSET: Final = re.compile(r'charset="?([^";\s]+)', re.IGNORECASE)
_UTF8: Final = ("utf-8", "utf8", "us-ascii")

_NDJSON_EXAMPLE: Final = '{"url": "https://example.org/guide", "slug": "guide", "tags": ["docs"]}\n'
_CSV_EXAMPLE: Final = 'url,slug,title,tags\r\nhttps://example.org/guide,guide,The guide,"docs,spring"\r\n'


def _file(example: str) -> Mapping[str, Any]:
    return {"schema": {"type": "string", "format": "binary"}, "example": example}


CONTENT: Final = {"application/x-ndjson": _file(_NDJSON_EXAMPLE), "text/csv": _file(_CSV_EXAMPLE)}
EXPORT: Final[dict[int | str, dict[str, Any]]] = {200: {"description": "The file", "content": CONTENT}}
IMPORT: Final = described(413, 415)
IMPORT_BODY: Final = {
    "requestBody": {"required": True, "description": "The file itself, in UTF-8.", "content": CONTENT}
}


def format_of(request: Request, wanted: FileFormat | None) -> FileFormat:
    """The format of the file that is sent, as the query or its media type says; raises 415."""
    given = request.headers.get("content-type", "")
    media_type = given.partition(";")[0].strip().lower()
    found = wanted or _FORMATS.get(media_type)
    if media_type.startswith("multipart/"):
        raise _not_taken("Send the file itself as the body, not a form: curl --data-binary @links.csv.")
    if found is None:
        hint = "Say what it is: Content-Type: text/csv or application/x-ndjson, or ?format=csv or ndjson."
        raise _not_taken(f"A body of type {given!r} is not taken. {hint}" if given else hint)
    charset = _CHARSET.search(given)
    if charset is not None and charset[1].lower() not in _UTF8:
        raise _not_taken(f"A file in {charset[1]} is not taken; save it in UTF-8.")
    return found


def _not_taken(detail: str) -> Problem:
    return Problem("unsupported-media-type", detail, headers={"Accept": _TAKEN})


async def chunks_of(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes in; raises 400 when it breaks off."""
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect as error:
        raise Problem("malformed-body", "The body broke off.") from error


async def take_in(
    request: Request, db: Database, maker: Maker, wanted: FileFormat | None, *, is_dry_run: bool
) -> ImportReport:
    """Make links of the file that is sent, or report what would come of it."""
    run = rehearse_import if is_dry_run else import_links
    return await run(chunks_of(request), format_of(request, wanted), db, maker)


async def export(request: Request, db: Database, caller: Principal, file_format: FileFormat) -> StreamingResponse:
    """All links as a file that is sent while it is read.

    The first page is read before anything is sent, so that a storage that is away is told in words; what goes wrong
    later breaks the connection, so that no part of a file is taken for the whole.
    """
    rest = pages(db)
    first = await anext(rest)
    content = file_of(_behind(first, rest, is_alone=request.method == "HEAD"), file_format, columns_for(caller))
    headers = {"Content-Disposition": f'attachment; filename="links.{file_format}"'}
    return StreamingResponse(content, headers=headers, media_type=MEDIA_TYPES[file_format])


async def _behind(
    first: Sequence[StoredLink], rest: AsyncIterator[Sequence[StoredLink]], *, is_alone: bool
) -> AsyncIterator[Sequence[StoredLink]]:
    """The first page and the others; that one alone where nobody reads the file."""
    yield first
    if is_alone:
        return
    async for links in rest:
        yield links
