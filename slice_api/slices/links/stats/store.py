"""Visits counted ahead of the asking: one small document for each scope and day, and the names of each quarter of an
hour beside it.

Zones differ by quarters of an hour, so that sums over quarters are exact in all of them, and only the days at the two
ends of a range need the names of single quarters.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import partial
from itertools import groupby
from typing import Final, NamedTuple, TypeVar

from slice_api.chassis import Collection, Tx, at_least, at_most
from slice_api.slices.links.stats.counts import (
    DAY_QUARTERS,
    PART_QUARTERS,
    QUARTER_SECONDS,
    Gains,
    add_names,
    day_with,
    names_at,
    quarters_with,
)
from slice_api.slices.links.stats.schemas import DayOfVisits, Names, QuartersOfVisits
from slice_api.slices.links.store import DAYS, QUARTERS

ALL: Final = "all"
"""The scope of all links."""
ORPHANS: Final = "orphans"
"""The scope of slugs that no link has."""

_EPOCH: Final = date(1970, 1, 1).toordinal()

D = TypeVar("D", DayOfVisits, QuartersOfVisits)
T = TypeVar("T")


class StatsRange(NamedTuple):
    """What is asked for: from one quarter of an hour to before another, cut into intervals."""

    first: int
    """The first quarter of an hour, counted from 1970."""
    end: int
    """The one behind the last."""
    starts: list[int]
    """When each interval begins, in seconds since 1970."""
    has_bots: bool
    """Whether bots count too."""


class Sums(NamedTuple):
    """What was counted in a range."""

    series: list[int]
    names: Names


# Writing


def count_visits(tx: Tx, scope: str, gains: Gains) -> None:
    """Count visits of a scope: one change of each document, whatever the number of visits."""
    for day, own in _grouped(gains, DAY_QUARTERS):
        _change(tx, DAYS, _day_key(scope, day), partial(day_with, gains=own))
    for part, own in _grouped(gains, PART_QUARTERS):
        _change(tx, QUARTERS, _part_key(scope, part), partial(quarters_with, gains=own))


def link_name(slug: str, link_id: str) -> str:
    """What a link is counted by among all links: a new one of the same slug is another."""
    return f"{link_id}/{slug}"


def slug_and_id(name: str) -> tuple[str, str]:
    """The slug and the inner id of a link that was counted by a name."""
    link_id, _, slug = name.partition("/")
    return slug, link_id


def _grouped(gains: Gains, size: int) -> Iterator[tuple[int, Gains]]:
    """What is to be counted, by stretches of so many quarters of an hour, in their order."""
    for number, own in groupby(sorted(gains), key=lambda at: at[0] // size):
        yield number, {at: gains[at] for at in own}


def _change(tx: Tx, collection: Collection[D], key: str, change: Callable[[D], D]) -> None:
    if tx.update(collection, key, change, is_silent=True) is None:
        tx.insert(collection, change(collection.model(key=key)))


def _day_key(scope: str, day: int) -> str:
    return f"{scope}/{date.fromordinal(_EPOCH + day).isoformat()}"


def _part_key(scope: str, part: int) -> str:
    day, place = divmod(part, DAY_QUARTERS // PART_QUARTERS)
    return f"{_day_key(scope, day)}/{place}"


# Reading


def sums_of(tx: Tx, scope: str, wanted: StatsRange) -> Sums:
    """What was counted of a scope in a range."""
    sums = Sums([0] * len(wanted.starts), {})
    first_day, last_day = wanted.first // DAY_QUARTERS, (wanted.end - 1) // DAY_QUARTERS
    inside = (at_least("key", _day_key(scope, first_day)), at_most("key", _day_key(scope, last_day)))
    for document in tx.all(DAYS, *inside):
        day = date.fromisoformat(document.key[-10:]).toordinal() - _EPOCH
        begin = day * DAY_QUARTERS
        _add_series(sums.series, wanted, begin, _chosen(wanted, document.people, document.bots))
        if wanted.first <= begin and begin + DAY_QUARTERS <= wanted.end:
            for names in _chosen(wanted, document.people_names, document.bot_names):
                add_names(sums.names, names)
        else:
            _add_names_within(tx, sums.names, scope, day, wanted)
    return sums


def _chosen(wanted: StatsRange, people: T, bots: T) -> tuple[T, ...]:
    return (people, bots) if wanted.has_bots else (people,)


def _interval_at(wanted: StatsRange, quarter: int) -> int:
    return max(0, bisect_right(wanted.starts, quarter * QUARTER_SECONDS) - 1)


def _add_series(series: list[int], wanted: StatsRange, begin: int, counts: Iterable[dict[int, int]]) -> None:
    end = begin + DAY_QUARTERS
    at = _interval_at(wanted, begin)
    if wanted.first <= begin and end <= wanted.end and at == _interval_at(wanted, end - 1):
        series[at] += sum(sum(own.values()) for own in counts)
        return
    for own in counts:
        for place, visits in own.items():
            if wanted.first <= begin + place < wanted.end:
                series[_interval_at(wanted, begin + place)] += visits


def _add_names_within(tx: Tx, names: Names, scope: str, day: int, wanted: StatsRange) -> None:
    """Add the names of those quarters of a day that lie in the range."""
    begin = day * DAY_QUARTERS
    first, last = max(wanted.first, begin), min(wanted.end, begin + DAY_QUARTERS) - 1
    places = range(first - begin, last - begin + 1)
    for part in range(first // PART_QUARTERS, last // PART_QUARTERS + 1):
        document = tx.get(QUARTERS, _part_key(scope, part))
        for own in _chosen(wanted, document.people, document.bots) if document else ():
            add_names(names, names_at(own, places))
