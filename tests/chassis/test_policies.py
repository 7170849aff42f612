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
