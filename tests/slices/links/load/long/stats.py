"""The statistics of a link with a million visits in a year, and its redirect against that of a new link, on SQLite."""

from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter

from fastapi import FastAPI

from slice_api.chassis import Tx
from slice_api.slices.links.schemas import Arrival, StoredLink
from slice_api.slices.links.store import LINKS
from slice_api.slices.links.visits.noting import visits_batch
from tests.load.benched import KEY_HEADERS
from tests.load.measure import Ask, call, compare
from tests.load.results import Result, figure, ratio
from tests.support import FrozenClock, chassis_of, make_app, running

VISITS = 1_000_000
DAYS = 365
BATCH = 5_000
KEEP = 10_000
CALLS = 15
TARGET_MS = 200.0
TARGET_RATIO = 1.1

END = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
START = END - timedelta(days=DAYS)
_YEAR = f"from={START:%Y-%m-%d}&to={END:%Y-%m-%d}"

_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{0}.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{0}.0 Mobile Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{0}.0 Safari/605",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/{0}.0 Mobile Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/{0}.0 Safari/537.36 Edg/{0}.0",
    "Mozilla/5.0 (compatible; Googlebot/2.{0}; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.{0}; +http://www.bing.com/bingbot.htm)",
)
_LANGUAGES = ("", "en-US,en;q=0.9", "en-GB", "de-AT,de;q=0.9", "de", "fr-FR", "es", "pt-BR", "ja", "zh-CN", "it", "pl")
_HOSTS = 2_000


def _arrivals() -> Iterator[list[Arrival]]:
    """A year's visits in batches: more by day than by night, few hosts often and many seldom."""
    random, step = Random(1), timedelta(days=DAYS) / VISITS
    batch: list[Arrival] = []
    for at in range(VISITS):
        host = int(_HOSTS * random.random() ** 4)
        batch.append(
            Arrival(
                slug="busy",
                link_id="link_busy",
                at=START + at * step,
                user_agent=random.choice(_AGENTS).format(120 + random.randrange(8)),
                referrer=f"https://site{host}.example/" if host > 20 else "",
                accept_language=random.choice(_LANGUAGES),
                is_prefetch=False,
            )
        )
        if len(batch) == BATCH:
            yield batch
            batch = []


def _make_links(tx: Tx) -> None:
    for slug in ("busy", "idle"):
        link = StoredLink(
            id=f"link_{slug}",
            slug=slug,
            url="https://example.org/some/page",
            created_at=START,
            updated_at=START,
            created_by="bench",
        )
        tx.insert(LINKS, link)


async def _feed(app: FastAPI) -> Result:
    db, write = chassis_of(app).db, visits_batch(KEEP).write
    await db.transact(_make_links)
    taken = 0.0
    for batch in _arrivals():
        started = perf_counter()
        await db.transact(write, batch)
        taken += perf_counter() - started
    return figure(f"{VISITS:,} visits of a year noted in batches of {BATCH:,}", [taken], "s")


async def _milliseconds(app: FastAPI, path: str, query: str, target: float | None) -> Result:
    ask, taken = Ask("GET", path, KEY_HEADERS, query=query), list[float]()
    for _ in range(CALLS):
        started = perf_counter()
        status = await call(app, ask)
        taken.append((perf_counter() - started) * 1000)
        assert status == 200, status
    return figure(f"GET {path}?{query}", taken, "ms", target)


def _size(folder: Path) -> Result:
    held = sum(file.stat().st_size for file in folder.iterdir())
    return figure("the database", [held / 1_000_000], "MB")


async def _delete(app: FastAPI) -> Result:
    started = perf_counter()
    assert await call(app, Ask("DELETE", "/api/links/busy", KEY_HEADERS, 204)) == 204
    return figure("deleting the link with all of its statistics", [(perf_counter() - started) * 1000], "ms")


async def run() -> Sequence[Result]:
    """Note the visits, read the year in several ways, and compare the redirects."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        app = make_app(storage_url=f"sqlite:///{folder}/data.db", clock=FrozenClock(END))
        await stack.enter_async_context(running(app))
        rows = [await _feed(app)]
        for path in ("/api/links/busy/stats", "/api/links/stats"):
            for query in (f"interval=day&{_YEAR}", f"interval=day&{_YEAR}&tz=Asia/Kathmandu"):
                rows.append(await _milliseconds(app, path, query, TARGET_MS))
            rows.append(await _milliseconds(app, path, f"interval=hour&{_YEAR}", None))
        calls = {slug: (app, Ask("GET", f"/{slug}", {"user-agent": _AGENTS[2]}, 302)) for slug in ("busy", "idle")}
        title = f"a redirect after {VISITS:,} visits against one of a new link"
        rows.append(ratio(title, await compare(calls), "busy", "idle", TARGET_RATIO))
        return [*rows, _size(folder), await _delete(app)]
