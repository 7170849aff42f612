"""The layer around the app: what every answer carries, whoever gives it, and what is told of a request."""

import gc
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

from slice_api.chassis.credentials import make_key
from slice_api.chassis.exchange import SCOPE_KEY, SEND_WHOLE, Exchange
from tests.chassis.examples import EXAMPLES, parsed, problem, request_lines
from tests.support import ADMIN_KEY, BASE_URL, client_of, grant_key, make_app, running

ORIGIN = "https://app.example.org"


@asynccontextmanager
async def visiting(
    app: FastAPI | None = None, *, peer: str = "9.9.9.9", **settings: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A stranger's client of an app with these settings, coming from the address `peer`."""
    app = app or make_app(packages=EXAMPLES, **settings)
    transport = httpx.ASGITransport(app, client=(peer, 1234))
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        yield client


async def told(headers: dict[str, str], *, peer: str = "9.9.9.9", **settings: Any) -> dict[str, str]:
    """What the chassis makes of a request with these headers."""
    async with visiting(peer=peer, **settings) as client:
        answer: dict[str, str] = (await client.get("/probe", headers=headers)).json()
        return answer


# What every answer carries

ANSWERS = {
    "200": ("GET", "/probe"),
    "204": ("OPTIONS", "/probe"),
    "304": ("GET", "/probe/unchanged"),
    "401": ("GET", "/api/things"),
    "404": ("GET", "/nowhere"),
    "405": ("DELETE", "/probe"),
    "500": ("GET", "/probe/boom"),
    "text": ("GET", "/probe/text"),
    "host": ("GET", "/probe/host"),
}


@pytest.mark.parametrize("what", ANSWERS)
async def test_every_answer_carries_an_id_a_time_and_the_security_headers(
    anonymous: httpx.AsyncClient, what: str
) -> None:
    method, path = ANSWERS[what]
    headers = {"If-None-Match": "*"} if what == "304" else {"Host": "no host"} if what == "host" else {}
    path = "/probe" if what in ("304", "host") else path
    answer = await anonymous.request(method, path, headers=headers)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert "content-security-policy" in answer.headers
    assert "cache-control" in answer.headers
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])
    assert re.fullmatch(r"app;dur=\d+\.\d\d", answer.headers["server-timing"])
    assert "server" not in answer.headers


async def test_a_route_may_set_its_own_caching_and_content_policy(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/probe/text")
    assert answer.headers.get_list("cache-control") == ["max-age=5"]
    assert answer.headers.get_list("content-security-policy") == ["sandbox"]


async def test_what_the_api_answers_may_load_nothing(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/probe")
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize("given", ["a", "A-b_c.9", "x" * 128])
async def test_a_sane_request_id_is_taken(anonymous: httpx.AsyncClient, log_lines: list[bytes], given: str) -> None:
    answer = await anonymous.get("/nowhere", headers={"X-Request-ID": given})
    assert answer.headers.get_list("x-request-id") == [given]
    assert answer.json()["request_id"] == given
    assert request_lines(log_lines)[-1]["request_id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a\tb", "ä", "<script>", "a,b", 'a"b'])
async def test_another_request_id_is_not_taken(anonymous: httpx.AsyncClient, given: str) -> None:
    answer = await anonymous.get("/probe", headers={b"X-Request-ID": given.encode("latin-1")})
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])


async def test_no_two_requests_are_given_the_same_id(anonymous: httpx.AsyncClient) -> None:
    assert len({(await anonymous.get("/probe")).headers["x-request-id"] for _ in range(20)}) == 20


# Location, Link, ETag


async def made(client: httpx.AsyncClient, title: str = "one", **fields: Any) -> httpx.Response:
    answer = await client.post("/api/things", json={"title": title, **fields})
    assert answer.status_code == 201
    return answer


async def test_what_is_made_is_found_at_its_location_with_the_same_tag(client: httpx.AsyncClient) -> None:
    answer = await made(client)
    assert answer.headers["location"] == f"/api/things/{answer.json()['id']}"
    found = await client.get(answer.headers["location"])
    assert found.json() == answer.json()
    assert found.headers["etag"] == answer.headers["etag"]


