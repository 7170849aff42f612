"""What a visit costs in the batch writer on SQLite: of one link, and where each visit is of another link.

What it adds to a redirect that is served, `redirects.py` measures.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time_ns

from slice_api.chassis import Database, Tx
from slice_api.chassis.clock import system_clock
from slice_api.slices.links.schemas import Arrival, StoredLink
from slice_api.slices.links.store import LINKS
from slice_api.slices.links.visits.noting import visits_batch
from tests.load.benched import benched_app
from tests.load.measure import little_garbage_collected
from tests.load.results import Result, figure, in_turns
from tests.support import chassis_of

VISITS = 1_000
"""How many visits are written together."""
ROUNDS = 7
KEEP = 10_000

_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0"
_REFERRERS = ("", "https://news.example.com/today", "https://forum.example.org/t/17")
_LANGUAGES = ("de-AT,de;q=0.8,en;q=0.5", "en-GB,en;q=0.9", "fr")


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


def _writing(db: Database, slug_of: Callable[[int], str], keep: int) -> Callable[[], Awaitable[float]]:
    """Microseconds of CPU for each visit of a batch."""
    write = visits_batch(keep).write

    async def write_batch() -> float:
        items = [arrival(at, slug_of(at), system_clock()) for at in range(VISITS)]
        started = process_time_ns()
        await db.transact(write, items)
        return (process_time_ns() - started) / VISITS / 1000

    return write_batch


async def run() -> Sequence[Result]:
    """Visits of one link, kept one by one or only counted, and of many links."""
    with TemporaryDirectory() as folder:
        async with benched_app(f"sqlite:///{Path(folder)}/data.db") as app:
            db = chassis_of(app).db
            await db.transact(make_links)
            works = {
                f"a visit written, {VISITS:,} of one link": _writing(db, lambda _: "s1", KEEP),
                f"a visit written, {VISITS:,} of one link, none kept one by one": _writing(db, lambda _: "s1", 0),
                f"a visit written, each of {VISITS:,} of another link": _writing(db, lambda at: f"s{at}", KEEP),
            }
            with little_garbage_collected():
                taken = await in_turns(works, ROUNDS)
    return [figure(title, each, "us") for title, each in taken.items()]
