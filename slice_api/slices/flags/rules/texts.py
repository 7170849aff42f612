"""`cat`, `substr` and `in`."""

from collections.abc import Sequence
from typing import Any

from slice_api.slices.flags.rules.budget import Budget, spend, spend_on_text
from slice_api.slices.flags.rules.parts import Evaluate, Part, Setting, argument
from slice_api.slices.flags.rules.values import (
    NUMBERS,
    UNDEFINED,
    Number,
    is_simple,
    is_strictly_equal,
    joined,
    number_of,
    text_of,
)


def build_cat(args: Sequence[Part], _setting: Setting) -> Evaluate:
    runs = [arg.run for arg in args]
    return lambda data, budget: joined([run(data, budget) for run in runs], budget)


def build_substr(args: Sequence[Part], _setting: Setting) -> Evaluate:
    """`[text, start, length]`: a negative start counts from the end, a negative length leaves off so many there."""
    text, start, length = (argument(args, at).run for at in range(3))

    def run(data: Any, budget: Budget) -> str:
        source, first, count = text(data, budget), start(data, budget), length(data, budget)
        whole = text_of(source, budget)
        at = _whole(number_of(first, budget), len(whole))
        rest = whole[at:] if at >= 0 else whole[max(0, len(whole) + at) :]
        wanted = len(rest) if count is UNDEFINED else number_of(count, budget)
        spend_on_text(budget, len(rest))
        return rest[: max(0, _whole(wanted if wanted >= 0 else len(rest) + wanted, len(rest)))]

    return run


def _whole(number: Number, most: int) -> int:
    """The number without its fraction, no farther from 0 than makes a difference; 0 for NaN."""
    return 0 if number != number else int(max(-most - 1, min(most, number)))


def build_in(args: Sequence[Part], _setting: Setting) -> Evaluate:
    """Whether an array holds a value (`===`), or a text another."""
    needle, hay = argument(args, 0).run, argument(args, 1)
    if hay.value.__class__ is list and all(map(is_simple, hay.value)):
        return _in_known(needle, hay.value)
    read = hay.run

    def run(data: Any, budget: Budget) -> bool:
        value, among = needle(data, budget), read(data, budget)
        if among.__class__ is str:
            spend_on_text(budget, len(among) >> 4)
            return among != "" and text_of(value, budget) in among
        return among.__class__ is list and _holds(among, value, budget)

    return run


def _holds(among: list[Any], value: Any, budget: Budget) -> bool:
    spend(budget, len(among) >> 3)
    if value.__class__ is str:
        return value in among
    return any(is_strictly_equal(value, item, budget) for item in among)


def _in_known(needle: Evaluate, among: list[Any]) -> Evaluate:
    """Against an array that the rule holds: looked up, not searched."""
    texts = frozenset(item for item in among if item.__class__ is str)
    numbers = frozenset(item for item in among if item.__class__ in NUMBERS and item == item)
    others = [item for item in among if item is None or item.__class__ is bool]

    def run(data: Any, budget: Budget) -> bool:
        value = needle(data, budget)
        if value.__class__ is str:
            return value in texts
        if value.__class__ in NUMBERS:
            return value in numbers
        return any(value is item for item in others)

    return run
