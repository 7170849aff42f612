"""Lists: pages by cursor, a walk that misses nothing and repeats nothing, and ETags."""

import httpx
import pytest

from slice_api.chassis.storage.pages import encode_cursor
from tests.conformance.problems import assert_problem, pointers_of, problem_of
from tests.conformance.subject import Api, Made, Route, for_routes

_LINK = 'rel="next"'

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _is_list(route: Route) -> bool:
    return route.is_list


def _is_list_of_made(route: Route) -> bool:
    """A list of objects that a POST to the same path makes."""
    return route.is_list and "POST" in route.allow


async def _make_some(api: Api, route: Route, count: int) -> list[Made]:
    """Objects in the list; where none can be made, whatever other slices leave in it."""
    creator = api.route_at("POST", route.path)
    creators = (
        [creator] if creator is not None and creator.creates else [each for each in api.subject.routes if each.creates]
    )
    if not creators:
        pytest.skip("there is nothing to make objects with")
    return [await api.make(creators[0]) for _ in range(count)]


async def _page(api: Api, url: str, **query: str | int) -> httpx.Response:
    answer = await api.admin.get(url, params=query)
    assert answer.status_code == 200, answer.text
    return answer


async def _walk(api: Api, url: str, limit: int) -> list[dict[str, object]]:
    items: list[dict[str, object]] = []
    query: dict[str, str | int] = {"limit": limit}
    for _ in range(200):
        body = (await _page(api, url, **query)).json()
        items += body["items"]
        if body["next"] is None:
            return items
        query["after"] = body["next"]
    pytest.fail("the list has no end")


@for_routes(_is_list)
async def test_a_page_has_items_and_next_and_nothing_else(api: Api, route: Route) -> None:
    body = (await _page(api, await api.url_of_existing(route))).json()
    assert body.keys() == {"items", "next"}
    assert isinstance(body["items"], list)


@for_routes(_is_list)
async def test_limit_goes_from_1_to_200(api: Api, route: Route) -> None:
    url = await api.url_of_existing(route)
    for limit in ("1", "200"):
        await _page(api, url, limit=limit)
    for limit in ("0", "201", "-1", "1.5", "x", "", "99999999999999999999"):
        answer = await api.admin.get(url, params={"limit": limit})
        await assert_problem(api, answer, "invalid")
        assert pointers_of(answer) == {"query/limit"}


@for_routes(_is_list)
async def test_limit_is_kept_and_the_rest_follows(api: Api, route: Route) -> None:
    url = await api.url_of_existing(route)
    await _make_some(api, route, 5)
    await api.settle()  # what is noted a moment later, such as the use of a key, is noted before the first look
    whole = await _walk(api, url, 200)
    for limit in (1, 2, 3):
        assert len((await _page(api, url, limit=limit)).json()["items"]) <= limit
        assert await _walk(api, url, limit) == whole


@for_routes(_is_list)
async def test_a_link_header_leads_on_while_there_is_more(api: Api, route: Route) -> None:
    url = await api.url_of_existing(route)
    await _make_some(api, route, 2)
    count = len(await _walk(api, url, 200))
    if count < 2:
        pytest.skip("nothing is known that fills this list")
    answer = await _page(api, url, limit=count - 1)
    target, _, rest = answer.headers["link"].partition(">; ")
    assert rest == _LINK
    rest_of_list = await api.admin.get(target.removeprefix("<"))
    assert len(rest_of_list.json()["items"]) == 1
    assert rest_of_list.json()["next"] is None
    assert "link" not in rest_of_list.headers


@for_routes(_is_list)
async def test_the_link_header_keeps_the_query_and_carries_the_cursor(api: Api, route: Route) -> None:
    url = await api.url_of_existing(route)
    await _make_some(api, route, 3)
    answer = await _page(api, url, limit=1)
    if answer.json()["next"] is None:
        pytest.skip("nothing is known that fills this list")
    asked = httpx.URL(answer.headers["link"].partition(">")[0].removeprefix("<"))
    assert asked.params["limit"] == "1"
    assert asked.params.get_list("after") == [answer.json()["next"]]
    again = await _page(api, url, limit=1, after=answer.json()["next"])
    following = (
        httpx.URL(again.headers["link"].partition(">")[0].removeprefix("<")) if "link" in again.headers else None
    )
    assert following is None or following.params.get_list("after") == [again.json()["next"]]


@for_routes(_is_list)
async def test_a_cursor_that_was_not_issued_here_is_422(api: Api, route: Route) -> None:
    url = await api.url_of_existing(route)
    await _make_some(api, route, 2)
    own = (await _page(api, url, limit=1)).json()["next"] or ""
    foreign = encode_cursor("another_list:-created_at", "2026-01-31T09:00:00Z", "x")
    garbled = [own[:-1], own[::-1], f"{own}A", own.swapcase(), f"{own[:6]}!{own[6:]}"] if own else []
    for cursor in ("x", "", "é", "\N{SNOWMAN}", "A" * 40, "bnVsbA", foreign, "x" * 5_000, *garbled):
        answer = await api.admin.get(url, params={"after": cursor})
        assert answer.status_code == 422, cursor
        assert pointers_of(answer) == {"query/after"}


