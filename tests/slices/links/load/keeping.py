"""What reading a link and making one cost with everything on, against other frameworks that do less, or as much."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

import httpx
import orjson
from starlette.types import ASGIApp

from tests.load import peers
from tests.load.benched import JSON_HEADERS, KEY_HEADERS, benched_app
from tests.load.measure import Ask, compare
from tests.load.results import OURS, Result, ratio
from tests.load.served import Served, compare_served, on_core, peers_served, product, served_ratio
from tests.support import client_of

READING: Final = f"{OURS}, GET"
MAKING: Final = f"{OURS}, POST"
READ_TARGETS: Final = {
    peers.BARE: (0.60, 1.0),
    peers.STARLETTE: (2.4, 2.7),
    peers.COMMON: (1 / 25, 1 / 8),
    peers.LITESTAR: (None, None),
    peers.RAW: (None, None),
}
"""In process and served, by what it is held against."""
MADE_TARGETS: Final = (0.45, 0.80)

_FIELDS: Final = {"url": "https://example.org/guide?lang=en", "title": "The guide", "tags": ["docs", "spring"]}
LINK: Final = {**_FIELDS, "slug": "guide"}
_BODY: Final = orjson.dumps(_FIELDS)
READ: Final = Ask("GET", "/api/links/guide", KEY_HEADERS)
MADE: Final = Ask("POST", "/api/links", JSON_HEADERS, 201, body=_BODY)
"""Without a slug: every one makes another link."""
PEER_READ: Final = Ask("GET", peers.PATH, KEY_HEADERS)
PEER_MADE: Final = Ask("POST", peers.ITEMS_PATH, JSON_HEADERS, 201, body=_BODY)


def _title(peer: str) -> str:
    return f"GET of a link, everything on, against {peer}"


async def _in_process() -> list[Result]:
    async with benched_app() as app, client_of(app) as client:
        (await client.post("/api/links", json=LINK)).raise_for_status()
        others: dict[str, tuple[ASGIApp, Ask]] = {name: (peers.PEERS[name](), PEER_READ) for name in READ_TARGETS}
        read = await compare({READING: (app, READ), **others})
        made = await compare({MAKING: (app, MADE), peers.PLAIN: (peers.plain_fastapi(), PEER_MADE)})
    rows = [ratio(_title(name), read, READING, name, most) for name, (most, _) in READ_TARGETS.items()]
    title = "POST of a link, everything on, against plain FastAPI"
    return [*rows, ratio(title, made, MAKING, peers.PLAIN, MADE_TARGETS[0])]


async def _served() -> list[Result]:
    with ExitStack() as stack:
        others = stack.enter_context(peers_served(*READ_TARGETS, peers.PLAIN))
        with on_core(0):
            ours = stack.enter_context(product())
        stack.enter_context(on_core(-1))
        httpx.post(f"{ours.url}/api/links", json=LINK, headers=KEY_HEADERS).raise_for_status()
        reading: dict[str, tuple[Served, Ask]] = {name: (others[name], PEER_READ) for name in READ_TARGETS}
        read = await compare_served({READING: (ours, READ), **reading})
        made = await compare_served({MAKING: (ours, MADE), peers.PLAIN: (others[peers.PLAIN], PEER_MADE)})
    rows = [served_ratio(_title(name), read, READING, name, most) for name, (_, most) in READ_TARGETS.items()]
    title = "POST of a link, everything on, against plain FastAPI"
    return [*rows, served_ratio(title, made, MAKING, peers.PLAIN, MADE_TARGETS[1])]


async def run() -> Sequence[Result]:
    """Both in process, and both served."""
    return [*await _in_process(), *await _served()]
