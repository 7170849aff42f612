"""Links that ask for a password: the form and the problem, the tries, and that nobody is told what nobody should be."""

import asyncio
import threading
import time
import unicodedata
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from slice_api.chassis import EVENTS, PageQuery, Tx
from slice_api.slices.links.following import passwords
from slice_api.slices.links.following.passwords import Cost, Passwords, hash_password, is_password
from slice_api.slices.links.store import LINKS, TRIES
from tests.conftest import Settle, Transact, on_every_engine
from tests.support import BASE_URL, FrozenClock, chassis_of, client_of, make_app, running

from .conftest import BROWSER_ACCEPT, FIREFOX, MakeLink

SECRET = "correct horse"
TARGET = "https://secret.example/"

pytestmark = pytest.mark.usefixtures("quick_passwords")


async def send(visitor: httpx.AsyncClient, password: str = SECRET, path: str = "/guide", **headers: str) -> Any:
    return await visitor.post(path, data={"password": password}, headers=headers)


async def statuses_of(visitor: httpx.AsyncClient, *sent: str) -> list[int]:
    return [(await send(visitor, password)).status_code for password in sent]


# Asking


async def test_programs_are_told_how_to_send_the_password(make_link: MakeLink, visitor: httpx.AsyncClient) -> None:
    await make_link(TARGET, slug="grüße", password=SECRET)
    for accept in ("*/*", "application/json"):
        answer = await visitor.get("/grüße", headers={"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
        assert answer.headers["www-authenticate"] == 'Form realm="/gr%C3%BC%C3%9Fe", method="POST", field="password"'
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["type"] == "/problems/unauthenticated"
        assert "POST it to this address as the form field password" in answer.json()["detail"]
        assert "secret.example" not in answer.text


async def test_browsers_are_shown_a_form(make_link: MakeLink, visitor: httpx.AsyncClient) -> None:
    await make_link(TARGET, slug="guide", title="The title", password=SECRET)
    page = await visitor.get("/guide?a=1", headers={"Accept": BROWSER_ACCEPT})
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["cache-control"] == "no-store"
    assert "form-action http: https:;" in page.headers["content-security-policy"]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "www-authenticate" not in page.headers
    assert '<meta name="robots" content="noindex">' in page.text
    assert '<form class="form" method="post">' in page.text
    assert "secret.example" not in page.text
    assert "The title" not in page.text
    assert "not the password" not in page.text


async def test_the_form_may_lead_to_the_schemes_that_the_settings_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLICE_LINKS_SCHEMES", "mailto")
    async with running(make_app()) as app, client_of(app) as client:
        await client.post("/api/links", json={"url": TARGET, "slug": "guide", "password": SECRET})
        page = await client.get("/guide", headers={"Accept": "text/html"})
        assert "form-action http: https: mailto:;" in page.headers["content-security-policy"]


async def test_looking_at_the_form_is_no_visit(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, settle: Settle
) -> None:
    await make_link(slug="guide", password=SECRET, max_visits=1)
    for method, accept in (("GET", "*/*"), ("GET", "text/html"), ("HEAD", "*/*"), ("HEAD", "text/html")):
        await visitor.request(method, "/guide", headers={"Accept": accept})
    await send(visitor, "wrong")
    await settle()
    assert (await client.get("/api/links/guide/visits")).json()["items"] == []
    assert (await send(visitor)).status_code == 303


# Answering


async def test_the_right_password_is_a_visit_and_leads_on_by_get(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, settle: Settle
) -> None:
    await make_link(TARGET, slug="guide", password=SECRET, redirect_status=308)
    answer = await send(visitor)
    assert (answer.status_code, answer.headers["location"]) == (303, TARGET)
    assert answer.headers["cache-control"] == "no-store"
    as_json = await visitor.post("/guide", json={"password": SECRET})
    assert (as_json.status_code, as_json.headers["location"]) == (303, TARGET)
    await settle()
    link = (await client.get("/api/links/guide")).json()
    assert link["visit_count"] == 2


async def test_the_wrong_password_is_401_with_the_form_again_or_a_problem(
    make_link: MakeLink, visitor: httpx.AsyncClient
) -> None:
    await make_link(TARGET, slug="guide", password=SECRET)
    page = await send(visitor, "wrong", Accept=BROWSER_ACCEPT)
    assert (page.status_code, page.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert page.headers["www-authenticate"].startswith("Form ")
    assert "form-action http: https:;" in page.headers["content-security-policy"]
    assert 'role="alert">This is not the password' in page.text
    assert 'aria-invalid="true" aria-describedby="fault"' in page.text
    problem = await send(visitor, "wrong")
    assert (problem.status_code, problem.headers["content-type"]) == (401, "application/problem+json")
    assert "not the password" in problem.json()["detail"]
    for answer in (page, problem):
        assert "secret.example" not in answer.text
        assert "wrong" not in answer.text


async def test_rules_query_and_limit_hold_behind_the_password_too(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, settle: Settle
) -> None:
    rules = [{"when": {"language": "de", "query": {"a": "1"}}, "url": "https://x.org/de?b=0"}]
    await make_link(slug="guide", password=SECRET, max_visits=2, rules=rules, is_query_forwarded=True)
    german = await send(visitor, path="/guide?a=1&b=2", **{"Accept-Language": "de-AT"})
    other = await send(visitor, path="/guide?a=1")
    assert [each.headers["location"] for each in (german, other)] == [
        "https://x.org/de?a=1&b=2",
        "https://example.org/?a=1",
    ]
    assert (await send(visitor)).status_code == 410
    await settle()
    visits = (await client.get("/api/links/guide/visits")).json()["items"]
    assert {visit["rule"] for visit in visits} == {None, 0}


async def test_a_bot_with_the_password_is_counted_apart(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, settle: Settle
) -> None:
    await make_link(slug="guide", password=SECRET, max_visits=1)
    assert (await send(visitor, **{"User-Agent": "Twitterbot/1.0"})).status_code == 303
    await settle()
    link = (await client.get("/api/links/guide")).json()
    assert (link["visit_count"], link["bot_visit_count"]) == (0, 1)


async def test_links_that_cannot_be_followed_answer_before_any_password_is_looked_at(
    make_link: MakeLink, visitor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "is_password", None)  # whoever calls it gets a TypeError
    await make_link(slug="past", password=SECRET, expires_at="2026-01-31T09:00:00Z")
    await make_link(slug="sent", password=SECRET, expires_at="2026-01-31T09:00:00Z", expired_url="https://x.org/over")
    await make_link(slug="later", password=SECRET, starts_at="2026-02-01T09:00:00Z")
    for slug, status in (("past", 410), ("later", 404), ("nope", 404)):
        for answer in (await visitor.get(f"/{slug}"), await send(visitor, path=f"/{slug}"),
                       await visitor.post(f"/{slug}", content=b"{")):  # fmt: skip
            assert answer.status_code == status
        page = await send(visitor, path=f"/{slug}", Accept=BROWSER_ACCEPT)
        assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    for answer in (await send(visitor, path="/sent"), await visitor.post("/sent")):
        assert (answer.status_code, answer.headers["location"]) == (303, "https://x.org/over")


async def test_a_form_that_was_open_while_the_password_was_taken_away_leads_on(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient
) -> None:
    await make_link(TARGET, slug="guide", password=SECRET)
    assert (await client.patch("/api/links/guide", json={"password": None})).json()["has_password"] is False
    for password in (SECRET, "wrong"):
        answer = await send(visitor, password)
        assert (answer.status_code, answer.headers["location"]) == (303, TARGET)


async def test_what_is_no_password_is_not_taken_for_a_visit_of_an_open_link(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient, settle: Settle
) -> None:
    await make_link(TARGET, slug="guide")
    for options in ({}, {"json": {"event": "x"}}, {"content": b"<x/>"}, {"data": {"q": "x"}},
                    {"files": {"password": b"x"}}):  # fmt: skip
        answer = await visitor.post("/guide", **options)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    await settle()
    assert (await client.get("/api/links/guide")).json()["visit_count"] == 0


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({}, 401), ({"data": {"password": ""}}, 401), ({"data": {"q": "x"}}, 401), ({"json": {}}, 401),
        ({"json": {"password": ""}}, 401), ({"json": {"password": 1}}, 422), ({"json": [SECRET]}, 422),
        ({"json": SECRET}, 422), ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ({"content": b'{"password": "\\ud800"}', "headers": {"Content-Type": "application/json"}}, 400),
        ({"content": SECRET.encode()}, 415), ({"files": {"password": SECRET.encode()}}, 415),
        ({"data": {"password": "x" * 9000}}, 413), ({"json": {"password": "x" * 9000}}, 413),
    ],
)  # fmt: skip
async def test_what_is_no_password_uses_up_no_try(
    options: dict[str, Any], status: int, make_link: MakeLink, visitor: httpx.AsyncClient, transact: Transact
) -> None:
    await make_link(TARGET, slug="guide", password=SECRET)
    answer = await visitor.post("/guide", **options)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    if status == 415:
        assert answer.headers["accept"] == "application/x-www-form-urlencoded, application/json"
    assert await transact(Tx.count, TRIES) == 0


async def test_a_body_without_a_length_is_cut_off_at_its_limit(
    make_link: MakeLink, visitor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = 0

    async def endless() -> Any:
        nonlocal taken
        yield b"password="
        while taken < 1_000_000:
            taken += 1000
            yield b"x" * 1000

    await make_link(TARGET, slug="guide", password=SECRET)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await visitor.post("/guide", content=endless(), headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")
    assert taken < 20_000


async def test_a_larger_limit_for_the_slice_is_none_for_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLICE_LINKS_MAX_BODY_BYTES", "1000000")
    async with running(make_app()) as app, client_of(app) as client:
        await client.post("/api/links", json={"url": TARGET, "slug": "guide", "password": SECRET})
        assert (await send(client, "x" * 9000)).status_code == 413


@pytest.mark.parametrize("password", ["a", "x" * 200, "ö&=+% \u00a0", "🎉" * 200, "\t ", "e\u0301"])
async def test_any_text_may_be_a_password(password: str, make_link: MakeLink, visitor: httpx.AsyncClient) -> None:
    await make_link(slug="guide", password=password)
    other = unicodedata.normalize("NFD", password)
    assert await statuses_of(visitor, password, other, password + "x") == [303, 303, 401]
    raw = b"password=" + password.replace("%", "%25").replace("&", "%26").replace("+", "%2B").encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
    assert (await visitor.post("/guide", content=raw, headers=headers)).status_code == 303
    assert (await visitor.post("/guide", json={"password": password})).status_code == 303


# Keeping


async def test_the_api_tells_only_that_there_is_a_password(
    client: httpx.AsyncClient, make_link: MakeLink, transact: Transact, clock: FrozenClock
) -> None:
    link = await make_link(slug="guide", password=SECRET)
    assert link["has_password"] is True
    assert not {"password", "password_hash"} & link.keys()
    assert (await client.get("/api/links/guide")).json() == link
    assert (await client.get("/api/links")).json()["items"] == [link]
    stored = await transact(Tx.fetch, LINKS, "guide")
    assert str(stored.password_hash).startswith("$scrypt$")
    clock.advance(seconds=1)
    assert (await client.patch("/api/links/guide", json={"title": "x"})).json()["has_password"] is True
    cleared = await client.patch("/api/links/guide", json={"password": None})
    assert (cleared.json()["has_password"], cleared.json()["updated_at"]) == (False, "2026-01-31T09:00:01Z")
    again = await client.patch("/api/links/guide", json={"password": "another"})
    assert again.json()["has_password"] is True


async def test_a_new_password_takes_the_place_of_the_old_one(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient
) -> None:
    await make_link(slug="guide", password=SECRET)
    etag = (await client.get("/api/links/guide")).headers["etag"]
    change = {"password": "another"}
    assert (await client.patch("/api/links/guide", json=change, headers={"If-Match": etag})).status_code == 200
    assert (await client.patch("/api/links/guide", json=change, headers={"If-Match": etag})).status_code == 412
    assert await statuses_of(visitor, SECRET, "another") == [401, 303]


@pytest.mark.parametrize("max_visits", [None, 10])
async def test_a_password_that_was_changed_while_it_was_checked_opens_nothing(
    max_visits: int | None,
    client: httpx.AsyncClient,
    make_link: MakeLink,
    visitor: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await make_link(slug="guide", password=SECRET, max_visits=max_visits)

    async def check_slowly(*_: Any) -> bool:
        return (await client.patch("/api/links/guide", json={"password": "another"})).status_code == 200

    monkeypatch.setattr(Passwords, "is_right", check_slowly)
    assert (await send(visitor)).status_code == 401
    assert (await client.get("/api/links/guide")).json()["visit_count"] == 0


@pytest.mark.parametrize(("password", "part"), [("", "at least 1"), ("x" * 201, "at most 200"), (12, "string"),
                                                ("a\0b", "NUL")])  # fmt: skip
async def test_a_password_has_1_to_200_characters(
    password: Any, part: str, client: httpx.AsyncClient, make_link: MakeLink
) -> None:
    await make_link(slug="guide")
    for answer in (
        await client.post("/api/links", json={"url": TARGET, "password": password}),
        await client.patch("/api/links/guide", json={"password": password}),
    ):
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/password")
        assert part in answer.json()["errors"][0]["detail"]


async def test_the_document_calls_it_a_password_that_is_only_written(app: FastAPI) -> None:
    document = app.openapi()
    for name in ("NewLink", "LinkChange"):
        option = document["components"]["schemas"][name]["properties"]["password"]["anyOf"][0]
        assert option["format"] == "password"
        assert option["writeOnly"] is True
    assert "password" not in document["components"]["schemas"]["Link"]["properties"]
    content = document["paths"]["/{slug}"]["post"]["requestBody"]["content"]
    assert content.keys() == {"application/x-www-form-urlencoded", "application/json"}


async def test_a_password_stands_in_no_log_no_event_and_no_answer(
    client: httpx.AsyncClient,
    make_link: MakeLink,
    visitor: httpx.AsyncClient,
    log_lines: list[bytes],
    transact: Transact,
    settle: Settle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = []
    await make_link(slug="guide", password=SECRET)
    body = {"url": TARGET, "slug": "guide", "password": SECRET}
    told.append(await client.post("/api/links", json=body))  # taken
    told.append(await client.post("/api/links", json={**body, "slug": "a b", "password": SECRET * 100}))
    told.append(await client.patch("/api/links/guide", json={"password": SECRET}))
    told += [
        await send(visitor),
        await visitor.post("/guide", json={"password": [SECRET]}),
        await client.get("/api/links"),
    ]
    told.append(await visitor.get(f"/guide?password={SECRET}", headers={"Accept": "text/html"}))
    monkeypatch.setattr(passwords, "is_password", lambda *_: 1 / 0)
    told.append(await send(visitor))
    assert told[-1].status_code == 500
    await settle()
    stored = await transact(Tx.fetch, LINKS, "guide")
    events = await transact(Tx.entries, EVENTS, PageQuery(limit=200))
    logs = b"\n".join(log_lines).decode()
    texts = [logs, events.model_dump_json(), *(answer.text for answer in told)]
    for text in texts:
        assert SECRET not in text
        assert "horse" not in text
        assert str(stored.password_hash) not in text


async def test_find_existing_never_gives_a_link_with_a_password_back_nor_one_without_to_who_wants_one(
    client: httpx.AsyncClient, make_link: MakeLink
) -> None:
    await make_link(TARGET, slug="closed", password=SECRET)
    body = {"url": TARGET}
    first = await client.post("/api/links?find_existing=true", json=body)
    assert (first.status_code, first.json()["has_password"]) == (201, False)
    again = await client.post("/api/links?find_existing=true", json=body)
    assert (again.status_code, again.json()["slug"]) == (200, first.json()["slug"])
    closed = await client.post("/api/links?find_existing=true", json={**body, "password": SECRET})
    assert (closed.status_code, closed.json()["has_password"]) == (201, True)


# Hashing


def test_a_password_is_kept_as_a_salted_hash_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "COST", Cost(14, 8, 5))
    kept = hash_password(SECRET)
    assert kept.startswith("$scrypt$ln=14,r=8,p=5$")
    monkeypatch.setattr(passwords, "COST", Cost(1, 1, 1))
    assert is_password(SECRET, kept), "what it was kept with stands in it"
    assert hash_password(SECRET) != hash_password(SECRET)


@settings(deadline=None)
@given(st.text(min_size=1, max_size=50), st.text(max_size=50))
def test_a_hash_fits_its_password_alone(password: str, other: str) -> None:
    kept = hash_password(password)
    assert is_password(password, kept)
    same = [unicodedata.normalize("NFC", each).encode("utf-8", "replace") for each in (password, other)]
    assert is_password(other, kept) is (same[0] == same[1])


async def test_passwords_are_hashed_in_threads_a_few_at_once(
    app: FastAPI, make_link: MakeLink, visitor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    running_now, most, threads = 0, 0, set()
    lock = threading.Lock()

    def slow(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            nonlocal running_now, most
            with lock:
                running_now += 1
                most = max(most, running_now)
                threads.add(threading.get_ident())
            time.sleep(0.002)
            with lock:
                running_now -= 1
            return function(*args)

        return call

    monkeypatch.setattr(passwords, "hash_password", slow(hash_password))
    monkeypatch.setattr(passwords, "is_password", slow(is_password))
    await asyncio.gather(*(make_link(slug=f"s{number}", password=SECRET) for number in range(8)))
    await asyncio.gather(*(send(visitor, path=f"/s{number}") for number in range(8)))
    assert most == 2
    assert threading.get_ident() not in threads


async def test_too_many_that_wait_are_turned_away(
    app: FastAPI, make_link: MakeLink, visitor: httpx.AsyncClient
) -> None:
    await make_link(slug="guide", password=SECRET)
    desk: Passwords = app.state.links_passwords
    desk._waiting = 100
    answer = await send(visitor)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
    assert "retry-after" in answer.headers
    desk._waiting = 0
    assert (await send(visitor)).status_code == 303


# Tries


async def test_ten_wrong_passwords_shut_the_link_for_the_right_one_too(
    make_link: MakeLink, visitor: httpx.AsyncClient, clock: FrozenClock
) -> None:
    await make_link(slug="guide", password=SECRET)
    assert await statuses_of(visitor, *["wrong"] * 10) == [401] * 10
    answer = await send(visitor)
    assert (answer.status_code, answer.json()["type"]) == (429, "/problems/rate-limited")
    assert answer.headers["retry-after"] == "900"
    page = await send(visitor, Accept=BROWSER_ACCEPT)
    assert (page.status_code, page.headers["retry-after"]) == (429, "900")
    assert "Try again in 15 minutes." in page.text
    clock.advance(seconds=899)
    assert (await send(visitor)).headers["retry-after"] == "1"
    clock.advance(seconds=1)
    assert await statuses_of(visitor, "wrong", SECRET) == [401, 303]


async def test_each_try_is_free_again_after_its_own_quarter_of_an_hour(
    make_link: MakeLink, visitor: httpx.AsyncClient, clock: FrozenClock
) -> None:
    await make_link(slug="guide", password=SECRET)
    assert await statuses_of(visitor, *["wrong"] * 9) == [401] * 9
    clock.advance(minutes=10)
    assert await statuses_of(visitor, "wrong", SECRET) == [401, 429]
    assert (await send(visitor)).headers["retry-after"] == "300"
    clock.advance(minutes=5)
    assert await statuses_of(visitor, *["wrong"] * 10) == [401] * 9 + [429]


async def test_right_passwords_use_up_no_try(make_link: MakeLink, visitor: httpx.AsyncClient) -> None:
    await make_link(slug="guide", password=SECRET)
    assert await statuses_of(visitor, *["wrong"] * 9, *[SECRET] * 12, "wrong", SECRET) == (
        [401] * 9 + [303] * 12 + [401, 429]
    )


async def test_how_many_tries_there_are_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLICE_LINKS_PASSWORD_TRIES", "2")
    async with running(make_app()) as app, client_of(app) as client:
        await client.post("/api/links", json={"url": TARGET, "slug": "guide", "password": SECRET})
        assert await statuses_of(client, "wrong", "wrong", SECRET) == [401, 401, 429]


async def test_tries_are_counted_by_link_and_address_network(app: FastAPI, make_link: MakeLink) -> None:
    await make_link(slug="guide", password=SECRET)
    await make_link(slug="other", password=SECRET)

    async def ask(address: str, path: str = "/guide", password: str = "wrong") -> int:
        transport = httpx.ASGITransport(app, client=(address, 4711))
        async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as stranger:
            return int((await send(stranger, password, path)).status_code)

    for address in ("192.0.2.7", "2001:db8::1"):
        assert [await ask(address) for _ in range(10)] == [401] * 10
    assert await ask("192.0.2.7", password=SECRET) == 429
    assert await ask("2001:db8::2", password=SECRET) == 429, "one customer has a whole /64"
    assert await ask("192.0.2.8", password=SECRET) == 303
    assert await ask("2001:db8:0:1::1", password=SECRET) == 303
    assert await ask("192.0.2.7", "/other", SECRET) == 303


async def test_a_new_password_may_be_tried_at_once(
    client: httpx.AsyncClient, make_link: MakeLink, visitor: httpx.AsyncClient
) -> None:
    await make_link(slug="guide", password=SECRET)
    await statuses_of(visitor, *["wrong"] * 10)
    await client.patch("/api/links/guide", json={"password": "another"})
    assert (await send(visitor, "another")).status_code == 303


async def test_no_address_is_kept_with_a_try(
    app: FastAPI, make_link: MakeLink, visitor: httpx.AsyncClient, transact: Transact
) -> None:
    await make_link(slug="guide", password=SECRET)
    await make_link(slug="other", password=SECRET)
    for path in ("/guide", "/other"):
        await send(visitor, "wrong", path)
    kept = await transact(Tx.all, TRIES)
    assert all("127.0.0.1" not in each.model_dump_json() for each in kept)
    assert len({each.id for each in kept}) == 2, "the same address is another one at each link"


async def test_tries_are_swept_when_they_are_forgotten(
    app: FastAPI, make_link: MakeLink, visitor: httpx.AsyncClient, clock: FrozenClock
) -> None:
    await make_link(slug="guide", password=SECRET)
    await send(visitor, "wrong")
    clock.advance(minutes=15)
    assert await chassis_of(app).storage.sweep() == 1


@on_every_engine
async def test_fifty_wrong_passwords_at_once_are_just_ten_tries(
    make_link: MakeLink, visitor: httpx.AsyncClient, transact: Transact
) -> None:
    await make_link(slug="guide", password=SECRET)
    answers = await asyncio.gather(*(send(visitor, "wrong") for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [401] * 10 + [429] * 40
    (kept,) = await transact(Tx.all, TRIES)
    assert len(kept.times) == 10


@on_every_engine
async def test_fifty_right_passwords_at_once_all_open_the_link(
    make_link: MakeLink, visitor: httpx.AsyncClient, transact: Transact
) -> None:
    await make_link(slug="guide", password=SECRET)
    await statuses_of(visitor, *["wrong"] * 7)
    answers = await asyncio.gather(*(send(visitor) for _ in range(50)))
    assert [answer.status_code for answer in answers] == [303] * 50
    (kept,) = await transact(Tx.all, TRIES)
    assert len(kept.times) == 7


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_tries_are_counted_across_processes(
    storage_url: str, make_link: MakeLink, visitor: httpx.AsyncClient, clock: FrozenClock
) -> None:
    await make_link(slug="guide", password=SECRET)
    async with running(make_app(clock=clock, storage_url=storage_url)) as other, client_of(other, key=None) as client:
        client.headers["User-Agent"] = FIREFOX
        sent = [send(each, "wrong") for each in (visitor, client) for _ in range(12)]
        answers = await asyncio.gather(*sent)
        assert sorted(answer.status_code for answer in answers) == [401] * 10 + [429] * 14
        assert (await send(client)).status_code == 429
