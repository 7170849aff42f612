"""Metrics of one app, in Prometheus' text form."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LABELS = ("slice", "route", "method", "status")

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The counters of one app; the labels are route templates, never paths, so their number stays small."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter("slice_requests", "Requests answered.", _LABELS, registry=self.registry)
        self._seconds = Histogram(
            "slice_request_duration_seconds",
            "Time until the answer was sent.",
            ("slice", "route", "method"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._series: dict[tuple[str, str, str, int], tuple[Counter, Histogram]] = {}
        """The series of each kind of answer: looking them up by their labels costs more than counting."""
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
        key = (slice_name, route, method, status // 100)
        series = self._series.get(key)
        if series is None:
            requests = self._requests.labels(slice_name, route, method, f"{status // 100}xx")
            series = self._series[key] = (requests, self._seconds.labels(slice_name, route, method))
        requests, durations = series
        requests.inc()
        durations.observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self.registry)
