"""Dispatch: what plain FastAPI would answer, at a cost that does not grow with the number of slices."""

import asyncio
import gc
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import NoMatchFound

from tests.chassis.examples import problem
from tests.chassis.path_slices.nests.router import depth as nested_depth
from tests.chassis.path_slices.shapes.router import depth
from tests.support import chassis_of, client_of, make_app, running, slices_package

PATHS = ("tests.chassis.path_slices",)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE")
TARGETS = (
    "/",
    "/api",
    "/api/",
    "/api/shapes",
    "/api/shapes/",
    "/api/shapes?limit=3&tag=red",
    "/api/shapes?limit=0",
    "/api/shapes?size=1",
    "/api/shapes?size=x",
    "/api/shapes/export",
    "/api/shapes/export/",
    "/api/shapes/by-number/7",
    "/api/shapes/by-number/seven",
    "/api/shapes/by-number/-7",
    "/api/shapes/by-number/",
    "/api/shapes/files/",
    "/api/shapes/files/a",
    "/api/shapes/files/a/b/../c.txt",
    "/api/shapes/float/1.5",
    "/api/shapes/float/x",
    "/api/shapes/square",
    "/api/shapes/Square",
    "/api/shapes/%C3%A9",
    "/api/shapes/a%20b",
    "/api/shapes/a%2Fb",
    "/api/shapes/square/",
    "/api/shapes/square/sides/4",
    "/api/shapes/square/sides/four",
    "/api/shapes/square/any",
    "/api/shapes/square.svg",
    "/api/shapes/square/nothing",
    "/api/shapesquare",
    "/api/nothing",
    "/api/gallery",
    *(f"/api/calls/{name}/word" for name in ("plain", "unused", "refused", "after", "query", "lent", "made", "fresh")),
    *(f"/api/calls/{name}/7" for name in ("number", "guarded", "json", "plain")),
    "/api/calls/nested/a%20b/c?d=e",
    "/api/calls/number/seven",
    "/api/calls/query/word?times=x",
    *(f"/api/calls/{name}/word" for name in ("model", "sparse", "brief", "larger", "loose", "many", "either", "gone")),
    *(f"/api/calls/{name}" for name in ("either/other", "often/word", "often/word?times=3", "often/word?times=x")),
    "/api/calls/often/word?other=7",
    "/api/calls/told/word",
    "/api/nests/outer/more/inner/word",
    "/api/nests/outer/more/inner/word?word=other",
    "/api/nests/outer/word/depth",
    "/api/nests/inner/word",
    "/api/mounts/own/word",
    "/api/mounts/plain/word",
    "/walls",
    "/walls/",
    "/walls/east",
    "/walls/east/",
    "/walls/east/paint",
    "/mona-lisa",
    "/mona-lisa/",
    "//mona-lisa",
    "//api/shapes",
    "/a/b/c",
)
ALONE = ("/api/shapes/export",)
"""Paths that FastAPI takes for an object of that name where they lack a method."""


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """The paths under our dispatch; nothing of them needs a start."""
    return make_app(packages=PATHS)


@pytest.fixture(scope="module")
def plain(app: FastAPI) -> FastAPI:
    """The same routers in an app that is FastAPI's alone."""
    plain = FastAPI(redirect_slashes=False, openapi_url=None)
    for each in chassis_of(app).slices:
        if each.router:
            plain.include_router(each.router, prefix=f"/api/{each.name}", tags=[each.name])
        if each.root_router:
            plain.include_router(each.root_router, tags=[each.name])
    return plain


@pytest.fixture
async def ours(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, key=None) as client:
        yield client


