"""Keys and scopes: closed to whoever has no right, and the answer says why."""

import pytest

from slice_api.chassis.credentials import make_key
from tests.conformance.problems import assert_problem, problem_of
from tests.conformance.subject import Api, Route, for_routes
from tests.support import client_of

NO_WAY_TO_REVOKE = "there is no way to revoke a key"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def api(shared_api: Api) -> Api:
    return shared_api


def _is_protected(route: Route) -> bool:
    return route.is_protected


@for_routes(_is_protected, is_decided_early=True)
async def test_no_key_is_401(api: Api, route: Route) -> None:
    answer = await api.send(api.anonymous, route, route.url())
    await assert_problem(api, answer, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


@for_routes(_is_protected)
async def test_unknown_and_mistyped_keys_are_401(api: Api, route: Route) -> None:
    known_form = make_key().text
    mistyped = known_form[:-1] + ("a" if known_form[-1] != "a" else "b")
    for key in (known_form, mistyped, "x", f" {known_form}", "é".encode().decode("latin-1")):
        for headers in ({"Authorization": f"Bearer {key}".encode("latin-1")}, {"X-API-Key": key.encode("latin-1")}):
            answer = await api.send(api.anonymous, route, route.url(), headers=headers)
            problem = problem_of(answer, "unauthenticated")
            assert answer.headers["www-authenticate"] == "Bearer"
            assert known_form not in problem["detail"]


@for_routes(_is_protected, is_decided_early=True)
async def test_other_schemes_of_authorization_are_401(api: Api, route: Route) -> None:
    for value in ("Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "", "Token x"):
        answer = await api.send(api.anonymous, route, route.url(), headers={"Authorization": value})
        problem_of(answer, "unauthenticated")


@for_routes(lambda route: route.is_protected and not route.is_stream)
async def test_a_revoked_key_is_401(api: Api, route: Route) -> None:
    if api.route_at("DELETE", "/api/keys/{id}") is None:
        pytest.skip(NO_WAY_TO_REVOKE)
    made = (await api.admin.post("/api/keys", json={"name": "to be revoked", "scopes": ["admin"]})).json()
    async with client_of(api.app, key=made["key"]) as client:
        before = await api.send(client, route, route.url())
        assert before.status_code != 401
        assert (await api.admin.delete(f"/api/keys/{made['id']}")).status_code == 204
        answer = await api.send(client, route, route.url())
        await assert_problem(api, answer, "unauthenticated")


@for_routes(lambda route: route.needs_scope, is_decided_early=True)
async def test_a_key_of_another_slice_is_403(api: Api, route: Route) -> None:
    async with api.client_with("other:read", "other:write") as client:
        answer = await api.send(client, route, route.url())
        problem = await assert_problem(api, answer, "missing-scope")
    assert str(route.scope) in problem["detail"]


@for_routes(lambda route: route.needs_scope, is_decided_early=True)
async def test_the_other_scopes_of_the_slice_are_not_enough(api: Api, route: Route) -> None:
    name = route.target.slice_name
    others = {each.scope for each in api.subject.routes if each.target.slice_name == name and each.scope}
    async with api.client_with(
        *sorted((others | {f"{name}:read", f"{name}:write"}) - {str(route.scope), "admin"})
    ) as client:
        answer = await api.send(client, route, route.url())
        assert str(route.scope) in problem_of(answer, "missing-scope")["detail"]


@for_routes(lambda route: route.needs_scope and not route.is_stream)
async def test_the_scope_alone_opens_the_route(api: Api, route: Route) -> None:
    async with api.client_with(str(route.scope)) as client:
        answer = await api.send(client, route, await api.url_of_existing(route))
        is_refused_by_a_handler = answer.status_code == 403 and str(route.scope) not in answer.text
        assert answer.status_code not in (401, 403) or is_refused_by_a_handler, answer.text


@for_routes(lambda route: route.scope == "")
async def test_any_key_opens_a_route_without_a_scope(api: Api, route: Route) -> None:
    async with api.client_with("other:read") as client:
        answer = await api.send(client, route, route.url())
        assert answer.status_code < 400, answer.text


@for_routes(lambda route: route.is_protected and route.method == "GET" and not route.is_stream)
async def test_both_headers_carry_a_key(api: Api, route: Route) -> None:
    key = str(api.admin.headers["authorization"]).removeprefix("Bearer ")
    for headers in ({"Authorization": f"bearer {key}"}, {"X-API-Key": key}):
        answer = await api.anonymous.get(route.url(), headers=headers)
        assert answer.status_code != 401


@for_routes(_is_protected, is_decided_early=True)
async def test_a_key_in_the_address_is_not_taken(api: Api, route: Route) -> None:
    key = str(api.admin.headers["authorization"]).removeprefix("Bearer ")
    answer = await api.send(api.anonymous, route, route.url(), params={"key": key, "api_key": key, "token": key})
    problem_of(answer, "unauthenticated")
