"""Keys: their form, where they are read from, and the one admin key of a service without any other."""

import string
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import assume, given
from hypothesis import strategies as st

from slice_api.chassis import Tx
from slice_api.chassis.authentication import (
    ADMIN_KEYS,
    LoneAdminKey,
    ensure_admin_key,
    key_of,
    sent_in,
    session_token_in,
)
from slice_api.chassis.credentials import KEY_IN_TEXT, hash_key, is_mistyped, make_key
from slice_api.chassis.exchange import Principal
from slice_api.chassis.sessions import SESSIONS, Session, open_session
from tests.chassis.examples import problem
from tests.chassis.strategies import STEADY
from tests.engines import ENGINES, OpenStorage
from tests.support import ADMIN_KEY, BASE_URL, FrozenClock, chassis_of

LETTERS = string.digits + string.ascii_letters


# The form of a key


def test_a_new_key_has_the_form_that_is_promised() -> None:
    made = make_key()
    head, key_id, rest = made.text.split("_")
    assert (head, key_id, len(key_id), len(rest)) == ("slice", made.id, 8, 38)
    assert set(key_id + rest) <= set(LETTERS)
    assert not is_mistyped(made.text)
    assert KEY_IN_TEXT.fullmatch(made.text.encode())


def test_no_two_new_keys_are_alike() -> None:
    made = [make_key() for _ in range(200)]
    assert len({key.text for key in made}) == len({key.id for key in made}) == 200


@STEADY
@given(st.data())
def test_one_wrong_character_in_a_key_is_noticed(data: st.DataObject) -> None:
    key = make_key().text
    at = data.draw(st.integers(6, len(key) - 1).filter(lambda each: each != 14))
    other = data.draw(st.sampled_from(LETTERS))
    assume(other != key[at])
    assert is_mistyped(key[:at] + other + key[at + 1 :])


@STEADY
@given(st.integers(15, 44))
def test_two_neighbours_that_changed_places_are_noticed(at: int) -> None:
    key = make_key().text
    assume(at + 1 < len(key) and key[at] != key[at + 1])
    assert is_mistyped(key[:at] + key[at + 1] + key[at] + key[at + 2 :])


@STEADY
@given(st.text(max_size=60))
def test_text_of_another_form_is_not_called_mistyped_and_has_a_hash(text: str) -> None:
    assert not is_mistyped(text)
    assert len(hash_key(text)) == 64


# Where a key is read from


def headers_of(**headers: str) -> dict[bytes, bytes]:
    return {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({}, None),
        ({"authorization": "Bearer abc"}, "abc"),
        ({"authorization": "bearer   abc "}, "abc"),
        ({"authorization": "Basic abc"}, ""),
        ({"authorization": "abc"}, ""),
        ({"authorization": ""}, ""),
        ({"x_api_key": "abc"}, "abc"),
        ({"authorization": "Bearer abc", "x_api_key": "def"}, "abc"),
        ({"cookie": "slice_session=abc"}, None),
    ],
    ids=str,
)
def test_a_key_is_read_from_either_header(headers: dict[str, str], key: str | None) -> None:
    sent = sent_in(headers_of(**headers))
    assert (None if sent is None else key_of(sent)) == key


@pytest.mark.parametrize(
    ("cookie", "token"),
    [
        ("slice_session=abc", "abc"),
        ("a=b; slice_session=abc", "abc"),
        ("a=b", None),
        ("slice_session", None),
        ("", None),
    ],
)
def test_the_token_of_a_session_is_read_from_its_cookie(cookie: str, token: str | None) -> None:
    assert session_token_in(headers_of(cookie=cookie)) == token


