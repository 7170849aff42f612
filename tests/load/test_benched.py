"""What is measured is the app that people run: nothing is switched off for it."""

from collections.abc import Mapping

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from slice_api.main import create_app
from slice_api.settings import PREFIX, Settings, variables_of
from tests.load.benched import ENVIRONMENT, RATE, benched_app, benched_settings
from tests.support import chassis_of

DIFFERENT = {"admin_key", "rate_limit"}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of this machine."""
    for name in variables_of(Settings, PREFIX):
        monkeypatch.delenv(name, raising=False)


def _routes(app: FastAPI) -> list[tuple[str, list[str]]]:
    return [(each.path_format or "", sorted(each.methods or ())) for each in iter_route_contexts(app.routes)]


def _around(app: FastAPI) -> list[object]:
    """The layers around the app."""
    return [each.cls for each in app.user_middleware]


def _values(settings: Settings) -> Mapping[str, object]:
    return {name: value for name, value in settings.model_dump().items() if name not in DIFFERENT}


async def test_the_benched_app_is_the_default_app() -> None:
    default = create_app(Settings(_env_file=None))
    async with benched_app() as benched:
        assert _routes(benched) == _routes(default)
        assert _around(benched) == _around(default)
        assert [each.name for each in chassis_of(benched).slices] == [each.name for each in chassis_of(default).slices]


async def test_its_settings_are_the_default_ones_but_for_the_key_and_the_number_of_requests() -> None:
    default = Settings(_env_file=None)
    async with benched_app() as benched:
        settings = chassis_of(benched).settings
    assert _values(settings) == _values(default)
    assert settings.rate_limit == RATE
    assert default.rate_limit != "off"


def test_the_served_app_has_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert Settings(_env_file=None) == benched_settings()
