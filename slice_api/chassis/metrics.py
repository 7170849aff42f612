"""Metrics of one app, in Prometheus' text form."""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_NAMES = (*map(str, map(float, _BUCKETS)), "+Inf")
_LABELS = ("slice", "route", "method")

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Series:
    """The answers of one route: how many of each class of status, and how long they took."""

    __slots__ = ("by_class", "by_time", "seconds")

    def __init__(self) -> None:
        self.by_class: dict[int, int] = {}
        self.by_time = [0] * len(_NAMES)
        self.seconds = 0.0

    def note(self, status_class: int, seconds: float) -> None:
        self.by_class[status_class] = self.by_class.get(status_class, 0) + 1
        self.by_time[bisect_left(_BUCKETS, seconds)] += 1
        self.seconds += seconds


class _Answers(Collector):
    """The answers of one app, counted on its loop alone: without the locks that other counters need for threads."""

    def __init__(self) -> None:
        self.series: dict[tuple[str, str, str], _Series] = {}

    def note(self, labels: tuple[str, str, str], status: int, seconds: float) -> None:
        series = self.series.get(labels)
        if series is None:
            series = self.series[labels] = _Series()
        series.note(status // 100, seconds)

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily("slice_requests", "Requests answered.", labels=(*_LABELS, "status"))
        durations = HistogramMetricFamily(
            "slice_request_duration_seconds", "Time until the answer was sent.", labels=_LABELS
        )
        for labels, series in self.series.items():
            for status_class, count in series.by_class.items():
                requests.add_metric((*labels, f"{status_class}xx"), count)
            buckets = list(zip(_NAMES, accumulate(series.by_time), strict=True))
            durations.add_metric(labels, buckets, series.seconds)
        yield requests
        yield durations


class Metrics:
    """The counters of one app; the labels are route templates, never paths, so their number stays small."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._answers = _Answers()
        self.registry.register(self._answers)
        self.running = 0
        """Requests being answered."""
        running = Gauge("slice_requests_running", "Requests being answered.", registry=self.registry)
        running.set_function(lambda: self.running)
        self.streams = Gauge("slice_streams_open", "Live streams being read.", ("slice",), registry=self.registry)
        self.events = Counter("slice_events", "Events published.", ("type",), registry=self.registry)
        self.told = Counter("slice_events_told", "Events told to subscribers.", ("outcome",), registry=self.registry)
        self.jobs = Counter("slice_jobs", "Periodic jobs run.", ("job", "outcome"), registry=self.registry)
        self.flushed = Counter("slice_batch_items", "Buffered items written.", ("batch",), registry=self.registry)
        self.healthy = Gauge("slice_healthy", "Whether the health check passes.", ("part",), registry=self.registry)
        self.storage_up = Gauge("slice_storage_up", "Whether storage answers.", registry=self.registry)

    def answered(self, slice_name: str, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self._answers.note((slice_name, route, method), status, seconds)

    def text(self) -> bytes:
        return generate_latest(self.registry)
