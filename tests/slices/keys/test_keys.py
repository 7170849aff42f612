"""Keys: shown once, kept as a hash, given no more than their maker has, and revoked at once."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from slice_api.chassis import EVENTS, Tx
from slice_api.chassis.credentials import hash_key, is_mistyped
from slice_api.slices.keys.store import KEYS
from tests.conftest import AssertEvents, ClientWith, Settle, Transact, on_every_engine
from tests.engines import STORAGE_URLS, url_of_empty
from tests.support import ADMIN_KEY, FrozenClock, chassis_of, client_of, make_app, running
from tests.told import told

Fields = dict[str, Any]


async def _make(client: httpx.AsyncClient, *scopes: str, **fields: Any) -> Fields:
    answer = await client.post("/api/keys", json={"name": "laptop", "scopes": scopes or ["keys:read"], **fields})
    assert answer.status_code == 201, answer.text
    made: Fields = answer.json()
    return made


async def _status(app: FastAPI, key: str, path: str = "/api/keys") -> int:
    async with client_of(app, key=key) as client:
        return (await client.get(path)).status_code


def _as_time(clock: FrozenClock, **later: float) -> str:
    return (clock.now + timedelta(**later)).isoformat()


async def _configured(client: httpx.AsyncClient) -> Fields:
    items: list[Fields] = (await client.get("/api/keys")).json()["items"]
    return next(item for item in items if item["is_configured"])


def _pointers(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [each["pointer"] for each in answer.json()["errors"]]


# Shown once, kept as a hash


async def test_a_new_key_has_its_form_and_works(client: httpx.AsyncClient, app: FastAPI) -> None:
    made = await _make(client)
    form, key_id, rest = made["key"].split("_")
    assert (form, key_id, len(key_id), len(rest)) == ("slice", made["id"], 8, 38)
    assert not is_mistyped(made["key"])
    assert await _status(app, made["key"]) == 200


async def test_a_key_is_shown_once(client: httpx.AsyncClient) -> None:
    made = await _make(client)
    for path in ("/api/keys", f"/api/keys/{made['id']}"):
        answer = await client.get(path)
        assert made["key"] not in answer.text
        assert made["key"].rpartition("_")[2] not in answer.text
        assert "key_hash" not in answer.text
    changed = await client.patch(f"/api/keys/{made['id']}", json={"name": "desktop"})
    assert "key" not in changed.json()
    assert "key_hash" not in changed.json()


@on_every_engine
async def test_only_a_hash_is_stored(client: httpx.AsyncClient, transact: Transact) -> None:
    made = await _make(client)
    stored = await transact(Tx.fetch, KEYS, made["id"])
    assert made["key"].rpartition("_")[2] not in stored.model_dump_json()
    assert stored.key_hash == hash_key(made["key"])


async def test_no_key_stands_in_a_log_line_or_an_event(
    client: httpx.AsyncClient, transact: Transact, anonymous: httpx.AsyncClient, log_lines: list[bytes]
) -> None:
    made = await _make(client)
    secret = made["key"].rpartition("_")[2]
    await anonymous.get("/api/keys", headers={"Authorization": f"Bearer {made['key']}"})
    await anonymous.get(f"/api/keys/{made['key']}", headers={"X-API-Key": made["key"][:-1] + "~"})
    await anonymous.get("/api/keys", params={"after": made["key"]}, headers={"X-API-Key": ADMIN_KEY})
    await client.post("/api/keys", json={"name": made["key"], "scopes": ["nothing:read"]})
    events = await transact(Tx.entries, EVENTS)
    written = b"".join(log_lines)
    assert len(log_lines) >= 5
    assert secret.encode() not in written
    assert ADMIN_KEY.encode() not in written
    assert all(secret not in record.model_dump_json() for record in events.items)
    assert all(hash_key(made["key"]) not in record.model_dump_json() for record in events.items)


async def test_an_idempotent_answer_keeps_no_key_in_storage(client: httpx.AsyncClient, app: FastAPI) -> None:
    headers = {"Idempotency-Key": "one"}
    body = {"name": "laptop", "scopes": ["keys:read"]}
    first = await client.post("/api/keys", json=body, headers=headers)
    again = await client.post("/api/keys", json=body, headers=headers)
    assert again.json()["key"] == first.json()["key"]
    storage = chassis_of(app).storage
    tables = vars(storage)["_tables"]
    kept = "".join(repr(row) for table in tables.values() for row in table.rows.values())
    assert first.json()["id"] in kept
    assert first.json()["key"].rpartition("_")[2] not in kept


# Scopes


async def test_scopes_must_exist(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/keys", json={"name": "x", "scopes": ["keys:raed", "nothing:read"]})
    assert _pointers(answer) == ["#/scopes"]
    assert "keys:read" in answer.json()["detail"], "the nearest one is named"


@pytest.mark.parametrize("scopes", [[], ["*"], ["KEYS:READ"], ["keys"], ["keys:read "], [""], ["a:" + "b" * 90], None])
async def test_scopes_have_a_form(client: httpx.AsyncClient, scopes: Any) -> None:
    answer = await client.post("/api/keys", json={"name": "x", "scopes": scopes})
    assert _pointers(answer)[0].startswith("#/scopes")


async def test_scopes_are_kept_once_and_in_order(client: httpx.AsyncClient) -> None:
    made = await _make(client, "keys:write", "keys:read", "keys:write")
    assert made["scopes"] == ["keys:read", "keys:write"]


async def test_a_key_gives_no_more_than_it_has(client_with: ClientWith, client: httpx.AsyncClient) -> None:
    maker = client_with("keys:read", "keys:write")
    assert (await _make(maker, "keys:write"))["scopes"] == ["keys:write"]
    for beyond in ("admin", "activity:read"):
        scopes = ["keys:read", beyond]
        if beyond not in (await client.get("/api")).text and beyond != "admin":
            continue
        answer = await maker.post("/api/keys", json={"name": "x", "scopes": scopes})
        assert answer.status_code == 403
        assert beyond in answer.json()["detail"]


async def test_a_key_neither_adds_nor_takes_scopes_that_it_lacks(
    client: httpx.AsyncClient, client_with: ClientWith
) -> None:
    admin = await _make(client, "admin")
    plain = await _make(client, "keys:read")
    maker = client_with("keys:read", "keys:write")
    for made, scopes in ((plain, ["admin"]), (admin, ["keys:read"])):
        answer = await maker.patch(f"/api/keys/{made['id']}", json={"scopes": scopes})
        assert answer.status_code == 403
        assert "admin" in answer.json()["detail"]
        assert (await client.get(f"/api/keys/{made['id']}")).json()["scopes"] == made["scopes"]


async def test_only_an_admin_ends_an_admin_key(
    client: httpx.AsyncClient, client_with: ClientWith, clock: FrozenClock
) -> None:
    admin = await _make(client, "admin")
    maker = client_with("keys:read", "keys:write")
    url = f"/api/keys/{admin['id']}"
    for answer in (await maker.patch(url, json={"expires_at": _as_time(clock, days=-1)}), await maker.delete(url)):
        assert answer.status_code == 403
        assert "admin" in answer.json()["detail"]
    assert (await client.delete(url)).status_code == 204


async def test_taking_scopes_works_at_once(client: httpx.AsyncClient, app: FastAPI) -> None:
    made = await _make(client, "keys:read", "keys:write")
    await client.patch(f"/api/keys/{made['id']}", json={"scopes": ["keys:write"]})
    assert await _status(app, made["key"]) == 403


# Expiry, use, names


async def test_a_key_expires_to_the_moment(client: httpx.AsyncClient, app: FastAPI, clock: FrozenClock) -> None:
    made = await _make(client, expires_at=_as_time(clock, hours=1))
    clock.advance(minutes=59, seconds=59)
    assert await _status(app, made["key"]) == 200
    clock.advance(seconds=1)
    assert await _status(app, made["key"]) == 401
    assert (await client.get(f"/api/keys/{made['id']}")).status_code == 200, "it is still listed"


async def test_expiry_must_be_ahead(client: httpx.AsyncClient, clock: FrozenClock) -> None:
    for moment in (_as_time(clock), _as_time(clock, seconds=-1), "2020-01-01T00:00:00Z"):
        answer = await client.post("/api/keys", json={"name": "x", "scopes": ["keys:read"], "expires_at": moment})
        assert _pointers(answer) == ["#/expires_at"]
    odd: list[Any] = ["tomorrow", "2099-01-01", "2099-01-01T00:00:00", 4_070_908_800, "0001-01-01T00:00:00+14:00"]
    for moment in odd:
        answer = await client.post("/api/keys", json={"name": "x", "scopes": ["keys:read"], "expires_at": moment})
        assert _pointers(answer) == ["#/expires_at"]


async def test_expiry_is_changed_and_cleared(client: httpx.AsyncClient, app: FastAPI, clock: FrozenClock) -> None:
    made = await _make(client, expires_at=_as_time(clock, hours=1))
    answer = await client.patch(f"/api/keys/{made['id']}", json={"expires_at": None})
    assert answer.json()["expires_at"] is None
    clock.advance(hours=2)
    assert await _status(app, made["key"]) == 200


async def test_a_key_that_is_used_often_waits_once_for_its_last_use_to_be_written(
    client: httpx.AsyncClient, app: FastAPI, settle: Settle
) -> None:
    made = await _make(client)
    await settle()
    for _ in range(5):
        await _status(app, made["key"])
    assert chassis_of(app).batches.waiting == 1


async def test_last_use_is_told_to_the_minute(
    client: httpx.AsyncClient, app: FastAPI, clock: FrozenClock, settle: Settle
) -> None:
    made = await _make(client)
    assert made["last_used_at"] is None
    etag = (await client.get(f"/api/keys/{made['id']}")).headers["etag"]
    clock.advance(minutes=3, seconds=42)
    await _status(app, made["key"])
    await settle()
    read = await client.get(f"/api/keys/{made['id']}")
    assert read.json()["last_used_at"] == "2026-01-31T09:03:00Z"
    changed = await client.patch(f"/api/keys/{made['id']}", json={"name": "b"}, headers={"If-Match": etag})
    assert changed.status_code == 200, "being used does not stop an edit"


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, None, 5])
async def test_a_name_has_1_to_100_characters(client: httpx.AsyncClient, name: Any) -> None:
    answer = await client.post("/api/keys", json={"name": name, "scopes": ["keys:read"]})
    assert _pointers(answer) == ["#/name"]


async def test_spaces_around_a_name_go(client: httpx.AsyncClient) -> None:
    assert (await _make(client, name="  build server ", scopes=["keys:read"]))["name"] == "build server"


async def test_what_the_service_decides_cannot_be_given(client: httpx.AsyncClient) -> None:
    made = await _make(client)
    for name in ("id", "key", "key_hash", "created_at", "created_by", "last_used_at", "is_configured"):
        created = await client.post("/api/keys", json={"name": "x", "scopes": ["keys:read"], name: None})
        changed = await client.patch(f"/api/keys/{made['id']}", json={name: None})
        assert _pointers(created) == [f"#/{name}"]
        assert _pointers(changed) == [f"#/{name}"]


async def test_the_maker_is_noted(client: httpx.AsyncClient) -> None:
    first = await _make(client, "keys:read", "keys:write")
    assert first["created_by"] == (await _configured(client))["id"]


async def test_newest_keys_come_first(client: httpx.AsyncClient, clock: FrozenClock) -> None:
    made = []
    for _ in range(3):
        clock.advance(seconds=1)
        made.append((await _make(client))["id"])
    items = (await client.get("/api/keys")).json()["items"]
    assert [item["id"] for item in items[:3]] == made[::-1]


@pytest.mark.parametrize("name", ["name", "scopes"])
async def test_what_every_key_has_cannot_be_cleared(client: httpx.AsyncClient, name: str) -> None:
    made = await _make(client)
    assert _pointers(await client.patch(f"/api/keys/{made['id']}", json={name: None})) == [f"#/{name}"]


# Revoking


async def test_a_revoked_key_stops_at_once(client: httpx.AsyncClient, app: FastAPI) -> None:
    made = await _make(client)
    async with client_of(app, key=made["key"]) as other:
        assert (await other.get("/api/keys")).status_code == 200
        assert (await client.delete(f"/api/keys/{made['id']}")).status_code == 204
        assert (await other.get("/api/keys")).status_code == 401


@pytest.mark.parametrize("engine", [each for each in STORAGE_URLS if each != "memory"])
async def test_what_another_process_does_to_a_key_holds_at_once(tmp_path: Path, engine: str) -> None:
    apps = [make_app(storage_url=url) for url in [url_of_empty(engine, tmp_path)] * 2]
    async with running(apps[0]), running(apps[1]), client_of(apps[0]) as client:
        made = await _make(client)
        for _ in range(2):
            assert await asyncio.gather(*(_status(apps[1], made["key"]) for _ in range(3))) == [200] * 3
        await client.patch(f"/api/keys/{made['id']}", json={"scopes": ["keys:write"]})
        assert await _status(apps[1], made["key"]) == 403
        await client.delete(f"/api/keys/{made['id']}")
        assert await asyncio.gather(*(_status(apps[1], made["key"]) for _ in range(3))) == [401] * 3


def _revoked(client: httpx.AsyncClient, made: Fields, clock: FrozenClock) -> list[Callable[[], Any]]:
    url = f"/api/keys/{made['id']}"
    return [
        lambda: client.delete(url),
        lambda: client.patch(url, json={"expires_at": _as_time(clock, seconds=-1)}),
    ]


@pytest.mark.parametrize("way", [0, 1], ids=["deleted", "expired"])
async def test_sessions_of_a_revoked_key_end_at_once(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, clock: FrozenClock, way: int
) -> None:
    made = await _make(client)
    signed_in = await anonymous.post("/api/session", json={"key": made["key"]})
    if signed_in.status_code == 404:
        pytest.skip("there are no sessions")
    assert (await anonymous.get("/api/keys")).status_code == 200, "the cookie works"
    assert (await _revoked(client, made, clock)[way]()).status_code < 300
    assert (await anonymous.get("/api/keys")).status_code == 401


async def test_a_session_loses_scopes_with_its_key(client: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    made = await _make(client, "keys:read", "keys:write")
    signed_in = await anonymous.post("/api/session", json={"key": made["key"]})
    if signed_in.status_code == 404:
        pytest.skip("there are no sessions")
    await client.patch(f"/api/keys/{made['id']}", json={"scopes": ["keys:write"]})
    assert (await anonymous.get("/api/keys")).status_code == 403


async def test_what_happens_to_a_key_is_told(client: httpx.AsyncClient, assert_events: AssertEvents) -> None:
    made = await _make(client)
    url = f"/api/keys/{made['id']}"
    await assert_events(told("keys.created", made["id"], key={"name": "laptop", "scopes": ["keys:read"]}))
    await client.patch(url, json={"name": "desktop"})
    await assert_events(told("keys.updated", made["id"], key={"name": "desktop", "scopes": ["keys:read"]}))
    await client.delete(url)
    await assert_events(told("keys.deleted", made["id"], id=made["id"], name="desktop"))


async def test_what_is_refused_is_not_told(client_with: ClientWith, assert_events: AssertEvents) -> None:
    maker = client_with("keys:write")
    assert (await maker.post("/api/keys", json={"name": "x", "scopes": ["admin"]})).status_code == 403
    assert (await maker.delete("/api/keys/nothing")).status_code == 404
    await assert_events()


# The last admin key, and the configured one


async def test_the_configured_key_is_not_deleted(client: httpx.AsyncClient) -> None:
    configured = await _configured(client)
    await _make(client, "admin")
    answer = await client.delete(f"/api/keys/{configured['id']}")
    assert answer.status_code == 409
    assert "SLICE_ADMIN_KEY" in answer.json()["detail"]


async def _first_start() -> FastAPI:
    return make_app(admin_key="")


async def test_the_last_admin_key_stays(clock: FrozenClock) -> None:
    async with running(await _first_start()) as app:
        first = chassis_of(app).new_admin_key
        assert first is not None
        async with client_of(app, key=first.text) as client:
            url = f"/api/keys/{first.id}"
            for answer in (
                await client.delete(url),
                await client.patch(url, json={"scopes": ["keys:read"]}),
                await client.patch(url, json={"expires_at": _as_time(clock, days=-1)}),
            ):
                assert answer.status_code == 409
                assert "last admin key" in answer.json()["detail"]
            assert (await client.patch(url, json={"name": "renamed"})).status_code == 200


async def test_rotating_is_make_switch_delete() -> None:
    async with running(await _first_start()) as app:
        first = chassis_of(app).new_admin_key
        assert first is not None
        async with client_of(app, key=first.text) as client:
            second = await _make(client, "admin")
        async with client_of(app, key=second["key"]) as client:
            assert (await client.delete(f"/api/keys/{first.id}")).status_code == 204
            assert (await client.delete(f"/api/keys/{second['id']}")).status_code == 409
        assert await _status(app, first.text) == 401


async def test_an_admin_key_that_has_expired_is_none(clock: FrozenClock) -> None:
    async with running(make_app(admin_key="", clock=clock)) as app:
        first = chassis_of(app).new_admin_key
        assert first is not None
        async with client_of(app, key=first.text) as client:
            await _make(client, "admin", expires_at=_as_time(clock, hours=1))
            clock.advance(hours=2)
            assert (await client.delete(f"/api/keys/{first.id}")).status_code == 409


async def test_first_start_makes_one_admin_key_that_works() -> None:
    async with running(await _first_start()) as app:
        made = chassis_of(app).new_admin_key
        assert made is not None
        assert await _status(app, made.text) == 200
