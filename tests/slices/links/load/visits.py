"""What a visit costs in the batch writer on SQLite: of one link, and where each visit is of another link.

What it adds to a redirect that is served, `redirects.py` measures.
"""

import gc
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time_ns

from slice_api.chassis import Database, Tx
from slice_api.chassis.clock import system_clock
from slice_api.slices.links.schemas import Arrival, StoredLink
from slice_api.slices.links.store import LINKS
from slice_api.slices.links.visits.noting import visits_batch
from tests.load.measure import Figure, Request, compare, report
from tests.support import ADMIN_KEY, chassis_of, make_app, running

VISITS = 1_000
"""How many visits are written together."""
ROUNDS = 15
KEEP = 10_000

_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0"
_REFERRERS = ("", "https://news.example.com/today", "https://forum.example.org/t/17")
_LANGUAGES = ("de-AT,de;q=0.8,en;q=0.5", "en-GB,en;q=0.9", "fr")

Work = Callable[[], Awaitable[None]]


def arrival(at: int, slug: str, moment: datetime) -> Arrival:
    """A visit by one of some sixty kinds of browsers, languages and referrers."""
    return Arrival(
        slug=slug,
        link_id=f"link_{slug}",
        at=moment + timedelta(microseconds=at),
        user_agent=_AGENT.format(120 + at % 20),
        referrer=_REFERRERS[at % 3],
        accept_language=_LANGUAGES[at % 3],
        is_prefetch=False,
    )


def make_links(tx: Tx) -> None:
    for at in range(VISITS):
        link = StoredLink(
            id=f"link_s{at}",
            slug=f"s{at}",
            url="https://example.org/some/page?with=a&query=1",
            created_at=tx.now,
            updated_at=tx.now,
            created_by="bench",
        )
        tx.insert(LINKS, link)


async def _cost(db: Database, slug_of: Callable[[int], str], keep: int) -> Figure:
    """Microseconds of CPU for each visit."""
    write, taken = visits_batch(keep).write, list[float]()
    for _ in range(ROUNDS):
        items = [arrival(at, slug_of(at), system_clock()) for at in range(VISITS)]
        gc.collect()
        gc.freeze()
        started = process_time_ns()
        await db.transact(write, items)
        taken.append((process_time_ns() - started) / VISITS / 1000)
        gc.unfreeze()
    return Figure(min(taken), median(taken))


def _line(title: str, figure: Figure, redirect: Figure) -> tuple[str, bool]:
    share = figure.least / redirect.least
    return (
        f"{title}: {figure.least:.2f} us, {share:.0%} of a redirect in process   [middle {figure.middle:.2f} us]",
        True,
    )


async def run() -> Sequence[bool]:
    """Compare the writing of visits with the redirect that made them."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        app = await stack.enter_async_context(running(make_app(storage_url=f"sqlite:///{folder}/data.db")))
        db = chassis_of(app).db
        await db.transact(make_links)
        headers: Mapping[str, str] = {"authorization": f"Bearer {ADMIN_KEY}", "user-agent": _AGENT.format(120)}
        redirect = (await compare({"redirect": Request(app, "GET", "/s1", headers, 302)}))["redirect"]
        await chassis_of(app).settle()
        one = await _cost(db, lambda _: "s1", KEEP)
        counted = await _cost(db, lambda _: "s1", 0)
        many = await _cost(db, lambda at: f"s{at}", KEEP)
    return report([
        (f"a redirect: {redirect.least:.2f} us", True),
        _line(f"a visit, {VISITS:,} of one link", one, redirect),
        _line(f"a visit, {VISITS:,} of one link, none kept one by one", counted, redirect),
        _line(f"a visit, each of {VISITS:,} of another link", many, redirect),
    ])  # fmt: skip
