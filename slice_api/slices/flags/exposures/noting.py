"""Counting what evaluations gave: many at once, a moment later, since nobody waits for it."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from slice_api.chassis import Batch, Later, Tx
from slice_api.slices.flags.exposures.places import KEPT, counts_id, part_of, start_of
from slice_api.slices.flags.schemas import ExposureCounts, ExposureInterval, Usages
from slice_api.slices.flags.store import EXPOSURES, USAGE

_INTERVALS: Final[tuple[ExposureInterval, ...]] = ("hour", "day")
_STEADY: Final = timedelta(seconds=60)
"""By how much the time of the last evaluation may lag behind."""

Given = tuple[str, str]
"""A flag, as it is counted, and the name of the variant it gave; empty for the code's own default."""


class Evaluated(NamedTuple):
    """What one request was given."""

    set_name: str
    at: datetime
    given: Sequence[Given]


def note_exposures(later: Later, set_name: str, at: datetime, given: Sequence[Given]) -> None:
    """Have it counted what a request was given."""
    later.add(EVALUATIONS, Evaluated(set_name, at, given))


def _write(tx: Tx, evaluations: Sequence[Evaluated]) -> None:
    """Count evaluations, by part: few documents are changed, however many flags there are.

    In one order, so that processes which count at once do not stand in each other's way.
    """
    by_hour: dict[tuple[str, datetime], list[Given]] = defaultdict(list)
    for each in evaluations:
        by_hour[each.set_name, start_of("hour", each.at)].extend(each.given)
    last = max([each.at for each in evaluations])
    for (set_name, hour), given in sorted(by_hour.items(), key=lambda item: item[0]):
        for part, counts in sorted(_by_part(set_name, Counter(given)).items()):
            for interval in _INTERVALS:
                _count(tx, part, interval, start_of(interval, hour), counts)
            _note_use(tx, part, counts, last)


def _by_part(set_name: str, given: Mapping[Given, int]) -> dict[str, dict[Given, int]]:
    parts: dict[str, dict[Given, int]] = defaultdict(dict)
    for (serial, variant), count in given.items():
        parts[part_of(set_name, serial)][serial, variant] = count
    return parts


def _count(tx: Tx, part: str, interval: ExposureInterval, start: datetime, more: Mapping[Given, int]) -> None:
    key, ends_at = counts_id(part, interval, start), start + KEPT[interval]
    if tx.update(EXPOSURES, key, lambda held: _with_more(held, more), is_silent=True) is None:
        tx.insert(EXPOSURES, _with_more(ExposureCounts(id=key, counts={}, expires_at=ends_at), more))


def _with_more(held: ExposureCounts, more: Mapping[Given, int]) -> ExposureCounts:
    counts = {**held.counts}
    for (serial, variant), count in more.items():
        own = counts.get(serial, {})
        counts[serial] = {**own, variant: own.get(variant, 0) + count}
    return held.model_copy(update={"counts": counts})


def _note_use(tx: Tx, part: str, given: Mapping[Given, int], at: datetime) -> None:
    """Note when flags were last evaluated, unless it is known to the minute."""
    known = tx.update(USAGE, part, lambda held: _with_use(held, given, at), is_silent=True)
    if known is None:
        tx.insert(USAGE, _with_use(Usages(id=part, flags={}), given, at))


def _with_use(held: Usages, given: Mapping[Given, int], at: datetime) -> Usages:
    news = [pair for pair in given if _is_news(held, *pair, at)]
    if not news:
        return held
    oldest = at - KEPT["day"]
    flags = {name: own for name, own in held.flags.items() if max(own.values()) > oldest}
    for serial, variant in news:
        flags[serial] = {**flags.get(serial, {}), variant: at}
    return held.model_copy(update={"flags": flags})


def _is_news(held: Usages, serial: str, variant: str, at: datetime) -> bool:
    known = held.flags.get(serial, {}).get(variant)
    return known is None or at - known >= _STEADY


EVALUATIONS: Final = Batch("flags_evaluations", _write)
