"""What 100,000 links hold: by how much the real server grows, in memory, while they come in from a file."""

from collections.abc import Sequence
from typing import Final

import httpx
import orjson

from tests.load.benched import KEY_HEADERS
from tests.load.results import Result, figure
from tests.load.served import product

LINKS: Final = 100_000
MOST_MB: Final = 120.0


def _rows() -> bytes:
    return b"\n".join(
        orjson.dumps(
            {
                "url": f"https://example.org/some/longer/path/{at}?with=a&query=of",
                "slug": f"link-{at:06}",
                "title": f"The link with the number {at}",
                "tags": ["docs", "spring"],
            }
        )
        for at in range(LINKS)
    )


async def run() -> Sequence[Result]:
    """Once: what comes first has been asked for already, so that all that is needed for it is loaded."""
    with product() as server, httpx.Client(base_url=server.url, headers=KEY_HEADERS, timeout=None) as client:
        path = "/api/links/import?format=ndjson"
        client.post(path, content=b'{"url": "https://example.org/"}').raise_for_status()
        before = server.process.memory_info().rss
        answer = client.post(path, content=_rows()).raise_for_status()
        assert answer.json()["created"] == LINKS, answer.text
        grown = server.process.memory_info().rss - before
    return [figure(f"memory of {LINKS:,} links (growth of the server)", [grown / 1_000_000], "MB", MOST_MB)]
