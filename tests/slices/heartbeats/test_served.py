"""Real processes and the real clock: deadlines are noticed, once, and outlive whoever was to notice them."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.postgres import shared_postgres
from tests.server import Server, served
from tests.support import ADMIN_KEY, needs

PATIENCE_SECONDS = 30
"""Longer than any machine takes."""

Start = Callable[[], Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a server on the same PostgreSQL as the others."""
    postgres = shared_postgres()
    url = postgres.create_database()
    with ExitStack() as stack:
        stack.callback(postgres.drop_database, url)
        yield lambda: stack.enter_context(
            served(tmp_path, SLICE_ADMIN_KEY=ADMIN_KEY, SLICE_STORAGE_URL=url, SLICE_RATE_LIMIT="off")
        )


def asking(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {ADMIN_KEY}"}, timeout=30)


def downs(client: httpx.Client, check: dict[str, Any]) -> list[dict[str, Any]]:
    """The outages of a check that were told of, however long it takes until there is one."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        told = client.get("/api/activity", params={"type": "heartbeats.down"}).json()["items"]
        found: list[dict[str, Any]] = [each["data"] for each in told if each["subject"] == check["id"]]
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("nothing was told of")


def flips_of(client: httpx.Client, check: dict[str, Any]) -> list[tuple[str, str]]:
    """The changes of its state, newest first."""
    found = client.get(f"/api/heartbeats/{check['id']}/flips").json()["items"]
    return [(each["old"], each["new"]) for each in found]


@needs("activity")
def test_deadlines_are_noticed_once_by_whichever_process_is_there(start: Start) -> None:
    body = {"name": "Backup", "max_run_seconds": 1}
    first = start()
    with asking(first) as client:
        check = client.post("/api/heartbeats", json=body).json()
        assert client.get(f"/ping/{check['id']}/start").text == "OK"
        began = client.get(f"/api/heartbeats/{check['id']}").json()["last_start_at"]
    first.process.kill()
    first.process.wait()
    with asking(start()) as one, asking(start()) as other:
        [told] = downs(one, check)
        assert datetime.fromisoformat(told["at"]) == datetime.fromisoformat(began) + timedelta(seconds=1)
        assert one.get(f"/ping/{check['id']}").text == "OK"
        assert flips_of(other, check) == [("down", "up"), ("new", "down")]
        assert len(downs(other, check)) == 1
        race(one, other, one.post("/api/heartbeats", json=body).json())


def race(one: httpx.Client, other: httpx.Client, check: dict[str, Any]) -> None:
    """A hundred pings to two processes, most of them just as a deadline passes."""
    url, began = f"/ping/{check['id']}", time.monotonic()
    one.get(f"{url}/start")
    time.sleep(max(0.0, began + 0.95 - time.monotonic()))
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda number: (one, other)[number % 2].get(f"{url}/log"), range(100)))
    assert {answer.text for answer in answers} == {"OK"}
    assert len(downs(one, check)) == 1
    one.get(url)
    assert flips_of(one, check) == [("down", "up"), ("new", "down")]
    assert other.get(f"/api/heartbeats/{check['id']}").json()["n_pings"] == 102
