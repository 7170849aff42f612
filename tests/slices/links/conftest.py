"""What the tests of the short links share."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import unquote_to_bytes

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from slice_api.slices.links.following import passwords
from tests.support import client_of, make_app, running

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
BROWSER_ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

MakeLink = Callable[..., Awaitable[dict[str, Any]]]
RawGet = Callable[..., Awaitable[tuple[int, dict[str, str], bytes]]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of one app for all tests of a module that leave nothing in it, which marks them with `shares_app`."""
    async with running(make_app()) as app, client_of(app) as client:
        yield client


shares_app = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def make_link(client: httpx.AsyncClient) -> MakeLink:
    """Makes a link and gives its representation."""

    async def make(url: str = "https://example.org/", **fields: Any) -> dict[str, Any]:
        answer = await client.post("/api/links", json={"url": url, **fields})
        assert answer.status_code == 201, answer.text
        link: dict[str, Any] = answer.json()
        return link

    return make


@pytest.fixture
async def visitor(anonymous: httpx.AsyncClient) -> httpx.AsyncClient:
    """Somebody with a browser and without a key."""
    anonymous.headers["User-Agent"] = FIREFOX
    return anonymous


async def ask_raw(
    app: FastAPI, path: bytes, query: bytes = b"", headers: dict[bytes, bytes] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Ask for bytes as they are, which no proper client would send; gives status, headers and body."""
    sent: list[Any] = []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": unquote_to_bytes(path).decode("utf-8", "replace"), "raw_path": path, "root_path": "",
        "query_string": query, "server": ("slice.test", 80), "client": ("192.0.2.7", 4711),
        "headers": [(b"host", b"slice.test"), *(headers or {}).items()],
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    head = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return sent[0]["status"], head, b"".join(each.get("body", b"") for each in sent[1:])


@pytest.fixture
def raw_get(app: FastAPI) -> RawGet:
    """`ask_raw` of the app."""
    return partial(ask_raw, app)


@pytest.fixture
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets passwords be hashed at once; whoever keeps them for real waits a quarter of a second."""
    monkeypatch.setattr(passwords, "COST", passwords.Cost(1, 1, 1))
