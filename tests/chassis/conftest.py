"""The chassis is tested with slices of its own, so that no slice of the product is needed."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from tests.chassis.examples import EXAMPLES
from tests.support import FrozenClock, make_app, running


@pytest.fixture
async def app(clock: FrozenClock, log_lines: list[bytes]) -> AsyncIterator[FastAPI]:
    """A running app with the example slices."""
    async with running(make_app(clock=clock, log=log_lines, packages=EXAMPLES)) as app:
        yield app
