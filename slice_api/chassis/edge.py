"""The one layer around the app: request id, timer, security headers, conditional GET, CORS, log line, metrics.

Pure ASGI. It stands in the place of Starlette's ServerErrorMiddleware, outside everything else, so that every answer
passes it, and turns an unexpected exception into a problem that tells nothing but the request id.
"""

import re
from collections.abc import Mapping
from random import Random
from time import perf_counter
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from slice_api.chassis.addresses import client_address, is_allowed_host, is_sane_host, normal_address
from slice_api.chassis.assembly import Chassis
from slice_api.chassis.conditional import answer_version, body_tag, is_unchanged
from slice_api.chassis.cors import cors_headers, is_let_in, is_preflight, preflight_headers
from slice_api.chassis.errors import known_problem
from slice_api.chassis.exchange import SCOPE_KEY, SEND_WHOLE, Exchange
from slice_api.chassis.gate import admit
from slice_api.chassis.headers import HeaderMap, Headers, by_name, header
from slice_api.chassis.logs import REQUEST_ID, REQUEST_LINE
from slice_api.chassis.plans import Ready
from slice_api.chassis.problems import Problem, internal, malformed_request, problem_response
from slice_api.chassis.storage.tx import Origin

API_CSP: Final = b"default-src 'none'; frame-ancestors 'none'"

SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
_POLICY: Final = (b"content-security-policy", API_CSP)
_ASK_AGAIN: Final = (b"cache-control", b"private, no-cache")
_NOT_KEPT: Final = (b"cache-control", b"no-store")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_bits: Final = Random().getrandbits  # noqa: S311 - see where it is used
_CLIENT_LEFT: Final = 499
"""Told in the log where nothing was answered any more."""
_NO_HOST: Final = "The Host header names no host of ours."
_MOST_HOSTS: Final = 1_000
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _sent_id(headers: HeaderMap) -> str | None:
    """The request id that the client has given, where it can be one."""
    given = header(headers, b"x-request-id")
    return given if given and _REQUEST_ID.fullmatch(given) else None


def _next_link(exchange: Exchange, cursor: str) -> bytes:
    """The Link header of a page that is not the last (RFC 8288)."""
    scope = exchange.scope
    query = [pair for pair in parse_qsl(scope["query_string"].decode("latin-1")) if pair[0] != "after"]
    path = scope.get("raw_path", scope["path"].encode()).partition(b"?")[0].decode("latin-1")
    return f'<{exchange.base_url}{path}?{urlencode([*query, ("after", cursor)])}>; rel="next"'.encode(
        "latin-1", "replace"
    )


def _trace_id(headers: HeaderMap) -> str | None:
    """The trace that the caller's traceparent names (W3C Trace Context, section 3.2); None for what is not valid."""
    given = header(headers, b"traceparent")
    found = _TRACEPARENT.fullmatch(given) if given else None
    return found[1] if found and found[1].strip("0") and found[2].strip("0") else None


def _shown_path(exchange: Exchange) -> str:
    """The path as it may stand in a log: only its template when it carries a secret."""
    target = exchange.target
    return target.path if target and target.has_secret_path else str(exchange.scope["path"])


def _finish_head(exchange: Exchange, status: int, headers: list[tuple[bytes, bytes]], body: bytes | None) -> int:
    """Complete the headers of an answer and give its status, which may become another.

    `body` is None where more of it is to come, so that no ETag can be made of it.
    """
    given, method, origin = dict(headers), exchange.scope["method"], exchange.origin
    etag = given.get(b"etag")
    if given.get(b"content-type") == b"application/json":
        if etag is None and body is not None and status in (200, 201):
            etag = body_tag(body, answer_version(origin))
            headers.append((b"etag", etag))
        if status == 201 and b"location" not in given:
            headers += _location(exchange)
        if origin.next_cursor is not None:
            headers.append((b"link", _next_link(exchange, origin.next_cursor)))
    is_revalidated = etag is not None and status == 200 and method in ("GET", "HEAD")
    if is_revalidated and b"if-none-match" in exchange.given and _has_already(exchange, etag):
        status, exchange.is_muted = 304, True
    if method == "HEAD":
        exchange.is_muted = True
    if status in (204, 304):
        headers[:] = [each for each in headers if each[0] not in (b"content-length", b"content-type")]
    # A route's own Cache-Control and policy stand.
    if b"cache-control" not in given:
        headers.append(_ASK_AGAIN if is_revalidated else _NOT_KEPT)
    if b"content-security-policy" not in given:
        headers.append(_POLICY)
    headers += SECURITY_HEADERS
    headers += (
        (b"x-request-id", exchange.request_id.encode()),
        (b"server-timing", b"app;dur=%.2f" % ((perf_counter() - exchange.started) * 1000)),
    )
    headers += exchange.headers
    exchange.status = status
    return status


