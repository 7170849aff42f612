"""What a request costs with one slice and with 500: the same, or a new folder would slow down all the others."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from fastapi import FastAPI

from tests.load.measure import Request, compare, ratio_line, report
from tests.support import ADMIN_KEY, make_app, running, slices_package

SLICES = 500
ROUTES = 8
TARGET = 1.2

_HEADERS = {"authorization": f"Bearer {ADMIN_KEY}"}

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
    """Folders of slices with eight routes each."""
    router = _ROUTER + "".join(_ROUTE.format(number=number) for number in range(ROUTES))
    return {f"made{at:03}": {"__init__.py": '"""Made up."""\n', "router.py": router} for at in range(count)}


async def _app(stack: AsyncExitStack, count: int) -> FastAPI:
    root = Path(stack.enter_context(TemporaryDirectory()))
    package = stack.enter_context(slices_package(root, synthetic_slices(count)))
    return await stack.enter_async_context(running(make_app(packages=(package,))))


async def run() -> Sequence[bool]:
    """Compare a hit, a miss and a wrong method on the last slice of each app."""
    async with AsyncExitStack() as stack:
        one, many = await _app(stack, 1), await _app(stack, SLICES)
        last = f"/api/made{SLICES - 1:03}/part2/x"
        requests = {
            "hit, 1": Request(one, "GET", "/api/made000/part2/x", _HEADERS),
            f"hit, {SLICES}": Request(many, "GET", last, _HEADERS),
            "404, 1": Request(one, "GET", "/api/nothing/here", _HEADERS, 404),
            f"404, {SLICES}": Request(many, "GET", "/api/nothing/here", _HEADERS, 404),
            "405, 1": Request(one, "PUT", "/api/made000/part2/x", _HEADERS, 405),
            f"405, {SLICES}": Request(many, "PUT", last, _HEADERS, 405),
        }
        figures = await compare(requests)
    return report(
        ratio_line(f"{kind} with {SLICES} slices against 1", figures, f"{kind}, {SLICES}", f"{kind}, 1", TARGET)
        for kind in ("hit", "404", "405")
    )
