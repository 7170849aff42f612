"""What every answer carries, whatever it says."""

import re

import pytest

from tests.conformance.subject import Api, Route, for_routes

_MADE_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def api(shared_api: Api) -> Api:
    return shared_api


def _is_any(route: Route) -> bool:
    return not route.is_stream


def _check_headers(headers: object, *, where: str) -> None:
    named = {str(name).lower(): str(value) for name, value in dict(headers).items()}  # type: ignore[call-overload]
    assert named["x-content-type-options"] == "nosniff", where
    assert named["referrer-policy"] == "no-referrer", where
    assert "frame-ancestors 'none'" in named["content-security-policy"], where
    assert "unsafe-inline" not in named["content-security-policy"], where
    assert "default-src 'none'" in named["content-security-policy"], where
    assert re.fullmatch(r"app;dur=\d+(\.\d+)?", named["server-timing"]), where
    assert _MADE_ID.fullmatch(named["x-request-id"]), where
    assert named["cache-control"], where
    assert "server" not in named, where
    assert "x-powered-by" not in named, where


@for_routes(_is_any, is_decided_early=True)
async def test_every_answer_has_the_security_headers(api: Api, route: Route) -> None:
    good = await api.send(api.admin, route, await api.url_of_existing(route))
    stranger = await api.send(api.anonymous, route, route.url())
    wrong = await api.anonymous.request("PROPFIND", route.url())
    options = await api.anonymous.options(route.url())
    for answer in (good, stranger, wrong, options):
        _check_headers(answer.headers, where=f"{answer.request.method} {answer.status_code}")
    assert good.status_code < 500


@for_routes(_is_any, is_decided_early=True)
async def test_each_header_stands_once(api: Api, route: Route) -> None:
    answer = await api.send(api.admin, route, await api.url_of_existing(route))
    names = [name.lower() for name, _ in answer.headers.raw if name.lower() not in (b"vary", b"set-cookie", b"link")]
    assert len(names) == len(set(names))


@for_routes(_is_any, is_decided_early=True)
async def test_a_sane_request_id_is_taken_and_another_replaced(api: Api, route: Route) -> None:
    for given in ("a", "A-1._z", "x" * 128):
        answer = await api.send(api.anonymous, route, route.url(), headers={"X-Request-ID": given})
        assert answer.headers["x-request-id"] == given
    for given in ("", "x" * 129, "a b", "a\tb", 'a"b', "é", "a,b"):
        headers = {b"X-Request-ID": given.encode("utf-8")}
        answer = await api.send(api.anonymous, route, route.url(), headers=headers)
        assert _MADE_ID.fullmatch(answer.headers["x-request-id"])
        assert answer.headers["x-request-id"] != given


@for_routes(lambda route: route.is_read and route.target.is_json)
async def test_json_is_utf8_and_not_shared_by_caches(api: Api, route: Route) -> None:
    answer = await api.admin.get(await api.url_of_existing(route))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    answer.content.decode("utf-8")
    cache = answer.headers["cache-control"]
    assert "private" in cache or "no-store" in cache


@for_routes(lambda route: route.is_protected and not route.is_stream, is_decided_early=True)
async def test_errors_are_kept_by_nobody(api: Api, route: Route) -> None:
    answer = await api.send(api.anonymous, route, route.url())
    assert answer.headers["cache-control"] == "no-store"


@for_routes(lambda route: _is_any(route) and route.target.any_origin_sends is None, is_decided_early=True)
async def test_no_origin_is_let_in_unless_a_setting_names_it(api: Api, route: Route) -> None:
    answer = await api.send(api.anonymous, route, route.url(), headers={"Origin": "https://evil.example"})
    assert not any(name.startswith("access-control-") for name in answer.headers)


@for_routes(lambda route: route.target.any_origin_sends is not None, is_decided_early=True)
async def test_what_every_page_may_read_is_open_to_everybody_and_never_by_a_cookie(api: Api, route: Route) -> None:
    answer = await api.send(api.anonymous, route, route.url(), headers={"Origin": "https://evil.example"})
    assert not route.is_protected
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


@for_routes(_is_any, is_decided_early=True)
async def test_a_host_that_is_none_is_refused(api: Api, route: Route) -> None:
    for host in ("evil.example/path", "a b", "a@b", ""):
        answer = await api.send(api.anonymous, route, route.url(), headers={"Host": host})
        assert answer.status_code == 400 or host == ""
        assert "evil" not in answer.headers.get("location", "")
