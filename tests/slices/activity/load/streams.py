"""What 10,000 open streams hold: by how much the real server grows while they are opened, all from one address."""

import asyncio
import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from tests.load.benched import KEY_HEADERS
from tests.load.results import Result, figure
from tests.load.served import Served, product

STREAMS: Final = 10_000
AT_ONCE: Final = 100
SPARE_FILES: Final = 500
MOST_SECONDS: Final = 30.0
MOST_MB: Final = 400.0

_HEAD: Final = "\r\n".join(
    ["GET /api/activity/stream HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {text}" for name, text in KEY_HEADERS.items())]
)


@contextmanager
def many_files() -> Iterator[int]:
    """As many open files as we, and who is started meanwhile, may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def _open(server: Served) -> asyncio.StreamWriter:
    """Open a stream; its first words have come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"{_HEAD}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    await reader.readuntil(b"\n\n")
    return writer


async def _grown(server: Served, most: int) -> tuple[float, int]:
    """MB by which the server grows while that many are opened, or as many as can be in time; then they are closed."""
    writers = [await _open(server)]
    before, end = server.process.memory_info().rss, time.monotonic() + MOST_SECONDS
    while len(writers) < most and time.monotonic() < end:
        writers += await asyncio.gather(*(_open(server) for _ in range(min(AT_ONCE, most - len(writers)))))
    grown = server.process.memory_info().rss - before
    for writer in writers:
        writer.close()
    return grown / 1_000_000, len(writers)


async def run() -> Sequence[Result]:
    """As many as files may be open and time allows; the figure is for 10,000 all the same."""
    with many_files() as most, product(SLICE_CONNECTIONS_PER_ADDRESS="0") as server:
        grown, count = await _grown(server, min(STREAMS, most - SPARE_FILES))
    title = f"memory of {STREAMS:,} open streams (growth of the server)"
    row = figure(title, [grown * STREAMS / count], "MB", MOST_MB)
    return [row._replace(figures={"opened": count, "MB": grown}, figures_unit="")]
