"""Redirect rules: whom each kind of condition fits, and where the first rule that fits leads."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from slice_api.slices.links.following import rules
from slice_api.slices.links.following.rules import devices_of
from slice_api.slices.links.languages import best_languages, check_language, covers
from tests.conftest import Settle
from tests.support import FrozenClock

from .conftest import FIREFOX, MakeLink, RawGet

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"
IPAD = "Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile/15E148 Safari/604.1"
PIXEL = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36"
GALAXY_TAB = "Mozilla/5.0 (Linux; Android 15; SM-X700) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
LUMIA = (
    "Mozilla/5.0 (Mobile; Windows Phone 8.1; Android 4.0; ARM; Trident/7.0; rv:11.0; IEMobile/11.0; NOKIA) "
    "like iPhone OS 7_0_3 Mac OS X AppleWebKit/537 (KHTML, like Gecko) Mobile Safari/537"
)
KAIOS = "Mozilla/5.0 (Mobile; Nokia_8110_4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15"
CHROMEBOOK = "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
GOOGLEBOT = (
    "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36 "
    "(compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
)
ELSE, FITTED = "https://example.org/", "https://example.org/fitted"


def rule(url: str = FITTED, **when: Any) -> dict[str, Any]:
    return {"when": when, "url": url}


async def lead(visitor: httpx.AsyncClient, path: str = "/guide", **headers: str) -> str:
    """Where a visitor is sent; headers by their names with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await visitor.get(path, headers=named)
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"])


# Devices


@pytest.mark.parametrize(
    ("agent", "devices"),
    [
        (IPHONE, {"ios", "mobile"}), (IPAD, {"ios", "mobile"}), (PIXEL, {"android", "mobile"}),
        (GALAXY_TAB, {"android", "mobile"}), (LUMIA, {"mobile"}), (KAIOS, {"mobile"}), (WINDOWS, {"desktop"}),
        (MAC, {"desktop"}), (CHROMEBOOK, {"desktop"}), (FIREFOX, {"desktop"}), ("curl/8.5.0", set()), ("", set()),
    ],
)  # fmt: skip
def test_devices_are_told_from_the_user_agent(agent: str, devices: set[str]) -> None:
    assert devices_of(agent) == devices


@pytest.mark.parametrize(
    ("device", "agents"),
    [
        ("android", {PIXEL, GALAXY_TAB, GOOGLEBOT}), ("ios", {IPHONE, IPAD}), ("desktop", {WINDOWS, MAC, FIREFOX}),
        ("mobile", {PIXEL, GALAXY_TAB, IPHONE, IPAD, LUMIA, KAIOS, GOOGLEBOT}),
        ("bot", {GOOGLEBOT, "Twitterbot/1.0", ""}),
    ],
)  # fmt: skip
async def test_a_device_condition_fits_its_devices_alone(
    device: str, agents: set[str], make_link: MakeLink, visitor: httpx.AsyncClient
) -> None:
    await make_link(ELSE, slug="guide", rules=[rule(device=device)])
    everyone = {PIXEL, GALAXY_TAB, IPHONE, IPAD, LUMIA, KAIOS, WINDOWS, MAC, FIREFOX, GOOGLEBOT, "Twitterbot/1.0", "",
                "curl/8.5.0"}  # fmt: skip
    fitted = {agent for agent in everyone if await lead(visitor, user_agent=agent) == FITTED}
    assert fitted == agents


async def test_a_prefetch_is_a_bot_to_rules(make_link: MakeLink, visitor: httpx.AsyncClient) -> None:
    await make_link(ELSE, slug="guide", rules=[rule(device="bot")])
    assert await lead(visitor, sec_purpose="prefetch") == FITTED
    assert await lead(visitor) == ELSE


