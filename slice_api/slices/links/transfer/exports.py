"""All links as a file, a page at a time."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from slice_api.chassis import Database, PageQuery, Principal
from slice_api.slices.links.schemas import StoredLink
from slice_api.slices.links.store import LINKS
from slice_api.slices.links.transfer.cells import as_cell
from slice_api.slices.links.transfer.records import FileFormat
from slice_api.slices.links.transfer.rows import NOT_EXPORTED

MEDIA_TYPES: Final[Mapping[FileFormat, str]] = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8; header=present",
}
_TOGETHER: Final = 200
_SECRETS: Final = frozenset({"password_hash"})
"""What only those who may make links are given: it is what makes the same link of a row."""


def columns_for(caller: Principal) -> Sequence[str]:
    """The fields that stand in a caller's file: the slug first, then those of a stored link in their order."""
    left_out = NOT_EXPORTED if caller.has_scope("links:write") else NOT_EXPORTED | _SECRETS
    return ["slug", *(name for name in StoredLink.model_fields if name != "slug" and name not in left_out)]


async def pages(db: Database) -> AsyncIterator[Sequence[StoredLink]]:
    """All links in the order of their slugs' code points, each page as of its own moment; one page, empty, for none."""
    query: PageQuery | None = PageQuery(limit=_TOGETHER)
    while query is not None:
        page = await db.page(LINKS, query)
        yield page.items
        await asyncio.sleep(0)  # others have their turn, and so has the news that the reader is gone
        query = None if page.next is None else PageQuery(limit=_TOGETHER, after=page.next)


async def file_of(
    pages: AsyncIterator[Sequence[StoredLink]], file_format: FileFormat, columns: Sequence[str]
) -> AsyncIterator[bytes]:
    """The links as the bytes of a file, a piece for each page; RFC 4180 with a header, or a line of JSON for each."""
    if file_format == "csv":
        yield _csv_lines([[*columns, "has_password"]])
    async for links in pages:
        rows = [_row(link, columns) for link in links]
        if file_format == "csv":
            yield _csv_lines(map(as_cell, row.values()) for row in rows)
        else:
            yield b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


def _row(link: StoredLink, columns: Sequence[str]) -> dict[str, Any]:
    fields = link.model_dump(mode="json")
    return {**{name: fields[name] for name in columns}, "has_password": link.password_hash is not None}


def _csv_lines(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
