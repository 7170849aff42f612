"""What a request may be: methods, media types and bodies, each refused in the right words before anything happens."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from tests.conformance.bodies import strange_value, takes_type
from tests.conformance.problems import assert_problem, pointers_of, problem_of
from tests.conformance.subject import ABSENT, Api, Route, for_routes

_JSON = {"Content-Type": "application/json"}
_CHUNK = b" " * 65_536
_BROKEN_BODIES = (
    b'{"a": ',
    b"{'a': 1}",
    b'{"a": NaN}',
    b'{"a": -Infinity}',
    b'{"a": 1e400}',
    b'{"a": "\\ud800"}',
    b'{"a": "\xff"}',
    b'{"a": "\xed\xa0\x80"}',
    '{"a": 1}'.encode("utf-16"),
    b"\xef\xbb\xbf{}",
    b"[" * 100_000,
    b'{"a":' * 20_000,
    b'{"a": 1} trailing',
    b" ",
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def api(shared_api: Api) -> Api:
    return shared_api


def _takes_json(route: Route) -> bool:
    return route.takes_json


# Methods


@for_routes(lambda route: route.is_first_of_path, is_decided_early=True)
async def test_a_method_not_offered_is_405_with_every_one_that_is(api: Api, route: Route) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - route.allow:
        answer = await api.anonymous.request(method, route.url())
        await assert_problem(api, answer, "method-not-allowed")
        assert set(answer.headers["allow"].split(", ")) == route.allow


@for_routes(lambda route: route.is_first_of_path, is_decided_early=True)
async def test_options_is_204_with_every_method(api: Api, route: Route) -> None:
    answer = await api.anonymous.options(route.url())
    assert (answer.status_code, answer.content) == (204, b"")
    assert set(answer.headers["allow"].split(", ")) == route.allow


@for_routes(lambda route: route.is_read)
async def test_head_answers_like_get_without_a_body(api: Api, route: Route) -> None:
    url = await api.url_of_existing(route)
    options: dict[str, Any] = {"headers": {"X-Request-ID": "the-same"}}
    await api.settle()
    first, second = await api.admin.get(url, **options), await api.admin.get(url, **options)
    head = await api.admin.head(url, **options)
    assert (head.status_code, head.content) == (first.status_code, b"")
    assert head.headers.keys() == first.headers.keys()
    # A body that changes by itself may well be as long as the one before.
    restless = {"server-timing", *(("content-length", "etag") if first.content != second.content else ())}
    steady = {name for name, value in first.headers.items() if second.headers[name] == value} - restless
    assert {name: head.headers[name] for name in steady} == {name: first.headers[name] for name in steady}


# Paths


@for_routes(lambda route: route.has_parameters and route.is_first_of_path)
async def test_names_that_are_no_text_are_404(api: Api, route: Route) -> None:
    for name in ("%00", "a%00b", "%ff", "%C0%80", "%ed%a0%80"):
        answer = await api.send(api.admin, route, route.url(name))
        await assert_problem(api, answer, "not-found")


@for_routes(lambda route: route.is_api and route.is_first_of_path, is_decided_early=True)
async def test_a_slash_at_the_end_is_another_path(api: Api, route: Route) -> None:
    answer = await api.send(api.admin, route, route.url() + "/")
    assert answer.status_code in (404, 405), "no redirect: it would repeat the Host header"
    assert "location" not in answer.headers


def _speaks_of_what_is_there(route: Route) -> bool:
    """Not so one that tells whether a name is free: it has an answer for every name."""
    return route.is_api and route.has_parameters and not route.is_stream and not route.path.endswith("/availability")


@for_routes(_speaks_of_what_is_there)
async def test_an_unknown_object_is_404(api: Api, route: Route) -> None:
    answer = await api.send(api.admin, route, route.url(ABSENT))
    problem = await assert_problem(api, answer, "not-found")
    assert ABSENT in problem["detail"]


# Media types


@for_routes(lambda route: route.target.is_json, is_decided_early=True)
async def test_an_accept_header_without_json_is_406(api: Api, route: Route) -> None:
    for accept in ("text/csv", "text/html, image/*", "application/json;q=0", "application/xml"):
        answer = await api.send(api.admin, route, route.url(), headers={"Accept": accept})
        await assert_problem(api, answer, "not-acceptable")


@for_routes(lambda route: route.target.is_json, is_decided_early=True)
async def test_an_accept_header_with_json_is_taken(api: Api, route: Route) -> None:
    for accept in ("application/json", "application/*", "*/*", "text/html, application/json;q=0.1", "*/*;q=0.5"):
        answer = await api.send(api.admin, route, route.url(), headers={"Accept": accept})
        assert answer.status_code != 406


@for_routes(_takes_json, is_decided_early=True)
async def test_another_content_type_is_415(api: Api, route: Route) -> None:
    taken = {"application/json", "application/merge-patch+json"} if route.method == "PATCH" else {"application/json"}
    name = "accept-patch" if route.method == "PATCH" else "accept"
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/xml", "json", ""):
        headers = {"Content-Type": content_type}
        answer = await api.admin.request(route.method, route.url(), content=b"{}", headers=headers)
        await assert_problem(api, answer, "unsupported-media-type")
        assert set(answer.headers[name].split(", ")) == taken


@for_routes(_takes_json)
async def test_parameters_and_case_of_the_content_type_do_not_matter(api: Api, route: Route) -> None:
    kinds = ["application/json; charset=utf-8", "Application/JSON"]
    for content_type in kinds + (["application/merge-patch+json"] if route.method == "PATCH" else []):
        content = json.dumps(route.body_example)
        answer = await api.admin.request(
            route.method, route.url(), content=content, headers={"Content-Type": content_type}
        )
        assert answer.status_code != 415


# Bodies


@for_routes(_takes_json, is_decided_early=True)
async def test_what_is_no_json_is_400(api: Api, route: Route) -> None:
    for body in _BROKEN_BODIES:
        answer = await api.admin.request(route.method, route.url(), content=body, headers=_JSON)
        assert answer.status_code == 400, body[:40]
        await assert_problem(api, answer, "malformed-body")


@for_routes(_takes_json, is_decided_early=True)
async def test_a_missing_body_is_refused(api: Api, route: Route) -> None:
    answer = await api.admin.request(route.method, route.url(), headers=_JSON)
    assert answer.status_code in (400, 422)
    problem_of(answer, "invalid" if answer.status_code == 422 else "malformed-body")


@for_routes(_takes_json)
async def test_a_body_of_another_shape_is_422(api: Api, route: Route) -> None:
    bodies: list[Any] = [[], "text", 1, True, None, [{}]]
    for body in bodies:
        answer = await api.admin.request(route.method, route.url(), json=body)
        assert pointers_of(answer), body


@for_routes(_takes_json)
async def test_a_field_nobody_declared_is_422(api: Api, route: Route) -> None:
    body = {**route.body_example, "nobody_declared_this": 1, "a/b~c": 2}
    answer = await api.admin.request(route.method, route.url(), json=body)
    await assert_problem(api, answer, "invalid")
    assert {"#/nobody_declared_this", "#/a~1b~0c"} <= pointers_of(answer)


@for_routes(_takes_json)
async def test_a_wrong_type_is_422_at_its_place(api: Api, route: Route) -> None:
    for name, schema in route.body_fields.items():
        for value in strange_value(schema, route.document) or ():
            answer = await api.admin.request(route.method, route.url(), json={**route.body_example, name: value})
            assert any(pointer.startswith(f"#/{name}") for pointer in pointers_of(answer)), (name, value)


@for_routes(lambda route: route.takes_json and bool(route.body_schema.get("required")))
async def test_every_missing_field_is_told_at_once(api: Api, route: Route) -> None:
    answer = await api.admin.request(route.method, route.url(), json={})
    assert pointers_of(answer) == {f"#/{name}" for name in route.body_schema["required"]}


@for_routes(_takes_json)
async def test_nul_in_text_is_422(api: Api, route: Route) -> None:
    for name, schema in route.body_fields.items():
        if takes_type(schema, route.document, "string"):
            value = f"{route.body_example.get(name) or 'text'}\0"
            answer = await api.admin.request(route.method, route.url(), json={**route.body_example, name: value})
            assert f"#/{name}" in pointers_of(answer)


@for_routes(_takes_json)
async def test_whole_numbers_beyond_64_bits_are_422(api: Api, route: Route) -> None:
    for name in route.body_fields:
        for number in (2**63, -(2**63) - 1, 10**100):
            body = json.dumps({**route.body_example, name: "?"}).replace('"?"', str(number))
            answer = await api.admin.request(route.method, route.url(), content=body, headers=_JSON)
            assert any(pointer.startswith(f"#/{name}") for pointer in pointers_of(answer)), (name, number)


class _Counted:
    """A body in pieces that knows how many of them were taken."""

    def __init__(self, pieces: int) -> None:
        self._pieces, self.taken = pieces, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self._pieces):
            self.taken += 1
            yield _CHUNK


def _oversized(route: Route) -> _Counted:
    return _Counted(4 + 4 * (route.target.max_body_bytes // len(_CHUNK)))


@for_routes(_takes_json, is_decided_early=True)
async def test_a_body_declared_over_the_limit_is_413_before_any_of_it_is_read(api: Api, route: Route) -> None:
    body, length = _oversized(route), str(route.target.max_body_bytes + 1)
    answer = await api.admin.request(
        route.method, route.url(), content=body, headers={**_JSON, "Content-Length": length}
    )
    await assert_problem(api, answer, "too-large")
    assert body.taken == 0


@for_routes(_takes_json, is_decided_early=True)
async def test_a_body_in_chunks_is_413_as_soon_as_it_is_over_the_limit(api: Api, route: Route) -> None:
    body = _oversized(route)
    answer = await api.admin.request(route.method, route.url(), content=body, headers=_JSON)
    await assert_problem(api, answer, "too-large")
    assert (body.taken - 1) * len(_CHUNK) <= route.target.max_body_bytes + len(_CHUNK)


@for_routes(_takes_json)
async def test_a_body_of_just_the_limit_is_read(api: Api, route: Route) -> None:
    content = json.dumps(route.body_example).encode().ljust(route.target.max_body_bytes)
    answer = await api.admin.request(route.method, route.url(), content=content, headers=_JSON)
    assert answer.status_code != 413


# Queries


def _query_parameters(route: Route) -> Iterator[dict[str, Any]]:
    return (each for each in (route.operation or {}).get("parameters", ()) if each["in"] == "query")


@for_routes(lambda route: route.refuses_with_problems and not route.is_stream and any(_query_parameters(route)))
async def test_numbers_and_switches_in_a_query_that_are_none_are_422(api: Api, route: Route) -> None:
    url = await api.url_of_existing(route)
    for parameter in _query_parameters(route):
        if not any(takes_type(parameter["schema"], route.document, name) for name in ("string", "array")):
            answer = await api.send(api.admin, route, url, params={parameter["name"]: "\N{SNOWMAN}"})
            assert pointers_of(answer) == {f"query/{parameter['name']}"}


@for_routes(lambda route: route.is_documented and not route.is_stream and any(_query_parameters(route)))
async def test_odd_texts_in_a_query_never_break_the_service(api: Api, route: Route) -> None:
    url = await api.url_of_existing(route)
    for parameter in _query_parameters(route):
        for value in ("%00", "%ff", "%ed%a0%80", "9" * 400, "'\"><&%0d%0a", "x" * 8_000, ""):
            answer = await api.send(api.admin, route, f"{url}?{parameter['name']}={value}")
            assert answer.status_code < 500, (parameter["name"], value)
            if answer.status_code >= 400 and route.refuses_with_problems:
                problem_of(answer, str(answer.json()["type"]).rpartition("/")[2])


@pytest.mark.parametrize(
    "path", ["/api/no-such-slice", "/api/no-such-slice/1", "/api//", "/no/such/path", "//x", "/%00"]
)
async def test_a_path_of_no_slice_is_404(api: Api, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        request = httpx.Request(method, f"http://slice.test{path}")
        await assert_problem(api, await api.anonymous.send(request), "not-found")