async def test_the_crawler_list_is_asked_only_when_a_rule_asks(
    make_link: MakeLink, visitor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def is_bot(user_agent: str) -> bool:
        asked.append(user_agent)
        return False

    monkeypatch.setattr(rules, "is_bot", is_bot)
    await make_link(ELSE, slug="plain", rules=[rule(device="mobile"), rule(language="de")])
    await make_link(ELSE, slug="bots", rules=[rule(device="bot"), rule("https://example.org/2", device="bot")])
    await lead(visitor, "/plain")
    assert asked == []
    await lead(visitor, "/bots")
    assert asked == [FIREFOX]


# Languages


@pytest.mark.parametrize(
    ("language", "accept_language", "does_fit"),
    [
        ("de", "de", True), ("de", "de-AT", True), ("de", "DE-ch", True), ("de", "den", False), ("de", "en", False),
        ("de-AT", "de-at", True), ("de-AT", "de", False), ("de-AT", "de-CH", False), ("de-AT", "de-AT-1996", True),
        ("de", "en, de", True), ("de", "en, de;q=0.9", False), ("de", "en;q=0.8, de;q=0.9", True),
        ("de", "en;q=0.8,de;q=0.8", True), ("de", "de;q=0", False), ("de", "en;q=0.1, de;q=0.0", False),
        ("de", "*", False), ("de", "*, de;q=0.5", True), ("de", "", False), ("de", "de;q=x", False),
        ("de", "de; q = 1", True), ("de", "de;Q=1.000", True), ("de", "de;q=2", False), ("zh-Hant", "zh-hant-tw", True),
        ("de", ",,;q=1,de", True),
    ],
)  # fmt: skip
async def test_a_language_must_cover_one_that_the_visitor_wants_most(
    language: str, accept_language: str, does_fit: bool, make_link: MakeLink, visitor: httpx.AsyncClient
) -> None:
    await make_link(ELSE, slug="guide", rules=[rule(language=language)])
    assert await lead(visitor, accept_language=accept_language) == (FITTED if does_fit else ELSE)


async def test_a_language_does_not_fit_who_sends_none(make_link: MakeLink, visitor: httpx.AsyncClient) -> None:
    await make_link(ELSE, slug="guide", rules=[rule(language="de")])
    assert await lead(visitor) == ELSE


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("DE", "de"), ("de-at", "de-AT"), ("ZH-HANT-tw", "zh-Hant-TW"), ("de-1996", "de-1996"),
     ("sl-ROZAJ-biske", "sl-rozaj-biske"), ("en-a-GB-x-US", "en-a-gb-x-us")],
)  # fmt: skip
async def test_a_language_is_kept_in_its_customary_case(typed: str, kept: str, make_link: MakeLink) -> None:
    link = await make_link(rules=[rule(language=typed)])
    assert link["rules"] == [rule(language=kept)]


TAGS = st.from_regex(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}", fullmatch=True)


@given(TAGS)
def test_a_language_covers_itself_however_it_is_written(tag: str) -> None:
    kept = check_language(tag)
    assert check_language(kept) == kept
    assert covers(kept, tag)
    assert covers(kept.split("-")[0], tag)
    assert best_languages(tag.swapcase()) == (tag.swapcase(),)


@given(st.text(max_size=80) | st.lists(TAGS | st.sampled_from(["*", ";q=0.5", ";q=0", " "])).map(",".join))
def test_whatever_languages_are_sent_are_read(header: str) -> None:
    assert "*" not in best_languages(header)
    assert all(tag in header for tag in best_languages(header))


# Queries


@pytest.mark.parametrize(
    ("query", "sent", "does_fit"),
    [
        ({"a": "1"}, "a=1", True), ({"a": "1"}, "b=2&a=1", True), ({"a": "1"}, "a=2&a=1", True),
        ({"a": "1"}, "a=2", False), ({"a": "1"}, "A=1", False), ({"a": "1"}, "", False), ({"a": "1"}, "a=1&a=2", True),
        ({"a": "1", "b": "2"}, "a=1", False), ({"a": "1", "b": "2"}, "b=2&x&a=1", True),
        ({"a b": "ü&="}, "a+b=%C3%BC%26%3d", True), ({"a b": "c"}, "a%20b=c", True), ({"a": ""}, "a", True),
        ({"a": ""}, "a=", True), ({"a": ""}, "b", False), ({"a": "b=c"}, "a=b=c", True), ({"a": "%"}, "a=%", True),
    ],
)  # fmt: skip
async def test_every_name_in_a_query_condition_needs_its_value(
    query: dict[str, str], sent: str, does_fit: bool, make_link: MakeLink, visitor: httpx.AsyncClient
) -> None:
    await make_link(ELSE, slug="guide", rules=[rule(query=query)])
    assert await lead(visitor, f"/guide?{sent}") == (FITTED if does_fit else ELSE)


@pytest.mark.parametrize("sent", [b"a=%ff", b"a=\xff", b"%ff=1", b"a=%ed%a0%80", b"=&&=&%", b"a=\x00", b"&" * 8000])
async def test_bytes_that_are_no_text_fit_no_query_condition(sent: bytes, make_link: MakeLink, raw_get: RawGet) -> None:
    await make_link(ELSE, slug="guide", rules=[rule(query={"a": "\ufffd"}), rule(query={"\ufffd": "1"})])
    status, head, _ = await raw_get(b"/guide", sent, {b"user-agent": FIREFOX.encode()})
    assert (status, head["location"]) == (302, ELSE)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(
    st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))  # fmt: skip
def test_a_query_fits_itself_however_it_is_escaped(query: dict[str, str]) -> None:
    sent = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items()).encode()
    pairs = rules._pairs(sent)
    assert pairs == rules._encoded(query)


# Times


