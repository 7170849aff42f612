"""POST /api/links/import: each row under every rule of a link, told by line; what was written stays."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.conftest import AssertEvents, ClientWith, on_every_engine
from tests.support import FrozenClock, client_of, make_app, running
from tests.told import told

from .conftest import MakeLink

CSV, NDJSON = {"Content-Type": "text/csv"}, {"Content-Type": "application/x-ndjson"}


async def sent(client: httpx.AsyncClient, body: str | bytes, kind: dict[str, str], query: str = "") -> dict[str, Any]:
    """Import a file, and give the report."""
    answer = await client.post(f"/api/links/import{query}", content=body, headers=kind)
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    return report


def counts(report: dict[str, Any]) -> tuple[int, int, list[int]]:
    """Created, skipped, and the lines that failed."""
    return report["created"], report["skipped"], [row["line"] for row in report["failed"]]


async def slugs(client: httpx.AsyncClient) -> list[str]:
    return [link["slug"] for link in (await client.get("/api/links?order=slug&limit=200")).json()["items"]]


# Rows


@on_every_engine
async def test_rows_of_csv_become_links(client: httpx.AsyncClient, clock: FrozenClock) -> None:
    table = (
        "URL,Slug,Title,Tags,max_visits,is_query_forwarded,expires_at\r\n"
        'https://example.org/a,guide,"The ""guide""","docs,Spring",5,TRUE,2027-01-01T00:00:00Z\r\n'
        "https://example.org/b,,,,,,\r\n"
        "javascript:alert(1),bad,,,,,\r\n"
    )
    report = await sent(client, table, CSV)
    assert counts(report) == (2, 0, [4])
    assert report["failed"] == [{"line": 4, "detail": "url: must not be a javascript: URL"}]
    assert (report["failed_count"], report["is_dry_run"]) == (1, False)
    link = (await client.get("/api/links/guide")).json()
    assert link["title"] == 'The "guide"'
    assert link["tags"] == ["docs", "spring"]
    assert (link["max_visits"], link["is_query_forwarded"]) == (5, True)
    assert link["created_at"] == link["updated_at"] == clock.now.isoformat().replace("+00:00", "Z")
    made_up = (set(await slugs(client)) - {"guide"}).pop()
    assert len(made_up) == 7


