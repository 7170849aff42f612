"""The app that the suite asks, once for each storage engine."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from tests.engines import STORAGE_URLS, url_of_empty

pytest.register_assert_rewrite("tests.conformance.subject", "tests.conformance.problems", "tests.conformance.bodies")

from tests.conformance.subject import Api, Route, api_of  # noqa: E402 (asserts in it are rewritten first)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what would say the same on another engine; see `for_routes`."""
    seen: set[tuple[str, ...]] = set()
    left_out = [item for item in items if isinstance(item, pytest.Function) and _is_said_already(item, seen)]
    if left_out:
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]
        config.hook.pytest_deselected(items=left_out)


def _is_said_already(item: pytest.Function, seen: set[tuple[str, ...]]) -> bool:
    """Whether a test of what is decided early has a route of its slice already, on an engine that is not the first."""
    given: dict[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
    route, is_first = given.get("route"), given.get("engine") == next(iter(STORAGE_URLS))
    # Where no route fits a test at all, pytest gives it none.
    if is_first or not isinstance(route, Route) or not getattr(item.function, "is_decided_early", False):
        return False
    case = (item.function.__name__, str(given["engine"]), route.target.slice_name)
    is_known = case in seen
    seen.add(case)
    return is_known


@pytest.fixture(params=STORAGE_URLS, scope="module")
def engine(request: pytest.FixtureRequest) -> str:
    """The storage engine that the test runs on."""
    return str(request.param)


class Apis:
    """An app for each test function, shared by all that the function is run over: the routes, or the slices."""

    def __init__(self, engine: str, folders: pytest.TempPathFactory) -> None:
        self._engine, self._folders, self._open = engine, folders, AsyncExitStack()
        self._function: Callable[..., Any] | None = None
        self._api: Api | None = None

    async def of(self, function: Callable[..., Any]) -> Api:
        """The one that this function has begun with, or a new one on an empty storage."""
        if self._api is None or function is not self._function:
            await self.close()
            url = url_of_empty(self._engine, self._folders.mktemp(self._engine))
            self._function, self._api = function, await self._open.enter_async_context(api_of(storage_url=url))
        return self._api

    async def close(self) -> None:
        self._api = None
        await self._open.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def apis(engine: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Apis]:
    """Each app of a module in turn."""
    apis = Apis(engine, tmp_path_factory)
    yield apis
    await apis.close()


@pytest_asyncio.fixture(loop_scope="module")
async def api(apis: Apis, request: pytest.FixtureRequest) -> Api:
    """A running app with every slice, in which this test function alone has left something."""
    return await apis.of(request.function)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_api(engine: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """One app for a whole module, where it does not matter what other tests have left in it."""
    async with api_of(storage_url=url_of_empty(engine, tmp_path_factory.mktemp(engine))) as api:
        yield api
