"""Counting visits: by quarter of an hour, people and bots apart, and by the names that visitors go by.

Names come from whoever sends a request, so each list of them has a limit. What is beyond it counts as OTHER: the names
with the fewest visits go first, and among equals those that have been there longest.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from slice_api.slices.links.stats.schemas import OTHER, Counts, DayOfVisits, Names, QuarterNames, QuartersOfVisits
from slice_api.slices.links.visits.visitors import Told

QUARTER_SECONDS: Final = 900
DAY_QUARTERS: Final = 96
PART_QUARTERS: Final = 24
"""How many quarters of an hour lie in one document of names."""

_UNTOLD: Final = ""
_MOST_IN_DAY: Final[Mapping[str, int]] = {"link": 1000}
_USUAL_IN_DAY: Final = 200
_MOST_IN_PART: Final[Mapping[str, int]] = {"link": 250}
_USUAL_IN_PART: Final = 100

Quarters = dict[int, int]
"""Visits by quarter of the day."""
Seen = Mapping[tuple[int, Told], int]
"""How many visits there were of each kind of visitor in each quarter of an hour since 1970."""
Gains = dict[tuple[int, bool], Names]
"""What is to be counted: names by quarter of an hour since 1970 and whether they are of bots."""


def quarter_of(at: datetime) -> int:
    """The quarter of an hour since 1970 that a moment lies in."""
    return int(at.timestamp() // QUARTER_SECONDS)


def gains_of(seen: Seen) -> Gains:
    """The visits of a scope, by everything that visitors tell."""
    gains: Gains = {}
    for (quarter, told), visits in seen.items():
        for kind, name in zip(Told._fields, told[:-1], strict=False):
            gain(gains, quarter, kind, name, visits, is_bot=told.is_bot)
    return gains


def gain(gains: Gains, quarter: int, kind: str, name: str | None, visits: int, *, is_bot: bool) -> None:
    """Add visits of one name to what is to be counted."""
    counts = gains.setdefault((quarter, is_bot), {}).setdefault(kind, {})
    counts[name or _UNTOLD] = counts.get(name or _UNTOLD, 0) + visits


def day_with(day: DayOfVisits, gains: Gains) -> DayOfVisits:
    """The day with more visits, all of them of this day."""
    counts, names = {False: {**day.people}, True: {**day.bots}}, {False: day.people_names, True: day.bot_names}
    for (quarter, is_bot), more in gains.items():
        own, place = counts[is_bot], quarter % DAY_QUARTERS
        own[place] = own.get(place, 0) + total_of(more)
        names[is_bot] = _joined(names[is_bot], more)
    update = {"people": counts[False], "bots": counts[True], "people_names": names[False], "bot_names": names[True]}
    return day.model_copy(update=update)


def quarters_with(part: QuartersOfVisits, gains: Gains) -> QuartersOfVisits:
    """The six hours with more visits, all of them of these hours."""
    names = {False: {**part.people}, True: {**part.bots}}
    for (quarter, is_bot), more in gains.items():
        own = names[is_bot]
        for kind, counts in more.items():
            joined = _joined_at(quarter % DAY_QUARTERS, own.get(kind, {}), counts)
            own[kind] = _limited_quarters(joined, _MOST_IN_PART.get(kind, _USUAL_IN_PART))
    return part.model_copy(update={"people": names[False], "bots": names[True]})


def total_of(names: Names) -> int:
    """How many visits there were: each has a name of every kind."""
    return sum(next(iter(names.values()), {}).values())


def add_names(names: Names, more: Names) -> None:
    """Add counts to others, in place and without a limit."""
    for kind, counts in more.items():
        _add(names.setdefault(kind, {}), counts)


def names_at(names: QuarterNames, places: range) -> Names:
    """The names of some quarters of the day, those without a visit then left out."""
    return {kind: _counts_at(counts, places) for kind, counts in names.items()}


def _counts_at(counts: dict[str, Quarters], places: range) -> Counts:
    sums = {name: sum(visits for place, visits in own.items() if place in places) for name, own in counts.items()}
    return {name: visits for name, visits in sums.items() if visits}


def _add(counts: Counts, more: Counts) -> None:
    for name, visits in more.items():
        counts[name] = counts.get(name, 0) + visits


def _joined(held: Names, more: Names) -> Names:
    joined = {**held}
    for kind, counts in more.items():
        own = joined[kind] = {**held.get(kind, {})}
        _add(own, counts)
        joined[kind] = limited(own, _MOST_IN_DAY.get(kind, _USUAL_IN_DAY))
    return joined


def _joined_at(place: int, held: dict[str, Quarters], more: Counts) -> dict[str, Quarters]:
    joined = {**held}
    for name, visits in more.items():
        own = held.get(name, {})
        joined[name] = {**own, place: own.get(place, 0) + visits}
    return joined


def limited(counts: Counts, most: int) -> Counts:
    """At most so many names besides those that are none; the rest counts as OTHER, so that the sum stays."""
    gone = _surplus(counts, most)
    if not gone:
        return counts
    kept = {name: visits for name, visits in counts.items() if name not in gone}
    return {**kept, OTHER: kept.get(OTHER, 0) + sum(counts[name] for name in gone)}


def _limited_quarters(names: dict[str, Quarters], most: int) -> dict[str, Quarters]:
    """The same for names whose visits are counted by quarter of an hour."""
    if len(names) <= most:
        return names
    gone = _surplus({name: sum(own.values()) for name, own in names.items()}, most)
    if not gone:
        return names
    lumped = Counter(names.get(OTHER, {}))
    for name in gone:
        lumped.update(names[name])
    return {**{name: own for name, own in names.items() if name not in gone}, OTHER: dict(lumped)}


def _surplus(counts: Counts, most: int) -> frozenset[str]:
    """The names there is no room for: those with the fewest visits, and of equals the oldest, which stand first."""
    if len(counts) <= most:
        return frozenset()
    named = [name for name in counts if name not in (_UNTOLD, OTHER)]
    return frozenset(sorted(named, key=counts.__getitem__)[: max(0, len(named) - most)])


def ranked(counts: Counts) -> list[tuple[str | None, int]]:
    """Names and their visits, most visits first; as many names as a day keeps."""
    placed = sorted(limited(counts, _USUAL_IN_DAY).items(), key=lambda each: (-each[1], each[0]))
    return [(name or None, visits) for name, visits in placed]
