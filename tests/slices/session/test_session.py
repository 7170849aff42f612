"""Sessions: a cookie for the web page alone, opened with a key, closed at once."""

from http.cookies import Morsel, SimpleCookie

import httpx
import pytest
from fastapi import FastAPI

from slice_api.chassis.sessions import COOKIE, LIFETIME, SESSIONS
from tests.conftest import ClientWith
from tests.support import ADMIN_KEY, BASE_URL, FrozenClock, chassis_of, client_of, grant_key, make_app, running

_SIGN_IN = {"key": ADMIN_KEY}


def _cookie(answer: httpx.Response) -> "Morsel[str]":
    return SimpleCookie(answer.headers["set-cookie"])[COOKIE]


async def _sign_in(client: httpx.AsyncClient, key: str = ADMIN_KEY) -> httpx.Response:
    answer = await client.post("/api/session", json={"key": key})
    assert answer.status_code == 201, answer.text
    return answer


# The cookie


async def test_signing_in_sets_a_cookie_for_this_page_alone(anonymous: httpx.AsyncClient) -> None:
    answer = await _sign_in(anonymous)
    cookie = _cookie(answer)
    assert cookie["httponly"]
    assert cookie["samesite"].lower() == "strict"
    assert cookie["path"] == "/"
    assert cookie["domain"] == ""
    assert not cookie["secure"], "plain http would not carry it"
    assert int(cookie["max-age"]) == LIFETIME.total_seconds()
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["location"] == "/api/session"


async def test_over_https_the_cookie_is_secure() -> None:
    async with running(make_app()) as app:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="https://slice.test") as client:
            assert _cookie(await _sign_in(client))["secure"]


async def test_behind_a_trusted_proxy_with_https_the_cookie_is_secure() -> None:
    async with running(make_app(trusted_proxies=("127.0.0.1",))) as app, client_of(app, key=None) as client:
        answer = await client.post("/api/session", json=_SIGN_IN, headers={"X-Forwarded-Proto": "https"})
        assert _cookie(answer)["secure"]


