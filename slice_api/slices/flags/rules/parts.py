"""The pieces that a rule is compiled to."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from slice_api.slices.flags.rules.budget import Budget
from slice_api.slices.flags.rules.values import UNDEFINED

Evaluate = Callable[[Any, Budget], Any]
"""A compiled expression: the data in scope and the budget in, the result out. May raise RuleFailure."""

Bucketing = Literal["v2", "v3"]
"""How `fractional` hashes: over UTF-8 text, or over deterministic CBOR."""

VARIES: Final = object()
"""Stands for the value of a part that is not the same for all data."""


class Part(NamedTuple):
    """A compiled expression, how many steps it takes at most, and its value where that is known already."""

    run: Evaluate
    size: int = 1
    value: Any = VARIES
    key: str | None = None
    """The field of the data that it reads, where that is all it does."""

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
    """A value that stands for itself; that of a text is the same for all rules."""
    return _text(value) if value.__class__ is str else _value(value)


@lru_cache(maxsize=4096)
def _text(value: str) -> Part:
    return _value(value)


def _value(value: Any) -> Part:
    return Part(lambda _data, _budget: value, size=0, value=value)


NULL: Final = constant(None)
_ABSENT: Final = constant(UNDEFINED)


def size_of(parts: Sequence[Part]) -> int:
    """The steps of what is made of these parts: few values that are known cost next to nothing, many do."""
    return max(1, len(parts) - 1) + sum(part.size for part in parts)


def argument(args: Sequence[Part], at: int) -> Part:
    """The argument at a place, or one that is JavaScript's undefined."""
    return args[at] if at < len(args) else _ABSENT