@on_every_engine
async def test_a_slug_that_is_made_up_and_taken_makes_way_for_another(
    client: httpx.AsyncClient, make_link: MakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_link(slug="same")
    drawn = iter(["same", "else", "else", "other"])
    monkeypatch.setattr("slice_api.slices.links.handlers.random_text", lambda _: next(drawn))
    report = await sent(client, "url\nhttps://a.example/\nhttps://b.example/\n", CSV)
    assert counts(report) == (2, 0, [])
    assert set(await slugs(client)) == {"same", "else", "other"}


@on_every_engine
async def test_the_same_file_again_makes_nothing(client: httpx.AsyncClient, assert_events: AssertEvents) -> None:
    lines = [json.dumps({"url": f"https://example.org/{number}", "tags": ["b", "a"]}) for number in range(5)]
    lines += [json.dumps({"url": "https://example.org/x", "slug": "x", "expires_at": "2020-01-01T00:00:00Z"})]
    body = "\n".join(lines)
    assert counts(await sent(client, body, NDJSON)) == (6, 0, [])
    await assert_events(told("links.imported", None, created=6, skipped=0, failed=0))
    assert counts(await sent(client, body, NDJSON)) == (0, 6, [])
    await assert_events()


@on_every_engine
async def test_a_slug_that_another_link_has_is_taken(client: httpx.AsyncClient, make_link: MakeLink) -> None:
    await make_link("https://example.org/", slug="guide")
    body = (
        '{"url": "https://example.org/", "slug": "guide", "title": "does the same"}\n'
        '{"url": "https://example.org/other", "slug": "guide"}\n'
        '{"url": "https://example.org/first", "slug": "new"}\n'
        '{"url": "https://example.org/second", "slug": "new"}\n'
        '{"url": "https://example.org/first", "slug": "new"}\n'
    )
    report = await sent(client, body, NDJSON)
    assert counts(report) == (1, 2, [2, 4])
    assert report["failed"][0]["detail"] == "slug: 'guide' is taken"
    assert (await client.get("/api/links/new")).json()["url"] == "https://example.org/first"


async def test_the_order_of_tags_makes_no_other_link(client: httpx.AsyncClient, make_link: MakeLink) -> None:
    await make_link("https://example.org/", slug="guide", tags=["a", "b"])
    body = '{"url": "https://example.org/", "slug": "guide", "tags": ["b", "a"]}\n'
    body += '{"url": "https://example.org/", "slug": "guide", "tags": ["a"]}\n'
    assert counts(await sent(client, body, NDJSON)) == (0, 1, [2])


NASTY = "\n".join([
    '{"url": "https://example.org/1", "slug": "a"}', '{"url": "https://example.org/1"}',
    '{"url": "https://example.org/2"}', '{"url": "https://example.org/2"}',
    '{"url": "https://example.org/2", "slug": "z"}',
    '{"url": "https://example.org/3", "slug": "a"}', '{"url": "https://example.org/1", "slug": "a"}', "nonsense",
    '{"url": "https://example.org/4", "expires_at": "2020-01-01T00:00:00Z"}',
    '{"url": "https://example.org/4", "expires_at": "2020-01-01T00:00:00Z"}',
    '{"url": "https://example.org/5", "slug": "held"}', '{"url": "https://example.org/6", "slug": "held"}',
])  # fmt: skip


@on_every_engine
async def test_a_dry_run_reports_the_very_same_and_writes_nothing(
    client: httpx.AsyncClient, make_link: MakeLink, assert_events: AssertEvents
) -> None:
    await make_link("https://example.org/5", slug="held")
    await assert_events(told("links.created", "held"))
    tried = await sent(client, NASTY, NDJSON, "?dry_run=true")
    assert await slugs(client) == ["held"]
    await assert_events()
    assert tried["is_dry_run"] is True
    done = await sent(client, NASTY, NDJSON)
    assert tried == {**done, "is_dry_run": True}
    assert counts(done) == (5, 4, [6, 8, 12])


@pytest.mark.parametrize(
    ("row", "detail"),
    [
        ({"slug": "x"}, "url: Field required"),
        ({"url": "ftp://example.org/"}, "url: must begin with http: or https:"),
        ({"url": "http://slice.test/abc"}, "url: must not be a short link of this service"),
        ({"url": "https://example.org/", "slug": "api"}, "slug: is reserved"),
        ({"url": "https://example.org/", "slug": "import"}, "slug: is reserved: /api/links/import"),
        ({"url": "https://example.org/", "slug": "a/b"}, "slug: must be letters"),
        ({"url": "https://example.org/", "title": "x" * 201}, "title: "),
        ({"url": "https://example.org/", "tags": ["x" * 41]}, "tags/0: "),
        ({"url": "https://example.org/", "starts_at": "tomorrow"}, "starts_at: must be a time"),
        ({"url": "https://example.org/", "max_visits": 0}, "max_visits: "),
        ({"url": "https://example.org/", "redirect_status": 300}, "redirect_status: "),
        ({"url": "https://example.org/", "visit_count": -1}, "visit_count: must not be negative"),
        ({"url": "https://example.org/", "visit_count": 2**63}, "visit_count: "),
        ({"url": "https://example.org/", "created_by": "x" * 501}, "created_by: "),
        ({"url": "https://example.org/", "nobody_declared_this": 1}, "nobody_declared_this: "),
        ({"url": "https://example.org/", "title": "a\0b"}, "must not hold the character NUL"),
        ({"url": "https://example.org/", "has_password": True}, "has_password: its password is not in this file"),
        ({"nothing": 1}, "has no name that is known: found 'nothing'"),
        ({"url": "https://example.org/?" + "x" * 70_000}, "is longer than 65,536 bytes"),
        ([], "is not an object"),
        ({"url": None}, "url: "),
    ],
)  # fmt: skip
async def test_each_row_obeys_every_rule_of_a_link(row: Any, detail: str, client: httpx.AsyncClient) -> None:
    body = f'{json.dumps(row)}\n{{"url": "https://example.org/fine", "slug": "fine"}}'
    report = await sent(client, body, NDJSON)
    assert counts(report) == (1, 0, [1])
    assert report["failed"][0]["detail"].startswith(detail)
    assert await slugs(client) == ["fine"]


async def test_every_fault_of_a_row_is_told_at_once(client: httpx.AsyncClient) -> None:
    report = await sent(client, "url,slug,max_visits\nftp:x,api,many\n", CSV)
    assert "max_visits" in report["failed"][0]["detail"]
    report = await sent(client, "url,slug\nftp:x,api\n", CSV)
    assert "slug: is reserved" in report["failed"][0]["detail"]
    assert "url: must begin with" in report["failed"][0]["detail"]


async def test_only_the_first_10_000_failures_are_listed_and_all_are_counted(client: httpx.AsyncClient) -> None:
    report = await sent(client, b"x\n" * 10_005, NDJSON)
    assert (len(report["failed"]), report["failed_count"]) == (10_000, 10_005)
    assert report["failed"][-1]["line"] == 10_000


# Files


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_break", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
async def test_csv_is_read_as_spreadsheets_write_it(
    delimiter: str, line_break: str, bom: str, client: httpx.AsyncClient
) -> None:
    rows = [["url", "slug", "title"], ["https://example.org/", "a", f'"two{line_break}lines; or, more"']]
    rows += [["", "", ""], ["bad", "z", "x"], ["https://example.org/", "c"], ["https://example.org/", "d", "x", "y"]]
    table = bom + line_break.join(delimiter.join(row) for row in rows)
    report = await sent(client, table, CSV)
    assert counts(report) == (2, 0, [5, 7])
    assert (await client.get("/api/links/a")).json()["title"] == f"two{line_break}lines; or, more"
    assert "more cells" in report["failed"][1]["detail"]


async def test_a_file_is_read_alike_however_it_is_cut(client: httpx.AsyncClient) -> None:
    table = 'url,slug,note\r\nhttps://example.org/é,"a","x ""y""\r\n,z"\r\nhttps://example.org/,b,"c"d\r\nhttps://x.org/,e,"f'
    whole = await sent(client, table, CSV, "?dry_run=true")
    assert counts(whole) == (1, 0, [4, 5])

    async def one_by_one() -> AsyncIterator[bytes]:
        for at in range(len(table.encode())):
            yield table.encode()[at : at + 1]

    answer = await client.post("/api/links/import?dry_run=true", content=one_by_one(), headers=CSV)
    assert answer.json() == whole


async def test_a_row_that_is_too_long_fails_alone(client: httpx.AsyncClient) -> None:
    long = "x" * 200_000
    table = f'url,slug\r\nhttps://x.org/{long},a\r\nhttps://x.org/,e\r\n"https://x.org/\n{long}\n",c\r\nhttps://x.org/,d\r\n'
    report = await sent(client, table, CSV)
    assert counts(report) == (2, 0, [2, 4])
    assert await slugs(client) == ["d", "e"]


async def test_bytes_that_are_no_text_fail_their_row_alone(client: httpx.AsyncClient) -> None:
    table = b"url,slug,title\nhttps://example.org/,a,caf\xe9\nhttps://example.org/,b,\x00\nhttps://example.org/,c,caf\xc3\xa9\n"
    report = await sent(client, table, CSV)
    assert counts(report) == (1, 0, [2, 3])
    assert "UTF-8" in report["failed"][0]["detail"]
    lines = b'{"url": "https://example.org/\xff"}\n{"url": "https://example.org/", "title": "\\ud800"}\n'
    assert counts(await sent(client, lines, NDJSON)) == (0, 0, [1, 2])


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("name,address", "found 'name', 'address'"),
        ("slug,title", "found 'slug', 'title'"),
        ("url,titel", "'titel', which links do not have"),
        ("url,URL", "'url' more than once"),
        ("\xff", "found"),
        ('"url', "never closed"),
    ],
)
async def test_a_header_that_nothing_can_be_made_of_is_422(header: str, told: str, client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/links/import", content=f"{header}\nhttps://example.org/,x", headers=CSV)
    assert answer.status_code == 422
    assert told in answer.json()["errors"][0]["detail"]


async def test_a_header_that_is_no_text_is_422(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/links/import", content="url\nhttps://x.org/".encode("utf-16"), headers=CSV)
    assert answer.status_code == 422
    assert "UTF-8" in answer.json()["detail"]


@pytest.mark.parametrize("body", [b"", b"\xef\xbb\xbf", b"\r\n \n", b"url,slug\r\n"])
@pytest.mark.parametrize("query", ["?format=csv", "?format=ndjson"])
async def test_an_empty_file_is_no_error(body: bytes, query: str, client: httpx.AsyncClient) -> None:
    report = await sent(client, body, {}, query)
    is_header_of_csv = body.startswith(b"url") and "ndjson" in query
    assert counts(report) == (0, 0, [1] if is_header_of_csv else [])


@pytest.mark.parametrize("kind", ["application/ndjson", "application/jsonl", "Application/X-NDJSON; charset=UTF-8"])
async def test_the_media_type_tells_the_format(kind: str, client: httpx.AsyncClient) -> None:
    assert counts(await sent(client, '{"url": "https://x.org/"}', {"Content-Type": kind})) == (1, 0, [])


@pytest.mark.parametrize(
    ("kind", "query"),
    [("", ""), ("application/json", ""), ("text/plain", ""), ("text/csv; charset=iso-8859-1", ""),
     ("multipart/form-data; boundary=x", "?format=csv")],
)  # fmt: skip
async def test_another_media_type_is_415_and_says_how(kind: str, query: str, client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = await client.post(f"/api/links/import{query}", content=b"url\nhttps://x.org/", headers=headers)
    assert answer.status_code == 415
    assert "text/csv" in answer.headers["accept"]
    assert await slugs(client) == []


async def test_the_query_tells_the_format_of_what_curl_sends(client: httpx.AsyncClient) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert counts(await sent(client, "url\nhttps://x.org/", kind, "?format=csv")) == (1, 0, [])


# The request


async def test_one_event_tells_of_all_links(client: httpx.AsyncClient, assert_events: AssertEvents) -> None:
    body = "\n".join(json.dumps({"url": f"https://example.org/{number}"}) for number in range(450)) + "\nx\n"
    assert counts(await sent(client, body, NDJSON)) == (450, 0, [451])
    await assert_events(told("links.imported", None, created=450, skipped=0, failed=1))


async def test_only_who_may_write_links_imports(client_with: ClientWith) -> None:
    for scope, status in {"links:read": 403, "links:write": 200}.items():
        answer = await client_with(scope).post("/api/links/import", content=b"url\n", headers=CSV)
        assert answer.status_code == status


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_no_link_is_called_import(method: str, client: httpx.AsyncClient) -> None:
    answer = await client.request(method, "/api/links/import")
    assert (answer.status_code, answer.headers["allow"]) == (405, "OPTIONS, POST")


@pytest.mark.parametrize("slug", ["import", "export"])
async def test_the_names_of_both_are_reserved(slug: str, client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/links", json={"url": "https://example.org/", "slug": slug})
    assert answer.status_code == 422
    assert f"is reserved: /api/links/{slug}" in answer.json()["errors"][0]["detail"]


async def test_an_idempotency_key_is_not_looked_at(client: httpx.AsyncClient) -> None:
    reports = [await sent(client, "url\nhttps://x.org/", {**CSV, "Idempotency-Key": "one"}) for _ in range(2)]
    assert list(map(counts, reports)) == [(1, 0, []), (0, 1, [])]


async def test_a_smaller_limit_of_the_slice_is_not_for_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLICE_LINKS_MAX_BODY_BYTES", "100")
    body = "\n".join(json.dumps({"url": f"https://example.org/{number}"}) for number in range(50))
    async with running(make_app()) as app, client_of(app) as client:
        assert counts(await sent(client, body, NDJSON)) == (50, 0, [])
        assert (await client.post("/api/links", json={"url": f"https://example.org/{'x' * 100}"})).status_code == 413
        too_much = {**NDJSON, "Content-Length": str(64 * 2**20 + 1)}
        answer = await client.post("/api/links/import", content=iter_nothing(), headers=too_much)
        assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")


async def iter_nothing() -> AsyncIterator[bytes]:
    yield b""


async def test_of_an_upload_that_breaks_off_whole_rows_stay(
    app: FastAPI, client: httpx.AsyncClient, assert_events: AssertEvents
) -> None:
    rows = [json.dumps({"url": f"https://example.org/{number}", "slug": f"s{number:03}"}) for number in range(300)]
    body = "\n".join(rows)[:-5].encode()
    messages = [
        {"type": "http.request", "body": body, "more_body": True},
        {"type": "http.disconnect"},
    ]
    answers: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        answers.append(message)

    headers = [(b"host", b"slice.test"), (b"content-type", b"text/csv"), (b"transfer-encoding", b"chunked")]
    headers += [(b"authorization", client.headers["authorization"].encode())]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/api/links/import", "raw_path": b"/api/links/import", "root_path": "",
        "query_string": b"format=ndjson",
        "server": ("slice.test", 80), "client": ("192.0.2.7", 4711), "headers": headers,
    }  # fmt: skip
    await app(scope, receive, send)
    assert answers[0]["status"] == 400
    assert b"299 links were made before" in answers[1]["body"]
    assert (await slugs(client))[-1] == "s199"
    assert (await client.get("/api/links/s298")).status_code == 200
    assert (await client.get("/api/links/s299")).status_code == 404
    await assert_events(told("links.imported", None, created=299, skipped=0, failed=0))


async def test_of_a_file_that_stops_coming_the_whole_rows_are_kept() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"url": "https://a.example", "slug": "one"}\n{"url": "https://b.example", "slug": "two"}\n{"url"'
        yield b""  # so the server tells that nothing came for long

    async with running(make_app(body_seconds=1e-9)) as app, client_of(app) as client:
        answer = await client.post("/api/links/import", content=pieces(), headers=NDJSON)
        assert (answer.status_code, answer.json()["type"]) == (408, "/problems/request-timeout")
        assert "2 links were made before" in answer.json()["detail"]
        assert await slugs(client) == ["one", "two"]
