"""Whether a client would rather have a page or data."""

import re
from typing import Final

_QUALITY: Final = re.compile(r";\s*q=\s*([01](?:\.\d{0,3})?)\s*(?:;|$)", re.IGNORECASE)

HTML: Final = "text/html"
JSON: Final = "application/json"


def prefers_page(accept: str, *, by_default: bool) -> bool:
    """Whether an Accept header ranks HTML above JSON; `by_default` when it ranks them alike, as `*/*` does."""
    html, json = _rank(accept, HTML), max(_rank(accept, JSON), _rank(accept, "application/problem+json"))
    return by_default if html == json else html > json


def _rank(accept: str, media_type: str) -> float:
    """The quality an Accept header gives a media type (RFC 9110, section 12.5.1): the most telling range decides."""
    ranges = dict(_range(item) for item in accept.lower().split(","))
    for name in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0


def _range(item: str) -> tuple[str, float]:
    found = _QUALITY.search(item)
    return item.partition(";")[0].strip(), float(found[1]) if found else 1.0
