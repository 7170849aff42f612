"""Semantic versions 2.0.0 (semver.org): reading and ordering them, and the operator `sem_ver`."""

import operator
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from slice_api.slices.flags.rules.budget import Budget
from slice_api.slices.flags.rules.parts import Evaluate, Part, Setting
from slice_api.slices.flags.rules.values import NUMBERS, number_text

MAX_LENGTH: Final = 256

_NUMBER: Final = r"0|[1-9]\d*"
_VERSION: Final = re.compile(
    rf"[vV]?({_NUMBER})(?:\.({_NUMBER})(?:\.({_NUMBER})"
    rf"(?:-((?:{_NUMBER}|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:{_NUMBER}|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?)?)?",
    re.ASCII,
)


class Version(NamedTuple):
    """A version; two of them compare by precedence (section 11). Build metadata is no part of it."""

    major: int
    minor: int
    patch: int
    is_release: bool
    prerelease: tuple[tuple[bool, int, str], ...]


Holds = Callable[[Version, Version], bool]

RELATIONS: Final[dict[str, Holds]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "^": lambda one, other: one.major == other.major,
    "~": lambda one, other: one[:2] == other[:2],
}


@lru_cache(maxsize=1024)
def parse_version(text: str) -> Version | None:
    """The version that a text is, with or without a v before it, its minor and patch number; None for none."""
    found = _VERSION.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if found is None:
        return None
    major, minor, patch, prerelease = found.groups()
    identifiers = tuple(map(_identifier, prerelease.split("."))) if prerelease else ()
    return Version(int(major), int(minor or 0), int(patch or 0), not identifiers, identifiers)


def _identifier(text: str) -> tuple[bool, int, str]:
    """Numbers come before texts, and in their own order."""
    return (False, int(text), "") if text.isdecimal() else (True, 0, text)


def build_sem_ver(args: Sequence[Part], _setting: Setting) -> Evaluate:
    """`[version, relation, version]`; null where one of the three is none."""
    if len(args) != 3:
        return lambda _data, _budget: None
    one, relation, other = args
    holds = _relation(relation.value)
    if other.is_constant and holds is not None:
        return _against(one.run, holds, _version(other.value))
    read, compare, against = one.run, relation.run, other.run

    def run(data: Any, budget: Budget) -> bool | None:
        first, holds, second = read(data, budget), _relation(compare(data, budget)), against(data, budget)
        left, right = _version(first), _version(second)
        return holds(left, right) if holds and left and right else None

    return run


def _against(read: Evaluate, holds: Holds, known: Version | None) -> Evaluate:
    def run(data: Any, budget: Budget) -> bool | None:
        version = _version(read(data, budget))
        return holds(version, known) if version and known else None

    return run


def _relation(value: Any) -> Holds | None:
    return RELATIONS.get(value) if value.__class__ is str else None


def _version(value: Any) -> Version | None:
    if value.__class__ is str:
        return parse_version(value)
    return parse_version(number_text(value)) if value.__class__ in NUMBERS else None
