"""One question to every slice: only what the key may read, and what one slice breaks costs that slice alone."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from slice_api.chassis.storage.faults import StorageAway
from tests.chassis.examples import parsed
from tests.conftest import ClientWith
from tests.support import chassis_of, client_of, grant_key, make_app, needs, running, slices_package

LISTING = '''
from fastapi import APIRouter
from slice_api.chassis import Collection, Db, Page, Paging, Schema

class One(Schema):
    id: str
    title: str

ONES = Collection("{name}", One, indexes=("title",), search=("title",))
router = APIRouter()

@router.get("")
async def list_ones(db: Db, page: Paging) -> Page[One]:
    """List them."""
    return await db.page(ONES, page)

@router.post("", status_code=201)
async def post_one(one: One, db: Db) -> One:
    """Keep one."""
    return await db.transact(lambda tx: tx.insert(ONES, one))
'''
FINDING = """
from slice_api.chassis import Found, PageQuery, Tx, matches
from .router import ONES

def search(tx: Tx, text: str, limit: int) -> list[Found]:
    page = tx.page(ONES, PageQuery(limit=limit), order="title", where=[matches(text)])
    return [Found(key=one.id, title=one.title) for one in page.items]
"""
PLAIN = "from fastapi import APIRouter\n\nrouter = APIRouter()\n"
ASKING = (
    "from slice_api.chassis import Found\nimport asyncio\n\n"
    "async def search(db, text: str, limit: int) -> list[Found]:\n"
)


def folder(search: str, router: str = PLAIN) -> dict[str, str]:
    return {"__init__.py": '"""A tool."""\n', "router.py": router, "search.py": search}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folders = {
        "apples": folder(FINDING, LISTING.format(name="apples")),
        "broken": folder(ASKING + "    raise RuntimeError('no ladder')\n"),
        "hanging": folder(ASKING + "    await asyncio.Event().wait()\n    return []\n"),
        "pears": folder(FINDING, LISTING.format(name="pears")),
        "talking": folder(ASKING + "    return [Found(title=text * 100, detail='a\\n b')]\n"),
        "wrong": folder("def search(tx, text: str, limit: int) -> list[str]:\n    return ['an apple']\n"),
    }
    with slices_package(tmp_path_factory.mktemp("slices"), folders) as package:
        yield package


@asynccontextmanager
async def orchard(package: str, log: list[bytes] | None = None) -> AsyncIterator[FastAPI]:
    async with running(make_app(packages=("slice_api.slices", package), log=log)) as app, client_of(app) as client:
        for name in ("apples", "pears"):
            for at in range(7):
                made = await client.post(f"/api/{name}", json={"id": f"{name}/{at}", "title": f"Green {name} {at}"})
                assert made.status_code == 201, made.text
        yield app


async def groups(app: FastAPI, *scopes: str, **query: Any) -> dict[str, dict[str, Any]]:
    async with client_of(app, key=grant_key(app, *scopes)) as client:
        answer = await client.get("/api/search", params={"q": "green", **query})
    assert answer.status_code == 200, answer.text
    return {group["slice"]: group for group in answer.json()["groups"]}


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for what hangs anyway."""
    monkeypatch.setattr("slice_api.slices.search.handlers.SECONDS", 0.05)


async def test_every_slice_that_can_be_searched_is_asked(package: str) -> None:
    async with orchard(package) as app:
        found = await groups(app, "apples:read", "pears:read", q="APPLES 3")
        assert list(found) == ["apples"]
        assert found["apples"] == {
            "slice": "apples",
            "title": "A tool",
            "items": [
                {"title": "Green apples 3", "detail": "", "key": "apples/3", "page_url": "/app/apples/apples%2F3"},
            ],
            "has_more": False,
            "failure": None,
        }
        assert list(await groups(app, "apples:read", "pears:read")) == ["apples", "pears"]


@pytest.mark.parametrize(("limit", "count", "has_more"), [(1, 1, True), (6, 6, True), (7, 7, False), (50, 7, False)])
async def test_the_limit_is_that_of_each_slice(package: str, limit: int, count: int, has_more: bool) -> None:
    async with orchard(package) as app:
        for group in (await groups(app, "apples:read", "pears:read", limit=limit)).values():
            assert (len(group["items"]), group["has_more"]) == (count, has_more)


async def test_a_key_is_told_nothing_of_what_it_may_not_read(package: str) -> None:
    async with orchard(package) as app:
        assert list(await groups(app, "apples:read")) == ["apples"]
        assert await groups(app, "apples:write", "pears:write") == {}
        async with client_of(app, key=grant_key(app, "apples:read")) as client:
            assert (await client.get("/api/search?q=green")).json()["searched"] == ["apples"]
        async with client_of(app, key=None) as stranger:
            assert (await stranger.get("/api/search?q=green")).status_code == 401


