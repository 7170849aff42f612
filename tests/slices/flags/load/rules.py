"""What one evaluation of a rule costs, compiled as it is when a flag is saved."""

from collections.abc import Callable, Mapping, Sequence
from time import process_time_ns
from typing import Any, NamedTuple

from slice_api.slices.flags.rules.compiler import compile_rule
from slice_api.slices.flags.rules.explanation import explain_rule
from tests.load.measure import little_garbage_collected
from tests.load.results import Result, figure

CALLS = 5_000
ROUNDS = 15
TARGET = 3.0
"""Microseconds of CPU for the rule of everyday use."""

CONTEXT = {
    "targetingKey": "7f0c2a4e-1f6b-4b43-9d7d-2f6d4f1c9a10",
    "country": "AT",
    "age": 34,
    "email": "ann@example.org",
    "plan": "team",
    "app": {"version": "2.14.1"},
    "roles": ["editor", "owner", "billing"],
    "$flagd": {"flagKey": "new-checkout", "timestamp": 1_800_000_000},
}
CONDITIONS = [
    {"==": [{"var": "country"}, "AT"]},
    {">=": [{"var": "age"}, 18]},
    {"in": [{"var": "plan"}, ["pro", "team"]]},
]
SHARES = [["new", 10], ["old", 90]]


class Case(NamedTuple):
    """A rule to evaluate, and the microseconds that it may take, where that is promised."""

    rule: Any
    target: float | None = None
    bucketing: Any = "v3"


CASES: Mapping[str, Case] = {
    "three conditions and shares": Case({"if": [{"and": CONDITIONS}, {"fractional": SHARES}, "old"]}, TARGET),
    "the same, bucketing v2": Case({"if": [{"and": CONDITIONS}, {"fractional": SHARES}, "old"]}, TARGET, "v2"),
    "one condition": Case({"if": [CONDITIONS[0], "new", "old"]}),
    "shares by an attribute": Case({"fractional": [{"var": "email"}, *SHARES]}),
    "shares by an object": Case({"fractional": [{"var": "app"}, *SHARES]}),
    "a rollout by the clock": Case(
        {
            "fractional": [
                ["new", {"-": [{"var": "$flagd.timestamp"}, 1_799_000_000]}],
                ["old", {"-": [1_801_000_000, {"var": "$flagd.timestamp"}]}],
            ]
        }
    ),
    "a version": Case({"if": [{"sem_ver": [{"var": "app.version"}, ">=", "2.10.0"]}, "new", "old"]}),
    "the end of a text": Case({"if": [{"ends_with": [{"var": "email"}, "@example.org"]}, "new", "old"]}),
    "a loop over three": Case({"if": [{"some": [{"var": "roles"}, {"==": [{"var": ""}, "billing"]}]}, "new", "old"]}),
}


def _cost(work: Callable[[], object], calls: int) -> list[float]:
    """Microseconds of CPU for each call, round by round."""
    taken = list[float]()
    with little_garbage_collected():
        for _ in range(ROUNDS):
            started = process_time_ns()
            for _ in range(calls):
                work()
            taken.append((process_time_ns() - started) / calls / 1000)
    return taken


def _evaluated(title: str, case: Case) -> Result:
    rule = compile_rule(case.rule, flag_key="new-checkout", bucketing=case.bucketing)
    assert rule(CONTEXT) in ("new", "old"), title
    return figure(f"a rule evaluated: {title}", _cost(lambda: rule(CONTEXT), CALLS), "us", case.target)


async def run() -> Sequence[Result]:
    """Everyday rules one by one; and what it costs to compile and to explain the first."""
    rule = CASES["three conditions and shares"].rule
    compiling = _cost(lambda: compile_rule(rule, flag_key="new-checkout"), 500)
    explaining = _cost(lambda: explain_rule(rule, CONTEXT, flag_key="new-checkout"), 200)
    return [
        *(_evaluated(title, case) for title, case in CASES.items()),
        figure("the first compiled", compiling, "us"),
        figure("the first explained", explaining, "us"),
    ]
