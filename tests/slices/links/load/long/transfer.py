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

from tests.load.benched import KEY_HEADERS
from tests.load.results import Result, figure
from tests.load.served import product

ROWS = 100_000
BAD = 500
GROWTH_TARGET_MB = 50.0
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
def serving_links(file: Path) -> Iterator[Service]:
    """A server with nothing in it; it has been asked for everything once, so that all it needs is loaded."""
    with (
        product(SLICE_STORAGE_URL=f"sqlite:///{file}") as server,
        httpx.Client(base_url=server.url, headers=KEY_HEADERS, timeout=None) as client,
    ):
        client.post("/api/links/import?format=ndjson", content=b"{}")
        client.get("/api/links/export")
        yield Service(client, server.process)


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


def _row(title: str, took: Took) -> Result:
    behind = {"seconds": took.seconds, "rows a second": ROWS / took.seconds}
    row = figure(f"{title} of {ROWS:,} links on SQLite, growth", [took.growth / 1_000_000], "MB", GROWTH_TARGET_MB)
    return row._replace(figures=behind, figures_unit="")


async def run() -> Sequence[Result]:
    """Import, export, import into another, export again."""
    took: list[Took] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        rows, first, second = (folder / f"{each}.ndjson" for each in ("rows", "first", "second"))
        write_rows(rows)
        with serving_links(folder / "one.db") as one, serving_links(folder / "two.db") as two:
            told = send(one, rows, took)
            fetch(one, first, took)
            again = send(two, first, took)
            fetch(two, second, took)
        assert (told["created"], told["failed_count"], again["created"]) == (ROWS - BAD, BAD, ROWS - BAD)
        assert first.read_bytes() == second.read_bytes(), "the second export is not the first"
    return list(map(_row, ("import", "export", "import of the export", "export again"), took))
