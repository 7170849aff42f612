"""`+`, `-`, `*`, `/`, `%`, `min` and `max`, in doubles as JavaScript has them."""

from collections.abc import Callable, Sequence
from math import fmod, inf, isinf, nan
from typing import Any

from slice_api.slices.flags.rules.budget import Budget
from slice_api.slices.flags.rules.failures import RuleFailure
from slice_api.slices.flags.rules.parts import Build, Evaluate, Part, Setting, argument
from slice_api.slices.flags.rules.values import Number, double, leading_number, number_of, tidy


def build_sum(args: Sequence[Part], _setting: Setting) -> Evaluate:
    """The sum of what the arguments' texts begin with; of one argument, that number."""
    runs = [arg.run for arg in args]

    def run(data: Any, budget: Budget) -> Number:
        total: Number = 0
        for value in [run(data, budget) for run in runs]:
            total = tidy(total + double(leading_number(value, budget)))
        return total

    return run


def build_product(args: Sequence[Part], _setting: Setting) -> Evaluate:
    """The product; a single argument is passed through as it is."""
    runs = [arg.run for arg in args]
    if not runs:
        return _no_factors
    if len(runs) == 1:
        return runs[0]

    def run(data: Any, budget: Budget) -> Number:
        first, *rest = [run(data, budget) for run in runs]
        total = double(leading_number(first, budget))
        for value in rest:
            total = tidy(total * double(leading_number(value, budget)))
        return total

    return run


def _no_factors(_data: Any, _budget: Budget) -> Any:
    raise RuleFailure("has a * with nothing to multiply")


def build_difference(args: Sequence[Part], _setting: Setting) -> Evaluate:
    """The difference of two numbers, or the negative of one."""
    if len(args) < 2:
        value = argument(args, 0).run
        return lambda data, budget: tidy(-double(number_of(value(data, budget), budget)))
    return _of_two(lambda one, other: one - other)(args, _setting)


def _of_two(combine: Callable[[Number, Number], Number]) -> Build:
    def build(args: Sequence[Part], _setting: Setting) -> Evaluate:
        left, right = argument(args, 0).run, argument(args, 1).run

        def run(data: Any, budget: Budget) -> Number:
            one, other = left(data, budget), right(data, budget)
            return tidy(combine(double(number_of(one, budget)), double(number_of(other, budget))))

        return run

    return build


def _quotient(one: Number, other: Number) -> Number:
    if other == 0:
        return nan if one == 0 or one != one else inf if one > 0 else -inf
    return one / other


def _remainder(one: Number, other: Number) -> Number:
    """With the sign of the first (ECMA-262, Number::remainder)."""
    return nan if other == 0 or isinf(one) else fmod(one, other)


def _extreme(choose: Callable[[Sequence[Number]], Number], of_none: float) -> Build:
    """`Math.max` or `Math.min`: NaN as soon as one is no number."""

    def build(args: Sequence[Part], _setting: Setting) -> Evaluate:
        runs = [arg.run for arg in args]

        def run(data: Any, budget: Budget) -> Number:
            values = [run(data, budget) for run in runs]
            numbers = [double(number_of(value, budget)) for value in values]
            if any(number != number for number in numbers):
                return nan
            return tidy(choose(numbers)) if numbers else of_none

        return run

    return build


ARITHMETIC: dict[str, Build] = {
    "+": build_sum,
    "*": build_product,
    "-": build_difference,
    "/": _of_two(_quotient),
    "%": _of_two(_remainder),
    "max": _extreme(max, -inf),
    "min": _extreme(min, inf),
}