async def test_a_stranger_cannot_claim_https(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.post("/api/session", json=_SIGN_IN, headers={"X-Forwarded-Proto": "https"})
    assert not _cookie(answer)["secure"]


async def test_the_answer_tells_who_but_not_the_key(anonymous: httpx.AsyncClient) -> None:
    answer = await _sign_in(anonymous)
    assert answer.json().keys() == {"key_id", "name", "scopes"}
    assert answer.json()["scopes"] == ["admin"]
    assert ADMIN_KEY not in answer.text
    assert _cookie(answer).value not in answer.text


async def test_every_session_has_a_token_of_its_own_and_only_a_hash_is_stored(
    anonymous: httpx.AsyncClient, app: FastAPI
) -> None:
    tokens = {_cookie(await _sign_in(anonymous)).value for _ in range(2)}
    assert len(tokens) == 2
    assert all(len(token) >= 32 for token in tokens)
    assert all(ADMIN_KEY not in token for token in tokens)
    page = await chassis_of(app).db.page(SESSIONS)
    assert len(page.items) == 2
    assert not any(token in page.model_dump_json() for token in tokens)


async def test_no_token_or_key_reaches_the_log(
    anonymous: httpx.AsyncClient, log_lines: list[bytes], client: httpx.AsyncClient
) -> None:
    token = _cookie(await _sign_in(anonymous)).value
    await anonymous.get("/api/session")
    await anonymous.post("/api/session", json={"key": "a-key-of-nobody-at-all"})
    written = b"".join(log_lines)
    assert written
    for secret in (token, ADMIN_KEY, "a-key-of-nobody-at-all"):
        assert secret.encode() not in written


# Wrong keys


@pytest.mark.parametrize(
    "key", ["wrong", ADMIN_KEY + "x", ADMIN_KEY[:-1], "slice_7hKq2mXa_0123456789abcdefghijklmnopqrstuvAbCdEf"]
)
async def test_a_wrong_key_opens_nothing(anonymous: httpx.AsyncClient, key: str) -> None:
    answer = await anonymous.post("/api/session", json={"key": key})
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "set-cookie" not in answer.headers
    assert key not in answer.text


async def test_a_key_that_is_no_key_is_not_echoed(anonymous: httpx.AsyncClient) -> None:
    for key in ("", "x" * 201, {"a": "secret-value"}, None):
        answer = await anonymous.post("/api/session", json={"key": key})
        assert answer.status_code == 422
        assert [each["pointer"] for each in answer.json()["errors"]] == ["#/key"]
        assert "secret-value" not in answer.text
        assert "xxx" not in answer.text


# What a session may do


async def test_a_session_works_like_its_key(anonymous: httpx.AsyncClient, app: FastAPI) -> None:
    await _sign_in(anonymous, grant_key(app, "other:read"))
    who = await anonymous.get("/api/session")
    assert (who.status_code, who.json()["scopes"]) == (200, ["other:read"])


async def test_who_am_i_works_with_a_key(client_with: ClientWith) -> None:
    answer = await client_with("other:read", "other:write").get("/api/session")
    assert answer.json()["scopes"] == ["other:read", "other:write"]


async def test_nobody_is_401(anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get("/api/session")).status_code == 401
    anonymous.cookies.set(COOKIE, "made-up")
    assert (await anonymous.get("/api/session")).status_code == 401


async def test_a_key_in_the_header_counts_more_than_the_cookie(anonymous: httpx.AsyncClient, app: FastAPI) -> None:
    await _sign_in(anonymous)
    key = grant_key(app, "other:read")
    answer = await anonymous.get("/api/session", headers={"Authorization": f"Bearer {key}"})
    assert answer.json()["scopes"] == ["other:read"]
    wrong = await anonymous.get("/api/session", headers={"Authorization": "Bearer wrong"})
    assert wrong.status_code == 401, "a wrong key does not fall back to the cookie"


async def test_a_session_ends_by_itself(anonymous: httpx.AsyncClient, clock: FrozenClock) -> None:
    token = _cookie(await _sign_in(anonymous)).value
    cookies = {"Cookie": f"{COOKIE}={token}"}
    clock.advance(seconds=LIFETIME.total_seconds() - 1)
    assert (await anonymous.get("/api/session", headers=cookies)).status_code == 200
    clock.advance(seconds=1)
    assert (await anonymous.get("/api/session", headers=cookies)).status_code == 401


# Same origin


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://slice.test.evil.example"},
        {"Origin": "https://slice.test"},
        {"Origin": "http://slice.test:81"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": BASE_URL, "Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_a_change_from_another_site_is_403(anonymous: httpx.AsyncClient, headers: dict[str, str]) -> None:
    await _sign_in(anonymous)
    answer = await anonymous.delete("/api/session", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden")
    assert (await anonymous.get("/api/session")).status_code == 200, "still signed in"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": BASE_URL},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://a-name-only-the-proxy-knows.example", "Sec-Fetch-Site": "same-origin"},
    ],
)
async def test_a_change_from_the_own_page_is_taken(anonymous: httpx.AsyncClient, headers: dict[str, str]) -> None:
    await _sign_in(anonymous)
    assert (await anonymous.delete("/api/session", headers=headers)).status_code == 204


async def test_reading_is_not_held_against_an_origin(anonymous: httpx.AsyncClient) -> None:
    await _sign_in(anonymous)
    answer = await anonymous.get("/api/session", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers, "and so the other page cannot read it"


async def test_a_key_works_from_any_origin(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/api/session", headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 204


# Signing out


async def test_signing_out_ends_the_session_everywhere(anonymous: httpx.AsyncClient, app: FastAPI) -> None:
    token = _cookie(await _sign_in(anonymous)).value
    answer = await anonymous.delete("/api/session")
    assert (answer.status_code, answer.content) == (204, b"")
    assert (_cookie(answer).value, _cookie(answer)["max-age"]) == ("", "0")
    anonymous.cookies.set(COOKIE, token)
    assert (await anonymous.get("/api/session")).status_code == 401
    assert (await chassis_of(app).db.page(SESSIONS)).items == []


async def test_signing_out_leaves_other_sessions_of_the_key(app: FastAPI, anonymous: httpx.AsyncClient) -> None:
    await _sign_in(anonymous)
    async with client_of(app, key=None) as other:
        await _sign_in(other)
        await other.delete("/api/session")
    assert (await anonymous.get("/api/session")).status_code == 200
