"""Fixtures for every test: one app with a frozen clock, clients of it, and what happened in it.

A test of a slice asks for what it needs by name: `client` or `client_with(…)` to send requests, `transact` to call
handlers without any, `clock` to let time pass, `settle` to have done what is done a moment later, `assert_events` to
say what was told. All of them speak of the same app. `@on_every_engine` runs a test once on each storage engine.
"""

import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import settings

from slice_api.chassis import EVENTS, Tx
from tests.engines import STORAGE_URLS, url_of_empty
from tests.once import find_once
from tests.postgres import shared_postgres
from tests.support import FrozenClock, chassis_of, client_of, grant_key, has_slice, make_app, running
from tests.support import settle as settle_app
from tests.told import Told, difference

_ROOT = Path(__file__).parent.parent
_LONGEST = (
    "tests/browser",  # one after another, for they share a browser
    "tests/test_readme.py",
    "tests/chassis/test_workers.py",
    "tests/chassis/test_engine_away.py",
    "tests/chassis/test_crashes.py",
    "tests/conformance/test_generated.py",
    "tests/scaffold/test_made.py",
    "tests/conformance/test_requests.py",
    "tests/chassis/test_storage_commands.py",
    "tests/chassis/test_storage_machine.py",
    "tests/conformance/test_lists.py",
    "tests/conformance/test_made_up.py",
    "tests/chassis/test_schema_changes.py",
    "tests/chassis/test_report.py",
    "tests/chassis/test_connections.py",
    "tests/conformance/test_objects.py",
)
"""The files that take longest, the longest first."""

ClientWith = Callable[..., httpx.AsyncClient]
Settle = Callable[[], Awaitable[None]]
P = ParamSpec("P")
R = TypeVar("R")

on_every_engine = pytest.mark.parametrize("engine", STORAGE_URLS)
"""Runs a test with `app` on memory, SQLite and PostgreSQL."""


class Transact(Protocol):
    """Runs `handler(tx, …)` as one transaction and gives what it gives."""

    async def __call__(self, handler: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...


class AssertEvents(Protocol):
    """Says which events have been told; see the fixture `assert_events`."""

    async def __call__(self, *expected: Told) -> None: ...


def pytest_configure() -> None:
    """No example has a deadline, for a busy machine takes its time; and garbage is looked for less often.

    Making an app makes much of that, and nearly all of the rest stays to the end.
    """
    settings.register_profile("unhurried", settings(deadline=None))
    settings.load_profile("unhurried")
    gc.set_threshold(50_000, 20, 50)
    find_once()


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """One process more than there are processors: some tests wait for what takes its time."""
    return (yield) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first, so that no process is left with one of them at the end."""
    items.sort(key=lambda item: _place(item.path.relative_to(_ROOT)))


@cache
def _place(file: Path) -> int:
    """Where in the order a file comes; all that are not among the longest come last, in the order they were found."""
    return next((at for at, each in enumerate(_LONGEST) if file.is_relative_to(each)), len(_LONGEST))


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end."""
    gc.collect()
    gc.freeze()


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """The tests of a slice go with its folder."""
    folder = collection_path if collection_path.is_dir() else collection_path.parent
    if folder.parent != _ROOT / "tests" / "slices":
        return None
    return None if has_slice(folder.name) else True


@pytest.fixture
def clock() -> FrozenClock:
    """The app's clock: it stands still until `clock.advance(hours=1)`."""
    return FrozenClock()


@pytest.fixture
def engine() -> str:
    """The storage engine; `@on_every_engine` names others."""
    return "memory"


@pytest.fixture
def storage_url(engine: str, tmp_path: Path) -> str:
    """SLICE_STORAGE_URL of an empty storage."""
    return url_of_empty(engine, tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database that processes may share."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/data.db"
        return
    server = shared_postgres()
    address = server.create_database()
    yield address
    server.drop_database(address)


@pytest.fixture
def log_lines() -> list[bytes]:
    """The log lines of `app`, as they were written."""
    return []


@pytest.fixture
async def app(clock: FrozenClock, log_lines: list[bytes], storage_url: str) -> AsyncIterator[FastAPI]:
    """A running app with every slice."""
    async with running(make_app(clock=clock, log=log_lines, storage_url=storage_url)) as app:
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
    """Does all that is to be done now: buffers are written, jobs that are due run, reactions are told of events."""
    return partial(settle_app, app)


@pytest.fixture
def transact(app: FastAPI) -> Transact:
    """Calls a handler without a request: `note = await transact(create_note, NewNote(title="Groceries"))`."""

    async def call(handler: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await chassis_of(app).db.transact(handler, *args, **kwargs)

    return call


@pytest.fixture
async def assert_events(app: FastAPI, transact: Transact) -> AssertEvents:
    """Asserts that just these events were told, in this order, since the test began or since it was last asked.

    `await assert_events(told("notes.created", note.id, note={"title": "Groceries"}))` compares topic, subject and the
    fields given; `await assert_events()` says that nothing was told.
    """
    _, position = await transact(Tx.ends, EVENTS)

    async def check(*expected: Told) -> None:
        nonlocal position
        entries = await transact(Tx.read, EVENTS, position, limit=10_000)
        position = entries[-1][0] if entries else position
        differences = difference(expected, [record for _, record in entries])
        if differences:
            raise AssertionError(differences)  # an `assert` would show the text twice

    return check


@pytest.fixture
def client_with(app: FastAPI) -> ClientWith:
    """Makes a client whose key has just the scopes given."""

    def make(*scopes: str, **options: Any) -> httpx.AsyncClient:
        return client_of(app, key=grant_key(app, *scopes), **options)

    return make
