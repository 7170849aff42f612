"""Drawing QR codes (ISO/IEC 18004), to the pixel as large as asked."""

import struct
import zlib
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from slice_api.chassis import Schema, invalid
from slice_api.slices.links.colors import as_hex, contrast, parse_color

Format = Literal["svg", "png"]
ErrorCorrection = Literal["L", "M", "Q", "H"]

MEDIA_TYPES: Final = {"svg": "image/svg+xml", "png": "image/png"}

# Scanners want the modules dark on a light ground; below this contrast (WCAG 2.2) cheap cameras give up.
_LEAST_CONTRAST: Final = 3.0


def _as_color(text: str) -> str:
    return as_hex(parse_color(text))


ColorText = Annotated[str, Field(max_length=20), AfterValidator(_as_color)]


class QrStyle(Schema):
    """How a QR code looks."""

    format: Format = "svg"
    size: Annotated[int, Field(ge=64, le=2000)] = 300
    margin: Annotated[int, Field(ge=0, le=20)] = 4
    error_correction: ErrorCorrection = "M"
    color: ColorText = "#000000"
    background: ColorText = "#ffffff"


def check_readable(style: QrStyle) -> None:
    """Raise 422 when no scanner could tell the modules from the ground."""
    ratio = contrast(parse_color(style.color), parse_color(style.background))
    if ratio < _LEAST_CONTRAST:
        raise invalid(
            "query/color",
            f"must be darker than the background, by a contrast of {_LEAST_CONTRAST:g}:1 or more; it is {ratio:.1f}:1",
        )


def qr_tag(text: str, style: QrStyle) -> str:
    """The ETag: the same text in the same style is always the same picture."""
    return f'"{blake2b(f"{text} {style!r}".encode(), digest_size=12).hexdigest()}"'


@lru_cache(maxsize=128)
def draw_qr(text: str, style: QrStyle) -> bytes:
    """The picture; takes some milliseconds. Raises 422 when the size leaves less than one pixel for a module."""
    import segno  # not at start, which draws nothing

    code = segno.make_qr(text, error=style.error_correction, boost_error=False)
    modules = len(code.matrix) + 2 * style.margin
    if modules > style.size:
        raise invalid("query/size", f"must be at least {modules} pixels for this code and margin")
    rows = [bytes(row) for row in code.matrix]
    return _svg(rows, modules, style) if style.format == "svg" else _png(rows, modules, style)


def _svg(rows: list[bytes], modules: int, style: QrStyle) -> bytes:
    """One rectangle and one path, in units of a module, scaled by the viewBox."""
    runs = "".join(
        f"M{style.margin + start} {style.margin + y}h{length}v1h-{length}z"
        for y, row in enumerate(rows)
        for start, length in _runs(row)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{style.size}" height="{style.size}" '
        f'viewBox="0 0 {modules} {modules}" shape-rendering="crispEdges">'
        f'<path fill="{style.background}" d="M0 0h{modules}v{modules}h-{modules}z"/>'
        f'<path fill="{style.color}" d="{runs}"/></svg>\n'
    ).encode()


def _runs(row: bytes) -> Iterable[tuple[int, int]]:
    """Start and length of each run of dark modules."""
    start = row.find(1)
    while start >= 0:
        end = row.find(0, start)
        end = len(row) if end < 0 else end
        yield start, end - start
        start = row.find(1, end)


def _png(rows: list[bytes], modules: int, style: QrStyle) -> bytes:
    """A PNG of two colours (ISO/IEC 15948), every module a whole number of pixels, what is left over around them."""
    scale = style.size // modules
    before = (style.size - scale * len(rows[0])) // 2
    after = style.size - before - scale * len(rows[0])
    blank = _scanline(bytes(style.size))
    lines = [blank * before]
    for row in rows:
        pixels = b"".join(bytes((module,)) * scale for module in row)
        lines.append(_scanline(bytes(before) + pixels + bytes(after)) * scale)
    lines.append(blank * after)
    palette = bytes((*parse_color(style.background), *parse_color(style.color)))
    header = struct.pack(">IIBBBBB", style.size, style.size, 1, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(b"".join(lines), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _scanline(pixels: bytes) -> bytes:
    """Pixels of 0 and 1 as a filter byte and eight to a byte."""
    width = (len(pixels) + 7) // 8
    bits = int(pixels.translate(_DIGITS).decode().ljust(width * 8, "0"), 2)
    return b"\0" + bits.to_bytes(width, "big")


_DIGITS: Final = bytes.maketrans(b"\0\1", b"01")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
