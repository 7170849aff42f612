"""Cutting a CSV or NDJSON file into its records while it comes in, holding no more than one of them."""

import asyncio
from collections.abc import AsyncIterator
from enum import Enum, auto
from typing import Final, Literal, NamedTuple

FileFormat = Literal["ndjson", "csv"]

MOST_BYTES: Final = 65_536
"""How long a record may be; of a longer one nothing is held."""
_MANY: Final = 256
_TOO_LONG: Final = f"is longer than {MOST_BYTES:,} bytes"
_BOM: Final = b"\xef\xbb\xbf"
_DELIMITERS: Final = (b",", b";", b"\t")


class Record(NamedTuple):
    """One record as it lies in the file."""

    line: int
    """The line of the file that it begins on, from 1."""
    data: bytes
    delimiter: str
    fault: str | None
    """Why it cannot be read."""


class _Piece(NamedTuple):
    data: bytes
    is_end: bool
    """Whether the line ends with it."""


class _Place(Enum):
    """Where in a record of CSV the next byte stands (RFC 4180, section 2)."""

    BEFORE_FIELD = auto()
    IN_FIELD = auto()
    IN_QUOTES = auto()
    BEHIND_QUOTE = auto()


async def records(chunks: AsyncIterator[bytes], file_format: FileFormat) -> AsyncIterator[Record | None]:
    """The records of a file, the header of CSV among them; None wherever the next ones are yet to come in.

    Empty lines are passed over.
    """
    line, number, place, delimiter = 1, 1, _Place.BEFORE_FIELD, b""
    held = bytearray()
    async for piece in _pieces(chunks, file_format):
        if file_format == "csv":
            delimiter = delimiter or _delimiter_of(piece.data)
            place = _place_after(piece.data, place, delimiter or b",")
        if len(held) <= MOST_BYTES:
            held += piece.data
        if not piece.is_end:
            yield None
            continue
        number += 1
        if place is _Place.IN_QUOTES:
            continue
        if held.strip():
            yield _record(line, held, delimiter)
        line, place, held = number, _Place.BEFORE_FIELD, bytearray()
    if held.strip():
        yield _record(line, held, delimiter, "has a quotation mark that is never closed")


def _record(line: int, held: bytearray, delimiter: bytes, fault: str | None = None) -> Record:
    if len(held) > MOST_BYTES:
        return Record(line, b"", delimiter.decode(), _TOO_LONG + ("; is a quotation mark missing?" if fault else ""))
    return Record(line, bytes(held), delimiter.decode() or ",", fault)


async def _pieces(chunks: AsyncIterator[bytes], file_format: FileFormat) -> AsyncIterator[_Piece]:
    """The lines of a file; one that is too long comes in pieces, as does nothing at the end of each chunk.

    Other work has its turn every so many of them.
    """
    held, is_begun = b"", False
    async for chunk in _small(chunks):
        lines, held = _lines(held + chunk, file_format)
        for at, data in enumerate(lines):
            yield _Piece(data if is_begun else data.removeprefix(_BOM), is_end=True)
            is_begun = True
            if at % _MANY == 0:
                await asyncio.sleep(0)
        # Only what is too long is let go of; a carriage return at its end may be half a line break.
        cut = len(held) - held.endswith(b"\r") if len(held) > MOST_BYTES else 0
        yield _Piece(held[:cut], is_end=False)
        held, is_begun = held[cut:], is_begun or cut > 0
    if held:
        yield _Piece(held if is_begun else held.removeprefix(_BOM), is_end=True)


async def _small(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces that are quickly gone through."""
    async for chunk in chunks:
        for at in range(0, len(chunk), MOST_BYTES):
            yield chunk[at : at + MOST_BYTES]


def _lines(data: bytes, file_format: FileFormat) -> tuple[list[bytes], bytes]:
    """The whole lines, and what has come of the next one. CSV may end its lines as any system does."""
    if file_format == "ndjson":
        *lines, rest = data.split(b"\n")
        return lines, rest
    lines = data.splitlines(keepends=True)
    is_whole = not lines or lines[-1].endswith(b"\n")
    return (lines, b"") if is_whole else (lines[:-1], lines[-1])


def _delimiter_of(header: bytes) -> bytes:
    """What stands between the names of a header; nothing for a line that is empty."""
    if not header.strip():
        return b""
    outside = b"".join(header.split(b'"')[::2])
    return max(_DELIMITERS, key=outside.count)


def _place_after(data: bytes, place: _Place, delimiter: bytes) -> _Place:
    """Where a record stands behind these bytes of it."""
    if place is _Place.IN_QUOTES or b'"' in data:
        return _place_behind(data, place, delimiter)
    return _Place.BEFORE_FIELD if data.endswith(delimiter) else _Place.IN_FIELD


def _place_behind(data: bytes, place: _Place, delimiter: bytes) -> _Place:
    """The same, field by field."""
    at = 0
    while at < len(data):
        match place:
            case _Place.IN_QUOTES:
                at, place = _behind(data, b'"', at), _Place.BEHIND_QUOTE
                if not at:
                    return _Place.IN_QUOTES
            case _Place.IN_FIELD:
                at, place = _behind(data, delimiter, at), _Place.BEFORE_FIELD
                if not at:
                    return _Place.IN_FIELD
            case _:  # only a quote changes something here
                is_quote = data[at : at + 1] == b'"'
                at, place = (at + 1, _Place.IN_QUOTES) if is_quote else (at, _Place.IN_FIELD)
    return place


def _behind(data: bytes, wanted: bytes, at: int) -> int:
    """The place behind the next byte that is wanted; 0 when there is none."""
    return data.find(wanted, at) + 1
