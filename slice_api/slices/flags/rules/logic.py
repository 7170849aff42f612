"""What decides: `if`, `and`, `or`, `!`, `!!`, and the comparisons."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

from slice_api.slices.flags.rules.budget import Budget
from slice_api.slices.flags.rules.choices import Branch, first_of, is_one_of, joint_test
from slice_api.slices.flags.rules.parts import NULL, Build, Evaluate, Part, Setting, argument
from slice_api.slices.flags.rules.paths import member
from slice_api.slices.flags.rules.values import NUMBERS, compares, is_loosely_equal, is_strictly_equal, is_truthy

Compare = Callable[[Any, Any], bool]
SameAs = Callable[[Any, Any, Budget], bool]


def build_if(args: Sequence[Part], _setting: Setting) -> Evaluate:
    """Conditions and what follows from them in turn; an odd one at the end is the else, null where there is none."""
    otherwise = args[-1].run if len(args) % 2 else NULL.run
    branches = [Branch(args[at], args[at + 1].run) for at in range(0, len(args) - 1, 2)]
    return first_of(branches, otherwise) if branches else otherwise


def build_and(args: Sequence[Part], _setting: Setting) -> Evaluate:
    """The first that is not true, else the last."""
    if len(args) < 2:
        return argument(args, 0).run
    if len(args) == 2:
        return _both(args[0].run, args[1].run)
    if len(args) == 3:
        return _all_three(args[0].run, args[1].run, args[2].run)
    *firsts, last = (arg.run for arg in args)

    def run(data: Any, budget: Budget) -> Any:
        for each in firsts:
            value = each(data, budget)
            if value is False or (value is not True and not is_truthy(value)):
                return value
        return last(data, budget)

    return run


def _both(one: Evaluate, last: Evaluate) -> Evaluate:
    def run(data: Any, budget: Budget) -> Any:
        value = one(data, budget)
        return last(data, budget) if value is True or is_truthy(value) else value

    return run


def _all_three(one: Evaluate, other: Evaluate, last: Evaluate) -> Evaluate:
    def run(data: Any, budget: Budget) -> Any:
        value = one(data, budget)
        if value is False or (value is not True and not is_truthy(value)):
            return value
        value = other(data, budget)
        return last(data, budget) if value is True or is_truthy(value) else value

    return run


def build_or(args: Sequence[Part], _setting: Setting) -> Evaluate:
    """The first that is true, else the last."""
    if len(args) < 2:
        return argument(args, 0).run
    test = joint_test(args)
    return is_one_of(test, _any_of(args)) if test else _any_of(args)


def _any_of(args: Sequence[Part]) -> Evaluate:
    *firsts, last = (arg.run for arg in args)

    def run(data: Any, budget: Budget) -> Any:
        for each in firsts:
            value = each(data, budget)
            if value is True or (value is not False and is_truthy(value)):
                return value
        return last(data, budget)

    return run


def build_not(args: Sequence[Part], _setting: Setting) -> Evaluate:
    value = argument(args, 0).run
    return lambda data, budget: not is_truthy(value(data, budget))


def build_truth(args: Sequence[Part], _setting: Setting) -> Evaluate:
    value = argument(args, 0).run
    return lambda data, budget: is_truthy(value(data, budget))


def equality(is_same: SameAs, is_wanted: bool) -> Build:
    """`==`, `===` and their opposites; quickest where one side is a text that the rule holds."""

    def build(args: Sequence[Part], _setting: Setting) -> Evaluate:
        one, other = argument(args, 0), argument(args, 1)
        if other.value.__class__ is str:
            if one.key is not None:
                return _is_text_at(one.key, other.value, is_same, is_wanted)
            return _is_text(one.run, other.value, is_same, is_wanted)
        if one.value.__class__ is str:
            return _is_text(other.run, one.value, is_same, is_wanted)
        left, right = one.run, other.run
        return lambda data, budget: is_same(left(data, budget), right(data, budget), budget) is is_wanted

    return build


def _is_text(read: Evaluate, text: str, is_same: SameAs, is_wanted: bool) -> Evaluate:
    def run(data: Any, budget: Budget) -> bool:
        value = read(data, budget)
        if value.__class__ is str:
            return (value == text) is is_wanted
        if value is None:
            return not is_wanted
        return is_same(value, text, budget) is is_wanted

    return run


def _is_text_at(key: str, text: str, is_same: SameAs, is_wanted: bool) -> Evaluate:
    """The commonest of all conditions in one step."""

    def run(data: Any, budget: Budget) -> bool:
        value = data.get(key) if data.__class__ is dict else member(data, key)
        if value.__class__ is str:
            return (value == text) is is_wanted
        if value is None:
            return not is_wanted
        return is_same(value, text, budget) is is_wanted

    return run


def comparison(compare: Compare) -> Build:
    """`>` and `>=`, which look at two arguments."""

    def build(args: Sequence[Part], _setting: Setting) -> Evaluate:
        one, other = argument(args, 0), argument(args, 1)
        if other.value.__class__ in NUMBERS:
            return _against(compare, one.run, other.value)
        left, right = one.run, other.run
        return lambda data, budget: _compared(compare, left(data, budget), right(data, budget), budget)

    return build


def _compared(compare: Compare, one: Any, other: Any, budget: Budget) -> bool:
    if one.__class__ in NUMBERS and other.__class__ in NUMBERS:
        return compare(one, other)
    return compares(compare, one, other, budget)


def _against(compare: Compare, read: Evaluate, number: float) -> Evaluate:
    def run(data: Any, budget: Budget) -> bool:
        value = read(data, budget)
        return compare(value, number) if value.__class__ in NUMBERS else compares(compare, value, number, budget)

    return run


def between(compare: Compare) -> Build:
    """`<` and `<=`: with a third argument, whether the second lies between."""
    build_two = comparison(compare)

    def build(args: Sequence[Part], setting: Setting) -> Evaluate:
        if len(args) < 3:
            return build_two(args, setting)
        low, value, high = (arg.run for arg in args[:3])

        def run(data: Any, budget: Budget) -> bool:
            one, other, last = low(data, budget), value(data, budget), high(data, budget)
            return _compared(compare, one, other, budget) and _compared(compare, other, last, budget)

        return run

    return build


LOGIC: dict[str, Build] = {
    "if": build_if,
    "?:": build_if,
    "and": build_and,
    "or": build_or,
    "!": build_not,
    "!!": build_truth,
    "==": equality(is_loosely_equal, True),
    "!=": equality(is_loosely_equal, False),
    "===": equality(is_strictly_equal, True),
    "!==": equality(is_strictly_equal, False),
    ">": comparison(operator.gt),
    ">=": comparison(operator.ge),
    "<": between(operator.lt),
    "<=": between(operator.le),
}
