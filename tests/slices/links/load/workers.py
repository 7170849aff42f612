"""How many more links two workers read than one, on SQLite and PostgreSQL.

Servers, database and load share all cores, so that a machine with few of them allows no more than it has left: that is
printed beside it.
"""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import httpx

from tests.load.benched import KEY_HEADERS
from tests.load.results import Result, figure, ratio
from tests.load.served import compare_served, per_second_of, product
from tests.postgres import postgres_server
from tests.slices.links.load.keeping import LINK, READ

LEAST: Final = 1.6
ROUNDS: Final = 5


async def _compared(engine: str, urls: dict[str, str]) -> Sequence[Result]:
    """One server for each database, with as many workers as its name says; and the most that could come of it."""
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(product("--workers", name[0], SLICE_STORAGE_URL=url))
            for name, url in urls.items()
        }
        for server in servers.values():
            httpx.post(f"{server.url}/api/links", json=LINK, headers=KEY_HEADERS).raise_for_status()
        shots = await compare_served({name: (server, READ) for name, server in servers.items()}, rounds=ROUNDS)
    title, rates = f"reads with two workers against one, on {engine}", per_second_of(shots)
    reached = ratio(title, rates, "2 workers", "1 worker", LEAST, is_least=True, where="served", figures_unit="/s")
    cores = len(os.sched_getaffinity(0))
    most = [min(2.0, cores / shot.cores) for shot in shots["1 worker"]]
    return reached, figure(f"the most that {cores} cores allow of that, on {engine}", most, "x", where="served")


async def run() -> Sequence[Result]:
    """On both engines."""
    names = ("1 worker", "2 workers")
    with TemporaryDirectory() as folder, postgres_server(is_durable=True) as postgres:
        files = {name: f"sqlite:///{Path(folder)}/{name[0]}.db" for name in names}
        databases = {name: postgres.create_database() for name in names}
        return [*await _compared("SQLite", files), *await _compared("PostgreSQL", databases)]
