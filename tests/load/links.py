"""What following a short link costs: against a plain FastAPI redirect, and with its visit against one without."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time_ns

from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from starlette.types import ASGIApp

from slice_api.main import create_app
from tests.load.measure import CALLS, ROUNDS, Figure, Request, compare, ratio_line, report, round_of
from tests.support import chassis_of, client_of, make_settings, running

REDIRECT_TARGET = 1.5
VISIT_TARGET = 1.1
TURNS = 5
"""How many rounds of calls lie between two times that visits are written: what comes in 250 ms at 4,000 a second."""
TARGET_URL = "https://example.org/guide?lang=en"
HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "de-AT,de;q=0.9,en;q=0.8",
    "Accept-Encoding": "gzip, deflate, br",
    "Referer": "https://news.example.com/today",
    "Connection": "keep-alive",
}


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


def _follow(app: ASGIApp, method: str = "GET") -> Request:
    return Request(app, method, "/guide", HEADERS, 302)


async def _turns(app: FastAPI, method: str) -> float:
    """Microseconds of CPU for each of many redirects, the writing of their visits included."""
    calls = [await round_of(_follow(app, method)) for _ in range(TURNS)]
    started = process_time_ns()
    await chassis_of(app).batches.flush()
    return sum(calls) / TURNS + (process_time_ns() - started) / (TURNS * CALLS) / 1000


async def _with_visits(app: FastAPI) -> dict[str, Figure]:
    """Redirects that are visits, the writing of these included, and HEAD requests, which are none."""
    counted, uncounted = [], []
    for _ in range(ROUNDS):
        counted.append(await _turns(app, "GET"))
        uncounted.append(await _turns(app, "HEAD"))
    return {
        "with visit": Figure(min(counted), median(counted)),
        "without": Figure(min(uncounted), median(uncounted)),
    }


async def run() -> Sequence[bool]:
    """The redirect in memory, and what visits cost it on SQLite."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)
        stack.callback(os.close, log)
        memory = await stack.enter_async_context(serving_links("", log))
        sqlite = await stack.enter_async_context(serving_links(f"sqlite:///{folder}/data.db", log))
        bare = await compare({"ours": _follow(memory), "plain FastAPI": _follow(_plain())})
        visits = await _with_visits(sqlite)
    return report([
        ratio_line("redirect, in memory", bare, "ours", "plain FastAPI", REDIRECT_TARGET),
        ratio_line("redirect and its visit, SQLite", visits, "with visit", "without", VISIT_TARGET),
    ])  # fmt: skip
