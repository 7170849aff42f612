"""The gate before every route: who may, what is acceptable, how large and what form of body, and under which limits."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from slice_api.chassis.negotiation import accepts
from tests.chassis.examples import EXAMPLES, faults, problem
from tests.chassis.strategies import STEADY
from tests.conftest import ClientWith
from tests.support import chassis_of, client_of, make_app, running

JSON = {"Content-Type": "application/json"}


async def post(client: httpx.AsyncClient, body: bytes | str, **headers: str) -> httpx.Response:
    """Any bytes as a JSON body."""
    return await client.post("/api/probes", content=body, headers={**JSON, **headers})


# Scopes

SCOPED = {
    "read": ("GET", "/api/things", "things:read"),
    "head": ("HEAD", "/api/things", "things:read"),
    "write": ("POST", "/api/things", "things:write"),
    "patch": ("PATCH", "/api/things/x", "things:write"),
    "delete": ("DELETE", "/api/things/x", "things:write"),
    "its own": ("GET", "/api/probes", "admin"),
}


@pytest.mark.parametrize("case", SCOPED)
async def test_a_route_asks_for_its_scope(anonymous: httpx.AsyncClient, client_with: ClientWith, case: str) -> None:
    method, path, scope = SCOPED[case]
    other = "things:write" if scope == "things:read" else "things:read"
    answer = await anonymous.request(method, path)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    async with client_with(other, "echoes:write") as client:
        refused = await client.request(method, path)
        assert refused.status_code == 403
        assert (
            method == "HEAD" or problem(refused, 403, "missing-scope")["detail"] == f"The key lacks the scope {scope}."
        )
    for enough in (scope, "admin"):
        async with client_with(enough) as client:
            assert (await client.request(method, path)).status_code not in (401, 403)


async def test_a_route_may_take_any_key_or_none(anonymous: httpx.AsyncClient, client_with: ClientWith) -> None:
    assert (await anonymous.get("/api/probes/open")).status_code == 200
    problem(await anonymous.get("/api/probes/any"), 401, "unauthenticated")
    async with client_with("decks:read") as client:
        assert (await client.get("/api/probes/any")).status_code == 200


async def test_an_open_route_does_not_look_at_a_wrong_key(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/api/probes/open", headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 200


async def test_a_stranger_learns_nothing_of_a_body_before_showing_a_key(anonymous: httpx.AsyncClient) -> None:
    problem(await post(anonymous, b"{", Accept="text/html"), 401, "unauthenticated")


# Accept

ACCEPTED = [
    "application/json",
    "*/*",
    "application/*",
    "text/html, */*;q=0.1",
    "APPLICATION/JSON",
    "application/json; q=0.5",
]
ACCEPTED += [
    "text/html;q=1,application/json;q=0.001",
    "*/*;q=0, application/json",
    "",
    "application/json;charset=utf-8",
]
EXCLUDED = ["text/html", "application/json;q=0", "*/*, application/json;q=0.0", "text/*", "application/*;q=0, */*"]
EXCLUDED += ["application/json;q=x", "application/xml", "json"]


@pytest.mark.parametrize("accept", ACCEPTED)
def test_json_is_acceptable_to(accept: str) -> None:
    assert accepts(accept, "application/json")


@pytest.mark.parametrize("accept", EXCLUDED)
def test_json_is_not_acceptable_to(accept: str) -> None:
    assert not accepts(accept, "application/json")


@STEADY
@given(st.text(st.characters(max_codepoint=255), max_size=60) | st.text("*/,;=q01. json", max_size=40))
def test_no_accept_header_is_too_strange_to_be_read(accept: str) -> None:
    assert accepts(accept, "application/json") in (True, False)


async def test_who_takes_no_json_is_told_so(client: httpx.AsyncClient) -> None:
    problem(await client.get("/api/things", headers={"Accept": "text/html"}), 406, "not-acceptable")
    assert (await client.get("/probe/text", headers={"Accept": "image/png"})).status_code == 200


# Content types


@pytest.mark.parametrize("given_type", ["text/plain", "application/x-www-form-urlencoded", "application/problem+json"])
async def test_a_body_of_another_type_is_refused_with_the_types_that_are_taken(
    client: httpx.AsyncClient, given_type: str
) -> None:
    refused = await client.post("/api/probes", content=b"{}", headers={"Content-Type": given_type})
    problem(refused, 415, "unsupported-media-type")
    assert refused.headers["accept"] == "application/json"
    patched = await client.patch("/api/probes", content=b"{}", headers={"Content-Type": given_type})
    problem(patched, 415, "unsupported-media-type")
    assert patched.headers["accept-patch"] == "application/merge-patch+json, application/json"


@pytest.mark.parametrize(
    "given_type", ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"]
)
async def test_a_patch_takes_json_and_merge_patches(client: httpx.AsyncClient, given_type: str) -> None:
    answer = await client.patch("/api/probes", content=b'{"value": 1}', headers={"Content-Type": given_type})
    assert answer.json() == {"value": 1}


async def test_a_body_without_a_type_is_refused(client: httpx.AsyncClient) -> None:
    problem(await client.post("/api/probes", content=b"{}"), 415, "unsupported-media-type")


async def test_a_merge_patch_is_for_patch_alone(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/merge-patch+json"}
    problem(await client.post("/api/probes", content=b"{}", headers=headers), 415, "unsupported-media-type")


async def test_a_route_without_a_body_asks_for_no_type(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/probes/empty")).status_code == 204


# The size of a body


async def pieces(count: int, size: int = 100) -> AsyncIterator[bytes]:
    """A body that does not say how long it is."""
    for _ in range(count):
        yield b" " * size


@pytest.fixture
async def narrow() -> AsyncIterator[httpx.AsyncClient]:
    """A client of an app that takes bodies of 1,000 bytes."""
    async with running(make_app(packages=EXAMPLES, max_body_bytes=1000)) as app, client_of(app) as client:
        yield client


async def test_a_body_of_just_the_limit_is_taken(narrow: httpx.AsyncClient) -> None:
    assert (await post(narrow, b"{}".ljust(1000))).status_code == 200
    assert (await narrow.post("/probe/size", content=pieces(10))).json() == {"size": 1000}


async def test_a_body_that_says_it_is_over_the_limit_is_refused_before_it_is_read(narrow: httpx.AsyncClient) -> None:
    read: list[bytes] = []

    async def told() -> AsyncIterator[bytes]:
        async for piece in pieces(11):
            read.append(piece)
            yield piece

    for path in ("/api/probes", "/probe/size", "/api/probes/empty"):
        refused = await narrow.post(path, content=told(), headers={**JSON, "Content-Length": "1100"})
        assert "1,000 bytes" in problem(refused, 413, "too-large")["detail"]
        assert refused.headers["connection"] == "close"
        assert read == []


@pytest.mark.parametrize("path", ["/api/probes", "/probe/size"])
async def test_a_body_that_does_not_say_is_refused_once_it_is_over_the_limit(
    narrow: httpx.AsyncClient, path: str
) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        async for piece in pieces(1000):
            read += len(piece)
            yield piece

    problem(await narrow.post(path, content=endless(), headers=JSON), 413, "too-large")
    assert read <= 1200


async def test_a_slice_has_a_limit_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLICE_PROBES_MAX_BODY_BYTES", "10")
    async with running(make_app(packages=EXAMPLES)) as app, client_of(app) as client:
        problem(await post(client, b'{"value": 12345}'), 413, "too-large")
        assert (await client.post("/api/things", json={"title": "long enough"})).status_code == 201


async def test_a_limit_that_a_route_says_of_itself_is_not_narrowed_by_its_slice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLICE_PROBES_MAX_BODY_BYTES", "10")
    async with running(make_app(packages=EXAMPLES)) as app, client_of(app) as client:
        answer = await client.post("/api/probes/stream", content=pieces(30))
        assert answer.json() == {"value": [3000, 100]}
        problem(await client.post("/api/probes/stream", content=pieces(31)), 413, "too-large")


# What JSON is

NO_JSON = {
    "nothing": b" ",
    "half": b'{"value": ',
    "a single quote": b"{'value': 1}",
    "NaN": b'{"value": NaN}',
    "Infinity": b'{"value": -Infinity}',
    "a number beyond all": b'{"value": 1e400}',
    "an endless number": b"1" * 5000,
    "a lone surrogate": b'{"value": "\\ud800"}',
    "a lone surrogate as a name": b'{"value": {"\\udc00": 1}}',
    "Latin-1": '{"value": "é"}'.encode("latin-1"),
    "UTF-16": '{"value": 1}'.encode("utf-16"),
    "two values": b"{} {}",
    "a comma too many": b'{"value": [1,]}',
    "a control character": b'{"value": "a\nb"}',
    "nested too deeply": b"[" * 100_000 + b"]" * 100_000,
}


@pytest.mark.parametrize("what", NO_JSON)
async def test_what_is_no_json_is_refused_as_unreadable(client: httpx.AsyncClient, what: str) -> None:
    problem(await post(client, NO_JSON[what]), 400, "malformed-body")


@pytest.mark.parametrize("depth", [100, 400, 700, 1000])
@pytest.mark.parametrize("inside", [b'"\\u0000"', b"1" * 19])
async def test_what_cannot_be_kept_is_refused_however_deep_it_lies(
    client: httpx.AsyncClient, inside: bytes, depth: int
) -> None:
    assert (await post(client, b"[" * depth + inside + b"]" * depth)).status_code in (400, 422)


UNKEEPABLE: dict[str, tuple[Any, set[str]]] = {
    "a NUL": ("a\0b", {"#/value"}),
    "a NUL deep inside": ([1, {"a": ["\0"]}], {"#/value/1/a/0"}),
    "a NUL in a name": ({"a\0": 1}, {"#/value"}),
    "several": (["\0", "fine", "\0"], {"#/value/0", "#/value/2"}),
    "below names that need escaping": ({"a/b": {"c~d": "\0"}}, {"#/value/a~1b/c~0d"}),
    "a large number": (2**63, {"#/value"}),
    "a small number": ([-(2**63) - 1], {"#/value/0"}),
    "a very large number": ({"a": 10**300}, {"#/value/a"}),
}


@pytest.mark.parametrize("what", UNKEEPABLE)
async def test_what_not_every_engine_can_keep_is_refused_with_its_place(client: httpx.AsyncClient, what: str) -> None:
    value, pointers = UNKEEPABLE[what]
    assert faults(await post(client, json.dumps({"value": value}))).keys() == pointers


KEEPABLE: list[Any] = [2**63 - 1, -(2**63), "\u0001", "\\u0000", "12345678901234567890", 1.5e300, "𝄞", "", [], {}, None]
KEEPABLE += [{"deep": [[[[[1]]]]]}, 0.1234567890123456789, "\ufffe"]


@pytest.mark.parametrize("value", KEEPABLE, ids=repr)
async def test_what_every_engine_can_keep_comes_back_as_it_went(client: httpx.AsyncClient, value: Any) -> None:
    assert (await post(client, json.dumps({"value": value}))).json() == {"value": value}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def status_of() -> Iterator[Callable[[bytes], int]]:
    """Asks one app again and again; gives the status of its answer to a body."""
    app = make_app(packages=EXAMPLES)
    with asyncio.Runner() as runner:

        async def ask(body: bytes) -> int:
            async with client_of(app) as client:
                return (await post(client, body)).status_code

        lifespan = app.router.lifespan_context(app)
        runner.run(lifespan.__aenter__())
        yield lambda body: runner.run(ask(body))
        runner.run(lifespan.__aexit__(None, None, None))


@STEADY
@given(body=json_values.map(lambda value: json.dumps({"value": value}).encode()) | st.binary(max_size=30))
def test_no_body_is_an_error_of_ours(status_of: Callable[[bytes], int], body: bytes) -> None:
    assert status_of(body) in (200, 400, 422)


async def test_every_fault_of_a_body_is_told_at_once_without_its_content(client: httpx.AsyncClient) -> None:
    body = {"title": "", "count": "hunter2", "more": 1}
    answer = await client.post("/api/things", json=body)
    assert faults(answer).keys() == {"#/title", "#/count", "#/more"}
    assert "hunter2" not in answer.text


async def test_faults_outside_the_body_are_told_by_kind_and_name(client: httpx.AsyncClient) -> None:
    assert faults(await client.get("/api/things?limit=0&after=x")).keys() == {"query/limit"}
    assert faults(await client.get("/api/things?after=x")).keys() == {"query/after"}
    assert faults(await client.get("/api/things?limit=1%00")).keys() == {"query/limit"}


# Stopping


async def test_while_stopping_no_change_is_begun_but_reading_goes_on(app: FastAPI, client: httpx.AsyncClient) -> None:
    chassis_of(app).begin_shutdown()
    refused = await client.post("/api/things", json={"title": "late"})
    problem(refused, 503, "unavailable")
    assert int(refused.headers["retry-after"]) > 0
    assert (await client.get("/api/things")).json()["items"] == []