async def test_a_rule_holds_from_after_until_just_before(
    make_link: MakeLink, visitor: httpx.AsyncClient, clock: FrozenClock
) -> None:
    times = {"after": "2026-01-31T10:00:00+01:00", "before": "2026-01-31T11:00:00Z"}
    link = await make_link(ELSE, slug="guide", rules=[rule(**times)])
    assert link["rules"][0]["when"]["after"] == "2026-01-31T09:00:00Z"
    clock.advance(seconds=-1)
    leads = []
    for seconds in (0, 1, 7199, 1):
        clock.advance(seconds=seconds)
        leads.append(await lead(visitor))
    assert leads == [ELSE, FITTED, FITTED, ELSE]


# Several


async def test_every_condition_of_a_rule_must_hold(make_link: MakeLink, visitor: httpx.AsyncClient) -> None:
    await make_link(ELSE, slug="guide", rules=[rule(device="ios", language="de", query={"a": "1"})])
    everything = {"user_agent": IPHONE, "accept_language": "de"}
    assert await lead(visitor, "/guide?a=1", **everything) == FITTED
    assert await lead(visitor, "/guide?a=2", **everything) == ELSE
    assert await lead(visitor, "/guide?a=1", **{**everything, "user_agent": PIXEL}) == ELSE
    assert await lead(visitor, "/guide?a=1", **{**everything, "accept_language": "en"}) == ELSE


async def test_the_first_rule_that_fits_decides_and_the_visit_tells_which(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, settle: Settle
) -> None:
    given = [rule("https://x.org/0", device="android"), rule("https://x.org/1", device="mobile"),
             rule("https://x.org/2", language="de")]  # fmt: skip
    await make_link("https://x.org/", slug="guide", rules=given)
    seen = [
        await lead(visitor, user_agent=PIXEL, accept_language="de"),
        await lead(visitor, user_agent=IPHONE, accept_language="de"),
        await lead(visitor, accept_language="de"),
        await lead(visitor),
    ]
    assert seen == ["https://x.org/0", "https://x.org/1", "https://x.org/2", "https://x.org/"]
    await settle()
    visits = (await client.get("/api/links/guide/visits")).json()["items"]
    assert sorted(str(visit["rule"]) for visit in visits) == ["0", "1", "2", "None"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_link_with_rules_is_never_cached(status: int, make_link: MakeLink, visitor: httpx.AsyncClient) -> None:
    await make_link(slug="guide", redirect_status=status, rules=[rule(device="ios")])
    answer = await visitor.get("/guide")
    assert (answer.status_code, answer.headers["cache-control"]) == (status, "no-store")


async def test_a_query_is_forwarded_to_the_url_of_a_rule_too(make_link: MakeLink, visitor: httpx.AsyncClient) -> None:
    ours = [rule("https://x.org/?a=0&b=0#f", query={"a": "1"})]
    await make_link(slug="forwards", is_query_forwarded=True, rules=ours)
    await make_link(slug="keeps", rules=ours)
    assert await lead(visitor, "/forwards?a=1") == "https://x.org/?b=0&a=1#f"
    assert await lead(visitor, "/keeps?a=1") == "https://x.org/?a=0&b=0#f"


async def test_head_tells_the_target_of_the_rule(make_link: MakeLink, visitor: httpx.AsyncClient) -> None:
    await make_link(ELSE, slug="guide", rules=[rule("https://ü.org/", device="desktop")])
    assert (await visitor.head("/guide")).headers["location"] == "https://xn--tda.org/"


async def test_rules_do_not_bring_an_expired_link_back(
    make_link: MakeLink, visitor: httpx.AsyncClient, clock: FrozenClock
) -> None:
    await make_link(slug="guide", max_visits=1, rules=[rule(device="desktop")], expired_url="https://x.org/over")
    assert await lead(visitor) == FITTED
    assert await lead(visitor) == "https://x.org/over"


# Keeping them


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ([rule()], {"#/rules/0/when": "at least one of device, language, query, after, before"}),
        ([rule(device=None)], {"#/rules/0/when": "at least one"}),
        ([{"url": FITTED}], {"#/rules/0/when": "required"}),
        ([{"when": {"device": "ios"}}], {"#/rules/0/url": "required"}),
        ([rule(device="tv")], {"#/rules/0/when/device": "'android', 'ios', 'desktop', 'mobile' or 'bot'"}),
        ([rule(country="AT")], {"#/rules/0/when/country": "not permitted"}),
        ([rule(language="de_AT")], {"#/rules/0/when/language": "BCP 47"}),
        ([rule(language="*")], {"#/rules/0/when/language": "BCP 47"}),
        ([rule(language="de-" + "x" * 9)], {"#/rules/0/when/language": "BCP 47"}),
        ([rule(language="de" + "-abcdefgh" * 8)], {"#/rules/0/when/language": "71"}),
        ([rule(query={})], {"#/rules/0/when/query": "at least 1"}),
        ([rule(query={str(number): "" for number in range(11)})], {"#/rules/0/when/query": "at most 10"}),
        ([rule(query={"a": "x" * 501})], {"#/rules/0/when/query/a": "500"}),
        ([rule(after="2026-01-01T00:00:00")], {"#/rules/0/when/after": "RFC 3339"}),
        (
            [rule(after="2026-01-01T01:00:00+01:00", before="2026-01-01T00:00:00Z")],
            {"#/rules/0/when/before": "after"},
        ),
        ([rule(device="ios")] * 21, {"#/rules": "at most 20"}),
        ([rule("ftp://x.org/", device="ios")], {"#/rules/0/url": "http: or https:"}),
        ([rule("javascript:x", device="ios")], {"#/rules/0/url": "javascript"}),
        ([rule("https://u:p@x.org/", device="ios")], {"#/rules/0/url": "credentials"}),
        ([rule("https://x.org/" + "a" * 2048, device="ios")], {"#/rules/0/url": "2048"}),
        (
            [rule("http://slice.test/x", device="ios"), rule(device="ios"), rule("http://slice.test/y", device="bot")],
            {"#/rules/0/url": "again", "#/rules/2/url": "again"},
        ),
        (
            [rule("x", device="ios"), rule(), {"when": {"device": "x"}, "url": "y"}],
            {"#/rules/0/url": "absolute", "#/rules/1/when": "least", "#/rules/2/when/device": "ios",
             "#/rules/2/url": "absolute"},
        ),
    ],
)  # fmt: skip
async def test_rules_that_cannot_be_are_refused_each_at_its_place(
    given: Any, pointers: dict[str, str], client: httpx.AsyncClient, make_link: MakeLink
) -> None:
    await make_link(slug="guide", rules=[rule(device="bot")])
    created = await client.post("/api/links", json={"url": ELSE, "rules": given})
    changed = await client.patch("/api/links/guide", json={"rules": given})
    for answer in (created, changed):
        faults = {fault["pointer"]: fault["detail"] for fault in answer.json()["errors"]}
        assert (answer.status_code, faults.keys()) == (422, pointers.keys())
        assert all(part in faults[pointer] for pointer, part in pointers.items())
    assert (await client.get("/api/links/guide")).json()["rules"] == [rule(device="bot")]


