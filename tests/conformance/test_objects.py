"""Objects: made, read, changed and deleted, with the conditions that a client may put on it."""

from typing import Any

import httpx
import pytest

from slice_api.chassis import EVENTS, Tx
from tests.conformance.bodies import varied
from tests.conformance.problems import assert_problem, pointers_of, problem_of
from tests.conformance.subject import Api, Made, Route, for_routes
from tests.support import chassis_of

NOT_READABLE = "such objects cannot be read one by one"

_MERGE_PATCH = "application/merge-patch+json"

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _creates(route: Route) -> bool:
    return route.creates


def _changes_one(route: Route) -> bool:
    """A PATCH or DELETE of one object, named by the last part of the path."""
    return route.is_api and route.method in ("PATCH", "DELETE") and route.path.endswith("}")


async def _make_for(api: Api, route: Route) -> Made:
    creator = api.creator_of(route.path)
    if creator is None:
        pytest.skip("nothing makes such objects")
    return await _make_readable(api, creator)


async def _make_readable(api: Api, creator: Route) -> Made:
    made = await api.make(creator)
    if not made.url:
        pytest.skip(NOT_READABLE)
    return made


async def _patch_that_works(api: Api, route: Route) -> dict[str, Any]:
    """The documented change, or as much of it as is accepted by itself."""
    example = dict(route.body_example)
    single = ({name: value} for name, value in example.items() if value is not None)
    options = [varied(example, 7, route.body_schema, route.document), example, *single, {}]
    for body in options:
        made = await _make_for(api, route)
        answer = await api.admin.patch(made.url, json=body)
        await _forget(api, made)
        if answer.status_code == 200:
            return body
    pytest.fail(f"no change made from the example is accepted at {route}")


async def _forget(api: Api, made: Made) -> None:
    """Delete an object, where that is offered: what it was changed to may be had only once."""
    await api.admin.delete(made.url)


async def _change(api: Api, route: Route, url: str, body: dict[str, Any] | None, if_match: str) -> httpx.Response:
    options: dict[str, Any] = {} if body is None else {"json": body}
    return await api.admin.request(route.method, url, headers={"If-Match": if_match}, **options)


async def _readable(api: Api, route: Route) -> None:
    creator = api.creator_of(route.path)
    if creator is None or api.object_route("GET", creator) is None:
        pytest.skip(NOT_READABLE)


# Making


@for_routes(_creates)
async def test_the_documented_example_makes_an_object(api: Api, route: Route) -> None:
    answer = await api.admin.post(await api.url_of_existing(route), json=route.body_example)
    assert answer.status_code == 201, answer.text


@for_routes(_creates)
async def test_a_made_object_is_found_at_its_location(api: Api, route: Route) -> None:
    made = await _make_readable(api, route)
    assert made.url.startswith("/api/")
    read = await api.admin.get(made.url)
    assert read.status_code == 200, "Location leads nowhere"
    secrets = made.fields.keys() - read.json().keys()
    assert read.json() == {name: value for name, value in made.fields.items() if name not in secrets}
    assert made.answer.headers["etag"].startswith('"')
    assert made.answer.headers["cache-control"] in ("no-store", "private, no-cache")


@for_routes(_creates)
async def test_the_etag_of_a_made_object_opens_a_change(api: Api, route: Route) -> None:
    deleting = api.object_route("DELETE", route)
    if deleting is None:
        pytest.skip("such objects cannot be deleted")
    made = await _make_readable(api, route)
    answer = await api.admin.delete(made.url, headers={"If-Match": made.answer.headers["etag"]})
    assert answer.status_code == 204, answer.text


@for_routes(_creates)
async def test_a_made_object_stands_in_the_list(api: Api, route: Route) -> None:
    if api.route_at("GET", route.path) is None:
        pytest.skip("there is no list")
    made = await _make_readable(api, route)
    read = (await api.admin.get(made.url)).json()
    items = (await api.admin.get(made.url.rpartition("/")[0], params={"limit": 200})).json()["items"]
    assert read in items


@for_routes(_creates)
async def test_times_are_utc_with_a_z(api: Api, route: Route) -> None:
    made = await api.make(route)
    times = {name: value for name, value in made.fields.items() if name.endswith("_at") and value is not None}
    assert all(str(value).endswith("Z") for value in times.values()), times


@for_routes(_creates)
async def test_who_made_it_and_what_happened_is_told(api: Api, route: Route) -> None:
    part = next(each for each in api.subject.slices if each.name == route.target.slice_name)
    if not part.events:
        pytest.skip("the slice publishes no events")
    made = await api.make(route)
    page = await chassis_of(api.app).db.transact(Tx.entries, EVENTS)
    newest = page.items[0]
    who = (await api.admin.get("/api/session")).json()["key_id"] if api.route_at("GET", "/api/session") else newest.by
    assert newest.type in {event.topic for event in part.events}
    assert newest.by == who
    assert newest.subject == made.url.rpartition("/")[2] or not made.url


@for_routes(_creates)
async def test_a_refused_object_is_not_made_and_not_told(api: Api, route: Route) -> None:
    url = await api.url_of_existing(route)
    before = await chassis_of(api.app).db.transact(Tx.entries, EVENTS)
    answer = await api.admin.post(url, json={**route.body_example, "nobody_declared_this": 1})
    problem_of(answer, "invalid")
    after = await chassis_of(api.app).db.transact(Tx.entries, EVENTS)
    assert before.items == after.items