async def _give(exchange: Exchange, send: Send, ready: Ready) -> None:
    """Send an answer that is there as a whole."""
    status, headers, body = ready
    status = _finish_head(exchange, status, headers, body)
    body = b"" if exchange.is_muted else body
    exchange.has_started, exchange.sent_bytes = True, len(body)
    send_whole = exchange.scope.get(SEND_WHOLE)
    if send_whole is not None and send_whole(status, headers, body):
        return
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _sending(exchange: Exchange, send: Send) -> Send:
    """The sending side for whoever sends an answer piece by piece: its head waits for the beginning of its body."""
    start: Message | None = None

    async def send_piece(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            exchange.status, start = message["status"], message
            return
        if message["type"] != "http.response.body":
            await send(message)
            return
        if start is not None:
            head, start = start, None
            headers = list(head.get("headers", ()))
            body = None if message.get("more_body", False) else message.get("body", b"")
            status = _finish_head(exchange, head["status"], headers, body)
            exchange.has_started = True
            await send({**head, "status": status, "headers": headers})
            if exchange.is_muted:
                # At once and only once: what has no end (a live stream) is not waited for.
                await send({"type": "http.response.body"})
        if exchange.is_muted:
            return
        exchange.sent_bytes += len(message.get("body", b""))
        await send(message)

    return send_piece


def _location(exchange: Exchange) -> Headers:
    """Where the object made can be read, if it can be."""
    created, path, target = exchange.origin.created, exchange.scope["path"], exchange.target
    if created is None or target is None or not exchange.chassis.table.offers_object(target, path, created):
        return ()
    is_plain = created.isascii() and created.isalnum()
    return ((b"location", f"{path}/{created if is_plain else quote(created, safe='')}".encode()),)


def _has_already(exchange: Exchange, etag: bytes | None) -> bool:
    """Whether the client holds this very representation."""
    asked = header(exchange.given, b"if-none-match")
    return asked is not None and etag is not None and is_unchanged(etag.decode("latin-1"), asked)


class Edge:
    """Wraps the app; one instance for each.

    `has_others` says that others want to see each request too, such as telemetry and middleware that was added.
    """

    def __init__(self, app: ASGIApp, chassis: Chassis, overrides: Mapping[Any, Any], *, has_others: bool) -> None:
        self._app = app
        self._chassis = chassis
        self._table, self._trusted_proxies = chassis.table, chassis.trusted_proxies
        self._cors_origins = chassis.settings.cors_origins
        self._overrides, self._has_others = overrides, has_others
        self._metrics, self._answers = chassis.metrics, chassis.metrics.answers
        self._good_hosts: set[bytes] = set()
        """Some that were looked at and are ours: nearly all requests name the same."""
        self._lines: dict[tuple[str, str, str], dict[str, Any]] = {}
        """How the log line of a route's requests begins: slice, template and method."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange, metrics = self._begin(scope, receive), self._metrics
        token = REQUEST_ID.set(exchange.request_id)
        metrics.running += 1
        try:
            given = exchange.given
            is_usual = given.get(b"host") in self._good_hosts and not (self._cors_origins and b"origin" in given)
            if not is_usual and not await self._lets_in(scope, exchange, receive, send):
                return
            # What FastAPI puts around its routes is for files of forms, telemetry and its own errors: a fifth of the
            # time of those that need none of it.
            is_watched = self._has_others or self._overrides
            target = None if is_watched else self._table.short_way(scope, exchange)
            found: Ready | Response | None = None
            if target is not None and target.call is not None:
                receive = await admit(target, exchange, scope, receive)
                found = await target.call(scope, receive, exchange)
            if found.__class__ is Ready:
                await _give(exchange, send, found)
            else:
                app = found if isinstance(found, Response) else self._app
                await app(scope, receive, _sending(exchange, send))
        except Exception as error:
            await self._rescue(scope, exchange, receive, send, error)
        finally:
            metrics.running -= 1
            self._tell(exchange)
            REQUEST_ID.reset(token)
            # Each of them holds the scope in turn, and all would wait for the garbage collector.
            del scope[SCOPE_KEY]
            scope.pop(SEND_WHOLE, None)

    def _begin(self, scope: Scope, receive: Receive) -> Exchange:
        given, peer, trusted = by_name(scope["headers"]), scope.get("client"), self._trusted_proxies
        # Ids tell requests apart and need not be secret: asking the system for each would take longer than all of it.
        request_id = (_sent_id(given) if b"x-request-id" in given else None) or f"{_bits(64):016x}"
        client = normal_address(peer[0] if peer else "")
        if trusted:
            client = client_address(client, header(given, b"x-forwarded-for"), trusted)
        began, origin = perf_counter(), Origin(None, request_id)
        exchange = Exchange(self._chassis, scope, receive, request_id, began, given, client, origin)
        scope[SCOPE_KEY] = exchange
        return exchange

    async def _lets_in(self, scope: Scope, exchange: Exchange, receive: Receive, send: Send) -> bool:
        """Whether the request goes on to its route: if not, it has been answered."""
        given, sending = exchange.given, _sending(exchange, send)
        if not self._is_good_host(given):
            await self._refuse(scope, exchange, receive, sending, malformed_request(_NO_HOST))
            return False
        if not self._cors_origins or b"origin" not in given:
            return True
        exchange.headers = cors_headers(given[b"origin"].decode("latin-1"), self._cors_origins)
        if not (is_preflight(scope["method"], given) and is_let_in(exchange.headers)):
            return True
        await sending({"type": "http.response.start", "status": 204, "headers": preflight_headers()})
        await sending({"type": "http.response.body"})
        return False

    def _is_good_host(self, given: HeaderMap) -> bool:
        """Whether the Host header names us, or is not there."""
        host = header(given, b"host")
        if host is None:
            return True
        if not (is_sane_host(host) and is_allowed_host(host, self._chassis.settings.allowed_hosts)):
            return False
        if len(self._good_hosts) < _MOST_HOSTS:
            self._good_hosts.add(given[b"host"])
        return True

    async def _refuse(self, scope: Scope, exchange: Exchange, receive: Receive, send: Send, problem: Problem) -> None:
        response = problem_response(problem, instance=scope["path"], request_id=exchange.request_id)
        await response(scope, receive, send)

    async def _rescue(self, scope: Scope, exchange: Exchange, receive: Receive, send: Send, error: Exception) -> None:
        problem = known_problem(error)
        if problem is None:
            self._chassis.log.error("request failed", path=_shown_path(exchange), exc_info=error)
            problem = internal()
        if exchange.has_started:
            raise error
        await self._refuse(scope, exchange, receive, _sending(exchange, send), problem)

    def _tell(self, exchange: Exchange) -> None:
        seconds = perf_counter() - exchange.started
        target, caller, method = exchange.target, exchange.caller, exchange.scope["method"]
        counted = method if method in _METHODS else "OTHER"
        labels = (target.slice_name, target.path, counted) if target is not None else ("", "", counted)
        status = exchange.status or _CLIENT_LEFT
        self._answers.fresh[labels, status // 100].append(seconds)
        line = {
            **(self._lines.get(labels) or self._line_of(labels)),
            "method": method,
            "path": _shown_path(exchange),
            "status": status,
            "duration_ms": round(seconds * 1000, 2),
            "bytes": exchange.sent_bytes,
            "key_id": caller.key_id if caller is not None else None,
            "client": exchange.client,
            "request_id": exchange.request_id,
        }
        if b"traceparent" in exchange.given and (trace_id := _trace_id(exchange.given)):
            line["trace_id"] = trace_id
        self._chassis.tell_request(line)

    def _line_of(self, labels: tuple[str, str, str]) -> dict[str, Any]:
        """What the log lines of a route have in common; what they have not has its place in the order."""
        slice_name, route, _ = labels
        line = self._lines[labels] = {
            **REQUEST_LINE,
            "method": None,
            "route": route or None,
            "path": None,
            "status": None,
            "duration_ms": None,
            "bytes": None,
            "slice": slice_name or None,
        }
        return line
