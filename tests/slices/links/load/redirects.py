"""What following a short link costs: against a plain FastAPI redirect, and with its visit against one without."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from statistics import fmean, quantiles
from tempfile import TemporaryDirectory
from typing import NamedTuple

import httpx
import psutil
from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from starlette.types import ASGIApp

from slice_api.chassis.batches import INTERVAL
from slice_api.main import create_app
from tests.load.measure import Request, compare, ratio_line, report
from tests.server import Server, served
from tests.support import ADMIN_KEY, client_of, make_settings, running

REDIRECT_TARGET = 1.5
VISIT_TARGET = 1.1
SERVED_CALLS, SERVED_PAIRS, WARM_ROUNDS, CONNECTIONS = 4_000, 32, 4, 16
TARGET_URL = "https://example.org/guide?lang=en"
HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "de-AT,de;q=0.9,en;q=0.8",
    "Accept-Encoding": "gzip, deflate, br",
    "Referer": "https://news.example.com/today",
    "Connection": "keep-alive",
}


class Pair(NamedTuple):
    """Microseconds of CPU for a redirect, in two rounds that followed each other."""

    counted: float
    uncounted: float


def _plain() -> ASGIApp:
    """What one would write first: a redirect, and nothing else."""
    app, urls = FastAPI(), {"guide": TARGET_URL}

    @app.get("/{slug}")
    async def follow(slug: str) -> RedirectResponse:
        return RedirectResponse(urls[slug], 302)

    return app


@asynccontextmanager
async def serving_links(storage_url: str, log: int) -> AsyncIterator[FastAPI]:
    """The app as it is served, with one link; its log lines go to a file descriptor."""
    app = create_app(make_settings(storage_url=storage_url), write_log=lambda line: os.write(log, line))
    async with running(app), client_of(app) as client:
        answer = await client.post("/api/links", json={"url": TARGET_URL, "slug": "guide"})
        assert answer.status_code == 201, answer.text
        yield app


def _follow(app: ASGIApp) -> Request:
    return Request(app, "GET", "/guide", HEADERS, 302)


async def _ask_many(port: int, head: bytes, count: int) -> None:
    """Follow the link so often over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(count):
        writer.write(head)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 302"), answer
    writer.close()


async def _served_round(server: Server, method: str) -> float:
    """Microseconds of the server's CPU for each of many redirects, the writing of their visits included."""
    process, port = psutil.Process(server.process.pid), int(server.url.rsplit(":", 1)[1])
    lines = [f"{method} /guide HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {text}" for name, text in HEADERS.items())]
    head = "\r\n".join([*lines, "", ""]).encode()
    before = process.cpu_times()
    await asyncio.gather(*(_ask_many(port, head, SERVED_CALLS // CONNECTIONS) for _ in range(CONNECTIONS)))
    await asyncio.sleep(2 * INTERVAL)
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / SERVED_CALLS * 1_000_000


@contextmanager
def each_on_a_core_of_its_own(server: Server) -> Iterator[None]:
    """The server and this process, which asks, do not push each other from core to core."""
    asking, asked = psutil.Process(), psutil.Process(server.process.pid)
    cores = asking.cpu_affinity()
    asked.cpu_affinity(cores[:1])
    asking.cpu_affinity(cores[1:] or cores)
    yield
    asking.cpu_affinity(cores)


async def _with_visits(server: Server) -> Sequence[Pair]:
    """Redirects that are visits, and HEAD requests, which are none: pairs of rounds, each pair in the other order."""
    async with httpx.AsyncClient(base_url=server.url, headers={"Authorization": f"Bearer {ADMIN_KEY}"}) as client:
        (await client.post("/api/links", json={"url": TARGET_URL, "slug": "guide"})).raise_for_status()
    for _ in range(WARM_ROUNDS):  # until the oldest visits are let go of, as they are from then on
        await _served_round(server, "GET")
    with each_on_a_core_of_its_own(server):
        return await _pairs(server)


async def _pairs(server: Server) -> Sequence[Pair]:
    pairs = list[Pair]()
    for at in range(SERVED_PAIRS):
        methods = ("GET", "HEAD") if at % 2 else ("HEAD", "GET")
        taken = {method: await _served_round(server, method) for method in methods}
        pairs.append(Pair(taken["GET"], taken["HEAD"]))
    return pairs


def _visit_line(pairs: Sequence[Pair]) -> tuple[str, bool]:
    """The middle of all pairs: whatever else the machine does falls on one round or the other."""
    ratios = [each.counted / each.uncounted for each in pairs]
    counted, uncounted = fmean(each.counted for each in pairs), fmean(each.uncounted for each in pairs)
    low, middle, high = quantiles(ratios, n=4)
    holds = middle <= VISIT_TARGET
    return (
        f"redirect and its visit, served on SQLite: {middle:.3f} x (target {VISIT_TARGET:.2f}) "
        f"{'ok' if holds else 'MISSED'}   [on average with visit {counted:.1f} us, without {uncounted:.1f} us; "
        f"half of the pairs between {low:.2f} and {high:.2f}]",
        holds,
    )


async def run() -> Sequence[bool]:
    """The redirect in memory, and what visits cost it on SQLite."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)
        stack.callback(os.close, log)
        memory = await stack.enter_async_context(serving_links("", log))
        bare = await compare({"ours": _follow(memory), "plain FastAPI": _follow(_plain())})
        url = f"sqlite:///{folder}/data.db"
        server = stack.enter_context(served(folder, SLICE_ADMIN_KEY=ADMIN_KEY, SLICE_STORAGE_URL=url))
        visits = await _with_visits(server)
    return report([
        ratio_line("redirect, in memory", bare, "ours", "plain FastAPI", REDIRECT_TARGET),
        _visit_line(visits),
    ])  # fmt: skip
