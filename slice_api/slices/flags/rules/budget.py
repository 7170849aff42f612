"""What one evaluation may cost, in steps.

A step is about what one operator costs, a fraction of a microsecond. Where the cost does not depend on the data nothing
is counted, since the size of a rule bounds it; what loops, copies or joins spends steps by how much it goes through.
"""

from typing import Final

from slice_api.slices.flags.rules.failures import RuleFailure

Budget = list[int]
"""The steps that are left, as the one item of a list: made for each evaluation, and counted down."""

STEPS: Final = 100_000
"""Some 20 ms at the worst."""


def new_budget() -> Budget:
    return [STEPS]


def spend(budget: Budget, steps: int) -> None:
    """Count the steps; raises RuleFailure when there are not so many left."""
    budget[0] -= steps
    if budget[0] < 0:
        raise RuleFailure(f"needs more than {STEPS:,} steps for this context")


def spend_on_text(budget: Budget, length: int) -> None:
    """Count the copying or reading of so many characters."""
    if length > 255:
        spend(budget, length >> 4)
