"""Reading what was counted: by the hour or by the day, and when a flag was last evaluated."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from slice_api.chassis import Tx, invalid
from slice_api.slices.flags.exposures.places import LENGTHS, counts_id, part_of, start_of
from slice_api.slices.flags.schemas import ExposureInterval, ExposurePoint, Exposures, StoredFlag
from slice_api.slices.flags.store import EXPOSURES, USAGE

MOST_POINTS: Final = 1_000
_BY_DEFAULT: Final[dict[ExposureInterval, int]] = {"hour": 48, "day": 30}


class Usage(NamedTuple):
    """When a flag was last evaluated, and when each variant was last given."""

    last_evaluated_at: datetime
    variants: dict[str, datetime]


class ExposureRange(NamedTuple):
    """What is asked for: from one whole hour or day to before another."""

    interval: ExposureInterval
    first: datetime
    end: datetime


def range_of(interval: ExposureInterval, begin: datetime | None, end: datetime | None, now: datetime) -> ExposureRange:
    """The range, moved outwards to whole hours or days; by default the last 48 hours or 30 days. Raises 422."""
    length = LENGTHS[interval]
    last = start_of(interval, now if end is None else end)
    stop = last if last == end else last + length
    first = stop - _BY_DEFAULT[interval] * length if begin is None else start_of(interval, begin)
    if first >= stop:
        raise invalid("query/to", "must be after from")
    if (stop - first) // length > MOST_POINTS:
        raise invalid("query/from", f"makes more than {MOST_POINTS:,} {interval}s; ask for days, or for less")
    return ExposureRange(interval, first, stop)


def exposures_of(tx: Tx, flag: StoredFlag, wanted: ExposureRange) -> Exposures:
    """How often a flag was evaluated in a range, and what it gave."""
    length, part = LENGTHS[wanted.interval], part_of(flag.set, flag.serial)
    starts = [wanted.first + length * at for at in range((wanted.end - wanted.first) // length)]
    points = [_point(tx, flag, wanted.interval, part, start) for start in starts]
    by_variant: Counter[str] = Counter()
    for point in points:
        by_variant.update(point.variants)
    return Exposures.model_validate({
        "interval": wanted.interval,
        "from": wanted.first,
        "to": wanted.end,
        "total": by_variant.total(),
        "by_variant": dict(by_variant),
        "series": points,
    })  # fmt: skip


def _point(tx: Tx, flag: StoredFlag, interval: ExposureInterval, part: str, start: datetime) -> ExposurePoint:
    held = tx.get(EXPOSURES, counts_id(part, interval, start))
    variants = held.counts.get(flag.serial, {}) if held else {}
    return ExposurePoint(start=start, total=sum(variants.values()), variants=variants)


def usage_of(tx: Tx, flags: Iterable[StoredFlag]) -> dict[str, Usage]:
    """When each of some flags was last evaluated, by their ids; those that never were are left out."""
    by_part: dict[str, list[StoredFlag]] = {}
    for flag in flags:
        by_part.setdefault(part_of(flag.set, flag.serial), []).append(flag)
    found: dict[str, Usage] = {}
    for part, own in by_part.items():
        held = tx.get(USAGE, part)
        known = held.flags if held else {}
        found |= {flag.id: _usage(known[flag.serial]) for flag in own if flag.serial in known}
    return found


def _usage(variants: dict[str, datetime]) -> Usage:
    return Usage(max(variants.values()), variants)
