"""Files that move links: ours makes the very same links elsewhere, those of others are read by their own headers."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slice_api.chassis import Database, Principal
from slice_api.chassis.clock import system_clock
from slice_api.chassis.events import EVENTS
from slice_api.chassis.storage.engines import make_storage
from slice_api.slices.links.following.passwords import Passwords
from slice_api.slices.links.schemas import ImportReport
from slice_api.slices.links.site import Site
from slice_api.slices.links.store import LINKS
from slice_api.slices.links.transfer.exports import columns_for, file_of, pages
from slice_api.slices.links.transfer.imports import Maker, import_links, rehearse_import
from slice_api.slices.links.transfer.records import FileFormat
from tests.conftest import ClientWith, on_every_engine
from tests.support import client_of, make_app, running

from .conftest import MakeLink
from .test_import import counts, sent

KEPT = "$scrypt$ln=4,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA==$" + "A" * 43 + "="
WRITER = Principal(key_id="a-key", name="for a test", scopes=("links:write",))
MAKER = Maker(
    WRITER,
    datetime(2026, 1, 31, tzinfo=UTC),
    Site("http://slice.test", frozenset({"api"}), (), 7),
    Passwords().hash,
)
CSV = {"Content-Type": "text/csv"}

# Ours

NASTY_TEXTS = [
    "", "'", "''", "=1+1", "'=1+1", "+", "-1", "@x", "\t", "\r", "\n", "\r\n", '"', '""', 'a"b', "a,b", "a;b\tc",
    "null", "true", "1", "[]", '["a"]', "\u2028", "\ufeff", "é\u0301", "👩‍💻", "\x01", "  ", "\\u0000", "\x7f",
]  # fmt: skip
NASTY_TAGS = ["a", "a,b", "[", '["a"]', "=x", "'", "-", "a b", '"', "ü", "[]", "+1", "a|b", "@", "null"]

texts = st.one_of(
    st.sampled_from(NASTY_TEXTS),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
)
moments = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)).map(lambda at: f"{at.isoformat()}Z")  # noqa: DTZ001
counted = st.integers(0, 2**63 - 1)
rows = st.fixed_dictionaries(
    {
        "slug": st.text("aAbBzZ09-_éß链🎉", min_size=1, max_size=8),
        "url": st.sampled_from(["https://example.org/", "https://example.org/%2F+;?a=b,c#'", "http://ü.example/\"'"]),
    },
    optional={
        "title": st.none() | texts,
        "note": st.none() | texts,
        "tags": st.lists(
            st.one_of(st.sampled_from(NASTY_TAGS), st.text("a,[\"' é", min_size=1, max_size=5)), max_size=4
        ),
        "starts_at": moments,
        "max_visits": st.none() | st.integers(1, 2**63 - 1),
        "redirect_status": st.sampled_from([301, 302, 307, 308]),
        "is_query_forwarded": st.booleans(),
        "expired_url": st.none() | st.just("https://example.org/over"),
        "visit_count": counted,
        "bot_visit_count": counted,
        "last_visited_at": st.none() | moments,
        "created_at": moments,
        "updated_at": moments,
        "created_by": texts,
        "password_hash": st.none() | st.just(KEPT),
        "rules": st.lists(
            st.fixed_dictionaries(
                {
                    "when": st.one_of(
                        st.fixed_dictionaries({"device": st.sampled_from(["ios", "bot"])}, optional={"after": moments}),
                        st.fixed_dictionaries(
                            {"query": st.dictionaries(texts.filter(bool), texts, min_size=1, max_size=2)}
                        ),
                    ),
                    "url": st.sampled_from(["https://apps.example.com/", "https://example.org/ü,'\""]),
                }
            ),
            max_size=2,
        ),
    },
)


async def in_one(data: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def empty_database() -> Database:
    storage = make_storage("", system_clock)
    await storage.open((LINKS, EVENTS))
    return Database(storage, lambda _: None)


async def exported(db: Database, file_format: FileFormat) -> bytes:
    return b"".join([piece async for piece in file_of(pages(db), file_format, columns_for(WRITER))])


async def imported(db: Database, data: bytes, file_format: FileFormat) -> ImportReport:
    return await import_links(in_one(data), file_format, db, MAKER)


def with_slugs_once(found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return list({row["slug"]: row for row in found}.values())


@settings(max_examples=25, deadline=None)
@given(found=st.lists(rows, max_size=6).map(with_slugs_once))
async def test_an_import_of_an_export_makes_the_very_same_links(found: list[dict[str, Any]]) -> None:
    kept = [row for row in found if all(tag.strip() for tag in row.get("tags", ()))]
    first = await empty_database()
    report = await imported(first, "\n".join(map(json.dumps, kept)).encode(), "ndjson")
    assert (report.created, report.failed) == (len(kept), [])
    for file_format in ("ndjson", "csv"):
        data, second = await exported(first, file_format), await empty_database()
        report = await imported(second, data, file_format)
        assert (report.created, report.failed) == (len(kept), [])
        for each in ("ndjson", "csv"):
            assert await exported(second, each) == await exported(first, each)
        again = await rehearse_import(in_one(data, 7), file_format, second, MAKER)
        assert (again.created, again.skipped, again.failed) == (0, len(kept), [])


@on_every_engine
async def test_a_whole_service_moves_into_an_empty_one(client: httpx.AsyncClient) -> None:
    lines = [
        json.dumps({"url": "https://example.org/?" + "x" * at, "slug": f"link-{at}", "title": text, "note": text,
                    "tags": NASTY_TAGS[at % 5 : at % 5 + 3], "visit_count": at, "created_by": "someone",
                    "last_visited_at": "2025-12-31T23:59:59.123456Z", "created_at": f"2025-01-01T00:00:{at:02}+01:00"})
        for at, text in enumerate(NASTY_TEXTS)
    ]  # fmt: skip
    report = await sent(client, "\n".join(lines), {}, "?format=ndjson")
    assert counts(report) == (len(lines), 0, [])
    for kind in ("ndjson", "csv"):
        file = (await client.get(f"/api/links/export?format={kind}")).content
        async with running(make_app()) as other, client_of(other) as empty:
            assert counts(await sent(empty, file, {}, f"?format={kind}")) == (len(lines), 0, [])
            assert (await empty.get(f"/api/links/export?format={kind}")).content == file


async def test_a_row_brings_its_past_with_it(client: httpx.AsyncClient, client_with: ClientWith) -> None:
    table = (
        "slug,url,created_at,updated_at,created_by,visit_count,last_visited_at,has_password\n"
        "old,https://x.org/,2020-01-01T00:00:00Z,2021-01-01T00:00:00Z,them,7,2022-01-01T00:00:00Z,false\n"
        "half,https://x.org/,2020-01-01T00:00:00Z,,,,,\n"
    )
    await sent(client, table, CSV)
    old, half = [(await client.get(f"/api/links/{slug}")).json() for slug in ("old", "half")]
    assert (old["created_by"], old["visit_count"], old["updated_at"]) == ("them", 7, "2021-01-01T00:00:00Z")
    assert old["last_visited_at"] == "2022-01-01T00:00:00Z"
    assert half["updated_at"] == half["created_at"] == "2020-01-01T00:00:00Z"
    assert half["created_by"] not in ("", "them")


async def test_a_slug_is_taken_from_a_short_url_where_there_is_nothing_else(client: httpx.AsyncClient) -> None:
    await sent(client, "url,short_url\nhttps://x.org/,https://s.example/gr%C3%BC%C3%9Fe?x#y\n", CSV)
    assert (await client.get("/api/links/grüße")).json()["url"] == "https://x.org/"


# Passwords


@pytest.mark.usefixtures("quick_passwords")
async def test_a_password_moves_with_its_link_for_who_may_write(
    client: httpx.AsyncClient, client_with: ClientWith, make_link: MakeLink
) -> None:
    await make_link(slug="secret", password="open sesame")
    for kind in ("ndjson", "csv"):
        told = (await client_with("links:read").get(f"/api/links/export?format={kind}")).text
        assert "scrypt" not in told
        assert "password_hash" not in told
        assert counts(await sent(client, told, {}, f"?format={kind}&dry_run=true"))[2] == [1 if kind == "ndjson" else 2]
        whole = (await client_with("links:read", "links:write").get(f"/api/links/export?format={kind}")).text
        assert whole == (await client.get(f"/api/links/export?format={kind}")).text
        async with running(make_app()) as other, client_of(other) as empty:
            assert counts(await sent(empty, whole, {}, f"?format={kind}")) == (1, 0, [])
            refused = await empty.post("/secret", data={"password": "open says me"})
            opened = await empty.post("/secret", data={"password": "open sesame"})
        assert (refused.status_code, opened.status_code) == (401, 303)


@pytest.mark.usefixtures("quick_passwords")
async def test_a_file_may_set_passwords(client: httpx.AsyncClient) -> None:
    body = '{"url": "https://x.org/", "slug": "a", "password": "open sesame"}'
    assert counts(await sent(client, body, {}, "?format=ndjson&dry_run=true")) == (1, 0, [])
    assert counts(await sent(client, body, {}, "?format=ndjson")) == (1, 0, [])
    assert (await client.get("/api/links/a")).json()["has_password"] is True
    assert (await client.post("/a", data={"password": "open sesame"})).status_code == 303


@pytest.mark.parametrize(
    "kept",
    [
        "x",
        "$scrypt$ln=30,r=8,p=5$" + KEPT.split("$", 3)[3],
        KEPT[:-2],
        KEPT.replace("ln=4", "ln=0"),
        KEPT + "=",
        "$" * 999,
    ],
)
async def test_a_hash_that_would_not_open_or_be_too_dear_is_refused(kept: str, client: httpx.AsyncClient) -> None:
    body = json.dumps({"url": "https://x.org/", "password_hash": kept})
    report = await sent(client, body, {}, "?format=ndjson")
    assert counts(report) == (0, 0, [1])
    assert report["failed"][0]["detail"].startswith("password_hash: must")


async def test_the_targets_of_rules_are_held_against_this_service(client: httpx.AsyncClient) -> None:
    rules = [{"when": {"device": "ios"}, "url": "http://slice.test/abc"}]
    lines = [json.dumps({"url": "https://x.org/", "rules": each}) for each in (rules, [{"when": {}, "url": "x"}])]
    report = await sent(client, "\n".join(lines), {}, "?format=ndjson")
    assert [row["detail"].partition(":")[0] for row in report["failed"]] == ["rules/0/url", "rules/0/when"]
    table = 'url,rules\nhttps://x.org/,nonsense\nhttps://x.org/,"[{""when"": {""query"": {""a"": ""\\u0000""}}}]"\n'
    assert counts(await sent(client, table, CSV)) == (0, 0, [2, 3])


# Those of others

YOURLS = """keyword,url,title,timestamp,ip,clicks
ozh,https://ozh.example/,Ozh' blog,2024-05-01 12:00:00,203.0.113.9,1234
"""
YOURLS_PLUGIN = """source,target,hits
/ozh/,https://ozh.example/,1234
"""
KUTT_LINE = {
    "id": "6c8d4f6e-0000-4000-8000-000000000000", "address": "kutt1", "target": "https://kutt.example/a",
    "banned": False, "created_at": "2024-05-01T12:00:00.000Z", "updated_at": "2024-06-01T12:00:00.000Z",
    "description": "A talk", "expire_in": "2030-01-01T00:00:00.000Z", "password": False, "visit_count": 12, "link": "https://kutt.example/kutt1",
}  # fmt: skip
KUTT_CSV = """Address;Target;Description;Created_At;Expire_In;Visit_Count;Password;Link
kutt1;https://kutt.example/a;A talk;2024-05-01T12:00:00.000Z;;12;false;https://kutt.example/kutt1
"""
BITLY_LINE = {
    "id": "bit.ly/3abcXyz", "link": "https://bit.ly/3abcXyz", "custom_bitlinks": ["https://go.example/spring"],
    "long_url": "https://shop.example/spring?utm=1", "title": "Spring", "archived": False, "tags": ["promo"],
    "created_at": "2024-05-01T12:00:00+0000", "references": {"group": "https://api.example/g"}, "deeplinks": [],
}  # fmt: skip
BITLY_CSV = """Bitlink,Title,Long URL,Tags,Total Clicks
bit.ly/3abcXyz,Spring,https://shop.example/spring,"promo, seasonal","1,204"
"""
BITLY_LIST = """Link,Custom Link,Destination URL,Title,Created
https://bit.ly/3abcXyz,https://go.example/spring,https://shop.example/spring,Spring,2024-05-01
"""
SHLINK_CSV = """Long URL;Tags;Domain;Short code;Title
https://shlink.example/docs;docs|Manual;;shelf;The docs
"""
SHLINK_WEB = """createdAt,domain,shortCode,shortUrl,longUrl,title,tags,visits
2024-05-01T12:00:00+02:00,s.example,shelf,https://s.example/shelf,https://shlink.example/docs,,docs|manual,34
"""
SHLINK_LINE = {
    "shortCode": "shelf", "shortUrl": "https://s.example/shelf", "longUrl": "https://shlink.example/docs",
    "dateCreated": "2024-05-01T12:00:00+02:00", "tags": ["docs"], "title": None, "domain": None, "crawlable": False,
    "meta": {"validSince": "2024-01-01T00:00:00+00:00", "validUntil": None, "maxVisits": 100}, "forwardQuery": True,
    "visitsSummary": {"total": 40, "nonBots": 34, "bots": 6}, "hasRedirectRules": False,
}  # fmt: skip

OTHERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "yourls": (YOURLS, {"slug": "ozh", "url": "https://ozh.example/", "title": "Ozh' blog", "visit_count": 1234,
                        "created_at": "2024-05-01T12:00:00Z"}),
    "yourls plugin": (YOURLS_PLUGIN, {"slug": "ozh", "url": "https://ozh.example/", "visit_count": 1234}),
    "kutt": (json.dumps(KUTT_LINE), {"slug": "kutt1", "url": "https://kutt.example/a", "title": "A talk",
                                     "visit_count": 12, "created_at": "2024-05-01T12:00:00Z",
                                     "updated_at": "2024-06-01T12:00:00Z", "expires_at": "2030-01-01T00:00:00Z"}),
    "kutt csv": (KUTT_CSV, {"slug": "kutt1", "url": "https://kutt.example/a", "title": "A talk", "visit_count": 12,
                            "expires_at": None}),
    "bitly": (json.dumps(BITLY_LINE), {"slug": "spring", "url": "https://shop.example/spring?utm=1", "tags": ["promo"],
                                       "title": "Spring", "created_at": "2024-05-01T12:00:00Z"}),
    "bitly csv": (BITLY_CSV, {"slug": "3abcXyz", "url": "https://shop.example/spring", "tags": ["promo", "seasonal"],
                              "visit_count": 1204}),
    "bitly list": (BITLY_LIST, {"slug": "spring", "url": "https://shop.example/spring",
                                "created_at": "2024-05-01T00:00:00Z"}),
    "shlink csv": (SHLINK_CSV, {"slug": "shelf", "url": "https://shlink.example/docs", "title": "The docs",
                                "tags": ["docs", "manual"]}),
    "shlink web client": (SHLINK_WEB, {"slug": "shelf", "url": "https://shlink.example/docs", "title": None,
                                       "tags": ["docs", "manual"], "visit_count": 34,
                                       "created_at": "2024-05-01T10:00:00Z"}),
    "shlink": (json.dumps(SHLINK_LINE), {"slug": "shelf", "url": "https://shlink.example/docs", "max_visits": 100,
                                         "starts_at": "2024-01-01T00:00:00Z", "is_query_forwarded": True,
                                         "visit_count": 34, "bot_visit_count": 6, "tags": ["docs"]}),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
async def test_files_of_others_are_read_by_their_own_headers(name: str, client: httpx.AsyncClient) -> None:
    file, expected = OTHERS[name]
    kind = "ndjson" if file.startswith("{") else "csv"
    report = await sent(client, file, {}, f"?format={kind}")
    assert counts(report) == (1, 0, []), report
    link = (await client.get(f"/api/links/{expected['slug']}")).json()
    assert {name: link[name] for name in expected} == expected
    assert "203.0.113.9" not in json.dumps(link)


async def test_a_link_that_had_a_password_elsewhere_does_not_become_open_to_all(client: httpx.AsyncClient) -> None:
    lines = [{**KUTT_LINE, "password": True}, {**KUTT_LINE, "banned": True}]
    report = await sent(client, "\n".join(map(json.dumps, lines)), {}, "?format=ndjson")
    assert counts(report) == (0, 0, [1, 2])
    assert "password" in report["failed"][0]["detail"]
    assert "banned" in report["failed"][1]["detail"]


async def test_what_cannot_be_read_of_others_is_told(client: httpx.AsyncClient) -> None:
    table = "keyword,url,title,timestamp,ip,clicks\na,https://x.org/,t,last week,,\nb,https://x.org/,t,,,many\n"
    report = await sent(client, table, CSV)
    assert [row["detail"].partition(":")[0] for row in report["failed"]] == ["created_at", "visit_count"]


async def test_a_title_that_is_too_long_becomes_a_note(client: httpx.AsyncClient) -> None:
    table = f"keyword,url,title,timestamp,ip,clicks\na,https://x.org/,{'t' * 201},,,\n"
    assert counts(await sent(client, table, CSV)) == (1, 0, [])
    link = (await client.get("/api/links/a")).json()
    assert (link["title"], link["note"]) == (None, "t" * 201)
