"""Metrics of one app, in Prometheus' text form."""

import asyncio
from collections import Counter as CountOf
from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from slice_api.chassis.clock import Clock, system_clock
from slice_api.chassis.signals import wait_for
from slice_api.chassis.tallies import HISTOGRAM_BOUNDS, TICK_SECONDS, Answers, Labels

_NAMES = (*map(str, map(float, HISTOGRAM_BOUNDS)), "+Inf")
_LABELS = ("slice", "route", "method")

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class _Collected(Collector):
    """What is counted for every request, as Prometheus wants it: its own counters take ten times as long."""

    def __init__(self, answers: Answers, events: Mapping[str, int]) -> None:
        self._answers, self._events = answers, events

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily("slice_requests", "Requests answered.", labels=(*_LABELS, "status"))
        durations = HistogramMetricFamily(
            "slice_request_duration_seconds", "Time until the answer was sent.", labels=_LABELS
        )
        for labels, tally in self._answers.everything():
            for status_class, count in tally.by_class.items():
                requests.add_metric((*labels, f"{status_class}xx"), count)
            durations.add_metric(labels, list(zip(_NAMES, tally.histogram(), strict=True)), tally.seconds)
        events = CounterMetricFamily("slice_events", "Events published.", labels=("type",))
        for kind, count in self._events.items():
            events.add_metric((kind,), count)
        yield requests
        yield durations
        yield events


class Metrics:
    """The counters of one app; the labels are route templates, never paths, so their number stays small."""

    def __init__(self, clock: Clock = system_clock) -> None:
        self._clock = clock
        self.answers = Answers(clock)
        self.registry = CollectorRegistry()
        self.events: CountOf[str] = CountOf()
        """How many were published of each type."""
        self.registry.register(_Collected(self.answers, self.events))
        self.running = 0
        """Requests being answered."""
        running = Gauge("slice_requests_running", "Requests being answered.", registry=self.registry)
        running.set_function(lambda: self.running)
        self.streams = Gauge("slice_streams_open", "Live streams being read.", ("slice",), registry=self.registry)
        self.told = Counter("slice_events_told", "Events told to subscribers.", ("outcome",), registry=self.registry)
        self.jobs = Counter("slice_jobs", "Periodic jobs run.", ("job", "outcome"), registry=self.registry)
        self.flushed = Counter("slice_batch_items", "Buffered items written.", ("batch",), registry=self.registry)
        self.healthy = Gauge("slice_healthy", "Whether the health check passes.", ("part",), registry=self.registry)
        self.storage_up = Gauge("slice_storage_up", "Whether storage answers.", registry=self.registry)

    def answered(self, labels: Labels, status: int, seconds: float) -> None:
        """Count one answer."""
        self.answers.fresh[labels, status // 100].append(seconds)

    def open_streams(self) -> int:
        """How many live streams are being read."""
        return int(sum(sample.value for family in self.streams.collect() for sample in family.samples))

    async def run(self, closing: asyncio.Event) -> None:
        """Keep what is counted by interval up to date."""
        while not closing.is_set():
            self.answers.tick()
            await wait_for(closing, TICK_SECONDS - self._clock().timestamp() % TICK_SECONDS)

    def text(self) -> bytes:
        return generate_latest(self.registry)
