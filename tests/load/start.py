"""What the server costs before anybody asks it for anything: its start, with all slices, and what it holds then."""

import asyncio
from collections.abc import Sequence
from typing import Final

import httpx

from tests.load.results import Result, figure
from tests.load.served import cpu_seconds, on_core, product

STARTS: Final = 5
MOST_CPU_SECONDS: Final = 1.0
MOST_IDLE_MB: Final = 110.0
SETTLING_SECONDS: Final = 1.0


async def _started() -> tuple[float, float]:
    """Seconds of CPU until `/readyz` answers, and the MB that are held a moment later."""
    with on_core(0), product() as server:
        httpx.get(f"{server.url}/readyz").raise_for_status()
        taken = cpu_seconds(server.process)
        await asyncio.sleep(SETTLING_SECONDS)
        return taken, server.process.memory_info().rss / 1_000_000


async def run() -> Sequence[Result]:
    """Several starts; the one before has seen to it that everything is compiled."""
    await _started()
    taken = [await _started() for _ in range(STARTS)]
    seconds, held = zip(*taken, strict=True)
    return [
        figure("ready from a cold start, CPU", seconds, "s", MOST_CPU_SECONDS),
        figure("memory of an idle process", held, "MB", MOST_IDLE_MB),
    ]
