"""The statistics of visits, as the API gives them."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from slice_api.slices.links.schemas import Arrival
from slice_api.slices.links.stats.store import ALL
from slice_api.slices.links.store import DAYS, QUARTERS, get_link
from slice_api.slices.links.visits.noting import note_visits
from tests.conftest import ClientWith, Settle, Transact, on_every_engine
from tests.support import FrozenClock, chassis_of, client_of, make_app, running

from .conftest import FIREFOX, MakeLink

GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
KINDS = ("referrers", "browsers", "oses", "devices", "languages")

Stats = dict[str, Any]
Visit = Callable[..., Awaitable[None]]
Read = Callable[..., Awaitable[Stats]]


@pytest.fixture
def visit(visitor: httpx.AsyncClient, clock: FrozenClock, settle: Settle) -> Visit:
    """Follows a link at a moment, with headers, and has the visit noted; the clock is put back afterwards."""

    async def follow(at: str = "", slug: str = "guide", method: str = "GET", **headers: str) -> None:
        now, clock.now = clock.now, datetime.fromisoformat(at) if at else clock.now
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        await visitor.request(method, f"/{slug}", headers=sent)
        await settle()
        clock.now = now

    return follow


@pytest.fixture
def read(client: httpx.AsyncClient) -> Read:
    """Reads statistics: of the link `guide`, or of another path under /api/links; `start` stands for `from`."""

    async def get(path: str = "guide/stats", **query: Any) -> Stats:
        wanted = {name.replace("start", "from"): value for name, value in query.items()}
        answer = await client.get(f"/api/links/{path}", params=wanted)
        assert answer.status_code == 200, answer.text
        stats: Stats = answer.json()
        return stats

    return get


def starts(stats: Stats) -> list[str]:
    return [each["start"] for each in stats["series"]]


def visits(stats: Stats) -> list[int]:
    return [each["visits"] for each in stats["series"]]


def counted(stats: Stats) -> dict[str, int]:
    """The intervals with visits."""
    return {each["start"]: each["visits"] for each in stats["series"] if each["visits"]}


def names(stats: Stats, kind: str) -> dict[str | None, int]:
    return {each["name"]: each["visits"] for each in stats[kind]}


# What is counted


@on_every_engine
async def test_visits_are_counted_by_interval_and_by_who_came(
    make_link: MakeLink, visit: Visit, read: Read, client: httpx.AsyncClient
) -> None:
    await make_link(slug="guide", title="The guide")
    await visit("2026-01-30T23:59:59Z", referer="https://news.example.com/a", accept_language="de-AT")
    await visit("2026-01-31T00:00:00Z", referer="https://news.example.com/b")
    await visit("2026-01-31T08:00:00Z")
    stats = await read(start="2026-01-29", to="2026-01-31")
    assert stats == {
        "total": 3,
        "series": [
            {"start": "2026-01-29T00:00:00Z", "visits": 0},
            {"start": "2026-01-30T00:00:00Z", "visits": 1},
            {"start": "2026-01-31T00:00:00Z", "visits": 2},
        ],
        "referrers": [{"name": "news.example.com", "visits": 2}, {"name": None, "visits": 1}],
        "browsers": [{"name": "Firefox", "visits": 3}],
        "oses": [{"name": "Linux", "visits": 3}],
        "devices": [{"name": "desktop", "visits": 3}],
        "languages": [{"name": None, "visits": 2}, {"name": "de-AT", "visits": 1}],
    }
    overall = await read("stats", start="2026-01-29", to="2026-01-31")
    assert overall == {
        **stats,
        "links": [{"slug": "guide", "title": "The guide", "visits": 3}],
        "orphans": {
            "total": 0, "series": [{**each, "visits": 0} for each in stats["series"]], "slugs": [],
        },
    }  # fmt: skip
    assert (await client.get("/api/links/guide")).json()["visit_count"] == 3


async def test_a_link_never_visited_has_zeros(make_link: MakeLink, read: Read) -> None:
    await make_link(slug="guide")
    stats = await read(start="2026-01-30", to="2026-01-31")
    assert (stats["total"], visits(stats)) == (0, [0, 0])
    assert all(stats[kind] == [] for kind in KINDS)


@pytest.mark.parametrize("headers", [{"user_agent": GOOGLEBOT}, {"user_agent": ""}, {"sec_purpose": "prefetch"}])
async def test_bots_and_prefetches_count_only_when_asked_for(
    headers: dict[str, str], make_link: MakeLink, visit: Visit, read: Read
) -> None:
    await make_link(slug="guide")
    await visit(referer="https://a.example/")
    await visit(referer="https://b.example/", **headers)
    people, everyone = await read(), await read(include_bots=True)
    assert (people["total"], names(people, "referrers")) == (1, {"a.example": 1})
    assert (everyone["total"], names(everyone, "referrers")) == (2, {"a.example": 1, "b.example": 1})
    assert all(sum(names(everyone, kind).values()) == 2 for kind in KINDS)


async def test_what_is_no_visit_counts_nowhere(make_link: MakeLink, visit: Visit, read: Read) -> None:
    await make_link(slug="guide")
    await visit(method="HEAD")
    await visit(method="POST")
    await visit(slug="guide+")
    await visit(slug="guide/qr")
    overall = await read("stats", include_bots=True)
    assert (overall["total"], overall["orphans"]["total"]) == (0, 0)


async def test_visits_past_the_end_of_a_link_do_not_count(make_link: MakeLink, visit: Visit, read: Read) -> None:
    await make_link(slug="guide", max_visits=1)
    for _ in range(3):
        await visit()
    assert (await read())["total"] == 1
    assert (await read("stats"))["orphans"]["total"] == 0


async def test_a_visit_held_against_max_visits_is_counted_once(
    make_link: MakeLink, visit: Visit, read: Read, client: httpx.AsyncClient
) -> None:
    await make_link(slug="guide", max_visits=10)
    await visit()
    assert (await read())["total"] == (await client.get("/api/links/guide")).json()["visit_count"] == 1


@on_every_engine
async def test_visits_that_are_no_longer_kept_one_by_one_still_count(
    storage_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLICE_LINKS_KEEP_VISITS", "2")
    async with running(make_app(storage_url=storage_url)) as app, client_of(app) as client:
        await client.post("/api/links", json={"url": "https://example.org/", "slug": "guide"})
        for _ in range(5):
            await client.get("/guide", headers={"User-Agent": FIREFOX})
            await chassis_of(app).settle()
        assert len((await client.get("/api/links/guide/visits")).json()["items"]) == 2
        stats = (await client.get("/api/links/guide/stats")).json()
        assert (stats["total"], names(stats, "browsers")) == (5, {"Firefox": 5})


async def test_without_single_visits_statistics_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLICE_LINKS_KEEP_VISITS", "0")
    async with running(make_app()) as app, client_of(app) as client:
        await client.post("/api/links", json={"url": "https://example.org/", "slug": "guide"})
        await client.get("/guide", headers={"User-Agent": FIREFOX})
        await chassis_of(app).settle()
        assert (await client.get("/api/links/guide/visits")).json()["items"] == []
        assert (await client.get("/api/links/guide/stats")).json()["total"] == 1


async def test_no_more_than_a_hundredth_too_many_visits_are_kept_one_by_one(
    client: httpx.AsyncClient, make_link: MakeLink, transact: Transact
) -> None:
    await make_link(slug="guide")
    link = await transact(get_link, "guide")
    assert link is not None
    most = 0
    for visited in range(0, 260, 13):
        await transact(note_visits, [arrival(link.id, seconds=visited + more) for more in range(13)], keep=100)
        answer = await client.get("/api/links/guide/visits?limit=200")
        most = max(most, len(answer.json()["items"]))
    assert most == 100
    await transact(note_visits, [arrival(link.id, seconds=1000 + more) for more in range(150)], keep=100)
    items = (await client.get("/api/links/guide/visits?limit=200")).json()["items"]
    assert [items[0]["at"], items[-1]["at"], len(items)] == ["2026-01-31T08:19:09Z", "2026-01-31T08:17:30Z", 100]


def arrival(link_id: str, slug: str = "guide", *, seconds: float = 0, referrer: str = "") -> Arrival:
    at = datetime(2026, 1, 31, 8, 0, tzinfo=UTC) + timedelta(seconds=seconds)
    return Arrival(slug, link_id, at, FIREFOX, referrer, accept_language="", is_prefetch=False)


# Ranges and intervals


@pytest.mark.parametrize(
    ("query", "first", "last", "count"),
    [
        ({}, "2026-01-02T00:00:00Z", "2026-01-31T00:00:00Z", 30),
        ({"interval": "hour"}, "2026-01-29T10:00:00Z", "2026-01-31T09:00:00Z", 48),
        ({"interval": "week"}, "2025-11-10T00:00:00Z", "2026-01-26T00:00:00Z", 12),
        ({"interval": "month"}, "2025-02-01T00:00:00Z", "2026-01-01T00:00:00Z", 12),
        ({"tz": "Asia/Tokyo"}, "2026-01-01T15:00:00Z", "2026-01-30T15:00:00Z", 30),
        ({"interval": "hour", "tz": "Asia/Kathmandu"}, "2026-01-29T09:15:00Z", "2026-01-31T08:15:00Z", 48),
        ({"to": "2025-03-31", "interval": "month"}, "2024-04-01T00:00:00Z", "2025-03-01T00:00:00Z", 12),
        ({"start": "2026-01-30"}, "2026-01-30T00:00:00Z", "2026-01-31T00:00:00Z", 2),
    ],
)
async def test_a_range_left_out_is_so_many_intervals_up_to_the_present_one(
    query: dict[str, str], first: str, last: str, count: int, make_link: MakeLink, read: Read
) -> None:
    await make_link(slug="guide")
    shown = starts(await read(**query))
    assert (shown[0], shown[-1], len(shown)) == (first, last, count)


async def test_an_interval_begins_when_it_does_in_the_zone_even_when_the_range_begins_later(
    make_link: MakeLink, visit: Visit, read: Read
) -> None:
    await make_link(slug="guide")
    await visit("2026-01-15T10:00:00Z")
    await visit("2026-01-15T12:00:00Z")
    query = {"start": "2026-01-15T11:00:00Z", "to": "2026-01-20T00:00:00Z", "tz": "Europe/Vienna"}
    assert counted(await read(**query, interval="month")) == {"2025-12-31T23:00:00Z": 1}
    assert counted(await read(**query, interval="week")) == {"2026-01-11T23:00:00Z": 1}
    assert starts(await read(**query, interval="day"))[0] == "2026-01-14T23:00:00Z"


async def test_weeks_begin_on_monday(make_link: MakeLink, visit: Visit, read: Read) -> None:
    await make_link(slug="guide")
    await visit("2026-01-25T23:59:59Z")
    await visit("2026-01-26T00:00:00Z")
    stats = await read(interval="week", start="2026-01-19", to="2026-01-31")
    assert counted(stats) == {"2026-01-19T00:00:00Z": 1, "2026-01-26T00:00:00Z": 1}


async def test_a_date_is_the_whole_day_in_the_zone_and_a_time_is_that_moment(
    make_link: MakeLink, visit: Visit, read: Read
) -> None:
    await make_link(slug="guide")
    for at in ("2026-01-29T22:59:59Z", "2026-01-29T23:00:00Z", "2026-01-30T22:59:59Z", "2026-01-30T23:00:00Z"):
        await visit(at)
    assert (await read(start="2026-01-30", to="2026-01-30", tz="Europe/Vienna"))["total"] == 2
    assert (await read(start="2026-01-29T23:00:00Z", to="2026-01-30T23:00:00Z"))["total"] == 2
    assert (await read(start="2026-01-30T00:00:00+01:00", to="2026-01-31T00:00:00+01:00"))["total"] == 2


async def test_ranges_are_exact_to_the_quarter_of_an_hour(make_link: MakeLink, visit: Visit, read: Read) -> None:
    await make_link(slug="guide")
    for minute in (0, 14, 15, 29, 30, 44, 45):
        await visit(f"2026-01-30T08:{minute:02}:00Z", referer=f"https://at{minute}.example/")
    exact = await read(start="2026-01-30T08:15:00Z", to="2026-01-30T08:30:00Z")
    outwards = await read(start="2026-01-30T08:16:00Z", to="2026-01-30T08:30:00.5Z")
    assert (exact["total"], names(exact, "referrers")) == (2, {"at15.example": 1, "at29.example": 1})
    assert set(names(outwards, "referrers")) == {f"at{minute}.example" for minute in (15, 29, 30, 44)}


@pytest.mark.parametrize(
    ("tz", "day", "hours", "first"),
    [
        ("Europe/Vienna", "2025-03-30", 23, "2025-03-29T23:00:00Z"),
        ("Europe/Vienna", "2025-10-26", 25, "2025-10-25T22:00:00Z"),
        ("Europe/Vienna", "2025-10-27", 24, "2025-10-26T23:00:00Z"),
        ("Africa/Cairo", "2025-04-25", 23, "2025-04-24T22:00:00Z"),
        ("America/Santiago", "2025-09-07", 23, "2025-09-07T04:00:00Z"),
        ("America/Santiago", "2025-04-05", 25, "2025-04-05T03:00:00Z"),
    ],
)
async def test_days_on_which_clocks_are_changed_are_as_long_as_they_are(
    tz: str, day: str, hours: int, first: str, make_link: MakeLink, visit: Visit, read: Read
) -> None:
    await make_link(slug="guide")
    begin = datetime.fromisoformat(first)
    for hour in range(-1, hours + 1):
        await visit((begin + timedelta(hours=hour, minutes=59)).isoformat())
    days = await read(tz=tz, start=day, to=day)
    assert (starts(days), visits(days)) == ([first], [hours])
    by_hour = await read(tz=tz, start=day, to=day, interval="hour")
    assert starts(by_hour) == [f"{begin + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}" for hour in range(hours)]
    assert visits(by_hour) == [1] * hours


async def test_clocks_that_are_changed_by_half_an_hour_make_an_hour_of_that_length(
    make_link: MakeLink, read: Read
) -> None:
    await make_link(slug="guide")
    shown = starts(await read(tz="Australia/Lord_Howe", start="2025-10-05", to="2025-10-05", interval="hour"))
    assert shown[:4] == [f"2025-10-04T{time}:00Z" for time in ("13:30", "14:30", "15:30", "16:00")]
    assert len(shown) == 24
    later = starts(await read(tz="Australia/Lord_Howe", start="2025-10-04T15:45:00Z", to="2025-10-05", interval="hour"))
    assert later[0] == "2025-10-04T15:30:00Z"


async def test_a_day_that_a_zone_has_left_out_is_none(make_link: MakeLink, read: Read) -> None:
    await make_link(slug="guide")
    shown = starts(await read(tz="Pacific/Apia", start="2011-12-28", to="2011-12-31"))
    assert shown == ["2011-12-28T10:00:00Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"interval": "year"}, "query/interval"),
        ({"interval": "hour", "start": "2020-01-01"}, "query/interval"),
        ({"interval": "month", "start": "1970-01-01", "to": "9998-12-31"}, "query/interval"),
        ({"start": "2026-01-31T00:00:00Z", "to": "2026-01-30T00:00:00Z"}, "query/from"),
        ({"start": "2026-01-30T00:00:00Z", "to": "2026-01-30T00:00:00Z"}, "query/from"),
        ({"start": "2027-01-01"}, "query/from"),
        ({"start": "yesterday"}, "query/from"),
        ({"start": "2026-02-30"}, "query/from"),
        ({"start": "2026-01-31T09:00:00"}, "query/from"),
        ({"start": ""}, "query/from"),
        ({"start": "0001-01-01"}, "query/from"),
        ({"to": "9999-12-31"}, "query/to"),
        ({"to": "9999-12-31T23:59:59-01:00"}, "query/to"),
        ({"to": "1969-12-31T23:59:59Z"}, "query/to"),
        ({"tz": "Mars/Olympus"}, "query/tz"),
        ({"tz": "Europe"}, "query/tz"),
        ({"tz": "europe/vienna"}, "query/tz"),
        ({"tz": "../../etc/passwd"}, "query/tz"),
        ({"tz": "posix/UTC"}, "query/tz"),
        ({"tz": "zone.tab"}, "query/tz"),
        ({"tz": ""}, "query/tz"),
        ({"tz": "a" * 5000}, "query/tz"),
        ({"include_bots": "perhaps"}, "query/include_bots"),
    ],
)
async def test_a_range_that_cannot_be_is_422_with_its_place(
    query: dict[str, str], pointer: str, make_link: MakeLink, client: httpx.AsyncClient
) -> None:
    await make_link(slug="guide")
    wanted = {name.replace("start", "from"): value for name, value in query.items()}
    for path in ("guide/stats", "stats"):
        answer = await client.get(f"/api/links/{path}", params=wanted)
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_ten_thousand_intervals_are_answered_and_one_more_is_not(
    make_link: MakeLink, client: httpx.AsyncClient
) -> None:
    await make_link(slug="guide")
    end = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
    for hours, status in ((10_000, 200), (10_001, 422)):
        query = {"interval": "hour", "from": (end - timedelta(hours=hours)).isoformat(), "to": end.isoformat()}
        answer = await client.get("/api/links/guide/stats", params=query)
        assert answer.status_code == status


async def test_every_year_that_is_allowed_has_an_answer(make_link: MakeLink, read: Read) -> None:
    await make_link(slug="guide")
    for day in ("1970-01-01", "9998-12-31"):
        for interval in ("hour", "day", "week", "month"):
            for tz in ("UTC", "Pacific/Kiritimati", "Etc/GMT+12"):
                assert (await read(start=day, to=day, interval=interval, tz=tz))["total"] == 0
                assert (await read(to=day, interval=interval, tz=tz))["total"] == 0


async def test_the_statistics_of_no_link_are_404(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/links/nothing/stats")).status_code == 404


async def test_statistics_need_the_scope_of_reading(client_with: ClientWith, anonymous: httpx.AsyncClient) -> None:
    for path in ("/api/links/stats", "/api/links/guide/stats"):
        assert (await anonymous.get(path)).status_code == 401
        assert (await client_with("links:write").get(path)).status_code == 403


async def test_no_link_can_be_called_as_the_statistics_are(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/links", json={"url": "https://example.org/", "slug": "stats"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/slug")
    assert "reserved" in answer.json()["detail"]


# Names


async def feed(transact: Transact, link_id: str, told: list[str], slug: str = "guide") -> None:
    await transact(note_visits, [arrival(link_id, slug, referrer=f"https://{host}/") for host in told], keep=0)


async def link_id_of(transact: Transact, slug: str = "guide") -> str:
    link = await transact(get_link, slug)
    assert link is not None
    return link.id


async def test_names_beyond_the_limit_count_as_other_and_the_sum_stays(
    make_link: MakeLink, read: Read, transact: Transact
) -> None:
    await make_link(slug="guide")
    link_id = await link_id_of(transact)
    await feed(transact, link_id, [f"r{at}.example" for at in range(300)])
    await feed(transact, link_id, ["busy.example"] * 5)
    stats = await read(start="2026-01-31", to="2026-01-31")
    hosts = names(stats, "referrers")
    assert (stats["total"], sum(hosts.values()), len(hosts)) == (305, 305, 201)
    assert (hosts["busy.example"], hosts["(other)"]) == (5, 101)
    part = names(await read(start="2026-01-31T08:00:00Z", to="2026-01-31T08:15:00Z"), "referrers")
    assert (sum(part.values()), len(part), part["busy.example"]) == (305, 101, 5)


async def test_among_names_of_equally_few_visits_the_newcomer_stays(
    make_link: MakeLink, read: Read, transact: Transact
) -> None:
    await make_link(slug="guide")
    link_id = await link_id_of(transact)
    await feed(transact, link_id, ["often.example"] * 2 + [f"old{at}.example" for at in range(199)])
    await feed(transact, link_id, ["new.example"])
    hosts = names(await read(start="2026-01-31", to="2026-01-31"), "referrers")
    assert "old0.example" not in hosts
    assert (hosts["new.example"], hosts["old1.example"], hosts["often.example"], hosts["(other)"]) == (1, 1, 2, 1)


async def test_headers_that_are_new_each_time_make_no_document_grow(make_link: MakeLink, transact: Transact) -> None:
    await make_link(slug="guide")
    link_id = await link_id_of(transact)
    sizes = []
    for turn in range(3):
        hosts = [f"{turn}-{at}-{'x' * 200}.example" for at in range(500)]
        await feed(transact, link_id, hosts)
        documents = [*(await transact(lambda tx: tx.all(DAYS))), *(await transact(lambda tx: tx.all(QUARTERS)))]
        sizes.append(max(len(document.model_dump_json()) for document in documents))
    assert sizes[-1] <= sizes[0] + 1000 < 100_000


# Links that go


@on_every_engine
async def test_deleting_a_link_takes_its_statistics_along_and_leaves_those_of_others(
    make_link: MakeLink, visit: Visit, read: Read, client: httpx.AsyncClient, transact: Transact
) -> None:
    await make_link(slug="guide")
    await make_link(slug="other")
    for slug in ("guide", "guide", "other"):
        for at in ("2026-01-29T08:00:00Z", "2026-01-31T08:00:00Z"):
            await visit(at, slug)
    await client.delete("/api/links/guide")
    other = await link_id_of(transact, "other")
    days, quarters = await transact(lambda tx: tx.all(DAYS)), await transact(lambda tx: tx.all(QUARTERS))
    kept = [*(day.key for day in days), *(part.key for part in quarters)]
    assert {key.partition("/")[0] for key in kept} == {ALL, other}
    assert (await read("other/stats"))["total"] == 2
    overall = await read("stats")
    assert overall["total"] == 6, "what was visited was visited"
    assert overall["links"] == [{"slug": "other", "title": None, "visits": 2}]


@on_every_engine
async def test_a_new_link_of_an_old_slug_begins_with_nothing(
    make_link: MakeLink, visit: Visit, read: Read, client: httpx.AsyncClient
) -> None:
    await make_link(slug="guide")
    await visit()
    await client.delete("/api/links/guide")
    await make_link(slug="guide")
    assert (await read())["total"] == 0
    assert (await read("stats"))["links"] == []
    await visit()
    assert (await read("stats"))["links"] == [{"slug": "guide", "title": None, "visits": 1}]


async def test_visits_of_a_link_deleted_meanwhile_count_nowhere(
    make_link: MakeLink, visitor: httpx.AsyncClient, client: httpx.AsyncClient, settle: Settle, read: Read
) -> None:
    await make_link(slug="guide")
    await visitor.get("/guide")
    await client.delete("/api/links/guide")
    await settle()
    overall = await read("stats")
    assert (overall["total"], overall["orphans"]["total"]) == (0, 0)


async def test_the_ten_links_visited_most_are_named_as_they_are_called_now(
    make_link: MakeLink, visit: Visit, read: Read, client: httpx.AsyncClient
) -> None:
    for at in range(12):
        await make_link(slug=f"link{at:02}", title="before")
        for _ in range(1 + (at == 7)):
            await visit(slug=f"link{at:02}")
    await client.patch("/api/links/link07", json={"title": "now"})
    links = (await read("stats"))["links"]
    assert links[0] == {"slug": "link07", "title": "now", "visits": 2}
    assert (len(links), len({link["slug"] for link in links})) == (10, 10)


# Addresses


async def test_no_address_is_ever_stored(tmp_path: Path) -> None:
    address, forwarded = "203.0.113.77", "198.51.100.9"
    app = make_app(storage_url=f"sqlite:///{tmp_path}/data.db", trusted_proxies="203.0.113.0/24")
    transport = httpx.ASGITransport(app, client=(address, 4711))
    async with running(app), client_of(app) as client:
        await client.post("/api/links", json={"url": "https://example.org/", "slug": "guide", "max_visits": 9})
        async with httpx.AsyncClient(transport=transport, base_url="http://slice.test") as visitor:
            for slug in ("guide", "guide", "nothing"):
                headers = {"User-Agent": FIREFOX, "X-Forwarded-For": forwarded, "Referer": "https://shown.example/"}
                answer = await visitor.get(f"/{slug}", headers=headers)
                assert answer.status_code in (302, 404)
        await chassis_of(app).settle()
        shown = [(await client.get(f"/api/links/{path}")).text for path in ("guide/visits", "guide/stats", "stats")]
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert written.count(b"shown.example") >= 2, "visits and statistics lie there as text"
    for held in (written, "".join(shown).encode()):
        assert address.encode() not in held
        assert forwarded.encode() not in held
