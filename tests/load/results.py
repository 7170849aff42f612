"""What was measured, as values: ratios of rounds taken in turns, with their spread and what they are held against."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from statistics import median, quantiles
from typing import Final, Literal, NamedTuple, TypeVar

T = TypeVar("T")

Rounds = Mapping[str, Sequence[float]]
"""What each of several things took in each round; the rounds of one place in the lists followed each other."""

Where = Literal["", "in process", "served"]

OURS: Final = "Slice API"
"""What the name of a figure of ours begins with."""


class Result(NamedTuple):
    """One row: the middle of all rounds, between which figures half of them lie, and the target, where there is one."""

    title: str
    value: float
    low: float
    high: float
    unit: str = "x"
    target: float | None = None
    is_least: bool = False
    """Whether the value must reach the target, rather than stay under it."""
    where: Where = ""
    figures: Mapping[str, float] = {}
    """What stands behind the value, by name."""
    figures_unit: str = "us"
    per_second: Mapping[str, float] = {}
    """How many answers a second each of the figures came with, where a server gave them."""

    @property
    def holds(self) -> bool:
        if self.target is None:
            return True
        return self.value >= self.target if self.is_least else self.value <= self.target


async def in_turns(works: Mapping[str, Callable[[], Awaitable[T]]], rounds: int) -> dict[str, list[T]]:
    """What each work gives in each round; every other round goes backwards, so that none always follows the same."""
    taken: dict[str, list[T]] = {name: [] for name in works}
    for turn in range(rounds):
        for name in reversed(list(works)) if turn % 2 else works:
            taken[name].append(await works[name]())
    return taken


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Between which figures half of the values lie."""
    if len(values) == 1:
        return values[0], values[0]
    low, _, high = quantiles(values, n=4, method="inclusive")
    return low, high


def figure(title: str, values: Sequence[float], unit: str, target: float | None = None, *, where: Where = "") -> Result:
    """A row of what was measured several times over: microseconds, seconds, MB."""
    return Result(title, median(values), *spread(values), unit, target, where=where)


def ratio(
    title: str,
    rounds: Rounds,
    over: str,
    under: str,
    target: float | None = None,
    *,
    is_least: bool = False,
    where: Where = "in process",
    figures_unit: str = "us",
) -> Result:
    """A row of one thing against another, round by round: a slow moment of the machine falls on both of a round."""
    ratios = [one / other for one, other in zip(rounds[over], rounds[under], strict=True)]
    figures = {name: median(rounds[name]) for name in (over, under)}
    return Result(title, median(ratios), *spread(ratios), "x", target, is_least, where, figures, figures_unit)


def shown(value: float) -> str:
    """A figure with as many places as say something."""
    if abs(value) < 1:
        return f"{value:.3g}"
    return f"{value:,.{0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2}f}"


def told(result: Result) -> str:
    """A row as a line of the table."""
    target = "" if result.target is None else f"{'>=' if result.is_least else '<='} {shown(result.target)}"
    verdict = "" if result.target is None else "ok" if result.holds else "MISSED"
    value = f"{shown(result.value)} {result.unit}"
    between = f"{shown(result.low)} .. {shown(result.high)}"
    title = f"{result.title}, {result.where}" if result.where else result.title
    return f"{verdict:6} {value:>13} {between:>22} {target:>11}  {title}{_behind(result)}"


def _behind(result: Result) -> str:
    parts = [f"{name} {shown(value)} {result.figures_unit}".rstrip() for name, value in result.figures.items()]
    parts += [f"{name} {shown(value)}/s" for name, value in result.per_second.items()]
    return f"   [{', '.join(parts)}]" if parts else ""


HEAD = f"{'':6} {'middle':>13} {'half of the rounds':>22} {'target':>11}"