async def test_faults_of_the_url_and_of_rules_are_told_together(client: httpx.AsyncClient) -> None:
    body = {"url": "ftp://x.org/", "slug": "api", "rules": [rule("http://slice.test/x", device="ios")]}
    answer = await client.post("/api/links", json=body)
    assert {fault["pointer"] for fault in answer.json()["errors"]} == {"#/slug", "#/url", "#/rules/0/url"}


async def test_rules_are_given_back_as_they_came(client: httpx.AsyncClient, make_link: MakeLink) -> None:
    given = [rule(device="ios"), rule("https://x.org/%2f;?a#b", language="de-AT", query={"a": "", "ü": "&"},
                                      after="2026-01-01T00:00:00Z", before="2027-01-01T00:00:00Z")]  # fmt: skip
    link = await make_link(slug="guide", rules=given)
    assert link["rules"] == given
    assert (await client.get("/api/links/guide")).json()["rules"] == given


async def test_a_patch_replaces_all_rules_and_null_clears_them(
    client: httpx.AsyncClient, make_link: MakeLink, clock: FrozenClock
) -> None:
    link = await make_link(slug="guide", rules=[rule(device="ios"), rule(language="de")])
    clock.advance(seconds=1)
    same = await client.patch("/api/links/guide", json={"rules": link["rules"]})
    assert same.json() == link
    replaced = await client.patch("/api/links/guide", json={"rules": [rule(language="FR")]})
    assert replaced.json()["rules"] == [rule(language="fr")]
    assert (await client.patch("/api/links/guide", json={"title": "x"})).json()["rules"] == [rule(language="fr")]
    assert (await client.patch("/api/links/guide", json={"rules": None})).json()["rules"] == []


async def test_find_existing_compares_the_rules_and_their_order(client: httpx.AsyncClient, make_link: MakeLink) -> None:
    given = [rule(device="ios"), rule(language="de")]
    link = await make_link(rules=given)

    async def status_of(rules: Any) -> int:
        body = {"url": link["url"], "rules": rules}
        return (await client.post("/api/links?find_existing=true", json=body)).status_code

    assert await status_of(given) == 200
    assert [await status_of(other) for other in ([], given[:1], given[::-1])] == [201, 201, 201]


def test_the_document_tells_of_one_kind_of_rule(app: FastAPI) -> None:
    schemas = app.openapi()["components"]["schemas"]
    assert [name for name in schemas if "Rule" in name] == ["Rule", "RuleConditions"]
