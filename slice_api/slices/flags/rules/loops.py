"""What goes through arrays: `map`, `filter`, `reduce`, `all`, `some`, `none`, `merge`.

Inside the second argument the data is the item; for `reduce` it is `{"current", "accumulator"}`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from slice_api.slices.flags.rules.budget import Budget, spend
from slice_api.slices.flags.rules.parts import NULL, Build, Evaluate, Part, Setting, argument
from slice_api.slices.flags.rules.values import is_truthy


def _each(items: Any, cost: int, budget: Budget) -> Iterator[Any]:
    """The items of an array, none of anything else; going on to the next costs so many steps, and one at least."""
    if items.__class__ is not list:
        return
    for item in items:
        spend(budget, cost or 1)
        yield item


def _body_of(args: Sequence[Part]) -> tuple[Evaluate, int]:
    """What is done with each item, and the steps that takes."""
    body = argument(args, 1)
    return body.run, body.size


def build_map(args: Sequence[Part], _setting: Setting) -> Evaluate:
    items, (body, cost) = argument(args, 0).run, _body_of(args)
    return lambda data, budget: [body(item, budget) for item in _each(items(data, budget), cost, budget)]


def build_filter(args: Sequence[Part], _setting: Setting) -> Evaluate:
    items, (body, cost) = argument(args, 0).run, _body_of(args)

    def run(data: Any, budget: Budget) -> list[Any]:
        return [item for item in _each(items(data, budget), cost, budget) if is_truthy(body(item, budget))]

    return run


def build_reduce(args: Sequence[Part], _setting: Setting) -> Evaluate:
    """`[array, body, initial]`; without an array the initial value, without that null."""
    items, (body, cost) = argument(args, 0).run, _body_of(args)
    initial = (args[2] if len(args) > 2 else NULL).run

    def run(data: Any, budget: Budget) -> Any:
        among, total = items(data, budget), initial(data, budget)
        for item in _each(among, cost, budget):
            total = body({"current": item, "accumulator": total}, budget)
        return total

    return run


def _quantifier(stops_at: bool, of_none: bool) -> Build:
    """Goes on until the body is as true as `stops_at`; with no item at all the answer is `of_none`."""

    def build(args: Sequence[Part], _setting: Setting) -> Evaluate:
        items, (body, cost) = argument(args, 0).run, _body_of(args)

        def run(data: Any, budget: Budget) -> bool:
            among = items(data, budget)
            if among.__class__ is not list or not among:
                return of_none
            return any(is_truthy(body(item, budget)) is stops_at for item in _each(among, cost, budget))

        return run

    return build


def _negated(build: Build) -> Build:
    def build_negated(args: Sequence[Part], setting: Setting) -> Evaluate:
        run = build(args, setting)
        return lambda data, budget: not run(data, budget)

    return build_negated


def build_merge(args: Sequence[Part], _setting: Setting) -> Evaluate:
    """One array of all: of arrays their items, and what else there is."""
    runs = [arg.run for arg in args]

    def run(data: Any, budget: Budget) -> list[Any]:
        merged = list[Any]()
        for value in [run(data, budget) for run in runs]:
            if value.__class__ is not list:
                merged.append(value)
                continue
            spend(budget, len(value))
            merged += value
        return merged

    return run


LOOPS: dict[str, Build] = {
    "map": build_map,
    "filter": build_filter,
    "reduce": build_reduce,
    "all": _negated(_quantifier(stops_at=False, of_none=True)),
    "some": _quantifier(stops_at=True, of_none=False),
    "none": _negated(_quantifier(stops_at=True, of_none=False)),
    "merge": build_merge,
}
