"""Badges as pictures: a word and a state beside it, read out by what reads pages to people."""

from html import escape
from typing import Final

from slice_api.slices.heartbeats.badges.handling import Told

COLORS: Final[dict[Told, str]] = {"up": "#4c1", "late": "#fe7d37", "down": "#e05d44"}

_NARROW: Final = frozenset("fijlrt.,:;!|'()[] I")
_WIDE: Final = frozenset("mwMWGOQ@%")
_PADDING: Final = 6
_MOST_LABEL: Final = 100
_PICTURE: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{label}: {status}">
<title>{label}: {status}</title>
<clipPath id="edge"><rect width="{width}" height="20" rx="3"/></clipPath>
<g clip-path="url(#edge)">
<rect width="{split}" height="20" fill="#555"/>
<rect x="{split}" width="{rest}" height="20" fill="{color}"/>
</g>
<g font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle" aria-hidden="true">
<text x="{label_at}" y="14" fill="#fff" textLength="{label_long}" lengthAdjust="spacingAndGlyphs">{label}</text>
<text x="{status_at}" y="14" fill="#111" textLength="{status_long}" lengthAdjust="spacingAndGlyphs">{status}</text>
</g>
</svg>
"""


def badge(label: str, status: Told) -> str:
    """The badge as an SVG document."""
    label = label if len(label) <= _MOST_LABEL else f"{label[: _MOST_LABEL - 1]}…"
    label_long, status_long = _length(label), _length(status)
    split, rest = label_long + 2 * _PADDING, status_long + 2 * _PADDING
    return _PICTURE.format(
        width=split + rest,
        split=split,
        rest=rest,
        color=COLORS[status],
        label=escape("".join(each if each.isprintable() else " " for each in label)),
        status=status,
        label_at=split / 2,
        status_at=split + rest / 2,
        label_long=label_long,
        status_long=status_long,
    )


def _length(text: str) -> int:
    """About how many pixels wide a text is; the picture is drawn so that it fits."""
    return sum(4 if each in _NARROW else 10 if each in _WIDE or ord(each) > 0x2E80 else 7 for each in text)