@pytest.fixture
async def theirs(plain: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(plain, key=None) as client:
        yield client


def _headers_that_stay(expected: httpx.Response) -> dict[str, str]:
    """The headers that stay; FastAPI gives a type even to nothing."""
    left_out = "content-type" if expected.status_code == 204 else ""
    return {name: value for name, value in expected.headers.items() if name != left_out}


@pytest.mark.parametrize("target", TARGETS)
async def test_answers_are_those_of_plain_fastapi(
    ours: httpx.AsyncClient, theirs: httpx.AsyncClient, target: str
) -> None:
    for method in METHODS if target not in ALONE else ("GET",):
        answer, expected = await ours.request(method, target), await theirs.request(method, target)
        assert (method, answer.status_code) == (method, expected.status_code)
        if expected.status_code < 400:
            assert answer.content == expected.content
            assert _headers_that_stay(expected).items() <= answer.headers.items()
        else:
            assert answer.headers["content-type"] == "application/problem+json"
        # FastAPI names the methods of the first path that fits alone; ours are all that work.
        named = set(expected.headers.get("allow", "").split(", ")) - {""}
        assert named <= set(answer.headers.get("allow", "").split(", "))


BODIES = (
    b'{"name": "wheel"}',
    b' {"name": "  wheel ", "size": 2, "tags": ["a", "b"], "at": "2026-01-31T10:00:00+01:00"}\n',
    b'{"name": "wheel", "name": "axle", "size": 1e0}',
    b'{"name": "\\u00e9\\ud83d\\ude00", "size": -9223372036854775808}',
    b'{"name": "wheel", "size": "7"}',
    b'{"name": "wheel", "size": true}',
    b'{"name": "wheel", "size": 1.5}',
    b'{"name": "wheel", "other": 1}',
    b'{"name": ""}',
    b"[]",
    b"null",
    b'"wheel"',
    b"{}",
)


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("target", ["/api/calls/take/word", "/api/calls/take/word?size=3", "/api/calls/partly/word"])
async def test_bodies_are_read_and_refused_as_plain_fastapi_does(
    ours: httpx.AsyncClient, theirs: httpx.AsyncClient, target: str, body: bytes
) -> None:
    sent: Any = {"content": body, "headers": {"content-type": "application/json"}}
    answer, expected = await ours.post(target, **sent), await theirs.post(target, **sent)
    assert answer.status_code == expected.status_code
    if expected.status_code < 400:
        assert answer.content == expected.content
        assert expected.headers.items() <= answer.headers.items()
        return
    places = [["#", *map(str, each["loc"][1:])] for each in expected.json()["detail"]]
    assert sorted(fault["pointer"] for fault in answer.json()["errors"]) == sorted(map("/".join, places))


async def test_a_static_path_wins_over_a_pattern_that_was_declared_before(ours: httpx.AsyncClient) -> None:
    assert (await ours.get("/walls/north")).json() == {"wall": "the north one"}


async def test_what_takes_slashes_in_gives_way_to_the_paths_below_it(ours: httpx.AsyncClient) -> None:
    assert (await ours.post("/api/shapes/files/a/b/lines")).json() == {"lines": "a/b"}
    refused = await ours.get("/api/shapes/files/a/b/lines")
    problem(refused, 405, "method-not-allowed")
    assert refused.headers["allow"] == "OPTIONS, POST"
    assert (await ours.get("/api/shapes/files/a/b/lines/c")).json() == {"path": "a/b/lines/c"}


@pytest.mark.parametrize("target", [each for each in TARGETS if "limit=0" not in each])
async def test_head_is_answered_wherever_get_is_with_the_same_head(ours: httpx.AsyncClient, target: str) -> None:
    got, head = await ours.get(target), await ours.head(target)
    assert (head.status_code, head.content) == (got.status_code, b"")
    if got.status_code == 200:
        own = {"x-request-id", "server-timing"}
        assert {k: v for k, v in head.headers.items() if k not in own} == {
            k: v for k, v in got.headers.items() if k not in own
        }


ALLOWED = {
    "/api/shapes": "GET, HEAD, OPTIONS, POST",
    "/api/shapes/export": "GET, HEAD, OPTIONS",
    "/api/shapes/square": "DELETE, GET, HEAD, OPTIONS, PUT",
    "/api/shapes/square/any": "GET, HEAD, OPTIONS, PATCH, POST",
    "/walls/east/paint": "OPTIONS, POST",
    "/": "GET, HEAD, OPTIONS",
}


@pytest.mark.parametrize("target", ALLOWED)
async def test_options_and_405_tell_every_method_of_a_path(ours: httpx.AsyncClient, target: str) -> None:
    offered = await ours.options(target)
    assert (offered.status_code, offered.content, offered.headers["allow"]) == (204, b"", ALLOWED[target])
    refused = await ours.request("TRACE", target)
    body = problem(refused, 405, "method-not-allowed")
    assert refused.headers["allow"] == ALLOWED[target]
    assert body["instance"] == target


async def test_methods_of_one_path_are_told_together_though_its_parameter_has_several_names(
    ours: httpx.AsyncClient,
) -> None:
    assert (await ours.delete("/api/shapes/by-number/7")).status_code == 204
    allowed = (await ours.options("/api/shapes/by-number/7")).headers["allow"]
    assert allowed == "DELETE, GET, HEAD, OPTIONS"


@pytest.mark.parametrize("target", ["/api/shapes/%FF", "/api/shapes/a%00b", "/%C3%28", "/%00"])
async def test_a_path_that_is_no_text_names_nothing(ours: httpx.AsyncClient, target: str) -> None:
    problem(await ours.get(target), 404, "not-found")


async def test_options_of_nothing_is_not_found(ours: httpx.AsyncClient) -> None:
    problem(await ours.options("/a/b/c"), 404, "not-found")


def test_paths_are_found_by_the_names_of_their_routes(app: FastAPI, plain: FastAPI) -> None:
    assert app.url_path_for("read_side", slug="square", side="4") == "/api/shapes/square/sides/4"
    for name, params in {"read_shape": {"slug": "é"}, "read_file": {"path": "a/b"}, "read_front": {}}.items():
        assert app.url_path_for(name, **params) == plain.url_path_for(name, **params)
    with pytest.raises(NoMatchFound):
        app.url_path_for("nothing")


async def test_dependencies_can_be_overridden(app: FastAPI, ours: httpx.AsyncClient) -> None:
    async def deeper() -> int:
        return 9

    app.dependency_overrides.update({depth: deeper, nested_depth: deeper})
    try:
        assert (await ours.get("/api/shapes/square")).json() == {"slug": "square", "depth": 9}
        assert (await ours.get("/api/nests/outer/word/depth")).json() == {"word": 9}
        assert (await ours.get("/api/nests/outer/more/inner/word")).json() == {"word": 9}
    finally:
        app.dependency_overrides.clear()


@pytest.mark.parametrize("target", ["/base/api/shapes/square", "/api/shapes/square"])
async def test_a_prefix_that_a_proxy_keeps_or_takes_away_is_passed_over(app: FastAPI, target: str) -> None:
    transport = httpx.ASGITransport(app, root_path="/base")
    async with httpx.AsyncClient(transport=transport, base_url="http://slice.test") as client:
        assert (await client.get(target)).json()["slug"] == "square"


async def test_a_path_that_only_begins_like_the_prefix_is_no_path_below_it(app: FastAPI, plain: FastAPI) -> None:
    for each in (app, plain):
        transport = httpx.ASGITransport(each, root_path="/mona")
        async with httpx.AsyncClient(transport=transport, base_url="http://slice.test") as client:
            assert (await client.get("/mona-lisa")).json() == {"picture": "mona-lisa"}
            assert (await client.get("/mona/api/shapes/square")).json()["slug"] == "square"


# The cost of a request

ROUTER = """
from fastapi import APIRouter

from slice_api.chassis import public

router = APIRouter()
root_router = APIRouter()


@router.get("/{id}/parts/{part}")
@public
async def read_part(id: str, part: str) -> dict[str, str]:
    return {"id": id, "part": part}


@root_router.get("/NAME/{id}")
async def read_one(id: str) -> dict[str, str]:
    return {"id": id}
"""


def many_slices(count: int) -> dict[str, dict[str, str]]:
    names = [f"s{at:03}" for at in range(count)]
    return {name: {"__init__.py": '"""One of many."""', "router.py": ROUTER.replace("NAME", name)} for name in names}


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> dict[int, FastAPI]:
    """Apps of 1, 10 and 300 slices of two routers each."""
    made = {}
    for count in (1, 10, 300):
        with slices_package(tmp_path_factory.mktemp("many"), many_slices(count)) as package:
            made[count] = make_app(packages=(package,))
    return made


async def answer(app: FastAPI, method: str, path: str) -> int:
    """One request without a client around it; gives the status."""
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        statuses.extend([message["status"]] if message["type"] == "http.response.start" else [])

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"slice.test")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    return statuses[0]


