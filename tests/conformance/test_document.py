"""The OpenAPI document: complete, valid, with an example everywhere; and which routes are open to everybody.

One engine serves for all: the document is made of the routes alone, and no test asks the app anything.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs
import pytest
from fastapi.openapi.models import OpenAPI
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from slice_api.chassis.discovery import Slice
from slice_api.chassis.marks import json_bodies, without_errors, without_example, without_summary
from tests.conformance.bodies import faults_of
from tests.conformance.subject import Api, Route, for_routes, for_slices

_SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

PUBLIC: Mapping[str, frozenset[str]] = {
    "front": frozenset(
        {"GET /", "GET /app/{path}", "GET /docs", "GET /slices", "GET /assets/{digest}/{name}", "GET /favicon.ico"}
    ),
    "flags": frozenset({"GET /ofrep/v1/stream/{token}"}),  # the token is the key
    "heartbeats": frozenset(
        {
            # Whoever knows the address may ping.
            *(
                f"{method} /ping/{rest}"
                for method in ("GET", "POST")
                for rest in ("{uuid}", "{uuid}/", "{ping_key}/{slug}", "{ping_key}/{slug}/{action}")
            ),
            # They ask for keys by themselves, as the protocol does.
            *(f"{method} /api/v{version}/{{path}}" for method in ("GET", "POST", "DELETE") for version in (1, 2, 3)),
            *(f"{method} /api/v3/checks/" for method in ("GET", "POST")),
            *(f"{method} /api/v3/checks/{{name}}" for method in ("GET", "POST", "DELETE")),
            *(f"POST /api/v3/checks/{{name}}/{rest}" for rest in ("pause", "resume")),
            *(f"GET /api/v3/checks/{{name}}/{rest}" for rest in ("pings/", "pings/{n}/body", "flips/")),
            *(f"GET /api/v3/{rest}/" for rest in ("channels", "badges", "status", "metrics")),
            # Their addresses are signed.
            *(f"GET /badge/{{badge_key}}/{rest}.{{fmt}}" for rest in ("{signature}", "{signature}/{tag}")),
            "GET /b/{states}/{badge_id}.{fmt}",
            # Status pages are for everybody.
            *(f"GET /status{rest}" for rest in ("", "/{name}", "/{name}.json", "/{name}/stream")),
        }
    ),
    "links": frozenset({"GET /{slug}", "POST /{slug}", "GET /{slug}+", "GET /{slug}/qr", "GET /robots.txt"}),
    "platform": frozenset(
        {
            "GET /api",
            "GET /openapi.json",
            "GET /problems/{type}",
            "GET /livez",
            "GET /readyz",
            "GET /metrics",  # asks for the admin scope by itself, unless a setting makes it public
        }
    ),
    "session": frozenset({"POST /api/session"}),
}
"""Every route that needs no key. A new one is a decision: it is made here."""


@pytest.fixture(scope="module")
def engine() -> str:
    return "memory"


@pytest.fixture
def api(shared_api: Api) -> Api:
    return shared_api


def _is_documented(route: Route) -> bool:
    return route.is_documented


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (value for name, value in node.items() if name == "$ref" and isinstance(value, str))
        yield from (each for value in node.values() for each in _references(value))
    if isinstance(node, list):
        yield from (each for value in node for each in _references(value))


@for_slices
def test_public_routes_are_those_that_were_decided(api: Api, part: Slice) -> None:
    routes = [each for each in api.subject.routes if each.target.slice_name == part.name]
    public = {f"{each.method} {each.path}" for each in routes if not each.is_protected}
    assert public == PUBLIC.get(part.name, frozenset())


def test_the_document_is_valid_openapi(api: Api) -> None:
    document = api.app.openapi()
    assert document["openapi"].startswith("3.1")
    OpenAPI.model_validate(document)
    assert [error.message for error in OPENAPI_31_VALIDATOR.iter_errors(document)] == []


def test_every_reference_leads_somewhere(api: Api) -> None:
    document = api.app.openapi()
    names = {reference.removeprefix("#/components/schemas/") for reference in _references(document)}
    assert names <= document["components"]["schemas"].keys()


def test_every_schema_is_valid_and_in_snake_case(api: Api) -> None:
    for name, schema in api.app.openapi()["components"]["schemas"].items():
        jsonschema_rs.meta.validate(schema)
        for field in schema.get("properties", {}):
            assert _SNAKE_CASE.fullmatch(field), f"{name}.{field}"


def test_operation_ids_are_unique(api: Api) -> None:
    ids = Counter(route.operation["operationId"] for route in api.subject.routes if route.operation)
    assert [each for each, times in ids.items() if times > 1] == []


@for_routes(lambda route: True)
def test_every_route_has_a_summary(route: Route) -> None:
    assert list(without_summary(route.as_marked)) == []


@for_routes(_is_documented)
def test_operation_says_what_it_does(route: Route) -> None:
    operation = route.operation or {}
    assert operation["tags"] == [route.target.slice_name]
    assert re.fullmatch(rf"{route.target.slice_name}_[a-z][a-z0-9_]*", operation["operationId"])
    assert not operation["summary"].endswith(".")
    assert operation.get("description")


@for_routes(_is_documented)
def test_parameters_are_named_and_typed(route: Route) -> None:
    operation = route.operation or {}
    for parameter in operation.get("parameters", ()):
        assert parameter["schema"]
        is_header = parameter["in"] == "header"
        assert is_header or _SNAKE_CASE.fullmatch(parameter["name"]), parameter["name"]
    declared = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
    assert declared == set(re.findall(r"\{(\w+)\}", route.path))


@for_routes(_is_documented)
def test_every_json_body_has_an_example_that_fits(route: Route) -> None:
    assert list(without_example(route.as_marked)) == []
    for place, media in json_bodies(route.as_marked):
        if "example" in media:
            assert faults_of(media["example"], media["schema"], route.document) == [], place


@for_routes(_is_documented)
def test_errors_are_declared_as_problems(route: Route) -> None:
    assert list(without_errors(route.as_marked)) == []


@for_routes(lambda route: route.is_protected and route.is_documented)
def test_scope_is_declared(route: Route) -> None:
    operation = route.operation or {}
    kind = "read" if route.method == "GET" else "write"
    assert operation["x-required-scope"] == route.scope
    assert operation["security"]
    assert route.scope in ("", "admin", f"{route.target.slice_name}:{kind}") or re.fullmatch(
        rf"{route.target.slice_name}:[a-z][a-z0-9_]*", route.scope or ""
    )


@for_routes(lambda route: not route.is_protected and route.is_documented)
def test_public_operations_declare_no_key(route: Route) -> None:
    assert "x-required-scope" not in (route.operation or {})
    assert not (route.operation or {}).get("security")


@for_routes(lambda route: route.is_documented and route.method == "POST" and route.is_protected and route.is_api)
def test_creating_takes_an_idempotency_key(route: Route) -> None:
    names = {each["name"] for each in (route.operation or {}).get("parameters", ())}
    assert "Idempotency-Key" in names


@for_routes(lambda route: route.is_protected and route.is_documented and route.method in ("PUT", "PATCH", "DELETE"))
def test_changing_takes_an_if_match(route: Route) -> None:
    names = {each["name"] for each in (route.operation or {}).get("parameters", ())}
    assert "If-Match" in names


@for_routes(lambda route: route.method == "PATCH" and route.takes_json)
def test_patch_takes_merge_patches(route: Route) -> None:
    content = (route.operation or {})["requestBody"]["content"]
    assert {"application/json", "application/merge-patch+json"} <= content.keys()


def test_every_slice_has_its_tag(api: Api) -> None:
    tags = {each["name"]: each["description"] for each in api.app.openapi()["tags"]}
    assert tags.keys() == {each.name for each in api.subject.slices}
    assert all(tags.values())
