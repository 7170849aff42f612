"""How late a deadline is noticed by the real clock: the seconds until a client hears that a check is down.

Runs have the shortest deadlines, 1 s after they began. Silence is held against a check after a minute at the earliest.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import httpx

from tests.load.benched import KEY_HEADERS
from tests.load.results import Result, spread
from tests.load.served import Served, product
from tests.support import has_slice

MOST_SECONDS: Final = 1.0
RUNS: Final = 24
SILENT: Final = 8
APART_SECONDS: Final = 0.237
"""Between one check's ping and the next one's, so that deadlines fall into every part of a second."""
PATIENCE_SECONDS: Final = 90
RUN: Final = {"name": "Run", "max_run_seconds": 1}
SILENCE: Final = {"name": "Silence", "schedule": {"on_calendar": "*:*:*"}, "grace_seconds": 60}
"""Due as the next second begins."""


class Heard(NamedTuple):
    """What was told of a check that is down: for which reason, since when, and when it was heard."""

    reason: str
    since: datetime
    at: datetime


async def _down(lines: AsyncIterator[str]) -> tuple[str, Heard]:
    """The next check that is told to be down, by its id."""
    async for line in lines:
        if line.startswith("data:"):
            data = json.loads(line.removeprefix("data:"))["data"]
            since = datetime.fromisoformat(data["at"])
            return data["heartbeat"]["id"], Heard(data["reason"], since, datetime.now(UTC))
    raise AssertionError("the stream has ended")


async def _begun(client: httpx.AsyncClient, terms: Mapping[str, Any], kind: str) -> tuple[str, datetime]:
    """A new check that has been pinged, by its id; and when it goes down, by what it tells of itself."""
    made = (await client.post("/api/heartbeats", json=terms)).raise_for_status().json()
    (await client.get(f"/ping/{made['id']}{kind}")).raise_for_status()
    check = (await client.get(f"/api/heartbeats/{made['id']}")).raise_for_status().json()
    if kind == "/start":
        return made["id"], datetime.fromisoformat(check["last_start_at"]) + timedelta(seconds=check["max_run_seconds"])
    return made["id"], datetime.fromisoformat(check["next_due_at"]) + timedelta(seconds=check["grace_seconds"])


async def _deadlines(client: httpx.AsyncClient) -> dict[str, datetime]:
    """Checks that go down, one soon after another; the silent ones are heard of first, and go down last."""
    found: list[tuple[str, datetime]] = []
    for terms, kind in [(SILENCE, "")] * SILENT + [(RUN, "/start")] * RUNS:
        found.append(await _begun(client, terms, kind))
        await asyncio.sleep(APART_SECONDS)
    return dict(found)


async def _measured(engine: str, server: Served) -> list[Result]:
    query = {"type": "heartbeats.down"}
    async with (
        httpx.AsyncClient(base_url=server.url, headers=KEY_HEADERS, timeout=PATIENCE_SECONDS) as client,
        client.stream("GET", "/api/activity/stream", params=query) as answer,
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        lines = answer.raise_for_status().aiter_lines()
        await anext(lines)  # from now on nothing is missed
        begun = asyncio.create_task(_deadlines(client))
        heard = dict([await _down(lines) for _ in range(RUNS + SILENT)])
        deadlines = await begun
    return _rows(engine, [(deadlines[each], told) for each, told in heard.items()])


def _rows(engine: str, heard: Iterable[tuple[datetime, Heard]]) -> list[Result]:
    late: dict[str, list[float]] = {"run-time": [], "timeout": []}
    stamped: list[float] = []
    for deadline, told in heard:
        late[told.reason].append((told.at - deadline).total_seconds())
        stamped.append(100.0 * (told.since == deadline))
    share = sum(stamped) / len(stamped)
    return [
        _last(f"a run that takes too long is told, {engine}", late["run-time"]),
        _last(f"a silence that lasts too long is told, {engine}", late["timeout"]),
        Result(f"stamped with the deadline, {engine}", share, *spread(stamped), "%", 100.0, is_least=True),
    ]


def _last(title: str, late: Sequence[float]) -> Result:
    return Result(f"{title}, the last of {len(late)}", max(late), *spread(late), "s", MOST_SECONDS)


async def run() -> Sequence[Result]:
    """Both engines at once: nearly all of it is waiting."""
    if not has_slice("activity"):
        return []
    with TemporaryDirectory() as folder, ExitStack() as stack:
        urls = {"in memory": "", "on SQLite": f"sqlite:///{Path(folder)}/data.db"}
        servers = {engine: stack.enter_context(product(SLICE_STORAGE_URL=url)) for engine, url in urls.items()}
        rows = await asyncio.gather(*(_measured(engine, server) for engine, server in servers.items()))
    return [row for each in rows for row in each]
