"""What following a short link costs: against bare FastAPI, and with its visit against one without."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import httpx

from slice_api.chassis.batches import INTERVAL
from tests.load import peers
from tests.load.benched import KEY_HEADERS, benched_app
from tests.load.measure import Ask, compare
from tests.load.results import OURS, Result, ratio
from tests.load.served import Served, compare_served, on_core, peers_served, product, served_ratio
from tests.support import client_of

REDIRECT: Final = f"{OURS}, redirect"
TITLE: Final = f"redirect of a link, against {peers.BARE}"
TARGETS: Final = (0.50, 0.75)
"""In process and served, against bare FastAPI's GET."""
VISIT_TARGET: Final = 1.1
VISIT_ROUNDS: Final = 7
TARGET_URL: Final = "https://example.org/guide?lang=en"
HEADERS: Final = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "de-AT,de;q=0.9,en;q=0.8",
    "Accept-Encoding": "gzip, deflate, br",
    "Referer": "https://news.example.com/today",
}
LINK: Final = {"url": TARGET_URL, "slug": "guide"}
FOLLOWED: Final = Ask("GET", "/guide", HEADERS, 302)
LOOKED_AT: Final = Ask("HEAD", "/guide", HEADERS, 302)
"""The same without a visit."""
PEER: Final = Ask("GET", peers.PATH)


async def _in_process() -> Result:
    async with benched_app() as app, client_of(app) as client:
        (await client.post("/api/links", json=LINK)).raise_for_status()
        taken = await compare({REDIRECT: (app, FOLLOWED), peers.BARE: (peers.bare_fastapi(), PEER)})
    return ratio(TITLE, taken, REDIRECT, peers.BARE, TARGETS[0])


def _begun(stack: ExitStack, **variables: str) -> Served:
    """A server with one link."""
    with on_core(0):
        server = stack.enter_context(product(**variables))
    httpx.post(f"{server.url}/api/links", json=LINK, headers=KEY_HEADERS).raise_for_status()
    return server


async def _served() -> Result:
    with peers_served(peers.BARE) as others, ExitStack() as stack:
        ours = _begun(stack)
        stack.enter_context(on_core(-1))
        shots = await compare_served({REDIRECT: (ours, FOLLOWED), peers.BARE: (others[peers.BARE], PEER)})
    return served_ratio(TITLE, shots, REDIRECT, peers.BARE, TARGETS[1])


async def _with_visits() -> Result:
    """Redirects that are visits, the writing of which is counted in, and HEAD requests, which are none."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        ours = _begun(stack, SLICE_STORAGE_URL=f"sqlite:///{folder}/data.db")
        stack.enter_context(on_core(-1))
        shots = await compare_served(
            {"with its visit": (ours, FOLLOWED), "without": (ours, LOOKED_AT)},
            rounds=VISIT_ROUNDS,
            settle_seconds=2 * INTERVAL,
            warm_rounds=2,  # until the oldest visits are let go of, as they are from then on
        )
    return served_ratio("redirect and its visit on SQLite", shots, "with its visit", "without", VISIT_TARGET)


async def run() -> Sequence[Result]:
    """The redirect in memory, in process and served, and what visits cost it on SQLite."""
    return [await _in_process(), await _served(), await _with_visits()]
