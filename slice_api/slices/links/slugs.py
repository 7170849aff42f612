"""Slugs: which texts may be one."""

import re
import unicodedata
from typing import Final

MAX_LENGTH: Final = 64

# Names that browsers, crawlers and certificate authorities ask every host for.
WELL_KNOWN: Final = frozenset({
    ".well-known", "ads.txt", "apple-touch-icon.png", "favicon.ico", "humans.txt", "index.html", "robots.txt",
    "security.txt", "sitemap.xml",
})  # fmt: skip

# Names under /api/links that are no links.
OWN_NAMES: Final = frozenset({"export", "import", "stats"})

# One emoji, with skin tone and variation selector, and more of them tied to it by zero-width joiners; flags are pairs
# of regional indicators.
_PICTURE: Final = "[\u2300-\u23ff\u2600-\u27bf\u2b05-\u2b55\U0001f000-\U0001faff]"
_EMOJI: Final = f"{_PICTURE}[\U0001f3fb-\U0001f3ff]?\ufe0f?"
_SEQUENCE: Final = re.compile(f"{_EMOJI}(?:\u200d{_EMOJI})*")


def normal_slug(text: str) -> str:
    """The form that slugs are kept and looked up in (NFC), so that it does not matter how an é was typed."""
    return unicodedata.normalize("NFC", text)


def check_slug(text: str) -> str:
    """The slug in NFC; raises ValueError with what is wrong when it cannot be one.

    Letters and digits of any script with their marks, emoji, hyphens and underscores. Joiners and variation selectors
    stand inside emoji alone; other invisible characters nowhere.
    """
    slug = normal_slug(text)
    if slug in WELL_KNOWN:
        raise ValueError("is reserved: browsers and crawlers ask every host for it")
    if slug in OWN_NAMES:
        raise ValueError(f"is reserved: /api/links/{slug} is something else than a link")
    if not 1 <= len(slug) <= MAX_LENGTH:
        raise ValueError(f"must have 1 to {MAX_LENGTH} characters")
    plain = _SEQUENCE.sub(_as_hyphen, slug)
    for before, char in zip("-" + plain, plain, strict=False):
        if not _fits(char, before):
            raise ValueError(f"must be letters, digits, emoji, hyphens and underscores; {char!r} cannot stand there")
    return slug


def _as_hyphen(found: re.Match[str]) -> str:
    """A hyphen for an emoji; what only lies among them, such as a bracket, stays and is refused."""
    pictures = (char for char in found[0] if char not in "\u200d\ufe0f")
    return "-" if all(unicodedata.category(char) in ("So", "Sk") for char in pictures) else found[0]


def _fits(char: str, before: str) -> bool:
    category = unicodedata.category(char)
    if category.startswith("M"):
        return unicodedata.category(before)[0] in "LM" and not "\ufe00" <= char <= "\ufe0f"
    return char in "-_" or category[0] == "L" or category == "Nd"