async def test_a_list_links_to_its_next_page_with_the_query_it_was_asked_with(client: httpx.AsyncClient) -> None:
    for title in ("a", "b", "c"):
        await made(client, title)
    page = await client.get("/api/things?limit=1&x=a%26b")
    titles = [each["title"] for each in page.json()["items"]]
    for _ in range(2):
        [link] = re.findall(r'^<(.*)>; rel="next"$', page.headers["link"])
        params = httpx.URL(link).params
        assert params.multi_items() == [("limit", "1"), ("x", "a&b"), ("after", page.json()["next"])]
        page = await client.get(link)
        titles += [each["title"] for each in page.json()["items"]]
    assert (sorted(titles), page.json()["next"], "link" in page.headers) == (["a", "b", "c"], None, False)


async def test_a_strong_tag_stands_for_exactly_what_is_sent(client: httpx.AsyncClient) -> None:
    places = [(await made(client, title)).headers["location"] for title in ("one", "two")]
    tags = [(await client.get(place)).headers["etag"] for place in places]
    assert len(set(tags)) == 2
    assert all(re.fullmatch(r'"[0-9a-f.]+"', tag) for tag in tags)
    listed = await client.get("/api/things")
    assert listed.headers["etag"] == (await client.get("/api/things")).headers["etag"]
    await made(client, "three")
    assert listed.headers["etag"] != (await client.get("/api/things")).headers["etag"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}', '"x" ,W/"y",{}', "*"])
async def test_what_has_not_changed_is_not_sent_again(client: httpx.AsyncClient, method: str, form: str) -> None:
    answer = await made(client)
    tag = answer.headers["etag"]
    again = await client.request(method, answer.headers["location"], headers={"If-None-Match": form.format(tag)})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert "content-length" not in again.headers
    assert again.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("form", ['"x"', "", "{bare}", '"{bare}.."', 'W/"x"'])
async def test_what_has_changed_is_sent(client: httpx.AsyncClient, form: str) -> None:
    answer = await made(client)
    bare = answer.headers["etag"].strip('"')
    again = await client.get(answer.headers["location"], headers={"If-None-Match": form.replace("{bare}", bare)})
    assert (again.status_code, again.json()) == (200, answer.json())


async def test_if_none_match_says_nothing_to_a_change(client: httpx.AsyncClient) -> None:
    answer = await made(client)
    changed = await client.patch(answer.headers["location"], json={"count": 2}, headers={"If-None-Match": "*"})
    assert (changed.status_code, changed.json()["count"]) == (200, 2)


async def test_an_edit_under_the_tag_that_was_read_goes_through_and_gives_the_next_tag(
    client: httpx.AsyncClient,
) -> None:
    answer = await made(client)
    place, first = answer.headers["location"], answer.headers["etag"]
    changed = await client.patch(place, json={"count": 2}, headers={"If-Match": f'"other", {first}'})
    assert changed.status_code == 200
    assert changed.headers["etag"] == (await client.get(place)).headers["etag"] != first


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize("form", ["{}", "W/{now}", '"x"'])
async def test_an_edit_under_another_tag_is_refused(client: httpx.AsyncClient, method: str, form: str) -> None:
    answer = await made(client)
    place, old = answer.headers["location"], answer.headers["etag"]
    now = (await client.patch(place, json={"count": 2})).headers["etag"]
    tag = form.replace("{now}", now).replace("{}", old)
    body = {"json": {"count": 3}} if method == "PATCH" else {}
    refused = await client.request(method, place, headers={"If-Match": tag}, **body)  # type: ignore[arg-type]
    assert problem(refused, 412, "precondition-failed")["errors"][0]["pointer"] == "header/If-Match"
    assert (await client.get(place)).json()["count"] == 2


