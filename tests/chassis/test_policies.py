"""What a route asks of its caller may hang on a setting of its slice."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import client_of, grant_key, make_app, running, slices_package

SETTINGS = """
from pydantic import Field
from slice_api.chassis import SliceSettings

class DoorSettings(SliceSettings):
    is_open: bool = Field(default=False, description="Whether everybody may come in.")
"""
ROUTER = """
from fastapi import APIRouter
from slice_api.chassis import requires

root_router = APIRouter()

@root_router.get("/door")
@requires("door:pass", unless="is_open")
async def read_door() -> dict[str, bool]:
    return {"is_in": True}
"""


@pytest.fixture
def door(tmp_path: Path) -> Iterator[str]:
    folder = {"__init__.py": '"""A door."""', "settings.py": SETTINGS, "router.py": ROUTER}
    with slices_package(tmp_path, {"door": folder}) as package:
        yield package


async def test_a_route_asks_for_a_scope_of_its_own(door: str) -> None:
    async with running(make_app(packages=(door,))) as app:
        async with client_of(app, key=None) as stranger:
            assert (await stranger.get("/door")).status_code == 401
        for scope, status in (("door:pass", 200), ("door:read", 403), ("admin", 200)):
            async with client_of(app, key=grant_key(app, scope)) as client:
                assert (scope, (await client.get("/door")).status_code) == (scope, status)


async def test_a_setting_opens_it_to_everybody(door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLICE_DOOR_IS_OPEN", "true")
    async with running(make_app(packages=(door,))) as app, client_of(app, key=None) as stranger:
        assert (await stranger.get("/door")).json() == {"is_in": True}
        assert "security" not in app.openapi()["paths"]["/door"]["get"]


HATCH = """
from fastapi import APIRouter, Request, Response
from slice_api.chassis import any_origin, caller_by_key

root_router = APIRouter()

@root_router.get("/api/v2/hatch", include_in_schema=False)
@root_router.post("/api/v2/hatch")
@any_origin("X-Hatch")
async def pass_hatch(request: Request) -> Response:
    caller = await caller_by_key(request, request.headers.get("x-hatch", ""))
    return Response(" ".join(caller.scopes) if caller else "nobody", 200 if caller else 403)
"""
ORIGIN = "https://page.example"


@pytest.fixture
def hatch(tmp_path: Path) -> Iterator[str]:
    with slices_package(tmp_path, {"hatch": {"__init__.py": '"""A hatch."""', "router.py": HATCH}}) as package:
        yield package


@pytest.mark.parametrize("origins", [(), ("https://other.example",)])
async def test_pages_of_every_site_read_what_a_route_lets_them(hatch: str, origins: tuple[str, ...]) -> None:
    app = make_app(packages=(hatch,), cors_origins=origins)
    async with running(app), client_of(app, key=None) as client:
        client.headers["Origin"] = ORIGIN
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "X-Hatch"}
        preflight = await client.options("/api/v2/hatch", headers=asked)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-methods"] == "GET, POST, OPTIONS"
        for answer in (preflight, await client.get("/api/v2/hatch"), await client.put("/api/v2/hatch")):
            assert answer.headers.get_list("access-control-allow-origin") == ["*"]
            assert answer.headers["access-control-allow-headers"] == "X-Hatch"
        assert "access-control-allow-origin" not in (await client.get("/api/v2/nothing")).headers


async def test_an_origin_that_the_settings_name_is_told_once(hatch: str) -> None:
    async with running(make_app(packages=(hatch,), cors_origins=(ORIGIN,))) as app, client_of(app, key=None) as client:
        answer = await client.get("/api/v2/hatch", headers={"Origin": ORIGIN})
    assert answer.headers.get_list("access-control-allow-origin") == ["*"]


async def test_a_protocol_may_carry_keys_in_its_own_way(hatch: str) -> None:
    lines: list[bytes] = []
    async with running(make_app(packages=(hatch,), log=lines)) as app, client_of(app, key=None) as client:
        key = grant_key(app, "hatch:pass")
        assert (await client.get("/api/v2/hatch", headers={"X-Hatch": key})).text == "hatch:pass"
        for wrong in ("", "x", key[:-1], key[::-1]):
            assert (await client.get("/api/v2/hatch", headers={"X-Hatch": wrong})).text == "nobody"
    told = b'"key_id":"%b"' % key.split("_")[1].encode()
    assert [told in line for line in lines if b"/api/v2/hatch" in line] == [True, False, False, False, False]


async def test_the_common_contract_does_not_hold_for_the_protocols_of_others(hatch: str) -> None:
    async with running(make_app(packages=(hatch,))) as app, client_of(app, key=None) as client:
        again = {"Idempotency-Key": "", "X-Hatch": "x"}
        assert (await client.post("/api/v2/hatch?x=%00", headers=again)).text == "nobody"
        operation = app.openapi()["paths"]["/api/v2/hatch"]["post"]
        assert "409" not in operation["responses"]