ONCE_A_SECOND = "datetime.fromtimestamp"  # the log writes a second out once, whichever request comes first in it


def calls_of(app: FastAPI, method: str, path: str) -> Counter[str]:
    """Every function that one request calls, Python's own included, and how often."""
    calls: Counter[str] = Counter()

    def note(frame: FrameType, event: str, called: Any) -> None:
        if event == "call":
            calls[frame.f_code.co_qualname] += 1
        elif event == "c_call":
            calls[getattr(called, "__qualname__", str(called))] += 1

    async def watched() -> None:
        for _ in range(2):
            await answer(app, method, path)
        gc.disable()
        sys.setprofile(note)
        try:
            await answer(app, method, path)
        finally:
            sys.setprofile(None)
            gc.enable()

    asyncio.run(watched())
    del calls[ONCE_A_SECOND]
    return calls


CASES = {
    "a hit": ("GET", "/api/LAST/1/parts/2", 200),
    "a hit at the root": ("GET", "/LAST/1", 200),
    "nothing in a slice": ("GET", "/api/LAST/1/parts", 404),
    "nothing at all": ("GET", "/nowhere/1", 404),
    "no such method": ("PUT", "/api/LAST/1/parts/2", 405),
    "options": ("OPTIONS", "/api/LAST/1/parts/2", 204),
}