@pytest.mark.parametrize("form", ["", "x", '"x', "x, y", '"a" "b"'])
async def test_an_if_match_that_is_no_list_of_tags_is_refused(client: httpx.AsyncClient, form: str) -> None:
    place = (await made(client)).headers["location"]
    refused = await client.delete(place, headers={"If-Match": form})
    assert problem(refused, 422, "invalid")["errors"][0]["pointer"] == "header/If-Match"


async def test_an_answer_that_comes_in_pieces_has_no_tag_and_is_whole(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/probe/pieces")
    assert (answer.content, "etag" in answer.headers) == (b"[1]", False)
    assert (await anonymous.head("/probe/pieces")).content == b""


# Errors that nobody expects


async def test_an_unexpected_error_tells_its_id_and_nothing_of_the_inside(
    anonymous: httpx.AsyncClient, log_lines: list[bytes]
) -> None:
    answer = await anonymous.get("/probe/boom")
    body = problem(answer, 500, "internal")
    assert body.keys() == {"type", "title", "status", "detail", "instance", "request_id"}
    assert "stairs" not in answer.text
    assert "Error" not in answer.text
    [line] = [line for line in parsed(log_lines) if line["level"] == "error"]
    assert line["request_id"] == body["request_id"]
    assert "RuntimeError: the vault is under the stairs" in line["exception"]
    assert "explode" in line["exception"]
    assert request_lines(log_lines)[-1]["status"] == 500


async def test_an_error_in_the_middle_of_an_answer_is_logged_and_breaks_the_answer_off(
    anonymous: httpx.AsyncClient, log_lines: list[bytes]
) -> None:
    with pytest.raises(RuntimeError, match="under the stairs"):
        await anonymous.get("/probe/boom/late")
    assert "under the stairs" in next(line for line in parsed(log_lines) if line["level"] == "error")["exception"]
    assert request_lines(log_lines)[-1]["path"] == "/probe/boom/late"


async def test_after_an_unexpected_error_the_app_goes_on(anonymous: httpx.AsyncClient) -> None:
    await anonymous.get("/probe/boom")
    assert (await anonymous.get("/probe")).status_code == 200


# The log


async def test_a_request_leaves_one_line_that_tells_who_what_and_how_long(
    client: httpx.AsyncClient, log_lines: list[bytes]
) -> None:
    answer = await made(client)
    [line] = request_lines(log_lines)
    assert line.pop("duration_ms") >= 0
    assert re.match(r"\d{4}-\d\d-\d\dT", line.pop("at"))
    assert re.fullmatch(r"env[0-9a-f]{5}", line.pop("key_id"))
    assert line == {
        "level": "info",
        "event": "request",
        "method": "POST",
        "route": "/api/things",
        "path": "/api/things",
        "status": 201,
        "bytes": len(answer.content),
        "slice": "things",
        "client": "127.0.0.1",
        "request_id": answer.headers["x-request-id"],
    }


async def test_the_template_of_a_path_is_told_beside_the_path(
    client: httpx.AsyncClient, log_lines: list[bytes]
) -> None:
    await client.get("/api/things/thing_9")
    line = request_lines(log_lines)[-1]
    assert (line["route"], line["path"]) == ("/api/things/{id}", "/api/things/thing_9")


async def test_a_line_of_a_slice_carries_the_request_and_no_secret(
    client: httpx.AsyncClient, log_lines: list[bytes]
) -> None:
    answer = await client.get("/api/probes/settings")
    line = next(line for line in parsed(log_lines) if line["event"] == "a line of the slice")
    assert (line["slice"], line["request_id"]) == ("probes", answer.headers["x-request-id"])
    assert (line["password"], line["note"]) == ("***", "plain")


async def test_no_key_reaches_the_log_wherever_it_was_put(
    app: FastAPI, anonymous: httpx.AsyncClient, log_lines: list[bytes]
) -> None:
    key = grant_key(app, "things:read")
    mistyped = make_key().text[:-1] + "!"
    for each in (key, mistyped):
        await anonymous.get(f"/api/things/{each}", headers={"Authorization": f"Bearer {each}"})
        await anonymous.get(f"/api/things?key={each}", headers={"X-API-Key": each, "Cookie": f"slice_session={each}"})
        await anonymous.get(f"/{each}", headers={"User-Agent": each, "X-Request-ID": each, "X-Forwarded-For": each})
        await anonymous.post("/api/things", json={"title": each}, headers={"X-API-Key": ADMIN_KEY})
    written = b"".join(log_lines)
    assert len(request_lines(log_lines)) == 8
    assert ADMIN_KEY.encode() not in written
    for each in (key, mistyped):
        assert each.encode() not in written
        assert each.split("_")[2][:20].encode() not in written


SECRET_PATHS = {
    "an answer": ("POST", "/hook/very-secret"),
    "an unexpected error": ("POST", "/hook/very-secret/boom"),
    "no such method": ("GET", "/hook/very-secret"),
    "options": ("OPTIONS", "/hook/very-secret"),
}


@pytest.mark.parametrize("case", SECRET_PATHS)
async def test_a_path_that_carries_a_secret_is_told_by_its_template(
    anonymous: httpx.AsyncClient, log_lines: list[bytes], case: str
) -> None:
    method, path = SECRET_PATHS[case]
    await anonymous.request(method, path)
    assert request_lines(log_lines)[-1]["path"] == path.replace("very-secret", "{token}")
    assert b"very-secret" not in b"".join(log_lines)


async def test_lines_below_the_level_that_is_set_are_not_written() -> None:
    log: list[bytes] = []
    async with visiting(make_app(packages=EXAMPLES, log=log, log_level="error")) as client:
        await client.get("/probe")
        assert log == []
        await client.get("/probe/boom")
        assert len(log) == 1


async def test_a_line_is_one_line_whatever_is_in_it(anonymous: httpx.AsyncClient, log_lines: list[bytes]) -> None:
    await anonymous.get("/a%0Ab%1B%C2%85%22")
    await anonymous.get("/probe/boom")
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in log_lines)
    assert request_lines(log_lines)[0]["path"] == '/a\nb\x1b\x85"'


