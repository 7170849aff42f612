"""What a request costs with one slice and with 1,000: the same, or a new folder would slow down all the others."""

import gc
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeVar

from fastapi import FastAPI
from starlette.types import ASGIApp

from slice_api.main import create_app
from slice_api.serving import serve
from tests.load.benched import ENVIRONMENT, KEY_HEADERS, benched_app
from tests.load.measure import Ask, compare
from tests.load.results import Result, ratio
from tests.load.served import Served, compare_served, on_core, served_ratio, started
from tests.support import slices_package

A = TypeVar("A")

SLICES: Final = 1_000
ROUTES: Final = 4
TARGETS: Final = {"hit": 1.05, "404": 1.10, "405": 1.10}
SERVED_TARGET: Final = 1.10
"""No difference: what one server takes more than another of the same kind, by where its memory happens to lie."""

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


def _asks(whom: A, count: int) -> dict[str, tuple[A, Ask]]:
    """A hit, a miss and a wrong method on the last slice."""
    path = f"/api/made{count - 1:04}/part2/x"
    return {
        f"hit, {count:,}": (whom, Ask("GET", path, KEY_HEADERS)),
        f"404, {count:,}": (whom, Ask("GET", "/api/nothing/here", KEY_HEADERS, 404)),
        f"405, {count:,}": (whom, Ask("PUT", path, KEY_HEADERS, 405)),
    }


async def _in_process() -> Sequence[Result]:
    async with AsyncExitStack() as stack:
        one, many = await _app(stack, 1), await _app(stack, SLICES)
        asks: dict[str, tuple[ASGIApp, Ask]] = {**_asks(one, 1), **_asks(many, SLICES)}
        taken = await compare(asks)
    rows = []
    for kind, target in TARGETS.items():
        title, over, under = _compared(kind)
        rows.append(ratio(title, taken, over, under, target))
    return rows


def _compared(kind: str) -> tuple[str, str, str]:
    """The title of a row, and what it compares."""
    return f"{kind} with {SLICES:,} slices against 1", f"{kind}, {SLICES:,}", f"{kind}, 1"


def _server(stack: ExitStack, count: int) -> Served:
    folder = Path(stack.enter_context(TemporaryDirectory()))
    with on_core(0):
        return stack.enter_context(started(("-m", __name__, str(count)), folder, **ENVIRONMENT))


async def _served() -> Sequence[Result]:
    with ExitStack() as stack:
        one, many = _server(stack, 1), _server(stack, SLICES)
        stack.enter_context(on_core(-1))
        shots = await compare_served({**_asks(one, 1), **_asks(many, SLICES)})
    rows = []
    for kind in TARGETS:
        title, over, under = _compared(kind)
        rows.append(served_ratio(title, shots, over, under, SERVED_TARGET))
    return rows


async def run() -> Sequence[Result]:
    """Compare an app with one slice and one with many."""
    return [*await _in_process(), *await _served()]


def main(count: int) -> None:
    """Serve so many slices as the product's are served, until the process is ended."""
    with TemporaryDirectory() as folder, slices_package(Path(folder), synthetic_slices(count)) as package:
        serve(partial(create_app, packages=(package,)), host="127.0.0.1", port=0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
