"""What a client would rather have, by its Accept header (RFC 9110, section 12.5.1)."""

from typing import Final

HTML: Final = "text/html"
JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"


def accepts(accept: str, media_type: str) -> bool:
    """Whether an Accept header takes a media type."""
    return _quality_of(accept, media_type) > 0


def prefers_page(accept: str, *, by_default: bool) -> bool:
    """Whether an Accept header ranks HTML above JSON; `by_default` when it ranks them alike, as `*/*` does."""
    html, json = _quality_of(accept, HTML), max(_quality_of(accept, JSON), _quality_of(accept, PROBLEM))
    return by_default if html == json else html > json


def _quality_of(accept: str, media_type: str) -> float:
    """The quality that an Accept header gives a media type: the most telling range decides."""
    main = media_type.partition("/")[0]
    best: tuple[int, float] = (-1, 0.0)
    for item in accept.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        rank = {"*/*": 0, f"{main}/*": 1, media_type: 2}.get(name or "*/*", -1)
        best = max(best, (rank, _quality_in(parameters)))
    return best[1] if best[0] >= 0 else 0.0


def _quality_in(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
