"""How fast the service answers, out of what its process has counted."""

import os
from collections.abc import Collection
from typing import NamedTuple

from slice_api.chassis.metrics import Metrics
from slice_api.chassis.tallies import Labels, Span, Summary, Tally, Window, summary_of, together
from slice_api.slices.platform.schemas import Both, Figures, IntervalFigures, RouteMetrics, ServiceMetrics, SliceMetrics


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _figures(told: Summary, seconds: int, *, is_timed: bool = True) -> Figures:
    has_times = is_timed and told.answers > 0
    return Figures(
        count=told.answers,
        per_second=round(told.answers / seconds, 3) if seconds else 0,
        client_error_count=told.client_errors,
        server_error_count=told.server_errors,
        p50_ms=_ms(told.p50) if has_times else None,
        p95_ms=_ms(told.p95) if has_times else None,
        p99_ms=_ms(told.p99) if has_times else None,
        max_ms=_ms(told.slowest) if has_times else None,
    )


def _interval(span: Span) -> IntervalFigures:
    figures = _figures(span.summary, span.seconds)
    return IntervalFigures(start=span.start, seconds=span.seconds, **dict(figures))


class _Windows(NamedTuple):
    recent: Window
    total: Window

    def of(self, recent: Tally, total: Tally, *, is_timed: bool = True) -> Both:
        return Both(
            recent=_figures(summary_of(recent), self.recent.seconds, is_timed=is_timed),
            total=_figures(summary_of(total), self.total.seconds, is_timed=is_timed),
        )


def _route(windows: _Windows, labels: Labels, *, is_stream: bool) -> RouteMetrics:
    slice_name, route, method = labels
    recent, total = (each.tallies.get(labels, Tally()) for each in windows)
    both = windows.of(recent, total, is_timed=not is_stream)
    return RouteMetrics(slice=slice_name, route=route, method=method, is_stream=is_stream, **dict(both))


def _slice(windows: _Windows, name: str, recent: Tally, total: Tally) -> SliceMetrics:
    return SliceMetrics(slice=name, **dict(windows.of(recent, total)))


def _by_slice(window: Window, streams: Collection[Labels]) -> dict[str, Tally]:
    found: dict[str, Tally] = {}
    for labels, tally in window.tallies.items():
        if labels not in streams:
            found.setdefault(labels[0], Tally()).add(tally)
    return found


def read_metrics(metrics: Metrics, slice_name: str | None) -> ServiceMetrics:
    """The figures of one slice, or of all; those of each slice are always there."""
    answers = metrics.answers
    answers.tick()
    windows = _Windows(answers.recent(), answers.total())
    recent, total = (_by_slice(each, answers.streams) for each in windows)
    wanted = [each for each in total if slice_name in (None, each)]
    whole = windows.of(*(together(each[name] for name in wanted if name in each) for each in (recent, total)))
    routes = [each for each in sorted(windows.total.tallies) if slice_name in (None, each[0])]
    open_streams = metrics.open_streams()
    return ServiceMetrics(
        process_id=os.getpid(),
        began_at=answers.began_at,
        counted_until=answers.counted_until,
        recent_seconds=windows.recent.seconds,
        running_count=max(0, metrics.running - open_streams - 1),
        stream_count=open_streams,
        series=[_interval(each) for each in answers.timeline(slice_name)],
        slices=[_slice(windows, name, recent.get(name, Tally()), total[name]) for name in sorted(total)],
        routes=[_route(windows, each, is_stream=each in answers.streams) for each in routes],
        **dict(whole),
    )
