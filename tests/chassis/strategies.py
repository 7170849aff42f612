"""The one profile of all property tests: the same examples every time, and no clock that decides."""

from hypothesis import HealthCheck, Phase, settings

STEADY = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=50,
    phases=(Phase.explicit, Phase.generate, Phase.target, Phase.shrink),  # explaining traces every line, for minutes
    suppress_health_check=[HealthCheck.too_slow],
)