async def test_what_breaks_or_hangs_costs_its_own_results_alone(package: str, short: None) -> None:
    log: list[bytes] = []
    async with orchard(package, log) as app:
        found = await groups(app, "admin", q="green")
    assert {name: group["failure"] for name, group in found.items()} == {
        "apples": None,
        "broken": "error",
        "hanging": "timeout",
        "pears": None,
        "talking": None,
        "wrong": "error",
    }
    assert found["broken"]["items"] == []
    told = {(line["event"], line["slice"]) for line in parsed(log) if line["event"].startswith("search")}
    assert told == {("search failed", "broken"), ("search failed", "wrong"), ("search took too long", "hanging")}
    assert "no ladder" not in str(found)


async def test_what_is_found_is_shown_in_short_lines_and_leads_nowhere_where_there_is_no_page(package: str) -> None:
    async with orchard(package) as app:
        [hit] = (await groups(app, "talking:read", q="word "))["talking"]["items"]
    assert len(hit["title"]) == 200
    assert hit["title"].endswith("…")
    assert (hit["detail"], hit["key"], hit["page_url"]) == ("a b", None, None)


async def test_without_storage_the_answer_says_so(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with orchard(package) as app, client_of(app, key=grant_key(app, "apples:read")) as client:
        storage = chassis_of(app).storage
        transact, calls = storage.transact, 0

        async def is_away(origin: Any, fn: Any, *args: Any, **kwargs: Any) -> Any:
            if getattr(fn, "__name__", "") == "search":
                raise StorageAway("gone")
            return await transact(origin, fn, *args, **kwargs)

        monkeypatch.setattr(storage, "transact", is_away)
        answer = await client.get("/api/search?q=green")
    assert (answer.status_code, answer.json()["type"], calls) == (503, "/problems/unavailable", 0)


@pytest.mark.parametrize("query", ["", "q=", "q=%20%20"])
async def test_nothing_is_found_without_a_text(package: str, query: str) -> None:
    async with orchard(package) as app, client_of(app) as client:
        answer = await client.get(f"/api/search?{query}")
        assert (answer.status_code, answer.json()["groups"]) == (200, [])


@pytest.mark.parametrize("query", ["limit=0", "limit=51", "limit=x", f"q={'x' * 201}", "q=a%00b"])
async def test_what_does_not_fit_is_told(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/api/search?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"query/{query.partition('=')[0]}")


@needs("links")
async def test_links_are_found_by_slug_url_and_title(client: httpx.AsyncClient) -> None:
    await client.post("/api/links", json={"url": "https://docs.python.org/", "slug": "py", "title": "The docs"})
    for text in ("PY", "python.org", "the docs"):
        [group] = (await client.get("/api/search", params={"q": text})).json()["groups"]
        assert (group["slice"], group["items"][0]["page_url"]) == ("links", "/app/links/py")


@needs("keys")
async def test_keys_are_found_by_name_and_id_and_never_by_what_is_secret(
    client: httpx.AsyncClient, client_with: ClientWith
) -> None:
    made = (await client.post("/api/keys", json={"name": "Laptop", "scopes": ["keys:read"]})).json()
    for text in ("laptop", made["id"]):
        [group] = (await client.get("/api/search", params={"q": text})).json()["groups"]
        assert group["items"][0]["page_url"] == f"/app/keys/{made['id']}"
        assert made["key"] not in str(group)
    secret = made["key"].rpartition("_")[2]
    assert (await client.get("/api/search", params={"q": secret})).json()["groups"] == []
    assert (await client_with("links:read").get("/api/search", params={"q": "laptop"})).json()["groups"] == []


async def test_many_slices_are_asked_a_few_at_a_time(tmp_path: Path) -> None:
    counting = (
        f"{ASKING}"
        "    running = db.__dict__.setdefault('running', [])\n    running.append(1)\n    most = len(running)\n"
        "    for _ in range(10):\n        await asyncio.sleep(0)\n        most = max(most, len(running))\n"
        "    running.pop()\n    return [Found(title=str(most))]\n"
    )
    with slices_package(tmp_path, {f"tool{at}": folder(counting) for at in range(20)}) as package:
        async with running(make_app(packages=("slice_api.slices", package))) as app:
            found = await asyncio.wait_for(groups(app, "admin", q="x"), 30)
    counts = [int(group["items"][0]["title"]) for group in found.values()]
    assert len(counts) == 20
    assert 1 < max(counts) <= 4
