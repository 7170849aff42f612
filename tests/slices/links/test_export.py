"""GET /api/links/export: every link in a file, in one order, or no file at all."""

import csv
import io
import json
from collections.abc import MutableMapping
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from slice_api.chassis.storage.faults import StorageAway
from tests.conftest import ClientWith, on_every_engine
from tests.support import chassis_of

from .conftest import MakeLink

SLUGS = ["-a", "A", "Z", "a", "a-b", "ab", "z", "é", "链接", "\uff21", "\U0001d518", "🎉"]


def rows_in(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.text.splitlines()]


@on_every_engine
async def test_links_come_in_the_order_of_their_slugs(client: httpx.AsyncClient, make_link: MakeLink) -> None:
    for slug in reversed(SLUGS):
        await make_link(slug=slug)
    answer = await client.get("/api/links/export")
    assert [row["slug"] for row in rows_in(answer)] == sorted(SLUGS)
    lines = list(csv.DictReader(io.StringIO((await client.get("/api/links/export?format=csv")).text, newline="")))
    assert [line["slug"] for line in lines] == ["'-a", *sorted(SLUGS)[1:]]


@on_every_engine
async def test_a_file_of_many_pages_has_each_link_once(client: httpx.AsyncClient) -> None:
    rows = [{"url": f"https://example.org/{number}", "slug": f"link{number:03}"} for number in range(401)]
    body = "\n".join(map(json.dumps, rows))
    await client.post("/api/links/import?format=ndjson", content=body)
    answer = await client.get("/api/links/export")
    assert [row["slug"] for row in rows_in(answer)] == [row["slug"] for row in rows]


async def test_a_row_is_all_that_a_link_is(client: httpx.AsyncClient, make_link: MakeLink) -> None:
    link = await make_link(slug="guide", title="The guide", tags=["b", "a"], max_visits=3)
    answer = await client.get("/api/links/export")
    (row,) = rows_in(answer)
    assert {name: value for name, value in row.items() if name in link} == {
        name: value for name, value in link.items() if name != "short_url"
    }
    assert row["has_password"] is False
    assert "id" not in row
    assert next(iter(row)) == "slug"


@pytest.mark.parametrize(("query", "media_type"), [("", "application/x-ndjson"), ("?format=csv", "text/csv")])
async def test_the_file_has_a_name_and_a_type(query: str, media_type: str, client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/api/links/export{query}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == media_type
    kind = "csv" if query else "ndjson"
    assert answer.headers["content-disposition"] == f'attachment; filename="links.{kind}"'
    head = await client.head(f"/api/links/export{query}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-disposition"] == answer.headers["content-disposition"]


async def test_no_spreadsheet_runs_what_is_in_a_file(client: httpx.AsyncClient, make_link: MakeLink) -> None:
    titles = ["=1+1", "+1", "-1", "@sum", "\tx", "\rx", "'x", "", "x=1"]
    for number, title in enumerate(titles):
        await make_link(slug=f"link{number}", title=title)
    await make_link(slug="untitled")
    answer = await client.get("/api/links/export?format=csv")
    cells = [line["title"] for line in csv.DictReader(io.StringIO(answer.text, newline=""))]
    assert cells == ["'=1+1", "'+1", "'-1", "'@sum", "'\tx", "'\rx", "''x", "'", "x=1", ""]


async def test_who_may_not_read_links_gets_no_file(client_with: ClientWith) -> None:
    assert (await client_with("links:write").get("/api/links/export")).status_code == 403
    assert (await client_with("links:read").get("/api/links/export")).status_code == 200


async def test_another_format_is_422(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/links/export?format=xml")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "query/format"


@pytest.mark.parametrize("good_pages", [0, 1])
async def test_a_storage_that_goes_away_breaks_the_file_off(
    good_pages: int, app: FastAPI, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "\n".join(f'{{"url": "https://example.org/{number}"}}' for number in range(250))
    await client.post("/api/links/import?format=ndjson", content=rows)
    storage = chassis_of(app).storage
    whole, calls = storage.transact, iter([True] * good_pages)

    async def transact(origin: Any, fn: Any, *args: Any, **kwargs: Any) -> Any:
        is_page = getattr(fn, "__name__", "") == "page"
        if is_page and not next(calls, False):
            raise StorageAway("for a test")
        return await whole(origin, fn, *args, **kwargs)

    monkeypatch.setattr(storage, "transact", transact)
    # Of a file that nobody reads, one page is enough to tell whether there is one.
    assert (await client.head("/api/links/export")).status_code == (200 if good_pages else 503)
    calls = iter([True] * good_pages)
    if not good_pages:
        assert (await client.get("/api/links/export")).status_code == 503
        return
    with pytest.raises(StorageAway):
        await client.get("/api/links/export")


async def test_a_file_whose_reader_has_gone_is_not_read_to_its_end(app: FastAPI, client: httpx.AsyncClient) -> None:
    rows = [{"url": f"https://example.org/{number}", "slug": f"link{number:04}"} for number in range(2_001)]
    await client.post("/api/links/import?format=ndjson", content="\n".join(map(json.dumps, rows)))
    key = client.headers["authorization"].encode()
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/api/links/export", "raw_path": b"/api/links/export", "root_path": "", "query_string": b"",
        "headers": [(b"authorization", key)], "client": ("127.0.0.1", 1), "server": ("slice.test", 80),
    }  # fmt: skip
    pieces: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        pieces.append(message.get("body", b""))

    await app(scope, receive, send)
    assert b"".join(pieces).count(b"\n") < 500
