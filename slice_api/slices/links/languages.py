"""Languages: the ranges that rules name, and which of them covers what a visitor reads best."""

import re
from typing import Final

_RANGE: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,7}", re.ASCII)
_QUALITY: Final = re.compile(r"0(?:\.\d{0,3})?|1(?:\.0{0,3})?", re.ASCII)
_ANY: Final = "*"


def check_language(text: str) -> str:
    """A language range in its customary case (RFC 5646, section 2.1.1); raises ValueError for what is none."""
    if _RANGE.fullmatch(text) is None:
        raise ValueError("must be a language such as de or de-AT (BCP 47)")
    return _customary(text)


def _customary(tag: str) -> str:
    """de-AT, zh-Hant-TW; what stands behind a single character is lower-case."""
    first, *rest = tag.lower().split("-")
    cased, before = [first], first
    for part in rest:
        is_plain = len(before) > 1
        cased.append(
            part.upper() if is_plain and len(part) == 2 else part.title() if is_plain and len(part) == 4 else part
        )
        before = part
    return "-".join(cased)


def covers(language: str, tag: str) -> bool:
    """Whether a range covers a tag: itself and what begins with it and a hyphen (RFC 4647, section 3.3.1)."""
    language, tag = language.lower(), tag.lower()
    return tag == language or tag.startswith(f"{language}-")


def best_languages(accept_language: str) -> tuple[str, ...]:
    """The tags of the highest quality in an Accept-Language header (RFC 9110, section 12.5.4), as they came.

    `q=0` is a refusal and `*` no preference; neither is among them, and nothing that cannot be read is.
    """
    offers = [offer for item in accept_language.split(",") if (offer := _offer(item))]
    highest = max((quality for _, quality in offers), default=0.0)
    return tuple(tag for tag, quality in offers if quality == highest)


def _offer(item: str) -> tuple[str, float] | None:
    tag, *parameters = (part.strip() for part in item.split(";"))
    quality = _quality(parameters)
    return (tag, quality) if tag not in ("", _ANY) and quality > 0 else None


def _quality(parameters: list[str]) -> float:
    """The quality value; 1 where none is given, 0 for one that cannot be read."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            return float(value) if _QUALITY.fullmatch(value := value.strip()) else 0.0
    return 1.0
