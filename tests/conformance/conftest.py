"""The app that the suite asks, once for each storage engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

pytest.register_assert_rewrite("tests.conformance.subject", "tests.conformance.problems", "tests.conformance.bodies")

from tests.conformance.subject import ENGINES, Api, api_of  # noqa: E402 (asserts in it are rewritten first)


@pytest.fixture(params=ENGINES, scope="module")
def engine(request: pytest.FixtureRequest) -> str:
    """The storage engine that the test runs on."""
    return str(request.param)


@pytest.fixture
def storage_url(engine: str, tmp_path: Path) -> str:
    """SLICE_STORAGE_URL of an empty storage."""
    return ENGINES[engine](tmp_path)


@pytest.fixture
async def api(storage_url: str) -> AsyncIterator[Api]:
    """A running app with every slice, on its own empty storage."""
    async with api_of(storage_url=storage_url) as api:
        yield api


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_api(engine: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """One app for a whole module, where it does not matter what other tests have left in it."""
    async with api_of(storage_url=ENGINES[engine](tmp_path_factory.mktemp(engine))) as api:
        yield api
