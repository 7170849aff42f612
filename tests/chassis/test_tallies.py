"""How answers are counted: against a plain model of all times, by a clock that moves when told to."""

import math
from collections.abc import Sequence
from itertools import chain

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from slice_api.chassis.metrics import Metrics
from slice_api.chassis.tallies import HISTOGRAM_BOUNDS, NOTHING, PRECISION, Tally, summary_of, together
from tests.support import FrozenClock

SHARES = (50, 95, 99)
_LABELS = ("slice", "route", "method", "status", "le")

_times = st.one_of(
    st.floats(0, 200),
    st.floats(0, 0.02),
    st.sampled_from([*HISTOGRAM_BOUNDS, 0.0, 0.00001, 100.0]),
    st.sampled_from(HISTOGRAM_BOUNDS).map(lambda bound: math.nextafter(bound, 200)),
)
_repeated = st.tuples(st.sampled_from([200, 204, 304, 404, 499, 503]), _times, st.integers(1, 90)).map(
    lambda each: [each[:2]] * each[2]
)
_answers = st.lists(_repeated, min_size=1, max_size=12).map(lambda groups: list(chain.from_iterable(groups)))

unhurried = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _tally_of(answers: Sequence[tuple[int, float]]) -> Tally:
    tally = Tally()
    for status, seconds in answers:
        tally.note(status // 100, [seconds])
    return tally


def _nearest_rank(times: Sequence[float], percent: int) -> float:
    return sorted(times)[-(-len(times) * percent // 100) - 1]


# Percentiles


@unhurried
@given(_answers)
def test_percentiles_are_never_less_than_is_true_and_hardly_more(answers: list[tuple[int, float]]) -> None:
    times = [seconds for _, seconds in answers]
    for percent, told in zip(SHARES, _tally_of(answers).percentiles(*SHARES), strict=True):
        true = _nearest_rank(times, percent)
        is_within_buckets = 0.00001 <= true <= 100
        assert true <= told <= max(times)
        assert told <= true * (1 + PRECISION) or not is_within_buckets


@unhurried
@given(_answers)
def test_a_summary_tells_the_counts_and_the_slowest(answers: list[tuple[int, float]]) -> None:
    told = summary_of(_tally_of(answers))
    statuses = [status for status, _ in answers]
    assert told.answers == len(answers)
    assert told.client_errors == sum(400 <= status < 500 for status in statuses)
    assert told.server_errors == sum(status >= 500 for status in statuses)
    assert told.slowest == max(seconds for _, seconds in answers)


def test_nothing_has_no_times() -> None:
    assert NOTHING == (0, 0, 0, 0, 0, 0, 0)


@unhurried
@given(st.lists(_answers, min_size=1, max_size=4))
def test_tallies_together_are_one_of_all_their_answers(groups: list[list[tuple[int, float]]]) -> None:
    whole = together(map(_tally_of, groups))
    assert summary_of(whole) == summary_of(_tally_of([each for group in groups for each in group]))


@unhurried
@given(_answers, _answers)
def test_what_is_taken_out_again_leaves_the_rest(kept: list[tuple[int, float]], gone: list[tuple[int, float]]) -> None:
    whole = together(map(_tally_of, (kept, gone)))
    whole.remove(_tally_of(gone))
    assert (whole.by_class, whole.by_time) == (_tally_of(kept).by_class, _tally_of(kept).by_time)


# Prometheus


def _samples(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels[each] for each in _LABELS if each in sample.labels): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
        if sample.name == name
    }


@unhurried
@given(_answers, st.integers(0, 400))
def test_prometheus_is_told_what_was_answered(answers: list[tuple[int, float]], ticked: int) -> None:
    clock = FrozenClock()
    metrics = Metrics(clock)
    for index, (status, seconds) in enumerate(answers):
        if index == ticked:
            clock.advance(seconds=2)
            metrics.answers.tick()
        metrics.answered(("links", "/{slug}", "GET"), status, seconds)
    times = [seconds for _, seconds in answers]
    buckets = _samples(metrics, "slice_request_duration_seconds_bucket")
    labels = ("links", "/{slug}", "GET")
    for bound in HISTOGRAM_BOUNDS:
        assert buckets[*labels, str(float(bound))] == sum(seconds <= bound for seconds in times), bound
    assert buckets[*labels, "+Inf"] == len(times)
    assert _samples(metrics, "slice_request_duration_seconds_count") == {labels: len(times)}
    assert _samples(metrics, "slice_request_duration_seconds_sum")[labels] == pytest.approx(sum(times))
    counts = _samples(metrics, "slice_requests_total")
    assert sum(counts.values()) == len(answers)
    assert counts.get((*labels, "5xx"), 0) == sum(status >= 500 for status, _ in answers)


# By interval


@pytest.fixture
def clock() -> FrozenClock:
    """At nine o'clock, where an interval and a minute begin."""
    return FrozenClock()


@pytest.fixture
def metrics(clock: FrozenClock) -> Metrics:
    return Metrics(clock)


def _answer(metrics: Metrics, count: int = 1, *, name: str = "links", seconds: float = 0.25, status: int = 200) -> None:
    for _ in range(count):
        metrics.answered((name, f"/api/{name}", "GET"), status, seconds)


def _pass(metrics: Metrics, clock: FrozenClock, seconds: float) -> None:
    clock.advance(seconds=seconds)
    metrics.answers.tick()


def _counts(metrics: Metrics, name: str | None = None) -> list[tuple[int, int]]:
    """Seconds and answers of each interval."""
    return [(span.seconds, span.summary.answers) for span in metrics.answers.timeline(name)]


def _recent(metrics: Metrics) -> int:
    return together(metrics.answers.recent().tallies.values()).count


def test_between_two_ticks_nothing_changes(metrics: Metrics, clock: FrozenClock) -> None:
    _answer(metrics)
    _pass(metrics, clock, 1.9)
    assert (_counts(metrics), _recent(metrics)) == ([], 0)
    _pass(metrics, clock, 0.1)
    assert (_counts(metrics), _recent(metrics)) == ([(2, 1)], 1)


def test_answers_stand_in_the_interval_that_they_came_in(metrics: Metrics, clock: FrozenClock) -> None:
    _answer(metrics, 3)
    _pass(metrics, clock, 10)
    _answer(metrics, 2, name="flags", seconds=1)
    _pass(metrics, clock, 20)
    _answer(metrics)
    _pass(metrics, clock, 4)
    assert _counts(metrics) == [(10, 3), (10, 2), (10, 0), (4, 1)]
    assert _counts(metrics, "flags") == [(10, 0), (10, 2), (10, 0), (4, 0)]
    assert [span.summary.slowest for span in metrics.answers.timeline()] == [0.25, 1, 0, 0.25]
    assert [span.start.second for span in metrics.answers.timeline()] == [0, 10, 20, 30]


def test_a_start_within_an_interval_makes_that_one_short(clock: FrozenClock) -> None:
    clock.advance(seconds=7)
    metrics = Metrics(clock)
    _answer(metrics, 4)
    _pass(metrics, clock, 5)
    assert _counts(metrics) == [(4, 4), (2, 0)]
    assert metrics.answers.total().seconds == 6


def test_a_quarter_of_an_hour_is_kept_by_interval(metrics: Metrics, clock: FrozenClock) -> None:
    for _ in range(100):
        _answer(metrics)
        _pass(metrics, clock, 10)
    assert _counts(metrics) == [(10, 1)] * 90
    _pass(metrics, clock, 3600)
    assert _counts(metrics) == [(10, 0)] * 90
    assert together(metrics.answers.total().tallies.values()).count == 100


def test_recent_is_five_minutes_and_the_one_that_runs(metrics: Metrics, clock: FrozenClock) -> None:
    _answer(metrics, seconds=3)
    _pass(metrics, clock, 60)
    for _ in range(5):
        _answer(metrics, 2, seconds=0.5)
        _pass(metrics, clock, 60)
    assert (_recent(metrics), metrics.answers.recent().seconds) == (11, 360)
    _pass(metrics, clock, 2)
    recent = metrics.answers.recent()
    assert (_recent(metrics), recent.seconds) == (10, 302)
    assert together(recent.tallies.values()).slowest == 0.5, "the slowest of those that are gone is gone"
    assert together(metrics.answers.total().tallies.values()).slowest == 3
    _pass(metrics, clock, 600)
    assert _recent(metrics) == 0


def test_live_streams_are_counted_and_not_timed_with_their_slice(metrics: Metrics, clock: FrozenClock) -> None:
    metrics.answers.streams.add(("activity", "/api/activity", "GET"))
    _answer(metrics, name="activity", seconds=3600)
    _answer(metrics, name="links")
    _pass(metrics, clock, 2)
    assert _counts(metrics) == [(2, 1)]
    assert _counts(metrics, "activity") == [(2, 0)]
    assert _recent(metrics) == 2


@pytest.mark.parametrize(("seconds", "shown"), [(-3, 5), (-3600, 3)])
def test_a_clock_that_is_set_back_loses_no_answer(
    metrics: Metrics, clock: FrozenClock, seconds: float, shown: int
) -> None:
    clock.advance(hours=2)
    metrics.answers.tick()
    _answer(metrics, 2)
    _pass(metrics, clock, seconds)
    _answer(metrics, 3)
    _pass(metrics, clock, 6)
    assert sum(count for _, count in _counts(metrics)) == shown
    assert together(metrics.answers.total().tallies.values()).count == 5


def test_what_is_kept_does_not_grow_with_the_requests(metrics: Metrics, clock: FrozenClock) -> None:
    for index in range(2_000):
        _answer(metrics, seconds=0.0001 * 1.01**index)
        _pass(metrics, clock, 1)
    [tally] = metrics.answers.recent().tallies.values()
    assert len(tally.by_time) <= 350
    assert len(metrics.answers.timeline()) == 90
