"""The app that the suite asks, once for each storage engine."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.engines import STORAGE_URLS

pytest.register_assert_rewrite("tests.conformance.subject", "tests.conformance.problems", "tests.conformance.bodies")

from tests.conformance.subject import Api, api_of  # noqa: E402 (asserts in it are rewritten first)


@pytest.fixture(params=STORAGE_URLS, scope="module")
def engine(request: pytest.FixtureRequest) -> str:
    """The storage engine that the test runs on."""
    return str(request.param)


@pytest.fixture
async def api(storage_url: str) -> AsyncIterator[Api]:
    """A running app with every slice, on its own empty storage."""
    async with api_of(storage_url=storage_url) as api:
        yield api


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_api(engine: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """One app for a whole module, where it does not matter what other tests have left in it."""
    async with api_of(storage_url=STORAGE_URLS[engine](tmp_path_factory.mktemp(engine))) as api:
        yield api
