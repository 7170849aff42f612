"""What a request costs with one slice and with 1,000: the same, or a new folder would slow down all the others."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from fastapi import FastAPI
from starlette.types import ASGIApp

from tests.load.benched import KEY_HEADERS, benched_app
from tests.load.measure import Ask, compare
from tests.load.results import Result, ratio
from tests.support import slices_package

SLICES: Final = 1_000
ROUTES: Final = 4
TARGETS: Final = {"hit": 1.05, "404": 1.10, "405": 1.10}

_ROUTER = '''
"""Routes."""

from fastapi import APIRouter

from slice_api.chassis import Schema

router = APIRouter()


class Thing(Schema):
    """A thing."""

    id: str


'''
_ROUTE = '''
@router.get("/part{number}/{{id}}")
async def read_part{number}(id: str) -> Thing:
    """Read a part."""
    return Thing(id=id)
'''


def synthetic_slices(count: int) -> Mapping[str, Mapping[str, str]]:
    """Folders of slices with some routes each."""
    router = _ROUTER + "".join(_ROUTE.format(number=number) for number in range(ROUTES))
    return {f"made{at:04}": {"__init__.py": '"""Made up."""\n', "router.py": router} for at in range(count)}


@contextmanager
def no_garbage_collected() -> Iterator[None]:
    """While much is made that stays: looking through it again and again would take a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def _app(stack: AsyncExitStack, count: int) -> FastAPI:
    root = Path(stack.enter_context(TemporaryDirectory()))
    package = stack.enter_context(slices_package(root, synthetic_slices(count)))
    with no_garbage_collected():
        return await stack.enter_async_context(benched_app(packages=(package,)))


def _calls(app: FastAPI, count: int) -> dict[str, tuple[ASGIApp, Ask]]:
    """A hit, a miss and a wrong method on the last slice."""
    path = f"/api/made{count - 1:04}/part2/x"
    return {
        f"hit, {count:,}": (app, Ask("GET", path, KEY_HEADERS)),
        f"404, {count:,}": (app, Ask("GET", "/api/nothing/here", KEY_HEADERS, 404)),
        f"405, {count:,}": (app, Ask("PUT", path, KEY_HEADERS, 405)),
    }


async def run() -> Sequence[Result]:
    """Compare an app with one slice and one with many."""
    async with AsyncExitStack() as stack:
        one, many = await _app(stack, 1), await _app(stack, SLICES)
        taken = await compare(_calls(one, 1) | _calls(many, SLICES))
    return [
        ratio(f"{kind} with {SLICES:,} slices against 1", taken, f"{kind}, {SLICES:,}", f"{kind}, 1", target)
        for kind, target in TARGETS.items()
    ]
