"""What 100,000 quiet checks cost a server on SQLite: its start, and the watching while nothing happens."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

import psutil

from tests.load.results import Result, figure
from tests.load.served import cpu_seconds, product
from tests.slices.heartbeats.load.pings import CHECKS_AT_ONCE, serving_checks

MOST_START_SECONDS: Final = 5.0
MOST_IDLE_PERCENT: Final = 1.0
SETTLING_SECONDS: Final = 2.0
"""Until what only a start does is done."""
IDLE_SECONDS: Final = 20.0
"""The CPU of a process is told in hundredths of a second."""


async def _idle_share(process: psutil.Process) -> float:
    """The share of a core, in percent, that a process takes while nobody asks it for anything."""
    await asyncio.sleep(SETTLING_SECONDS)
    before, begun = cpu_seconds(process), perf_counter()
    await asyncio.sleep(IDLE_SECONDS)
    return (cpu_seconds(process) - before) / (perf_counter() - begun) * 100


async def _measured(url: str) -> tuple[float, float]:
    """How many seconds a server's start takes, and its share of a core when it is idle."""
    begun = perf_counter()
    with product(SLICE_STORAGE_URL=url) as server:
        return perf_counter() - begun, await _idle_share(server.process)


async def _rows(count: int) -> list[Result]:
    """What one check costs is there to compare with, and has no target."""
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder)}/data.db"
        async with serving_checks(url, count):
            pass
        started, share = await _measured(url)
    is_many = count == CHECKS_AT_ONCE
    begin = f"with {count:,} check{'s' if count > 1 else ''} on SQLite"
    return [
        figure(f"start {begin}", [started], "s", MOST_START_SECONDS if is_many else None),
        figure(f"idle {begin}, share of a core", [share], "%", MOST_IDLE_PERCENT if is_many else None),
    ]


async def run() -> Sequence[Result]:
    """A server with one check, and one with many."""
    return [*await _rows(1), *await _rows(CHECKS_AT_ONCE)]