GOOD_HEADERS = [
    {"Authorization": f"Bearer {ADMIN_KEY}"},
    {"Authorization": f"bEaReR {ADMIN_KEY}"},
    {"X-API-Key": ADMIN_KEY},
]
BAD_HEADERS = [
    {},
    {"Authorization": f"Basic {ADMIN_KEY}"},
    {"Authorization": ADMIN_KEY},
    {"Authorization": "Bearer"},
    {"Authorization": f"Bearer {ADMIN_KEY}x"},
    {"Authorization": f"Bearer {ADMIN_KEY[:-1]}"},
    {"Authorization": f"Bearer {ADMIN_KEY.upper()}"},
    {"Authorization": f"Bearer {hash_key(ADMIN_KEY)}"},
    {"Authorization": "Bearer wrong", "X-API-Key": ADMIN_KEY},
    {"X-API-Key": ""},
    {"X-API-Key": make_key().text},
    {"X-API-Key": f"Bearer {ADMIN_KEY}"},
    {"Cookie": f"slice_session={ADMIN_KEY}"},
]


@pytest.mark.parametrize("headers", GOOD_HEADERS, ids=str)
async def test_the_admin_key_opens_every_route(anonymous: httpx.AsyncClient, headers: dict[str, str]) -> None:
    for path in ("/api/things", "/api/probes", "/api/probes/any"):
        assert (await anonymous.get(path, headers=headers)).status_code == 200


@pytest.mark.parametrize("headers", BAD_HEADERS, ids=range(len(BAD_HEADERS)))
async def test_anything_else_opens_none(anonymous: httpx.AsyncClient, headers: dict[str, str]) -> None:
    for known in GOOD_HEADERS:
        assert (await anonymous.get("/api/things", headers=known)).status_code == 200
    for path in ("/api/things", "/api/probes", "/api/probes/any"):
        answer = await anonymous.get(path, headers=headers)
        problem(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_one_key_sent_in_many_ways_fills_no_memory(
    app: FastAPI, anonymous: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slice_api.chassis.authentication._MOST_KNOWN", 5)
    for spaces in range(1, 50):
        headers = {"Authorization": f"Bearer{spaces * ' '}{ADMIN_KEY}"}
        assert (await anonymous.get("/api/things", headers=headers)).status_code == 200
    assert len(vars(chassis_of(app).callers)["_known"]) <= 5


async def test_a_typing_error_in_a_key_is_told_apart(anonymous: httpx.AsyncClient) -> None:
    key = make_key().text
    mistyped = key[:-1] + ("a" if key[-1] != "a" else "b")
    answer = await anonymous.get("/api/things", headers={"X-API-Key": mistyped})
    assert "mistyped" in problem(answer, 401, "unauthenticated")["detail"]
    assert key not in answer.text


# Sessions


async def cookie_of(app: FastAPI) -> dict[str, str]:
    """The cookie of a session that the admin key opened."""
    chassis = chassis_of(app)

    def start(tx: Tx) -> str:
        caller = chassis.keys.identify(tx, hash_key(ADMIN_KEY))
        assert caller is not None
        return open_session(tx, caller)[0]

    return {"Cookie": f"slice_session={await chassis.db.transact(start)}"}


OWN_PAGE = [{}, {"Origin": BASE_URL}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}]
OTHER_PAGES = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": f"{BASE_URL}:81"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": BASE_URL},
]


