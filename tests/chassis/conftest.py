"""The chassis is tested with slices of its own, so that no slice of the product is needed."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from tests.chassis.examples import EXAMPLES
from tests.postgres import shared_postgres
from tests.support import FrozenClock, make_app, running


@pytest.fixture
async def app(clock: FrozenClock, log_lines: list[bytes]) -> AsyncIterator[FastAPI]:
    """A running app with the example slices."""
    async with running(make_app(clock=clock, log=log_lines, packages=EXAMPLES)) as app:
        yield app


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
