"""What a ping costs: in memory, on SQLite, and with 100,000 checks against a few."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, get_args
from urllib.parse import urlsplit
from uuid import UUID

import httpx
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from slice_api.chassis import Database, Tx
from slice_api.slices.heartbeats.schedules import Schedule
from slice_api.slices.heartbeats.schemas import Order, StoredHeartbeat, unique_key_of
from slice_api.slices.heartbeats.store import CHECKS
from tests.load import peers
from tests.load.benched import KEY_HEADERS, benched_app
from tests.load.measure import Ask, compare
from tests.load.results import OURS, Result, Rounds, ratio
from tests.load.served import Served, compare_served, on_core, peers_served, product, served_ratio
from tests.support import chassis_of, client_of

PING: Final = f"{OURS}, ping"
KEPT: Final = f"{OURS}, ping on SQLite"
TITLE: Final = f"ping, against {peers.BARE}"
TARGETS: Final = (0.50, 0.75)
"""In process and served, against bare FastAPI's GET."""
MEMORY_TARGET: Final = 1.5
"""Against an answer in plain text and nothing else, which is FastAPI's cheapest."""
SQLITE_TARGET: Final = 3.0
"""For pings that come at once, which share a commit. One alone waits for a durable commit of its own, which is shown
without a target."""
MANY_TARGET: Final = 1.1
CRON_TARGET: Final = 1.2
FEW: Final = 32
AT_ONCE: Final = 32
IN_PROCESS_ROUNDS: Final = 15
OFTEN_AT_ONCE: Final = 5
"""How often so many are sent at once, in each round."""
CHECKS_AT_ONCE: Final = 100_000
BY_CRON: Final = 1
"""The number of a check whose schedule is a cron expression."""
_TOGETHER: Final = 5_000
HEADERS: Final = {"User-Agent": "curl/8.9.1", "Accept": "*/*"}


def check_id(number: int) -> str:
    """The id of a check: ids lie in no order of theirs."""
    return str(UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128))


def _fill(tx: Tx, numbers: Sequence[int]) -> None:
    """Checks that are up, and due some time within the next two days; the second of each thousand by cron."""
    daily, by_cron = Schedule(every_seconds=86_400), Schedule(cron="30 2 * * 1-5", timezone="Europe/Vienna")
    for number in numbers:
        heard_at = tx.now - timedelta(seconds=number % 3_600)
        due_at = heard_at + timedelta(days=1)
        check = StoredHeartbeat(
            id=check_id(number),
            badge_id=check_id(number + 2**40),
            unique_key=unique_key_of(check_id(number)),
            name=f"Backup of host {number}",
            slug=f"backup-of-host-{number}",
            tags=["prod", f"rack-{number % 50}"],
            schedule=by_cron if number % 1_000 == BY_CRON else daily,
            created_at=tx.now,
            updated_at=tx.now,
            created_by="load",
            status="up",
            n_pings=1,
            last_ping_at=heard_at,
            due_at=due_at,
            alert_at=due_at + timedelta(hours=1),
        )
        tx.insert(CHECKS, check)


async def fill(db: Database, count: int) -> None:
    """Keep so many checks."""
    for begin in range(0, count, _TOGETHER):
        await db.transact(_fill, range(begin, min(count, begin + _TOGETHER)))


@asynccontextmanager
async def serving_checks(storage_url: str, count: int) -> AsyncIterator[FastAPI]:
    """The app as it is served, with so many checks."""
    async with benched_app(storage_url) as app:
        await fill(chassis_of(app).db, count)
        yield app


def ping(number: int = 0) -> Ask:
    return Ask("GET", f"/ping/{check_id(number)}", HEADERS)


def at_once(app: ASGIApp) -> tuple[ASGIApp, Ask]:
    """Pings of many checks at the same moment, as jobs send them on the minute; to be counted as so many."""

    async def ping_all(scope: Scope, receive: Receive, send: Send) -> None:
        scopes = [{**scope, "path": path, "raw_path": path.encode()} for path in paths]
        await asyncio.gather(*(app(each, receive, send) for each in scopes))

    paths = [f"/ping/{check_id(number)}" for number in range(AT_ONCE)]
    return ping_all, Ask("GET", "/ping", HEADERS)


async def _list_in_all_orders(app: FastAPI) -> None:
    """Ask for what the page of a service asks for: the engine keeps orders that were asked for once."""
    async with client_of(app) as client:
        for order in get_args(Order):
            (await client.get("/api/heartbeats", params={"order": order, "limit": 50})).raise_for_status()


