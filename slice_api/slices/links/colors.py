"""Colours of a QR code: how they may be written, and which two a scanner can tell apart."""

import re
from typing import Final

Color = tuple[int, int, int]
"""Red, green and blue, 0 to 255 each."""

# The sixteen basic colours of CSS, and orange.
NAMES: Final[dict[str, str]] = {
    "black": "000000", "silver": "c0c0c0", "gray": "808080", "grey": "808080", "white": "ffffff", "maroon": "800000",
    "red": "ff0000", "purple": "800080", "fuchsia": "ff00ff", "green": "008000", "lime": "00ff00", "olive": "808000",
    "yellow": "ffff00", "navy": "000080", "blue": "0000ff", "teal": "008080", "aqua": "00ffff", "orange": "ffa500",
}  # fmt: skip

_HEX = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE | re.ASCII)


def parse_color(text: str) -> Color:
    """`#336699`, `336699`, `#369` or a basic colour name; raises ValueError for anything else."""
    found = _HEX.fullmatch(NAMES.get(text.lower(), text))
    if found is None:
        raise ValueError("must be a colour such as #336699, 336699 or navy")
    digits = found[1] if len(found[1]) == 6 else "".join(digit * 2 for digit in found[1])
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


def as_hex(color: Color) -> str:
    return "#" + bytes(color).hex()


def contrast(dark: Color, light: Color) -> float:
    """The contrast ratio of WCAG 2.2, below 1 when `dark` is the lighter of the two."""
    return (_luminance(light) + 0.05) / (_luminance(dark) + 0.05)


def _luminance(color: Color) -> float:
    red, green, blue = (_linear(part / 255) for part in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
