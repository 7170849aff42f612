"""How the parts are: storage, other engines, and every slice with a `health.py`.

`def check(tx)`, or `async def check(db)` for one that asks somebody else: it raises when the slice cannot do its work.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from slice_api.chassis.logs import Logger
from slice_api.chassis.metrics import Metrics

SECONDS: Final = 1.5
"""How long a part may take to answer."""

Check = Callable[[], Awaitable[object]]


class HealthChecks:
    """The checks of one app; it remembers who failed last time, so that the log tells of changes alone."""

    def __init__(self, checks: Mapping[str, Check], log: Logger, metrics: Metrics) -> None:
        self._checks, self._log, self._metrics = checks, log, metrics
        self._failing: frozenset[str] = frozenset()

    async def failing(self) -> list[str]:
        """Ask every part at once; gives the names of those that fail or do not answer in time."""
        faults = await asyncio.gather(*(_fault_of(check) for check in self._checks.values()))
        told = {name: fault for name, fault in zip(self._checks, faults, strict=True) if fault}
        self._note(told)
        return list(told)

    def _note(self, faults: Mapping[str, str]) -> None:
        for name, fault in faults.items():
            if name not in self._failing:
                self._log.error("health check failed", part=name, why=fault)
        for name in self._failing - faults.keys():
            self._log.warning("health check passes again", part=name)
        for name in self._checks:
            self._metrics.healthy.labels(name).set(name not in faults)
        self._failing = frozenset(faults)


async def _fault_of(check: Check) -> str:
    """What is wrong; empty when nothing is."""
    try:
        async with asyncio.timeout(SECONDS):
            await check()
    except TimeoutError:
        return f"no answer within {SECONDS} s"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