async def _apps(stack: AsyncExitStack, folder: Path, count: int) -> Mapping[str, FastAPI]:
    """With so many checks, on both engines."""
    apps: dict[str, FastAPI] = {}
    for engine, url in (("memory", ""), ("SQLite", f"sqlite:///{folder}/{count}.db")):
        app = await stack.enter_async_context(serving_checks(url, count))
        await _list_in_all_orders(app)
        apps[f"{engine}, {count:,}"] = app
    return apps


async def _in_process() -> tuple[Rounds, Rounds]:
    """With few checks against others, before there are many, which fill the caches of the processor; and with both."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        few = await _apps(stack, folder, FEW)
        one: dict[str, tuple[ASGIApp, Ask]] = {name: (app, ping()) for name, app in few.items()}
        one |= {f"{name}, cron": (app, ping(BY_CRON)) for name, app in few.items()}
        one |= {peers.BARE: (peers.bare_fastapi(), Ask("GET", peers.PATH)), peers.TEXT: (peers.plain_text(), ping())}
        asked: dict[str, ASGIApp] = {**few, peers.TEXT: peers.plain_text()}
        many = {f"{name}, at once": at_once(app) for name, app in asked.items()}
        alone = {**await compare(one), **await compare(many, IN_PROCESS_ROUNDS, OFTEN_AT_ONCE)}
        apps = {**few, **await _apps(stack, folder, CHECKS_AT_ONCE)}
        return alone, await compare({name: (app, ping()) for name, app in apps.items()}, IN_PROCESS_ROUNDS)


def _begun(stack: ExitStack, **variables: str) -> tuple[Served, Ask]:
    """A server with one check, and a ping of it."""
    with on_core(0):
        server = stack.enter_context(product(**variables))
    made = httpx.post(f"{server.url}/api/heartbeats", json={"name": "Nightly backup"}, headers=KEY_HEADERS)
    return server, Ask("GET", urlsplit(made.raise_for_status().json()["ping_url"]).path, HEADERS)


async def _served() -> Sequence[Result]:
    with peers_served(peers.BARE, peers.TEXT) as others, ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory())
        ours, kept = _begun(stack), _begun(stack, SLICE_STORAGE_URL=f"sqlite:///{folder}/data.db")
        stack.enter_context(on_core(-1))
        asks = {PING: ours, KEPT: kept, peers.BARE: (others[peers.BARE], Ask("GET", peers.PATH))}
        asks[peers.TEXT] = others[peers.TEXT], ping()
        shots = await compare_served(asks)
    return [
        served_ratio(TITLE, shots, PING, peers.BARE, TARGETS[1]),
        served_ratio(f"{TITLE}, on SQLite", shots, KEPT, peers.BARE, SQLITE_TARGET),
        served_ratio(f"ping, against {peers.TEXT}", shots, PING, peers.TEXT, MEMORY_TARGET),
        served_ratio(f"ping on SQLite, against {peers.TEXT}", shots, KEPT, peers.TEXT, SQLITE_TARGET),
    ]


async def run() -> Sequence[Result]:
    """Pings of one check among few and among many, on both engines."""
    taken, among = await _in_process()
    few, many = f"{FEW:,}", f"{CHECKS_AT_ONCE:,}"
    named = {**taken, PING: taken[f"memory, {few}"]}
    return [
        ratio(TITLE, named, PING, peers.BARE, TARGETS[0]),
        *await _served(),
        ratio("ping in memory, against plain text", taken, f"memory, {few}", peers.TEXT, MEMORY_TARGET),
        ratio("ping alone, on SQLite, against plain text", taken, f"SQLite, {few}", peers.TEXT),
        ratio(
            "pings at once, on SQLite, against plain text",
            taken,
            f"SQLite, {few}, at once",
            f"{peers.TEXT}, at once",
            SQLITE_TARGET,
        ),
        ratio("ping by cron, in memory", taken, f"memory, {few}, cron", f"memory, {few}", CRON_TARGET),
        ratio("ping by cron, on SQLite", taken, f"SQLite, {few}, cron", f"SQLite, {few}", CRON_TARGET),
        ratio(f"ping among {many} checks, in memory", among, f"memory, {many}", f"memory, {few}", MANY_TARGET),
        ratio(f"ping among {many} checks, on SQLite", among, f"SQLite, {many}", f"SQLite, {few}", MANY_TARGET),
    ]