# Changing


@for_routes(lambda route: _changes_one(route) and route.method == "PATCH")
async def test_an_empty_patch_leaves_everything(api: Api, route: Route) -> None:
    await _readable(api, route)
    made = await _make_for(api, route)
    before = (await api.admin.get(made.url)).json()
    answer = await api.admin.patch(made.url, json={})
    assert answer.status_code == 200, answer.text
    assert {**answer.json(), "updated_at": None} == {**before, "updated_at": None} or answer.json() == before


@for_routes(lambda route: _changes_one(route) and route.method == "PATCH")
async def test_a_patch_changes_what_it_names_and_is_read_back(api: Api, route: Route) -> None:
    await _readable(api, route)
    body = await _patch_that_works(api, route)
    made = await _make_for(api, route)
    before = (await api.admin.get(made.url)).json()
    answer = await api.admin.patch(made.url, content=httpx.Request("PATCH", "http://x", json=body).content,
                                   headers={"Content-Type": _MERGE_PATCH})  # fmt: skip
    assert answer.status_code == 200, answer.text
    read = await api.admin.get(made.url)
    assert read.json() == answer.json()
    assert read.headers["etag"] == answer.headers["etag"]
    shown = body.keys() & before.keys()
    assert {name: read.json()[name] for name in shown} == {name: body[name] for name in shown}
    untouched = before.keys() - body.keys() - {"updated_at"}
    assert {name: read.json()[name] for name in untouched} == {name: before[name] for name in untouched}


@for_routes(lambda route: _changes_one(route) and route.method == "PATCH")
async def test_null_clears_or_is_refused_at_its_place(api: Api, route: Route) -> None:
    for name in route.body_fields:
        made = await _make_for(api, route)
        answer = await api.admin.patch(made.url, json={name: None})
        assert answer.status_code in (200, 409, 422), (name, answer.text)
        if answer.status_code == 200 and name in answer.json():
            assert not answer.json()[name] or name not in route.body_schema.get("required", ())
        if answer.status_code == 422:
            assert any(pointer.startswith(f"#/{name}") for pointer in pointers_of(answer))


@for_routes(_changes_one)
async def test_a_stale_if_match_is_412_and_changes_nothing(api: Api, route: Route) -> None:
    await _readable(api, route)
    body = await _patch_that_works(api, route) if route.method == "PATCH" else None
    made = await _make_for(api, route)
    before = await api.admin.get(made.url)
    weak = f"W/{before.headers['etag']}"
    for stale in ('"0.0"', '"x", "y"', weak, '""'):
        answer = await _change(api, route, made.url, body, stale)
        problem = await assert_problem(api, answer, "precondition-failed")
        assert [each["pointer"] for each in problem["errors"]] == ["header/If-Match"]
        after = await api.admin.get(made.url)
        assert (after.content, after.headers["etag"]) == (before.content, before.headers["etag"])


@for_routes(_changes_one)
async def test_an_etag_from_before_a_change_is_412(api: Api, route: Route) -> None:
    creator = api.creator_of(route.path)
    patching = api.object_route("PATCH", creator) if creator else None
    if patching is None:
        pytest.skip("such objects cannot be changed")
    body = await _patch_that_works(api, patching)
    made = await _make_for(api, route)
    etag = (await api.admin.get(made.url)).headers["etag"]
    changed = await api.admin.patch(made.url, json=body)
    assert changed.status_code == 200
    answer = await _change(api, route, made.url, body if route.method == "PATCH" else None, etag)
    assert answer.status_code == 412 or changed.headers["etag"] == etag


@for_routes(_changes_one)
async def test_an_if_match_that_holds_lets_the_change_through(api: Api, route: Route) -> None:
    await _readable(api, route)
    body = await _patch_that_works(api, route) if route.method == "PATCH" else None
    for shape in ("{}", '"x", {}', "*"):
        made = await _make_for(api, route)
        etag = (await api.admin.get(made.url)).headers["etag"]
        answer = await _change(api, route, made.url, body, shape.format(etag))
        assert answer.status_code == (204 if body is None else 200), (shape, answer.text)
        await _forget(api, made)


@for_routes(_changes_one)
async def test_an_if_match_that_is_no_list_of_etags_is_422(api: Api, route: Route) -> None:
    made = await _make_for(api, route)
    for value in ("x", '"', "W/x", '"a" "b"'):
        answer = await _change(api, route, made.url, {} if route.method == "PATCH" else None, value)
        assert pointers_of(answer) == {"header/If-Match"}


# Deleting


@for_routes(lambda route: _changes_one(route) and route.method == "DELETE")
async def test_a_deleted_object_is_gone(api: Api, route: Route) -> None:
    made = await _make_for(api, route)
    answer = await api.admin.delete(made.url)
    assert (answer.status_code, answer.content) == (204, b"")
    for method in route.allow & {"GET", "DELETE"}:
        await assert_problem(api, await api.admin.request(method, made.url), "not-found")
    if api.route_at("GET", route.path.rpartition("/")[0]) is not None:
        page = await api.admin.get(made.url.rpartition("/")[0], params={"limit": 200})
        assert made.url.rpartition("/")[2] not in page.text
