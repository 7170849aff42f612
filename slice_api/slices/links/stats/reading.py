"""What is asked of the visit statistics, and the answers."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice
from typing import Annotated, Final

from pydantic import AfterValidator, Field, PlainValidator, TypeAdapter, ValidationError, WithJsonSchema

from slice_api.chassis import Date, Fault, Time, Tx, all_invalid
from slice_api.slices.links.lookup import find_link
from slice_api.slices.links.stats.counts import QUARTER_SECONDS, ranked
from slice_api.slices.links.stats.intervals import Interval, last_intervals, start_of_day, starts, zone_of
from slice_api.slices.links.stats.schemas import (
    OTHER,
    AllVisitStats,
    Counts,
    LinkVisits,
    Names,
    OrphanStats,
    VisitsAt,
    VisitsBy,
    VisitStats,
)
from slice_api.slices.links.stats.store import ALL, ORPHANS, StatsRange, Sums, slug_and_id, sums_of
from slice_api.slices.links.store import LINKS

MOST_INTERVALS: Final = 10_000
_TOP: Final = 10
_MOST_LOOKED_AT: Final = 1_000
"""How many of the names of links are looked up for those that are still there."""
_YEARS: Final = range(1970, 9999)
_TIME, _DATE = TypeAdapter[datetime](Time), TypeAdapter[date](Date)

Moment = datetime | date


def _parse_bound(text: object) -> Moment:
    """A time with its offset or a date; raises ValueError for anything else and for years that nothing is kept of."""
    adapter: TypeAdapter[datetime] | TypeAdapter[date] = _DATE if len(str(text)) == 10 else _TIME
    try:
        bound: Moment = adapter.validate_python(text)
    except ValidationError as error:
        message = "must be a time such as 2026-01-31T09:00:00Z or a date such as 2026-01-31 (RFC 3339)"
        raise ValueError(message) from error
    if bound.year not in _YEARS:
        raise ValueError(f"must lie in the years {_YEARS[0]} to {_YEARS[-1]}")
    return bound


def _checked_zone(name: str) -> str:
    zone_of(name)
    return name


Bound = Annotated[
    Moment,
    PlainValidator(_parse_bound),
    WithJsonSchema(
        {
            "type": "string",
            "anyOf": [{"format": "date-time"}, {"format": "date"}],
            "examples": ["2026-01-31", "2026-01-31T09:00:00Z"],
        }
    ),
]
"""An end of a range: a moment, or a whole day."""

Zone = Annotated[str, AfterValidator(_checked_zone), Field(examples=["Europe/Vienna"])]
"""The IANA name of a time zone."""


def range_of(
    interval: Interval, zone: tzinfo, first: Moment | None, end: Moment | None, now: datetime, *, has_bots: bool
) -> StatsRange:
    """The range from `first` to before `end`, a date as `end` included; raises 422 for one that cannot be.

    Its ends are moved outwards to quarters of an hour. Without an end it goes on to the end of the present interval,
    without a beginning it has as many whole intervals as are shown by default.
    """
    seconds_to = None if end is None else _seconds(end, zone, is_end=True)
    first_by_default, end_by_default = last_intervals(interval, zone, (seconds_to or _seconds(now, zone) + 1) - 1)
    seconds_to = end_by_default if seconds_to is None else seconds_to
    seconds_from = first_by_default if first is None else _seconds(first, zone)
    if seconds_from >= seconds_to:
        raise all_invalid([_must_begin_earlier(first)])
    begun = starts(interval, zone, seconds_from, seconds_to, MOST_INTERVALS + 1)
    if len(begun) > MOST_INTERVALS:
        detail = f"gives more than {MOST_INTERVALS:,} intervals from `from` to `to`; ask for longer ones or for less"
        raise all_invalid([Fault(pointer="query/interval", detail=detail)])
    return StatsRange(seconds_from // QUARTER_SECONDS, -(-seconds_to // QUARTER_SECONDS), begun, has_bots)


def _seconds(bound: Moment, zone: tzinfo, *, is_end: bool = False) -> int:
    """A moment in whole seconds, an end rounded up; of a day its beginning in the zone, or its end."""
    if not isinstance(bound, datetime):
        return start_of_day(bound + timedelta(days=1) if is_end else bound, zone)
    seconds = int(bound.timestamp() // 1)
    return seconds + 1 if is_end and bound.microsecond else seconds


def _must_begin_earlier(first: Moment | None) -> Fault:
    if first is None:
        return Fault(pointer="query/to", detail="must be later")
    return Fault(pointer="query/from", detail="must be before `to`, by default the end of the present interval")


def link_stats(tx: Tx, slug: str, wanted: StatsRange) -> VisitStats:
    """How often a link was visited in a range; raises 404."""
    return _stats(sums_of(tx, find_link(tx, slug).id, wanted), wanted)


def all_stats(tx: Tx, wanted: StatsRange) -> AllVisitStats:
    """How often all links were visited in a range, and slugs that no link has."""
    sums, strays = sums_of(tx, ALL, wanted), sums_of(tx, ORPHANS, wanted)
    links = list(islice(_links_still_there(tx, sums.names.get("link", {})), _TOP))
    orphans = OrphanStats(
        total=sum(strays.series), series=_series(strays, wanted), slugs=_by_name(strays.names, "slug")
    )
    return AllVisitStats(**dict(_stats(sums, wanted)), links=links, orphans=orphans)


def _stats(sums: Sums, wanted: StatsRange) -> VisitStats:
    return VisitStats(
        total=sum(sums.series),
        series=_series(sums, wanted),
        referrers=_by_name(sums.names, "referrer"),
        browsers=_by_name(sums.names, "browser"),
        oses=_by_name(sums.names, "os"),
        devices=_by_name(sums.names, "device"),
        languages=_by_name(sums.names, "language"),
    )


def _series(sums: Sums, wanted: StatsRange) -> list[VisitsAt]:
    moments = (datetime.fromtimestamp(start, UTC) for start in wanted.starts)
    return [VisitsAt(start=start, visits=visits) for start, visits in zip(moments, sums.series, strict=True)]


def _by_name(names: Names, kind: str) -> list[VisitsBy]:
    return [VisitsBy(name=name, visits=visits) for name, visits in ranked(names.get(kind, {}))]


def _links_still_there(tx: Tx, counts: Counts) -> Iterator[LinkVisits]:
    """The links of the names that are counted by, most visits first."""
    most = sorted((each for each in counts.items() if each[0] != OTHER), key=lambda each: (-each[1], each[0]))
    for name, visits in most[:_MOST_LOOKED_AT]:
        slug, link_id = slug_and_id(name)
        link = tx.get(LINKS, slug)
        if link is not None and link.id == link_id:
            yield LinkVisits(slug=link.slug, title=link.title, visits=visits)