@pytest.mark.parametrize("case", CASES)
def test_a_request_calls_the_same_functions_as_often_with_one_slice_and_with_three_hundred(
    apps: dict[int, FastAPI], case: str
) -> None:
    method, path, status = CASES[case]
    counts = {}
    for count, app in apps.items():
        target = path.replace("LAST", f"s{count - 1:03}")
        assert asyncio.run(answer(app, method, target)) == status
        counts[count] = calls_of(app, method, target)
    assert counts[1]["RouteTable.handle"] == 1
    assert counts[10] == counts[1]
    assert counts[300] == counts[1]


async def test_an_app_of_six_hundred_routers_starts_and_stops(apps: dict[int, FastAPI]) -> None:
    async with running(apps[300]) as app, client_of(app, key=None) as client:
        assert (await client.get("/s299/1")).json() == {"id": "1"}


async def test_the_lifespans_of_slices_are_entered_in_order_and_left_in_the_other(tmp_path: Path) -> None:
    router = """
from contextlib import asynccontextmanager

from fastapi import APIRouter


@asynccontextmanager
async def lifespan(app):
    app.state.told = [*getattr(app.state, "told", []), "begin NAME"]
    yield
    app.state.told.append("end NAME")


router = APIRouter(lifespan=lifespan)
"""
    folders = {
        name: {"__init__.py": '"""One."""', "router.py": router.replace("NAME", name)} for name in ("one", "two")
    }
    with slices_package(tmp_path, folders) as package:
        async with running(make_app(packages=(package,))) as app:
            assert app.state.told == ["begin one", "begin two"]
    assert app.state.told == ["begin one", "begin two", "end two", "end one"]


def test_where_an_object_can_be_read_is_the_same_asked_once_as_each_time() -> None:
    table = chassis_of(make_app()).table
    targets = [each for each in table.targets if "{" not in each.path and each.path != "/"]
    for key in ("one", "another", "with/slash"):
        offered = {each: table.offers(f"{each}/{key}", "GET") for each in {target.path for target in targets}}
        assert {each.path: table.offers_object(each, each.path, key) for each in targets} == offered
        assert set(offered.values()) == {True, False} or "/" in key
