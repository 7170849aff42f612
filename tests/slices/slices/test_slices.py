"""The report cards over HTTP: every slice, with what it keeps."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from slice_api.chassis import Collection, Tx
from slice_api.chassis.storage.tx import MOST_TOGETHER
from tests.conformance.notes import NOTES
from tests.conftest import ClientWith
from tests.support import chassis_of, client_of, make_app, running, slices_package


@pytest.fixture
def package(tmp_path: Path) -> Iterator[str]:
    """A made-up slice."""
    with slices_package(tmp_path, {"notes": NOTES}) as package:
        yield package


async def _card(client: httpx.AsyncClient, name: str) -> dict[str, Any]:
    answer = await client.get(f"/api/slices/{name}")
    assert answer.status_code == 200, answer.text
    card: dict[str, Any] = answer.json()
    return card


async def test_every_slice_has_a_card_in_the_order_of_names(client: httpx.AsyncClient, app: FastAPI) -> None:
    items = (await client.get("/api/slices", params={"limit": 200})).json()["items"]
    assert [item["name"] for item in items] == sorted(each.name for each in chassis_of(app).slices)
    assert {item["state"] for item in items} == {"loaded"}
    assert items[-1] == await _card(client, items[-1]["name"])


async def test_a_slice_that_is_left_out_is_told_of(package: str) -> None:
    app = make_app(packages=("slice_api.slices", package), disabled="notes")
    async with running(app), client_of(app) as client:
        card = await _card(client, "notes")
        names = [item["name"] for item in (await client.get("/api/slices")).json()["items"]]
    assert (card["state"], card["title"], card["routes"]) == ("disabled", "Notes", [])
    assert "notes" in names


async def test_sizes_are_those_of_now_and_counting_ends_early(package: str) -> None:
    app = make_app(packages=("slice_api.slices", package))
    async with running(app), client_of(app) as client:

        async def stores() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = (await _card(client, "notes"))["stores"]
            return found

        kept = {"name": "notes", "kind": "collection", "engine": "memory", "is_size_least": False}
        assert await stores() == [{**kept, "size": 0}]
        made = (await client.post("/api/notes", json={"title": "One"})).json()
        assert await stores() == [{**kept, "size": 1}]

        def fill(tx: Tx) -> None:
            [store] = next(each.stores for each in chassis_of(app).slices if each.name == "notes")
            assert isinstance(store, Collection)
            for number in range(MOST_TOGETHER):
                tx.insert(store, store.model(**{**made, "id": str(number)}))

        await chassis_of(app).db.transact(fill)
        assert await stores() == [{**kept, "size": MOST_TOGETHER, "is_size_least": True}]


async def test_what_is_set_is_never_told(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLICE_NOTES_RATE_LIMIT", "77/second")
    app = make_app(packages=("slice_api.slices", package))
    async with running(app), client_of(app) as client:
        answer = await client.get("/api/slices/notes")
    assert "SLICE_NOTES_RATE_LIMIT" in answer.text
    assert "77/second" not in answer.text


async def test_reading_needs_the_scope(client_with: ClientWith) -> None:
    for scopes, status in ((("links:read",), 403), (("slices:read",), 200)):
        async with client_with(*scopes) as client:
            assert (await client.get("/api/slices")).status_code == status


async def test_an_unknown_slice_is_404(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/slices/nothing")
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no slice 'nothing'.")
