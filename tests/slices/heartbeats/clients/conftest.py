"""The server that clients are tried against."""

from collections.abc import Iterator

import httpx
import pytest

from tests.server import serving
from tests.support import ADMIN_KEY

from .asking import Place


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with serving() as server, httpx.Client(base_url=server.url, headers={"X-API-Key": ADMIN_KEY}) as admin:
        yield Place(server.url, admin)
