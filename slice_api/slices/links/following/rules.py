"""Redirect rules: which one sends a visitor on.

All of it runs while the visitor waits, so a request is read only as far as some rule asks: the user agent by patterns
and never by its parser, the crawler list for rules on bots alone.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol
from urllib.parse import unquote_to_bytes

from slice_api.slices.links.languages import best_languages, covers
from slice_api.slices.links.schemas import Rule, RuleConditions
from slice_api.slices.links.visits.visitors import is_bot

# Windows phones called themselves both Android and iPhone, to be given the pages of these.
_WINDOWS_PHONE: Final = re.compile(r"Windows Phone|IEMobile", re.IGNORECASE)
_ANDROID: Final = re.compile(r"Android", re.IGNORECASE)
_IOS: Final = re.compile(r"iPhone|iPad|iPod", re.IGNORECASE)
_MOBILE: Final = re.compile(r"Mobi|Phone|BlackBerry|BB10|Opera Mini|Symbian|Kindle|Silk/", re.IGNORECASE)
_DESKTOP: Final = re.compile(r"Windows NT|Macintosh|X11|CrOS|Linux", re.IGNORECASE)


class Asker(Protocol):
    """Who asks, as far as rules look; texts and bytes just as they came."""

    @property
    def user_agent(self) -> str: ...
    @property
    def accept_language(self) -> str: ...
    @property
    def query(self) -> bytes: ...
    @property
    def is_prefetch(self) -> bool: ...


class _Facts(NamedTuple):
    """What is read of a request, once for all rules; empty where no rule asks."""

    devices: frozenset[str]
    languages: tuple[str, ...]
    query: frozenset[tuple[bytes, bytes]]


def chosen_rule(rules: Sequence[Rule], asker: Asker, now: datetime) -> int | None:
    """The index of the first rule whose every condition holds; None when that is none."""
    if not rules:
        return None
    facts = _facts_for(rules, asker)
    return next((index for index, rule in enumerate(rules) if _holds(rule.when, facts, now)), None)


def _facts_for(rules: Sequence[Rule], asker: Asker) -> _Facts:
    devices = {rule.when.device for rule in rules} - {None}
    return _Facts(
        _devices(asker, is_bot_asked="bot" in devices) if devices else frozenset(),
        best_languages(asker.accept_language) if any(rule.when.language for rule in rules) else (),
        _pairs(asker.query) if any(rule.when.query for rule in rules) else frozenset(),
    )


def _holds(when: RuleConditions, facts: _Facts, now: datetime) -> bool:
    if when.device is not None and when.device not in facts.devices:
        return False
    if when.language is not None and not any(covers(when.language, tag) for tag in facts.languages):
        return False
    if when.query is not None and not facts.query.issuperset(_encoded(when.query)):
        return False
    if when.after is not None and now < when.after:
        return False
    return when.before is None or now < when.before


def _devices(asker: Asker, *, is_bot_asked: bool) -> frozenset[str]:
    """The kinds of device that a request fits: a phone is two, and a crawler may call itself a phone."""
    kinds = devices_of(asker.user_agent)
    if is_bot_asked and (asker.is_prefetch or is_bot(asker.user_agent)):
        return kinds | {"bot"}
    return kinds


def devices_of(user_agent: str) -> frozenset[str]:
    """`android` and `ios`, each with `mobile`; `mobile` alone for other phones; `desktop`; nothing for the rest."""
    if _WINDOWS_PHONE.search(user_agent):
        return frozenset({"mobile"})
    if _ANDROID.search(user_agent):
        return frozenset({"mobile", "android"})
    if _IOS.search(user_agent):
        return frozenset({"mobile", "ios"})
    if _MOBILE.search(user_agent):
        return frozenset({"mobile"})
    return frozenset({"desktop"}) if _DESKTOP.search(user_agent) else frozenset()


def _pairs(query: bytes) -> frozenset[tuple[bytes, bytes]]:
    """The names and values of a query, decoded but left as bytes: what is no UTF-8 is like no text."""
    cut = (pair.partition(b"=") for pair in query.replace(b"+", b" ").split(b"&") if pair)
    return frozenset((unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in cut)


def _encoded(query: dict[str, str]) -> set[tuple[bytes, bytes]]:
    return {(name.encode(), value.encode()) for name, value in query.items()}
