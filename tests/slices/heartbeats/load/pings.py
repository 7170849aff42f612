"""What a ping costs: in memory and on SQLite against a plain FastAPI endpoint, and with 100,000 checks against one."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, get_args
from uuid import UUID

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from slice_api.chassis import Database, Tx
from slice_api.main import create_app
from slice_api.slices.heartbeats.schedules import Schedule
from slice_api.slices.heartbeats.schemas import Order, StoredHeartbeat, unique_key_of
from slice_api.slices.heartbeats.store import CHECKS
from tests.load.measure import Request, compare, ratio_line, report
from tests.support import chassis_of, client_of, make_settings, running

MEMORY_TARGET: Final = 1.5
SQLITE_TARGET: Final = 3.0
"""For pings that come at once, which share a commit: one on the disk takes as long as two plain answers."""
MANY_TARGET: Final = 1.1
CRON_TARGET: Final = 1.2
FEW: Final = 32
AT_ONCE: Final = 32
CHECKS_AT_ONCE: Final = 100_000
BY_CRON: Final = 1
"""The number of a check whose schedule is a cron expression."""
_TOGETHER: Final = 5_000
HEADERS: Final = {"User-Agent": "curl/8.9.1", "Accept": "*/*"}


def plain() -> ASGIApp:
    """What one would write first: an answer, and nothing stored."""
    app = FastAPI()

    @app.get("/ping/{uuid}", response_class=PlainTextResponse)
    async def ping(uuid: str) -> str:
        return "OK"

    return app


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
async def serving_checks(storage_url: str, count: int, log: int) -> AsyncIterator[FastAPI]:
    """The app as it is served, with so many checks; its log lines go to a file descriptor."""
    app = create_app(make_settings(storage_url=storage_url), write_log=lambda line: os.write(log, line))
    async with running(app):
        await fill(chassis_of(app).db, count)
        yield app


def ping_of(app: ASGIApp, number: int = 0) -> Request:
    return Request(app, "GET", f"/ping/{check_id(number)}", HEADERS)


def at_once(app: ASGIApp) -> Request:
    """Pings of many checks at the same moment, as jobs send them on the minute; to be counted as so many."""

    async def ping_all(scope: Scope, receive: Receive, send: Send) -> None:
        scopes = [{**scope, "path": path, "raw_path": path.encode()} for path in paths]
        await asyncio.gather(*(app(each, receive, send) for each in scopes))

    paths = [f"/ping/{check_id(number)}" for number in range(AT_ONCE)]
    return Request(ping_all, "GET", "/ping", HEADERS)


async def _list_in_all_orders(app: FastAPI) -> None:
    """Ask for what the page of a service asks for: the engine keeps orders that were asked for once."""
    async with client_of(app) as client:
        for order in get_args(Order):
            (await client.get("/api/heartbeats", params={"order": order, "limit": 50})).raise_for_status()


async def run() -> Sequence[bool]:
    """Pings of one check of one and of many, on both engines."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)
        stack.callback(os.close, log)
        requests = {"plain FastAPI": ping_of(plain()), "plain, at once": at_once(plain())}
        for count in (FEW, CHECKS_AT_ONCE):
            for engine, url in (("memory", ""), ("SQLite", f"sqlite:///{folder}/{count}.db")):
                app = await stack.enter_async_context(serving_checks(url, count, log))
                await _list_in_all_orders(app)
                requests[f"{engine}, {count:,}"] = ping_of(app)
                requests[f"{engine}, {count:,}, cron"] = ping_of(app, BY_CRON)
                requests[f"{engine}, {count:,}, at once"] = at_once(app)
        figures = await compare(requests)
    few, many = f"{FEW:,}", f"{CHECKS_AT_ONCE:,}"
    return report([
        ratio_line("ping, in memory", figures, f"memory, {few}", "plain FastAPI", MEMORY_TARGET),
        ratio_line("ping alone, on SQLite", figures, f"SQLite, {few}", "plain FastAPI", None),
        ratio_line("pings at once, on SQLite", figures, f"SQLite, {few}, at once", "plain, at once", SQLITE_TARGET),
        ratio_line("ping by cron, in memory", figures, f"memory, {few}, cron", f"memory, {few}", CRON_TARGET),
        ratio_line("ping by cron, on SQLite", figures, f"SQLite, {few}, cron", f"SQLite, {few}", CRON_TARGET),
        ratio_line(f"ping among {many} checks, in memory", figures, f"memory, {many}", f"memory, {few}", MANY_TARGET),
        ratio_line(f"ping among {many} checks, on SQLite", figures, f"SQLite, {many}", f"SQLite, {few}", MANY_TARGET),
    ])  # fmt: skip