# Figures


async def test_figures_count_answers_by_template_and_class_of_status(
    app: FastAPI, client: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    for path in ("/api/things/a", "/api/things/b", "/api/things/c", "/api/things"):
        await client.get(path)
    await anonymous.get("/random/path")
    await anonymous.request("BREW", "/random/path")
    text = app.state.chassis.metrics.text().decode()
    for line in (
        'slice_requests_total{method="GET",route="/api/things/{id}",slice="things",status="4xx"} 3.0',
        'slice_requests_total{method="GET",route="/api/things",slice="things",status="2xx"} 1.0',
        'slice_requests_total{method="GET",route="",slice="",status="4xx"} 1.0',
        'slice_requests_total{method="OTHER",route="",slice="",status="4xx"} 1.0',
        'slice_request_duration_seconds_count{method="GET",route="/api/things/{id}",slice="things"} 3.0',
        "slice_requests_running 0.0",
    ):
        assert line in text.splitlines()
    assert "random" not in text


# CORS


async def test_without_origins_nothing_is_said_about_them(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/probe", headers={"Origin": ORIGIN})
    assert not [name for name in answer.headers if name.startswith("access-control") or name == "vary"]
    preflight = await anonymous.options("/probe", headers={"Origin": ORIGIN, "Access-Control-Request-Method": "GET"})
    assert not [name for name in preflight.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/probe", "/nowhere", "/probe/boom", "/api/things"])
async def test_an_allowed_origin_may_read_every_answer_errors_too(path: str) -> None:
    async with visiting(cors_origins=(ORIGIN,)) as client:
        answer = await client.get(path, headers={"Origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers
    exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert exposed >= {"etag", "link", "location", "retry-after", "ratelimit", "ratelimit-policy", "x-request-id"}
    assert "idempotency-replayed" in exposed


@pytest.mark.parametrize("origin", ["https://evil.example", f"{ORIGIN}.evil.example", "http://app.example.org", "null"])
async def test_another_origin_may_not(origin: str) -> None:
    async with visiting(cors_origins=(ORIGIN,)) as client:
        answer = await client.get("/probe", headers={"Origin": origin})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["vary"] == "Origin"


async def test_every_origin_may_when_the_settings_say_so() -> None:
    async with visiting(cors_origins=("*",)) as client:
        answer = await client.get("/probe", headers={"Origin": "https://anywhere.example"})
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_an_origin_is_allowed_though_its_setting_ends_in_a_slash() -> None:
    async with visiting(cors_origins=f"{ORIGIN}/") as client:
        answer = await client.get("/probe", headers={"Origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN


async def test_a_preflight_is_answered_before_anything_else_is_asked() -> None:
    async with visiting(cors_origins=(ORIGIN,)) as client:
        asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "PATCH"}
        answer = await client.options("/api/things/thing_9", headers=asked)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert allowed >= {"authorization", "x-api-key", "content-type", "idempotency-key", "if-match", "if-none-match"}
    assert answer.headers["access-control-max-age"] == "600"


# Hosts


NO_HOSTS = ["", "a b", "a\tb", "a,b", "a:b", "a:123456", "a..b", "-a", "[]", "[::1", "é", "'", '"', "<b>", "a" * 256]
NO_HOSTS += ["evil.example/..", "evil.example?x", "user@evil.example"]


@pytest.mark.parametrize("host", NO_HOSTS)
async def test_a_host_that_is_none_is_refused_and_never_sent_back(host: str) -> None:
    async with visiting() as client:
        answer = await client.get("/probe", headers={b"Host": host.encode("latin-1")})
    problem(answer, 400, "malformed-request")
    assert not host or f"//{host}" not in answer.text


@pytest.mark.parametrize(
    "host", ["localhost", "a.b", "a.b.", "A.B:80", "127.0.0.1:8000", "[::1]:8000", "my_host", "x-y"]
)
async def test_a_sane_host_is_part_of_the_address(host: str) -> None:
    assert (await told({"Host": host}))["base_url"] == f"http://{host}"


@pytest.mark.parametrize("host", ["example.org", "EXAMPLE.org", "example.org:8000", "example.org.", "x.team.example"])
async def test_an_allowed_host_is_answered(host: str) -> None:
    async with visiting(allowed_hosts=("example.org", "*.team.example")) as client:
        assert (await client.get("/probe", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "example.org.evil.example", "team.example", "xteam.example", "127.0.0.1"]
)
async def test_a_host_that_is_not_allowed_is_refused(host: str) -> None:
    async with visiting(allowed_hosts=("example.org", "*.team.example")) as client:
        problem(await client.get("/probe", headers={"Host": host}), 400, "malformed-request")


# Proxies

FORWARDED = {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "slice.example"}


async def test_nobody_is_believed_who_is_not_a_trusted_proxy() -> None:
    assert await told(FORWARDED) == {"client": "9.9.9.9", "base_url": BASE_URL}
    assert await told(FORWARDED, trusted_proxies="10.0.0.0/8") == {"client": "9.9.9.9", "base_url": BASE_URL}


@pytest.mark.parametrize("peer", ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1"])
async def test_a_trusted_proxy_is_believed(peer: str) -> None:
    found = await told(FORWARDED, peer=peer, trusted_proxies="10.0.0.0/8, 2001:db8::/64")
    assert found == {"client": "1.2.3.4", "base_url": "https://slice.example"}


CHAINS = {
    "spoofed by the client": ("6.6.6.6, 1.2.3.4", "1.2.3.4"),
    "several trusted hops": ("6.6.6.6, 1.2.3.4, 10.9.9.9", "1.2.3.4"),
    "nothing but trusted hops": ("10.9.9.8, 10.9.9.9", "10.9.9.8"),
    "IPv6": ("2001:db8::7", "2001:db8::7"),
    "garbage": ("not an address", "10.1.2.3"),
    "garbage behind the client": ("1.2.3.4, <b>", "10.1.2.3"),
    "empty": ("", "10.1.2.3"),
    "commas": (",,", "10.1.2.3"),
    "a port": ("1.2.3.4:80", "10.1.2.3"),
    "IPv4 mapped into IPv6": ("::ffff:1.2.3.4", "1.2.3.4"),
}


@pytest.mark.parametrize("case", CHAINS)
async def test_the_client_is_the_last_address_that_no_trusted_proxy_stands_behind(case: str) -> None:
    chain, client = CHAINS[case]
    found = await told({"X-Forwarded-For": chain}, peer="10.1.2.3", trusted_proxies="10.0.0.0/8")
    assert found["client"] == client


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Proto": "gopher"},
        {"X-Forwarded-Proto": "javascript"},
        {"X-Forwarded-Host": "evil.example/x"},
        {"X-Forwarded-Host": "a b"},
        {"X-Forwarded-Host": ""},
    ],
    ids=str,
)
async def test_what_a_trusted_proxy_garbles_is_not_used(headers: dict[str, str]) -> None:
    assert (await told(headers, peer="10.1.2.3", trusted_proxies="*"))["base_url"] == BASE_URL


async def test_the_public_address_of_the_settings_stands_above_all() -> None:
    found = await told(FORWARDED, peer="10.1.2.3", trusted_proxies="*", public_url="https://go.example.org/")
    assert found["base_url"] == "https://go.example.org"


async def test_two_apps_in_one_process_see_nothing_of_each_other() -> None:
    logs: tuple[list[bytes], list[bytes]] = ([], [])
    keys = ("a" * 20, "b" * 20)
    one, two = (make_app(packages=EXAMPLES, log=log, admin_key=key) for log, key in zip(logs, keys, strict=True))
    async with running(one), running(two), client_of(one, keys[0]) as first, client_of(two, keys[1]) as second:
        place = (await made(first)).headers["location"]
        assert (await first.get(place)).status_code == 200
        problem(await second.get(place), 404, "not-found")
        problem(await second.get(place, headers={"Authorization": f"Bearer {keys[0]}"}), 401, "unauthenticated")
    assert [len(request_lines(log)) for log in logs] == [2, 2]
    posts = [app.state.chassis.metrics.text().count(b'slice_requests_total{method="POST"') for app in (one, two)]
    assert posts == [1, 0]


@pytest.mark.parametrize(
    ("traceparent", "trace_id"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", None),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", None),
        ("4bf92f3577b34da6a3ce929d0e0e4736", None),
    ],
)
async def test_a_request_is_logged_under_its_callers_trace(traceparent: str, trace_id: str | None) -> None:
    lines: list[bytes] = []
    async with visiting(make_app(packages=EXAMPLES, log=lines)) as client:
        assert (await client.get("/probe", headers={"traceparent": traceparent})).status_code == 200
    assert [line.get("trace_id") for line in request_lines(lines)] == [trace_id]


@pytest.mark.parametrize("path", ["/probe", "/probe/text", "/probe/boom", "/nowhere", "/api/things"])
async def test_what_is_known_of_a_request_goes_with_its_end(anonymous: httpx.AsyncClient, path: str) -> None:
    def known() -> set[int]:
        return {id(each) for each in gc.get_objects() if isinstance(each, Exchange)}

    gc.collect()
    gc.disable()  # which would let go of it later
    try:
        before = known()
        await anonymous.get(path)
        assert known() <= before
    finally:
        gc.enable()


async def test_nothing_of_ours_stays_in_the_scope() -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Message) -> None:
        return

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/probe",
        "query_string": b"",
        "headers": [(b"host", b"test")],
        SEND_WHOLE: lambda *_: False,
    }
    async with running(make_app(packages=EXAMPLES)) as app:
        await app(scope, receive, send)
    assert {SCOPE_KEY, SEND_WHOLE}.isdisjoint(scope)
