"""A folder alone makes a feature: a slice as the scaffold makes it, in a package of its own, on every engine.

Nothing outside its folder speaks of it, and all that the service does for a slice is done for this one.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from slice_api.chassis import EVENTS, Tx, equals
from slice_api.scaffold.fields import parse_fields
from tests.engines import STORAGE_URLS
from tests.scaffold.made import PRODUCT, RICH, made_slice
from tests.support import FrozenClock, chassis_of, client_of, grant_key, has_slice, make_app, needs, running

NAME = "zebras"
LIST = f"/api/{NAME}"
BODY = {each.name: each.example for each in parse_fields(RICH)}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ...]]:
    """The product's slices, and one more folder elsewhere."""
    with made_slice(tmp_path_factory.mktemp("made"), NAME, RICH) as package:
        yield (PRODUCT, package)


@pytest.fixture(params=STORAGE_URLS)
def storage_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return STORAGE_URLS[request.param](tmp_path)


@pytest.fixture
async def app(packages: tuple[str, ...], storage_url: str, clock: FrozenClock) -> AsyncIterator[FastAPI]:
    async with running(make_app(packages=packages, storage_url=storage_url, clock=clock)) as app:
        yield app


async def _make(client: httpx.AsyncClient) -> httpx.Response:
    answer = await client.post(LIST, json=BODY)
    assert answer.status_code == 201, answer.text
    return answer


async def test_objects_are_made_listed_changed_and_deleted(client: httpx.AsyncClient, clock: FrozenClock) -> None:
    first = await _make(client)
    clock.advance(seconds=1)
    second = await _make(client)
    assert {name: first.json()[name] for name in BODY} == BODY
    assert (await client.get(LIST)).json()["items"] == [second.json(), first.json()]
    changed = await client.patch(second.headers["Location"], json={"name": "Zora", "nickname": None})
    assert changed.json() == {**second.json(), "name": "Zora", "nickname": None}
    assert (await client.get(second.headers["Location"])).headers["ETag"] == changed.headers["ETag"]
    assert (await client.delete(second.headers["Location"])).status_code == 204
    assert (await client.get(second.headers["Location"])).status_code == 404
    assert (await client.get(LIST)).json()["items"] == [first.json()]


async def test_a_key_for_reading_may_not_write(app: FastAPI, client: httpx.AsyncClient) -> None:
    made = await _make(client)
    async with client_of(app, key=grant_key(app, f"{NAME}:read")) as reader:
        assert (await reader.get(made.headers["Location"])).json() == made.json()
        for method, url in (("POST", LIST), ("PATCH", made.headers["Location"]), ("DELETE", made.headers["Location"])):
            refused = await reader.request(method, url, json=BODY)
            assert (refused.status_code, refused.json()["type"]) == (403, "/problems/missing-scope")
    assert (await client.get(made.headers["Location"])).json() == made.json()


@needs("platform")
async def test_it_stands_in_the_document_and_in_the_catalogue(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    described = {each["name"]: each["description"] for each in document["tags"]}
    assert described[NAME].startswith("Zebras\n\nZebras that people make")
    own = {path: methods for path, methods in document["paths"].items() if path.startswith(LIST)}
    assert {path: set(methods) for path, methods in own.items()} == {
        LIST: {"get", "post"},
        f"{LIST}/{{id}}": {"get", "patch", "delete"},
    }
    assert {tuple(each["tags"]) for methods in own.values() for each in methods.values()} == {(NAME,)}
    [row] = [each for each in (await client.get("/api")).json()["items"] if each["name"] == NAME]
    assert row["title"] == "Zebras"
    assert row["scopes"] == [f"{NAME}:read", f"{NAME}:write"]
    assert row["events"] == [f"{NAME}.created", f"{NAME}.deleted", f"{NAME}.updated"]
    assert (row["api_url"], row["docs_url"], row["page_url"]) == (LIST, f"/docs#{NAME}", f"/app/{NAME}")


@needs("front")
async def test_its_page_opens(anonymous: httpx.AsyncClient) -> None:
    page = await anonymous.get(f"/app/{NAME}")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")


@needs("platform")
async def test_its_requests_are_measured_under_its_name(client: httpx.AsyncClient) -> None:
    await _make(client)
    lines = (await client.get("/metrics")).text.splitlines()
    assert any(f'slice="{NAME}"' in line and f'route="{LIST}"' in line for line in lines)


async def _told(app: FastAPI, client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Its events, oldest first."""
    await chassis_of(app).settle()
    if has_slice("activity"):
        answer = await client.get("/api/activity", params={"slice": NAME})
        return list(reversed(answer.json()["items"]))
    page = await chassis_of(app).db.transact(Tx.entries, EVENTS, where=[equals("slice", NAME)])
    return [each.model_dump(mode="json") for each in reversed(page.items)]


async def test_what_happens_is_told(app: FastAPI, client: httpx.AsyncClient) -> None:
    made = await _make(client)
    await client.patch(made.headers["Location"], json={"seats": 7})
    await client.delete(made.headers["Location"])
    told = await _told(app, client)
    assert [each["type"] for each in told] == [f"{NAME}.created", f"{NAME}.updated", f"{NAME}.deleted"]
    assert {each["subject"] for each in told} == {made.json()["id"]}
    assert told[0]["data"] == {"zebra": made.json()}
    assert told[1]["data"]["zebra"]["seats"] == 7


async def test_its_own_setting_limits_it_alone(
    packages: tuple[str, ...], storage_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLICE_ZEBRAS_RATE_LIMIT", "2/minute")
    async with running(make_app(packages=packages, storage_url=storage_url)) as app, client_of(app) as client:
        assert [(await client.get(LIST)).status_code for _ in range(3)] == [200, 200, 429]
        others = [each.name for each in chassis_of(app).slices if each.router and each.name in ("keys", "links")]
        assert {(await client.get(f"/api/{name}")).status_code for name in others} <= {200}


@asynccontextmanager
async def _served(packages: tuple[str, ...], storage_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with running(make_app(packages=packages, storage_url=storage_url)) as app, client_of(app) as client:
        yield client


@pytest.mark.parametrize("storage_url", [engine for engine in STORAGE_URLS if engine != "memory"], indirect=True)
async def test_what_it_keeps_survives_a_restart(packages: tuple[str, ...], storage_url: str) -> None:
    async with _served(packages, storage_url) as client:
        made = await _make(client)
    async with _served(packages, storage_url) as client:
        read = await client.get(made.headers["Location"])
        assert (read.status_code, read.json()) == (200, made.json())
        assert read.headers["ETag"] == made.headers["ETag"]


def test_nothing_else_speaks_of_it(packages: tuple[str, ...]) -> None:
    """The same app without the folder has the rest, and no trace of it."""
    whole, without = (chassis_of(make_app(packages=each)) for each in (packages, packages[:1]))
    assert {each.name for each in whole.slices} == {each.name for each in without.slices} | {NAME}
    paths = {target.path for target in without.table.targets}
    assert {target.path for target in whole.table.targets} - paths == {LIST, f"{LIST}/{{id}}"}
