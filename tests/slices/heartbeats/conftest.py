"""A check to ping, and what is asked of it all the time."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.support import BASE_URL

Make = Callable[..., Awaitable[dict[str, Any]]]
Ping = Callable[..., Awaitable[httpx.Response]]
Read = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]

HOURLY = {"schedule": {"every_seconds": 3600}, "grace_seconds": 600}


@pytest.fixture
def make(client: httpx.AsyncClient) -> Make:
    """Makes a check that is due every hour, with ten minutes of grace."""

    async def make_check(**fields: Any) -> dict[str, Any]:
        answer = await client.post("/api/heartbeats", json={"name": "Backup", **HOURLY, **fields})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    return make_check


@pytest.fixture
def ping(anonymous: httpx.AsyncClient) -> Ping:
    """Pings a check: `await ping(check, "/start", rid=…)`; a body makes it a POST."""

    async def send(check: dict[str, Any], action: str = "", body: bytes | None = None, **query: str) -> httpx.Response:
        url = check["ping_url"].removeprefix(BASE_URL) + action
        method = "GET" if body is None else "POST"
        return await anonymous.request(method, url, params=query, content=body)

    return send


@pytest.fixture
def read(client: httpx.AsyncClient) -> Read:
    """The check as it is now."""

    async def read_check(check: dict[str, Any]) -> dict[str, Any]:
        answer = await client.get(f"/api/heartbeats/{check['id']}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return read_check
