"""The statistics of visits against counting them one by one, over random visits, zones, ranges and intervals."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slice_api.chassis import EVENTS, Tx
from slice_api.slices.links.schemas import Arrival, StoredLink
from slice_api.slices.links.stats.counts import limited
from slice_api.slices.links.stats.intervals import Interval
from slice_api.slices.links.stats.reading import link_stats, range_of
from slice_api.slices.links.stats.schemas import OTHER
from slice_api.slices.links.store import DAYS, LINKS, QUARTERS, VISITS
from slice_api.slices.links.visits.noting import note_visits
from tests.engines import OpenStorage
from tests.support import FrozenClock

# Quarters of an hour, half an hour of summer time, two hours of it, changes at midnight, twice a year and in Ramadan.
ZONES = (
    "UTC", "Europe/Vienna", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham",
    "Antarctica/Troll", "Africa/Cairo", "America/Santiago", "America/Havana", "Asia/Beirut", "Africa/Casablanca",
    "Pacific/Kiritimati", "Etc/GMT+12",
)  # fmt: skip
INTERVALS: tuple[Interval, ...] = ("hour", "day", "week", "month")
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "curl/8.0",
    "Googlebot/2.1 (+http://www.google.com/bot.html)",
)
QUARTER: Final = timedelta(minutes=15)
NOW = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)


class Case(NamedTuple):
    """Visits, and what is asked of them."""

    arrivals: list[Arrival]
    interval: Interval
    zone: ZoneInfo
    first: datetime
    end: datetime
    has_bots: bool


def _case(random: Random) -> Case:
    zone, interval = ZoneInfo(random.choice(ZONES)), random.choice(INTERVALS)
    middle = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=random.randrange(2 * 366 * 24 * 60))
    if random.random() < 0.7:
        middle = _change_near(zone, middle)
    spread = timedelta(hours=random.choice((1, 30, 100, 900)))
    ends = sorted(middle + random.uniform(-1, 1) * spread for _ in range(2))
    arrivals = [_arrival(random, middle + random.uniform(-1.5, 1.5) * spread) for _ in range(random.randint(0, 40))]
    return Case(arrivals, interval, zone, ends[0], ends[1] + timedelta(seconds=1), random.random() < 0.5)


def _change_near(zone: ZoneInfo, moment: datetime) -> datetime:
    """A moment within an hour of a change of the clocks, where the zone has one in half a year."""
    for days in range(200):
        later = moment + timedelta(days=days)
        if later.astimezone(zone).utcoffset() != moment.astimezone(zone).utcoffset():
            hours = (later - timedelta(hours=back) for back in range(26))
            return next(
                each for each in hours if each.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset()
            )
    return moment


def _arrival(random: Random, at: datetime) -> Arrival:
    return Arrival(
        slug="guide",
        link_id="link_1",
        at=at,
        user_agent=random.choice(AGENTS),
        referrer=random.choice(("", "https://a.example/", "https://b.example/")),
        accept_language=random.choice(("", "de-AT", "fr")),
        is_prefetch=random.random() < 0.1,
    )


def quarter(moment: datetime) -> datetime:
    return moment - timedelta(minutes=moment.minute % 15, seconds=moment.second, microseconds=moment.microsecond)


def name_of(interval: Interval, zone: ZoneInfo, moment: datetime) -> Any:
    """What tells the interval of a moment from its neighbours."""
    local = moment.astimezone(zone)
    return {
        "hour": moment - timedelta(minutes=local.minute),  # a change by whole hours leaves the minutes as they go on
        "day": local.date(),
        "week": local.isocalendar()[:2],
        "month": (local.year, local.month),
    }[interval]


def quarters(case: Case) -> Iterator[datetime]:
    """The quarters of an hour of a range, moved outwards to whole ones."""
    moment = quarter(case.first)
    while moment < case.end:
        yield moment
        moment += QUARTER


def expected_series(case: Case, counted: Sequence[Arrival]) -> list[tuple[datetime, int]]:
    """Each interval that the range touches, found by walking through its quarters of an hour."""
    visits = Counter(quarter(arrival.at) for arrival in counted)
    series: list[tuple[datetime, int]] = []
    last: Any = None
    for moment in quarters(case):
        name = name_of(case.interval, case.zone, moment)
        if name != last:
            series.append((moment, 0))
        start, count = series[-1]
        series[-1] = (start, count + visits[moment])
        last = name
    begin = series[0][0]
    while name_of(case.interval, case.zone, begin - QUARTER) == name_of(case.interval, case.zone, series[0][0]):
        begin -= QUARTER
    return [(begin, series[0][1]), *series[1:]]


@pytest.fixture(scope="module")
def store() -> Iterator[OpenStorage]:
    opened = OpenStorage("memory", (LINKS, VISITS, DAYS, QUARTERS, EVENTS), FrozenClock())
    yield opened
    opened.close()


def note(tx: Tx, arrivals: Sequence[Arrival]) -> None:
    """Nothing but these visits, in several batches."""
    for collection in (LINKS, DAYS, QUARTERS):
        tx.clear(collection)
    tx.insert(LINKS, StoredLink(id="link_1", slug="guide", url="https://example.org/", created_at=NOW, updated_at=NOW,
                                created_by="x"))  # fmt: skip
    for begin in range(0, len(arrivals), 7):
        note_visits(tx, arrivals[begin : begin + 7], keep=0)


@given(case=st.randoms(use_true_random=False).map(_case))
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
def test_the_answers_are_those_of_counting_one_by_one(store: OpenStorage, case: Case) -> None:
    store.transact(note, case.arrivals)
    wanted = range_of(case.interval, case.zone, case.first, case.end, NOW, has_bots=case.has_bots)
    stats = store.transact(link_stats, "guide", wanted)
    inside = set(quarters(case))
    counted = [
        arrival
        for arrival in case.arrivals
        if quarter(arrival.at) in inside
        and (case.has_bots or not (arrival.is_prefetch or arrival.user_agent == AGENTS[2]))
    ]
    assert [(each.start, each.visits) for each in stats.series] == expected_series(case, counted)
    assert stats.total == len(counted)
    hosts = Counter(arrival.referrer[8:-1] or None for arrival in counted)
    languages = Counter(arrival.accept_language or None for arrival in counted)
    assert {each.name: each.visits for each in stats.referrers} == hosts
    assert {each.name: each.visits for each in stats.languages} == languages
    assert sum(each.visits for each in stats.browsers) == len(counted)


@given(counts=st.dictionaries(st.sampled_from(["", OTHER, *"abcdefgh"]), st.integers(1, 4)), most=st.integers(0, 8))
@settings(deadline=None, derandomize=True, database=None)
def test_a_limit_keeps_the_sum_and_the_largest(counts: dict[str, int], most: int) -> None:
    kept = limited(counts, most)
    named = {name: visits for name, visits in kept.items() if name not in ("", OTHER)}
    gone = [visits for name, visits in counts.items() if name not in kept]
    assert sum(kept.values()) == sum(counts.values())
    assert len(named) <= most
    assert not gone or min(named.values(), default=9) >= max(gone)
    assert kept.get("") == counts.get(""), "what was not told is no name to make room for"


def test_every_day_of_two_years_begins_at_its_first_moment_in_each_zone() -> None:
    for zone in map(ZoneInfo, ZONES):
        wanted = range_of("day", zone, date(2024, 1, 1), date(2025, 12, 31), NOW, has_bots=False)
        moments = [datetime.fromtimestamp(start, UTC) for start in wanted.starts]
        days = [moment.astimezone(zone).date() for moment in moments]
        assert days == [date(2024, 1, 1) + timedelta(days=at) for at in range(731)]
        assert all((moment - QUARTER).astimezone(zone).date() < day for moment, day in zip(moments, days, strict=True))
