"""Moving 100,000 links: from a file into a service, out of it, into an empty one, and out of that again.

The real server on SQLite, in a process of its own. What it holds must not grow with the file.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import perf_counter
from typing import Any, NamedTuple

import httpx
import psutil

from tests.load.measure import report
from tests.server import served
from tests.support import ADMIN_KEY

ROWS = 100_000
BAD = 500
GROWTH_TARGET = 50 * 2**20
_PIECE = 2**20
_LOOK_SECONDS = 0.05


class Service(NamedTuple):
    """A server, and what its process holds."""

    client: httpx.Client
    process: psutil.Process


class Took(NamedTuple):
    """How long something took, and by how many bytes the server has grown meanwhile, at most."""

    seconds: float
    growth: int


@contextmanager
def serving_links(folder: Path) -> Iterator[Service]:
    """A server with nothing in it; it has been asked for everything once, so that all it needs is loaded."""
    folder.mkdir()
    with (
        served(
            folder,
            SLICE_ADMIN_KEY=ADMIN_KEY,
            SLICE_RATE_LIMIT="off",
            SLICE_STORAGE_URL=f"sqlite:///{folder}/links.db",
        ) as server,
        httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {ADMIN_KEY}"}, timeout=None) as client,
    ):
        client.post("/api/links/import?format=ndjson", content=b"{}")
        client.get("/api/links/export")
        yield Service(client, psutil.Process(server.process.pid))


@contextmanager
def measured(service: Service, took: list[Took]) -> Iterator[None]:
    """Look at what the server holds, again and again."""
    before, is_over = service.process.memory_info().rss, Event()
    most, started = [before], perf_counter()

    def look() -> None:
        while not is_over.wait(_LOOK_SECONDS):
            most.append(max(most.pop(), service.process.memory_info().rss))

    looking = Thread(target=look)
    looking.start()
    yield
    is_over.set()
    looking.join()
    took.append(Took(perf_counter() - started, most[0] - before))


def write_rows(path: Path) -> None:
    """A file of rows as another service would send them, some of which no link can be made of."""
    with path.open("w") as file:
        for at in range(ROWS):
            is_bad = at % (ROWS // BAD) == 0
            row = {
                "url": "javascript:alert(1)"
                if is_bad
                else f"https://example.org/some/longer/path/{at}?with=a&query=of",
                "slug": f"link-{at:06}",
                "title": f"The link with the number {at}",
                "tags": ["docs", "spring"],
            }
            file.write(json.dumps(row) + "\n")


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def send(service: Service, path: Path, took: list[Took]) -> dict[str, Any]:
    with measured(service, took):
        answer = service.client.post("/api/links/import?format=ndjson", content=_pieces(path))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def fetch(service: Service, path: Path, took: list[Took]) -> None:
    with (
        measured(service, took),
        service.client.stream("GET", "/api/links/export") as answer,
        path.open("wb") as file,
    ):
        assert answer.status_code == 200
        for piece in answer.iter_bytes():
            file.write(piece)


def _line(title: str, took: Took) -> tuple[str, bool]:
    holds = took.growth < GROWTH_TARGET
    grown = f"grew by {took.growth / 2**20:.1f} MiB (target {GROWTH_TARGET / 2**20:.0f}) {'ok' if holds else 'MISSED'}"
    return f"{title}: {took.seconds:.1f} s, {ROWS / took.seconds:,.0f} rows a second, {grown}", holds


def _holds(title: str, is_so: bool) -> tuple[str, bool]:
    return f"{title}: {'ok' if is_so else 'MISSED'}", is_so


async def run() -> Sequence[bool]:
    """Import, export, import into another, export again."""
    took: list[Took] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        rows, first, second = (folder / f"{each}.ndjson" for each in ("rows", "first", "second"))
        write_rows(rows)
        with serving_links(folder / "one") as one, serving_links(folder / "two") as two:
            told = send(one, rows, took)
            fetch(one, first, took)
            again = send(two, first, took)
            fetch(two, second, took)
        is_same = first.read_bytes() == second.read_bytes()
    titles = ("import", "export", "import of the export", "export again")
    are_told = (told["created"], told["failed_count"], again["created"]) == (ROWS - BAD, BAD, ROWS - BAD)
    return report(
        [
            *map(_line, titles, took),
            _holds(f"{ROWS - BAD:,} links made and {BAD} rows told of, then the same again", are_told),
            _holds("both exports are the same, byte for byte", is_same),
        ]
    )
