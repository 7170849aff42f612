"""Fixtures for every test: one app with a frozen clock, and clients of it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.support import FrozenClock, chassis_of, client_of, grant_key, has_slice, make_app, running

_ROOT = Path(__file__).parent.parent

ClientWith = Callable[..., httpx.AsyncClient]
Settle = Callable[[], Awaitable[None]]


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """The tests of a slice go with its folder."""
    folder = collection_path if collection_path.is_dir() else collection_path.parent
    if folder.parent != _ROOT / "tests" / "slices":
        return None
    return None if has_slice(folder.name) else True


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def log_lines() -> list[bytes]:
    """The log lines of `app`, as they were written."""
    return []


@pytest.fixture
async def app(clock: FrozenClock, log_lines: list[bytes]) -> AsyncIterator[FastAPI]:
    """A running app with every slice."""
    async with running(make_app(clock=clock, log=log_lines)) as app:
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the admin key."""
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def anonymous(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key."""
    async with client_of(app, key=None) as client:
        yield client


@pytest.fixture
def settle(app: FastAPI) -> Settle:
    """Writes what is buffered and tells what has happened."""
    return chassis_of(app).settle


@pytest.fixture
def client_with(app: FastAPI) -> ClientWith:
    """Makes a client whose key has just the scopes given."""

    def make(*scopes: str, **options: Any) -> httpx.AsyncClient:
        return client_of(app, key=grant_key(app, *scopes), **options)

    return make
