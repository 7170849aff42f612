"""The pieces that a rule is compiled to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from slice_api.slices.flags.rules.budget import Budget
from slice_api.slices.flags.rules.values import UNDEFINED

Evaluate = Callable[[Any, Budget], Any]
"""A compiled expression: the data in scope and the budget in, the result out. May raise RuleFailure."""

Bucketing = Literal["v2", "v3"]
"""How `fractional` hashes: over UTF-8 text, or over deterministic CBOR."""

LONGEST_SHARED_TEXT: Final = 100
"""What is shared is kept after its rules are gone; longer texts are not."""

_TEXT: Final = frozenset({str})

VARIES: Final = object()
"""Stands for the value of a part that is not the same for all data."""


class OneOf(NamedTuple):
    """That a field of the data is one of some texts, or loosely equal to one: other texts are not, nor is null."""

    key: str
    texts: tuple[str, ...]
    loose: tuple[str, ...] = ()
    """Those of them that a number, a boolean or an array may be equal to, in their order."""


# Not frozen, and equal to itself alone: thousands of them are made and looked up when many flags are loaded.
@dataclass(slots=True, eq=False)
class Part:
    """A compiled expression, how many steps it takes at most, and its value where that is known already.

    It never changes. Rules that have parts in common share what these are compiled to, so that what all flags look at
    stays near the CPU.
    """

    run: Evaluate
    size: int = 1
    value: Any = VARIES
    key: str | None = None
    """The field of the data that it reads, where that is all it does."""
    test: OneOf | None = None
    """What it tests, where that is all it does."""
    is_shared: bool = False
    """Whether other rules that have the same part are given this very one."""

    @property
    def is_constant(self) -> bool:
        return self.value is not VARIES


Watch = Callable[[Any, tuple[str | int, ...], Evaluate], Evaluate]
"""Wraps each operator of a rule: its JSON, where it stands in the rule, and what it was compiled to."""


class Setting(NamedTuple):
    """What the parts of one rule share."""

    flag_key: str
    bucketing: Bucketing
    evaluators: Mapping[str, Any]
    watch: Watch | None = None


Build = Callable[[Sequence[Part], Setting], Evaluate]
"""An operator: its compiled arguments in, a compiled expression out."""


def constant(value: Any) -> Part:
    """A value that stands for itself; that of a text or a whole number is the same for all rules.

    Lists are not: JavaScript takes two of them for different, whatever is in them.
    """
    if value.__class__ is str:
        return _shared(value) if len(value) <= LONGEST_SHARED_TEXT else known(value)
    return _shared(value) if value.__class__ is int else known(value)


def is_texts(value: Any) -> bool:
    """Whether it is an array of nothing but texts."""
    return value.__class__ is list and _TEXT.issuperset(map(type, value))


@lru_cache(maxsize=4096)
def _shared(value: str | int) -> Part:
    return known(value, is_shared=True)


@lru_cache(maxsize=2048)
def texts(values: tuple[str, ...]) -> Part:
    """A list of texts, the same for all rules, for operators that only look into it."""
    return known(list(values), is_shared=True)


def known(value: Any, *, is_shared: bool = False) -> Part:
    """A value that stands for itself, made anew."""
    return Part(lambda _data, _budget: value, 0, value, None, None, is_shared)


NULL: Final = constant(None)
_ABSENT: Final = constant(UNDEFINED)


def size_of(parts: Sequence[Part]) -> int:
    """The steps of what is made of these parts: few values that are known cost next to nothing, many do."""
    return max(1, len(parts) - 1) + sum([part.size for part in parts])


def argument(args: Sequence[Part], at: int) -> Part:
    """The argument at a place, or one that is JavaScript's undefined."""
    return args[at] if at < len(args) else _ABSENT