@pytest.mark.parametrize("headers", OWN_PAGE, ids=str)
async def test_a_session_works_from_the_own_page(
    app: FastAPI, anonymous: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    cookie = await cookie_of(app)
    answer = await anonymous.post("/api/things", json={"title": "one"}, headers={**cookie, **headers})
    assert answer.status_code == 201


@pytest.mark.parametrize("headers", OTHER_PAGES, ids=str)
async def test_a_session_changes_nothing_for_another_page(
    app: FastAPI, anonymous: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    cookie = await cookie_of(app)
    problem(await anonymous.post("/api/things", json={"title": "one"}, headers={**cookie, **headers}), 403, "forbidden")
    assert (await anonymous.get("/api/things", headers={**cookie, **headers})).json()["items"] == []


async def test_a_session_ends_after_thirty_days_and_with_its_key(
    app: FastAPI, anonymous: httpx.AsyncClient, clock: FrozenClock
) -> None:
    cookie, chassis = await cookie_of(app), chassis_of(app)
    clock.advance(days=30, seconds=-1)
    assert (await anonymous.get("/api/things", headers=cookie)).status_code == 200
    clock.advance(seconds=1)
    problem(await anonymous.get("/api/things", headers=cookie), 401, "unauthenticated")
    cookie = await cookie_of(app)
    await chassis.db.transact(lambda tx: ensure_admin_key(tx, chassis.keys, "another-admin-key-for-tests"))
    problem(await anonymous.get("/api/things", headers=cookie), 401, "unauthenticated")


async def test_the_token_of_a_session_does_not_lie_in_storage(app: FastAPI) -> None:
    cookie = await cookie_of(app)
    sessions: list[Session] = await chassis_of(app).db.transact(Tx.all, SESSIONS)
    assert len(sessions) == 1
    assert cookie["Cookie"].partition("=")[2] not in sessions[0].model_dump_json()


# The lone admin key


@pytest.fixture(params=ENGINES)
def store(request: pytest.FixtureRequest, clock: FrozenClock) -> Iterator[OpenStorage]:
    opened = OpenStorage(request.param, (ADMIN_KEYS,), clock)
    yield opened
    opened.close()


def start(store: OpenStorage, configured: str = "") -> str | None:
    """Start with this SLICE_ADMIN_KEY; gives the key that was made, if one was."""
    made = store.transact(ensure_admin_key, LoneAdminKey(), configured)
    return made and made.text


def opens(store: OpenStorage, key: str) -> bool:
    caller = store.transact(lambda tx: LoneAdminKey().identify(tx, hash_key(key)))
    return caller is not None and caller.has_scope("anything:write")


def test_a_first_start_makes_a_key_and_later_ones_keep_it(store: OpenStorage) -> None:
    made = start(store)
    assert made is not None
    assert not is_mistyped(made)
    assert start(store) is None
    assert opens(store, made)


def test_a_configured_key_is_used_and_none_is_made(store: OpenStorage) -> None:
    assert start(store, "one-configured-admin-key") is None
    assert start(store, "one-configured-admin-key") is None
    assert opens(store, "one-configured-admin-key")
    assert not opens(store, "")


def test_a_changed_key_takes_the_place_of_the_one_before(store: OpenStorage) -> None:
    start(store, "one-configured-admin-key")
    start(store, "two-configured-admin-key")
    assert [opens(store, f"{each}-configured-admin-key") for each in ("one", "two")] == [False, True]


def test_a_key_that_is_configured_no_more_is_no_more_and_a_new_one_is_made(store: OpenStorage) -> None:
    start(store, "one-configured-admin-key")
    made = start(store)
    assert made is not None
    assert opens(store, made)
    assert not opens(store, "one-configured-admin-key")


def test_the_key_itself_does_not_lie_in_storage(store: OpenStorage) -> None:
    made = start(store)
    assert made is not None
    [kept] = store.transact(Tx.all, ADMIN_KEYS)
    assert made.split("_")[2] not in kept.model_dump_json()


def test_a_key_is_known_again_by_its_id(store: OpenStorage) -> None:
    made = store.transact(ensure_admin_key, LoneAdminKey(), "")
    assert made is not None
    caller = store.transact(lambda tx: LoneAdminKey().recall(tx, made.id))
    assert caller is not None
    assert caller.key_id == made.id
    assert store.transact(lambda tx: LoneAdminKey().recall(tx, "nobody")) is None


async def test_an_owner_that_was_found_too_late_is_not_remembered(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    chassis = chassis_of(app)
    callers, sent, gone = chassis.callers, f"Bearer {ADMIN_KEY}".encode(), b"Bearer gone"
    stale = Principal(key_id="gone", name="gone", scopes=("admin",))

    async def find_while_another_changes(_: object) -> Principal:
        monkeypatch.undo()
        await chassis.db.transact(ensure_admin_key, LoneAdminKey(), ADMIN_KEY)
        assert await callers.find(chassis.keys, sent) is not None
        return stale

    monkeypatch.setattr(callers, "_identify", find_while_another_changes)
    assert await callers.find(chassis.keys, gone) is stale
    assert callers.known(sent) is not None
    assert callers.known(gone) is None
