"""Prepared calls: which routes have one. That they answer as plain FastAPI does is held by the tests of dispatch."""

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from starlette.middleware.base import RequestResponseEndpoint

from slice_api.chassis import RawResponse
from tests.chassis.path_slices.calls.router import count_of
from tests.support import chassis_of, client_of, make_app

SIMPLE = {
    "plain", "nested", "unused", "refused", "after",
    "model", "sparse", "brief", "larger", "loose", "many", "either", "gone", "often", "take",
}  # fmt: skip


@pytest.fixture
def app() -> FastAPI:
    """Nothing of these routes needs a start."""
    return make_app(packages=("tests.chassis.path_slices",))


def test_simple_routes_are_prepared_and_all_others_left_to_fastapi(app: FastAPI) -> None:
    targets = [target for target in chassis_of(app).table.targets if target.slice_name == "calls"]
    prepared = {each.endpoint.__name__ for each in targets if each.call is not None}
    assert prepared == SIMPLE
    assert len(targets) > len(SIMPLE)


async def test_a_dependency_is_asked_once_for_each_request(app: FastAPI) -> None:
    async with client_of(app, key=None) as client:
        for _ in range(2):
            assert (await client.get("/api/calls/nested/a/b?c=d")).text == "a b A 1 1 1 c=d"


async def test_an_overridden_dependency_is_taken(app: FastAPI) -> None:
    async def seven() -> int:
        return 7

    app.dependency_overrides[count_of] = seven
    async with client_of(app, key=None) as client:
        assert (await client.get("/api/calls/nested/a/b")).text == "a b A 7 7 7 "
        app.dependency_overrides.clear()
        assert (await client.get("/api/calls/nested/a/b")).text == "a b A 1 1 1 "


async def test_what_is_left_for_after_the_answer_is_done(app: FastAPI) -> None:
    async with client_of(app, key=None) as client:
        answer: httpx.Response = await client.get("/api/calls/after/word")
    assert (answer.text, app.state.noted) == ("noted soon", "word")


async def test_middleware_that_was_added_sees_simple_routes_too() -> None:
    app = make_app(packages=("tests.chassis.path_slices",))

    @app.middleware("http")
    async def mark(request: Request, call_next: RequestResponseEndpoint) -> Response:
        answer = await call_next(request)
        answer.headers["X-Mark"] = "seen"
        return answer

    async with client_of(app, key=None) as client:
        answer = await client.get("/api/calls/plain/word")
    assert (answer.text, answer.headers["x-mark"]) == ("word", "seen")


def test_a_raw_response_has_the_headers_of_any_other() -> None:
    raw, usual = RawResponse(302, ((b"location", b"/x"),)), Response(status_code=302, headers={"Location": "/x"})
    assert (raw.status_code, raw.raw_headers, raw.body) == (usual.status_code, usual.raw_headers, usual.body)
    assert RawResponse(200, (), b"four").raw_headers == [(b"content-length", b"4")]