@for_routes(_is_list_of_made)
async def test_a_walk_sees_each_object_once_while_others_come_and_go(api: Api, route: Route) -> None:
    creator = api.route_at("POST", route.path)
    if creator is None or not creator.creates or api.object_route("GET", creator) is None:
        pytest.skip("objects cannot be told apart by their address")
    url = await api.url_of_existing(route)
    steady, passing = await _make_some(api, route, 6), await _make_some(api, route, 4)
    can_delete = api.object_route("DELETE", creator) is not None
    seen: list[dict[str, object]] = []
    query: dict[str, str | int] = {"limit": 1}
    for step in range(100):
        body = (await _page(api, url, **query)).json()
        seen += body["items"]
        if body["next"] is None:
            break
        query["after"] = body["next"]
        if step % 2 and can_delete and passing:
            await api.admin.delete(passing.pop(0).url)
        if step in (0, 3):
            await api.make(creator)
    for made in steady:
        held = (await api.admin.get(made.url)).json()
        assert [_identity(item) for item in seen].count(_identity(held)) == 1


def _identity(fields: dict[str, object]) -> object:
    return fields.get("id") or fields.get("slug") or fields.get("key") or fields.get("name")


@for_routes(_is_list_of_made)
async def test_deleting_the_object_that_a_cursor_stands_on_does_not_matter(api: Api, route: Route) -> None:
    creator = api.route_at("POST", route.path)
    methods = [api.object_route(method, creator) for method in ("GET", "DELETE")] if creator else []
    if creator is None or not creator.creates or None in methods:
        pytest.skip("objects of this list cannot be read and deleted")
    url = await api.url_of_existing(route)
    made = {str(_identity((await api.admin.get(each.url)).json())): each for each in await _make_some(api, route, 3)}
    before = await _walk(api, url, 200)
    # Not always the first: some lists hold objects that cannot be deleted, such as the configured key.
    place = next(at for at, each in enumerate(before) if str(_identity(each)) in made)
    first = (await _page(api, url, limit=place + 1)).json()
    await api.admin.delete(made[str(_identity(before[place]))].url)
    rest = (await _page(api, url, limit=200, after=first["next"])).json()["items"] if first["next"] else []
    assert [_identity(each) for each in rest] == [_identity(each) for each in before[place + 1 :]]


@for_routes(_is_list)
async def test_a_list_has_a_strong_etag_that_changes_with_it(api: Api, route: Route) -> None:
    url = await api.url_of_existing(route)
    await api.settle()
    first, again = await _page(api, url), await _page(api, url)
    assert first.headers["etag"] == again.headers["etag"]
    assert first.headers["etag"].startswith('"')
    await _make_some(api, route, 1)
    later = await _page(api, url)
    assert (later.headers["etag"] == first.headers["etag"]) == (later.content == first.content)


@for_routes(lambda route: route.is_list or route.is_object)
async def test_if_none_match_is_answered_with_304(api: Api, route: Route) -> None:
    url = await api.url_of_existing(route)
    await api.settle()
    full = await api.admin.get(url)
    if full.status_code == 404:
        pytest.skip("nothing is known that makes such an object")
    etag = full.headers["etag"]
    assert etag.startswith('"')
    for asked in (etag, f"W/{etag}", f'"x", {etag}', f'{etag},"y"', "*", f' W/"x" ,{etag} '):
        for method in ("GET", "HEAD"):
            answer = await api.admin.request(method, url, headers={"If-None-Match": asked})
            assert (answer.status_code, answer.content) == (304, b""), asked
            assert answer.headers["etag"] == etag
            assert "content-type" not in answer.headers
            assert answer.headers["cache-control"] == full.headers["cache-control"]
    for asked in ('"x"', "x", etag.strip('"'), f'"{etag}"', "", ","):
        answer = await api.admin.get(url, headers={"If-None-Match": asked})
        assert (answer.status_code, answer.content) == (200, full.content), asked


@for_routes(_is_list)
async def test_a_cursor_of_one_list_is_none_of_another(api: Api, route: Route) -> None:
    url = await api.url_of_existing(route)
    await _make_some(api, route, 2)
    cursor = (await _page(api, url, limit=1)).json()["next"]
    if cursor is None:
        pytest.skip("nothing is known that fills this list")
    for other in api.subject.routes:
        if other.is_list and other.path != route.path:
            answer = await api.admin.get(await api.url_of_existing(other), params={"after": cursor})
            problem_of(answer, "invalid")
