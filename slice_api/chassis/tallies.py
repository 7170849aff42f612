"""How many answers there were and how long they took: counted as they come, and kept by interval for a quarter hour.

Times are counted in buckets, each 5 % wide, so that a percentile needs no list of all times. The labels are templates:
what is kept does not grow with the requests.
"""

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate, pairwise
from math import ceil, log
from typing import Final, NamedTuple

from slice_api.chassis.clock import Clock

Labels = tuple[str, str, str]
"""Slice, route template and method."""

TICK_SECONDS: Final = 2
"""What is kept by interval is brought up to date so often."""
INTERVAL_SECONDS: Final = 10
KEPT_INTERVALS: Final = 90
RECENT_MINUTES: Final = 5

HISTOGRAM_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""The buckets that others are told of, in seconds."""
PRECISION: Final = 0.05
"""How much more a percentile may say than is true."""

_EDGES = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, *HISTOGRAM_BOUNDS, 25, 50, 100)


def _steps(low: float, high: float) -> Iterator[float]:
    """Bounds from one edge to just below the next, evenly apart as factors."""
    count = ceil(log(high / low) / log(1 + PRECISION))
    return (low * (high / low) ** (step / count) for step in range(count))


_BOUNDS = (*(bound for low, high in pairwise(_EDGES) for bound in _steps(low, high)), _EDGES[-1])
_PLACES = tuple(_BOUNDS.index(bound) for bound in HISTOGRAM_BOUNDS)


class Tally:
    """Some answers: how many of each class of status, and how long they took, in seconds."""

    __slots__ = ("by_class", "by_time", "seconds", "slowest")

    def __init__(self) -> None:
        self.by_class: dict[int, int] = {}
        self.by_time: dict[int, int] = {}
        self.seconds = self.slowest = 0.0

    def note(self, status_class: int, times: Sequence[float]) -> None:
        """Count answers of one class of status, by the time of each."""
        self.by_class[status_class] = self.by_class.get(status_class, 0) + len(times)
        for bucket, count in Counter(bisect_left(_BOUNDS, seconds) for seconds in times).items():
            self.by_time[bucket] = self.by_time.get(bucket, 0) + count
        self.seconds += sum(times)
        self.slowest = max(self.slowest, max(times))

    @property
    def count(self) -> int:
        return sum(self.by_class.values())

    def add(self, other: "Tally") -> None:
        """Count the answers of another one, too."""
        for status_class, count in other.by_class.items():
            self.by_class[status_class] = self.by_class.get(status_class, 0) + count
        for bucket, count in other.by_time.items():
            self.by_time[bucket] = self.by_time.get(bucket, 0) + count
        self.seconds += other.seconds
        self.slowest = max(self.slowest, other.slowest)

    def remove(self, other: "Tally") -> None:
        """Count answers no more that were added before; what was slowest is for the caller to know."""
        for counts, gone in ((self.by_class, other.by_class), (self.by_time, other.by_time)):
            for key, count in gone.items():
                counts[key] -= count
                if not counts[key]:
                    del counts[key]
        self.seconds -= other.seconds

    def percentiles(self, *percents: int) -> list[float]:
        """How long the fastest so many percent took at most, in seconds: up to 5 % more than is true, never less.

        By the nearest rank: what is told of 50 is what the middle one of three took. Without answers it is 0.
        """
        if not self.by_time:
            return [0.0] * len(percents)
        buckets = sorted(self.by_time)
        counts = list(accumulate(self.by_time[bucket] for bucket in buckets))
        found = (buckets[bisect_left(counts, ceil(counts[-1] * each / 100))] for each in percents)
        return [min(self.slowest, _BOUNDS[bucket]) if bucket < len(_BOUNDS) else self.slowest for bucket in found]

    def histogram(self) -> list[int]:
        """How many answers took up to each of HISTOGRAM_BOUNDS, and how many there are in all."""
        counts = [0] * (len(HISTOGRAM_BOUNDS) + 1)
        for bucket, count in self.by_time.items():
            counts[bisect_left(_PLACES, bucket)] += count
        return list(accumulate(counts))


def together(tallies: Iterable[Tally]) -> Tally:
    """One tally of all these answers."""
    whole = Tally()
    for each in tallies:
        whole.add(each)
    return whole


class Summary(NamedTuple):
    """What is told of a tally; the times are seconds, and 0 where there are no answers."""

    answers: int
    client_errors: int
    server_errors: int
    p50: float
    p95: float
    p99: float
    slowest: float


def summary_of(tally: Tally) -> Summary:
    """What is told of these answers."""
    p50, p95, p99 = tally.percentiles(50, 95, 99)
    client_errors, server_errors = (tally.by_class.get(each, 0) for each in (4, 5))
    return Summary(tally.count, client_errors, server_errors, p50, p95, p99, tally.slowest)


NOTHING: Final = summary_of(Tally())


class Span(NamedTuple):
    """What was answered in one interval."""

    start: datetime
    seconds: int
    """Less than INTERVAL_SECONDS for the first one after the start, and for the one that is not over."""
    summary: Summary


class Window(NamedTuple):
    """What was answered in some time, by label."""

    seconds: int
    tallies: Mapping[Labels, Tally]


ALL: Final = None
"""Stands for every slice."""

_INTERVAL, _MINUTE = INTERVAL_SECONDS // TICK_SECONDS, 60 // TICK_SECONDS


class Answers:
    """The answers of one app: since it began, of the last minutes, and by interval.

    Counted on the app's loop alone, without the locks that threads would need. The times of what came since the last
    tick are in `fresh`, by label and class of status; a tick counts them and puts them with the rest, so that what is
    read between two ticks is the same each time. Of an interval that is over only the summary of each slice is kept.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = self._tick = self._present()
        self._total: dict[Labels, Tally] = {}
        self._minutes: deque[tuple[int, dict[Labels, Tally]]] = deque()
        self._recent: dict[Labels, Tally] = {}
        """All the minutes together."""
        self._closed: deque[tuple[int, dict[str | None, Summary]]] = deque(maxlen=KEPT_INTERVALS)
        self._open: dict[str | None, Tally] = {}
        self.fresh: defaultdict[tuple[Labels, int], list[float]] = defaultdict(list)
        self.streams: set[Labels] = set()
        """What is not timed with its slice: a live stream lasts while somebody listens."""

    def _present(self) -> int:
        return int(self._clock().timestamp()) // TICK_SECONDS

    @property
    def began_at(self) -> datetime:
        return _moment(self._began)

    @property
    def counted_until(self) -> datetime:
        """The last tick."""
        return _moment(self._tick)

    def tick(self) -> None:
        """Bring what is kept up to date, once in TICK_SECONDS; between that it does nothing."""
        present, before = self._present(), self._tick
        if present <= before < present + _INTERVAL:
            return
        self._keep()
        if present // _INTERVAL != before // _INTERVAL:
            self._closed.append((before // _INTERVAL, {name: summary_of(each) for name, each in self._open.items()}))
            self._open = {}
        if present < before:  # the clock was set back: what was kept lies in the time that comes
            self._closed.clear()
            self._minutes.clear()
            self._recent.clear()
            self._began = min(self._began, present)
        self._tick = present
        self._forget()

    def _keep(self) -> None:
        """Put the fresh ones with the rest."""
        minute = self._tick // _MINUTE
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append((minute, {}))
        for labels, tally in self._counted().items():
            for kept in (self._total, self._recent, self._minutes[-1][1]):
                kept.setdefault(labels, Tally()).add(tally)
            for name in (labels[0], ALL) if labels not in self.streams else ():
                self._open.setdefault(name, Tally()).add(tally)
        self.fresh.clear()

    def _counted(self) -> dict[Labels, Tally]:
        """The fresh ones, counted: many at once in a fraction of the time that each would take by itself."""
        counted: dict[Labels, Tally] = {}
        for (labels, status_class), times in self.fresh.items():
            counted.setdefault(labels, Tally()).note(status_class, times)
        return counted

    @property
    def _oldest_minute(self) -> int:
        return (self._tick - 1) // _MINUTE - RECENT_MINUTES

    def _forget(self) -> None:
        """Let go of minutes that are not recent any more."""
        while self._minutes and self._minutes[0][0] < self._oldest_minute:
            _, gone = self._minutes.popleft()
            for labels, tally in gone.items():
                self._recent[labels].remove(tally)
                slow = (minute[labels].slowest for _, minute in self._minutes if labels in minute)
                self._recent[labels].slowest = max(slow, default=0.0)

    def total(self) -> Window:
        """All answers from the beginning to the last tick."""
        return Window((self._tick - self._began) * TICK_SECONDS, self._total)

    def recent(self) -> Window:
        """The answers of the last RECENT_MINUTES, and of the one that is not over, to the last tick."""
        began = max(self._began, self._oldest_minute * _MINUTE)
        return Window((self._tick - began) * TICK_SECONDS, self._recent)

    def timeline(self, slice_name: str | None = ALL) -> list[Span]:
        """The last KEPT_INTERVALS up to the last tick, oldest first; those too in which nothing was answered."""
        last = (self._tick - 1) // _INTERVAL
        numbers = range(max(self._began // _INTERVAL, last - KEPT_INTERVALS + 1), last + 1)
        known = {number: summaries.get(slice_name, NOTHING) for number, summaries in self._closed}
        if slice_name in self._open:
            known[self._tick // _INTERVAL] = summary_of(self._open[slice_name])
        ends = ((max(self._began, each * _INTERVAL), min(self._tick, (each + 1) * _INTERVAL), each) for each in numbers)
        return [Span(_moment(low), (high - low) * TICK_SECONDS, known.get(each, NOTHING)) for low, high, each in ends]

    def everything(self) -> Iterator[tuple[Labels, Tally]]:
        """All answers since the beginning, the fresh ones among them."""
        fresh = self._counted()
        for labels in {**self._total, **fresh}:
            both = [each[labels] for each in (self._total, fresh) if labels in each]
            yield labels, both[0] if len(both) == 1 else together(both)


def _moment(tick: int) -> datetime:
    return datetime.fromtimestamp(tick * TICK_SECONDS, UTC)
