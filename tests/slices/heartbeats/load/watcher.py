"""What 100,000 quiet checks cost a server on SQLite: its start, and the watching while nothing happens."""

import asyncio
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

import psutil

from tests.load.measure import report
from tests.server import served
from tests.slices.heartbeats.load.pings import CHECKS_AT_ONCE, serving_checks
from tests.support import ADMIN_KEY

MOST_START_SECONDS: Final = 5.0
MOST_IDLE_SHARE: Final = 0.01
SETTLING_SECONDS: Final = 3.0
"""Until what only a start does is done."""
IDLE_SECONDS: Final = 10.0


async def _idle_share(pid: int) -> float:
    """The share of a core that a process takes while nobody asks it for anything."""
    process = psutil.Process(pid)
    await asyncio.sleep(SETTLING_SECONDS)
    before, begun = process.cpu_times(), perf_counter()
    await asyncio.sleep(IDLE_SECONDS)
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / (perf_counter() - begun)


async def _measured(url: str) -> tuple[float, float]:
    """How many seconds a server's start takes, and its share of a core when it is idle."""
    with TemporaryDirectory() as folder:
        begun = perf_counter()
        with served(Path(folder), SLICE_ADMIN_KEY=ADMIN_KEY, SLICE_STORAGE_URL=url) as server:
            started = perf_counter() - begun
            return started, await _idle_share(server.process.pid)


def _line(title: str, figure: float, text: str, target: float | None) -> tuple[str, bool]:
    """One line of the report; what one check costs is there to compare with, and has no target."""
    holds = target is None or figure <= target
    told = "" if target is None else f" (target {target:g}) {'ok' if holds else 'MISSED'}"
    return f"{title}: {text}{told}", holds


def _lines(count: int, started: float, share: float) -> list[tuple[str, bool]]:
    is_many = count == CHECKS_AT_ONCE
    begin = f"with {count:,} check{'s' if count > 1 else ''} on SQLite"
    return [
        _line(f"start {begin}, in seconds", started, f"{started:.2f}", MOST_START_SECONDS if is_many else None),
        _line(f"idle {begin}, share of a core", share, f"{share:.4f}", MOST_IDLE_SHARE if is_many else None),
    ]


async def run() -> Sequence[bool]:
    """A server with one check, and one with many."""
    lines: list[tuple[str, bool]] = []
    for count in (1, CHECKS_AT_ONCE):
        with ExitStack() as stack:
            folder = stack.enter_context(TemporaryDirectory())
            log = os.open(os.devnull, os.O_WRONLY)
            stack.callback(os.close, log)
            url = f"sqlite:///{folder}/data.db"
            async with serving_checks(url, count, log):
                pass
            lines += _lines(count, *await _measured(url))
    return report(lines)
