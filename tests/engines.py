"""The storage engines that every storage test runs on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Concatenate, ParamSpec, TypeVar

from slice_api.chassis import Tx
from slice_api.chassis.assembly import OWN_STORES
from slice_api.chassis.clock import Clock
from slice_api.chassis.storage.database import Database, Storage
from slice_api.chassis.storage.engines import make_storage
from slice_api.chassis.storage.memory import MemoryStorage
from slice_api.chassis.storage.stores import Store
from slice_api.chassis.storage.tx import Origin
from tests.postgres import shared_postgres
from tests.support import FrozenClock, chassis_of, make_app

P = ParamSpec("P")
R = TypeVar("R")

EngineFactory = Callable[[Clock], AbstractAsyncContextManager[Storage]]
"""Gives an empty storage that is not yet open, and clears it away afterwards."""


@asynccontextmanager
async def _memory(clock: Clock) -> AsyncIterator[Storage]:
    yield MemoryStorage(clock)


@asynccontextmanager
async def _sqlite(clock: Clock) -> AsyncIterator[Storage]:
    with TemporaryDirectory() as folder:
        yield make_storage(f"sqlite:///{folder}/data.db", clock)


@asynccontextmanager
async def _postgres(clock: Clock) -> AsyncIterator[Storage]:
    server = shared_postgres()
    url = server.create_database()
    try:
        yield make_storage(url, clock)
    finally:
        server.drop_database(url)


ENGINES: Mapping[str, EngineFactory] = {"memory": _memory, "sqlite": _sqlite, "postgresql": _postgres}


STORAGE_URLS: Mapping[str, Callable[[Path], str]] = {
    "memory": lambda folder: "",
    "sqlite": lambda folder: f"sqlite:///{folder}/data.db",
    "postgresql": lambda folder: shared_postgres().create_database(),
}
"""SLICE_STORAGE_URL of an empty storage on each engine, given an empty folder."""


def _made_with_tables(url: str) -> str:
    """An empty storage, given the tables of every slice."""
    slices = chassis_of(make_app()).slices
    stores = (*OWN_STORES, *(store for each in slices for store in each.stores))

    async def make_tables() -> None:
        storage = make_storage(url, FrozenClock())
        await storage.open(stores)
        await storage.close()

    with ThreadPoolExecutor(1) as thread:  # the test's own loop may be running
        thread.submit(asyncio.run, make_tables()).result()
    return url


@cache
def _postgres_with_tables() -> str:
    """The name of a database that has tables, and nothing in them."""
    return _made_with_tables(shared_postgres().create_database()).rpartition("/")[2]


@cache
def _sqlite_with_tables() -> bytes:
    """The content of a file that has tables, and nothing in them."""
    with TemporaryDirectory() as folder:
        _made_with_tables(f"sqlite:///{folder}/data.db")
        return (Path(folder) / "data.db").read_bytes()


def url_of_empty(engine: str, folder: Path) -> str:
    """SLICE_STORAGE_URL of an empty storage, with the tables of every slice where it has tables: they take longest."""
    if engine == "postgresql":
        return shared_postgres().create_database(_postgres_with_tables())
    if engine == "sqlite":
        (folder / "data.db").write_bytes(_sqlite_with_tables())
    return STORAGE_URLS[engine](folder)


class OpenStorage:
    """An engine with some stores on it, driven from tests that are not coroutines."""

    def __init__(self, engine: str, stores: Sequence[Store], clock: Clock) -> None:
        self._runner = asyncio.Runner()
        self._context = ENGINES[engine](clock)
        self.storage = self.run(self._context.__aenter__())
        self.run(self.storage.open(stores))
        self.db = self.run(_database(self.storage))

    def run(self, awaitable: Any) -> Any:
        return self._runner.run(awaitable)

    def transact(self, fn: Callable[Concatenate[Tx, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """One transaction without an asker."""
        result: R = self.run(self.db.transact(fn, *args, **kwargs))
        return result

    def transact_as(self, origin: Origin, fn: Callable[[Tx], R]) -> R:
        """One transaction on behalf of a request."""
        result: R = self.run(self.db.on_behalf_of(origin).transact(fn))
        return result

    def close(self) -> None:
        self.run(self.storage.close())
        self.run(self._context.__aexit__(None, None, None))
        self._runner.close()


async def _database(storage: Storage) -> Database:
    return Database(storage, lambda _: None)
