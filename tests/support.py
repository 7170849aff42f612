"""What tests need to speak to an app: a clock that stands still, a client with any scopes, made-up slices."""

import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from slice_api.chassis import Principal, Tx
from slice_api.chassis.assembly import Chassis
from slice_api.chassis.authentication import KeyProvider
from slice_api.chassis.credentials import hash_key, make_key
from slice_api.main import create_app
from slice_api.settings import Settings

ADMIN_KEY = "an-admin-key-for-tests"
BASE_URL = "http://slice.test"
SLICES = Path(__file__).parent.parent / "slice_api" / "slices"


def has_slice(name: str) -> bool:
    """Whether the slice's folder is there: its tests go when it goes."""
    return (SLICES / name / "__init__.py").exists()


def needs(*names: str) -> pytest.MarkDecorator:
    """Marks a test that is of these slices too: it goes when one of them does."""
    gone = [name for name in names if not has_slice(name)]
    return pytest.mark.skipif(bool(gone), reason=f"the folders {', '.join(gone)} were removed")


class FrozenClock:
    """A clock that moves only when told to."""

    def __init__(self, now: datetime = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **amount: float) -> None:
        """Move on, by `seconds=…`, `hours=…` and the like."""
        self.now += timedelta(**amount)


def make_settings(**values: Any) -> Settings:
    """Settings for tests: an admin key, no rate limit, nothing from the machine's environment."""
    given = {"admin_key": ADMIN_KEY, "rate_limit": "off", **values}
    return Settings(_env_file=None, **given)


def make_app(
    *,
    clock: FrozenClock | None = None,
    log: list[bytes] | None = None,
    packages: Sequence[str] = ("slice_api.slices",),
    **settings: Any,
) -> FastAPI:
    """An app that writes its log lines into `log`."""
    lines = [] if log is None else log
    return create_app(
        make_settings(**settings), packages=packages, clock=clock or FrozenClock(), write_log=lines.append
    )


def chassis_of(app: FastAPI) -> Chassis:
    chassis: Chassis = app.state.chassis
    return chassis


async def settle(app: FastAPI) -> None:
    """Do all that is to be done now: what is buffered is written, jobs that are due run, and events are told."""
    chassis = chassis_of(app)
    await chassis.settle()
    await chassis.jobs.run_due()
    await chassis.settle()


class KeysForTests:
    """Knows keys with any scopes besides those that the app's own provider knows, whichever that is."""

    def __init__(self, own: KeyProvider) -> None:
        self._own = own
        self._callers: dict[str, Principal] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def grant(self, *scopes: str) -> str:
        """A key with just these scopes."""
        made = make_key()
        self._callers[hash_key(made.text)] = Principal(key_id=made.id, name="for a test", scopes=scopes)
        return made.text

    def identify(self, tx: Tx, key_hash: str) -> Principal | None:
        return self._callers.get(key_hash) or self._own.identify(tx, key_hash)

    def recall(self, tx: Tx, key_id: str) -> Principal | None:
        known = {caller.key_id: caller for caller in self._callers.values()}
        return known.get(key_id) or self._own.recall(tx, key_id)


def grant_key(app: FastAPI, *scopes: str) -> str:
    """A key of this app with just these scopes, made without the keys slice."""
    chassis = chassis_of(app)
    if not isinstance(chassis.keys, KeysForTests):
        chassis.keys = KeysForTests(chassis.keys)
    assert isinstance(chassis.keys, KeysForTests)
    return chassis.keys.grant(*scopes)


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[FastAPI]:
    """The app between its start and its stop."""
    async with app.router.lifespan_context(app):
        yield app


def client_of(app: FastAPI, key: str | None = ADMIN_KEY, **options: Any) -> httpx.AsyncClient:
    """A client of an app, in process; None as key for a stranger."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL, headers=headers, **options)


@contextmanager
def slices_package(root: Path, folders: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """A package of made-up slices: folder name to file name to text; gives the package's name, and cleans up."""
    name = f"made_up_{uuid4().hex}"
    package = root / name
    package.mkdir()
    (package / "__init__.py").write_text("")
    for folder, files in folders.items():
        (package / folder).mkdir()
        for file, text in files.items():
            (package / folder / file).write_text(text)
    sys.path.insert(0, str(root))
    try:
        yield name
    finally:
        sys.path.remove(str(root))
        for module in [each for each in sys.modules if each.split(".")[0] == name]:
            del sys.modules[module]
