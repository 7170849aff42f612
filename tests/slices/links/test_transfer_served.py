"""Files over a real socket: an upload is as far as its rows are written, and a file that breaks off looks like it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server import Server, served
from tests.support import ADMIN_KEY

_KEY = {"Authorization": f"Bearer {ADMIN_KEY}"}
_NDJSON = {"Content-Type": "application/x-ndjson"}
_LOOKS = 10_000
"""More than any machine needs; only rows that never come lead here."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with served(
        tmp_path,
        SLICE_ADMIN_KEY=ADMIN_KEY,
        SLICE_RATE_LIMIT="off",
        SLICE_SHUTDOWN_SECONDS="1",
        SLICE_STORAGE_URL=f"sqlite:///{tmp_path}/links.db",
    ) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers=_KEY, timeout=30) as client:
        yield client


def _rows(count: int, **fields: Any) -> list[bytes]:
    rows = ({"url": f"https://example.org/{at}", "slug": f"link{at:05}", **fields} for at in range(count))
    return [json.dumps(row).encode() + b"\n" for row in rows]


def _looks_until_there(client: httpx.Client, slug: str) -> bool:
    return any(client.get(f"/api/links/{slug}").status_code == 200 for _ in range(_LOOKS))


def test_rows_are_written_while_the_rest_is_yet_to_be_sent(client: httpx.Client) -> None:
    rows, seen = _rows(400), list[Any]()

    def body() -> Iterator[bytes]:
        yield b"".join(rows[:150])
        seen.append(_looks_until_there(client, "link00149"))
        seen.append(client.get("/api/links/link00150").status_code)
        yield b"".join(rows[150:])

    with httpx.Client(base_url=client.base_url, headers=_KEY, timeout=30) as sender:
        answer = sender.post("/api/links/import", content=body(), headers=_NDJSON)
    assert seen == [True, 404]
    assert answer.json() == {"created": 400, "skipped": 0, "failed": [], "failed_count": 0, "is_dry_run": False}


def test_a_service_that_stops_breaks_a_file_off(client: httpx.Client, server: Server) -> None:
    report = client.post("/api/links/import", content=b"".join(_rows(6_000, note="x" * 2_000)), headers=_NDJSON)
    assert report.json()["created"] == 6_000
    with client.stream("GET", "/api/links/export") as answer:
        pieces = answer.iter_raw(65_536)
        read = len(next(pieces))
        server.stop()
        with pytest.raises(httpx.RemoteProtocolError):
            read += sum(map(len, pieces))
    assert read > 0
