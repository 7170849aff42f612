"""What the tests of the feature flags share."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

MakeFlag = Callable[..., Awaitable[dict[str, Any]]]
FOR_STAFF = {"if": [{"ends_with": [{"var": "email"}, "@example.org"]}, "on", None]}


@pytest.fixture
def make_flag(client: httpx.AsyncClient) -> MakeFlag:
    """Makes a flag, by default one that is on or off and is off, and gives its representation."""

    async def make(key: str = "checkout", query: str = "", **fields: Any) -> dict[str, Any]:
        body = {"key": key, "variants": {"on": True, "off": False}, "default_variant": "off", **fields}
        answer = await client.post(f"/api/flags{query}", json=body)
        assert answer.status_code == 201, answer.text
        flag: dict[str, Any] = answer.json()
        return flag

    return make
