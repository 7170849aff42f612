"""What slices find: it is there, it opens, and it is told only to those who may read it."""

from typing import Any

import httpx
import pytest

from slice_api.chassis.discovery import Slice
from tests.conformance.subject import Api, for_slices

NOT_SEARCHED = "it cannot be searched for what is made"

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _hits(client: httpx.AsyncClient, part: Slice, text: str) -> list[dict[str, Any]]:
    answer = await client.get("/api/search", params={"q": text})
    assert answer.status_code == 200, answer.text
    groups = [group for group in answer.json()["groups"] if group["slice"] == part.name]
    assert [group["failure"] for group in groups] in ([], [None])
    return [hit for group in groups for hit in group["items"]]


@for_slices
async def test_what_is_made_is_found_by_those_who_may_read_it(api: Api, part: Slice) -> None:
    creator = api.route_at("POST", f"/api/{part.name}")
    if api.route_at("GET", "/api/search") is None:
        return  # the slice that asks the others is gone
    if part.search is None or creator is None:
        pytest.skip(NOT_SEARCHED)
    made = await api.make(creator)
    if not made.url:
        pytest.skip("what it finds cannot be read one by one")
    texts = [value[:200] for value in made.fields.values() if isinstance(value, str) and value.strip()]
    key = made.url.rpartition("/")[2]
    finding = [text for text in texts if key in [hit["key"] for hit in await _hits(api.admin, part, text)]]
    assert finding, f"none of {texts} finds it"
    async with api.client_with(f"{part.name}:read") as reader, api.client_with(f"{part.name}:write") as writer:
        for hit in await _hits(reader, part, finding[0]):
            assert hit["key"] is None or (await reader.get(f"/api/{part.name}/{hit['key']}")).status_code == 200
        assert await _hits(writer, part, finding[0]) == []
