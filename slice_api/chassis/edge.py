"""The one layer around the app: request id, timer, security headers, conditional GET, CORS, log line, metrics.

Pure ASGI. It stands inside Starlette's ServerErrorMiddleware and outside everything else, so that every answer passes
it, and turns an unexpected exception into a problem that tells nothing but the request id.
"""

import os
import re
from collections.abc import Mapping
from time import perf_counter
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from slice_api.chassis.addresses import (
    Networks,
    base_url,
    client_address,
    is_allowed_host,
    is_sane_host,
    parse_networks,
)
from slice_api.chassis.assembly import Chassis
from slice_api.chassis.conditional import answer_version, body_tag, is_unchanged
from slice_api.chassis.cors import cors_headers, is_let_in, is_preflight, preflight_headers
from slice_api.chassis.errors import known_problem
from slice_api.chassis.exchange import SCOPE_KEY, Exchange
from slice_api.chassis.gate import admit
from slice_api.chassis.headers import HeaderMap, Headers, by_name, header
from slice_api.chassis.logs import REQUEST_ID
from slice_api.chassis.problems import Problem, internal, malformed_request, problem_response

API_CSP: Final = b"default-src 'none'; frame-ancestors 'none'"

_SECURITY: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _request_id(headers: HeaderMap) -> str:
    given = header(headers, b"x-request-id")
    return given if given and _REQUEST_ID.fullmatch(given) else os.urandom(8).hex()


def _next_link(scope: Scope, base: str, cursor: str) -> bytes:
    """The Link header of a page that is not the last (RFC 8288)."""
    query = [pair for pair in parse_qsl(scope["query_string"].decode("latin-1")) if pair[0] != "after"]
    path = scope.get("raw_path", scope["path"].encode()).partition(b"?")[0].decode("latin-1")
    return f'<{base}{path}?{urlencode([*query, ("after", cursor)])}>; rel="next"'.encode("latin-1", "replace")


def _trace_id(headers: HeaderMap) -> str | None:
    """The trace that the caller's traceparent names (W3C Trace Context, section 3.2); None for what is not valid."""
    given = header(headers, b"traceparent")
    found = _TRACEPARENT.fullmatch(given) if given else None
    return found[1] if found and found[1].strip("0") and found[2].strip("0") else None


def _shown_path(scope: Scope, exchange: Exchange) -> str:
    """The path as it may stand in a log: only its template when it carries a secret."""
    target = exchange.target
    return target.path if target and target.has_secret_path else str(scope["path"])


def _etag_in(headers: Headers) -> str | None:
    for name, value in headers:
        if name == b"etag":
            return value.decode("latin-1")
    return None


class _Answer:
    """The sending side of one exchange: adds the headers, makes the ETag, keeps the figures for the log."""

    def __init__(self, scope: Scope, exchange: Exchange, send: Send) -> None:
        self._scope, self._exchange, self._send = scope, exchange, send
        self._start: Message | None = None
        self._is_muted = False
        self.status = 0
        self.sent_bytes = 0
        self.has_started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self._start = message["status"], message
            return
        if message["type"] != "http.response.body":
            await self._send(message)
            return
        if self._start is not None:
            start, self._start = self._start, None
            self._finish_head(start, message)
            self.has_started, self.status = True, start["status"]
            await self._send(start)
            if self._is_muted:
                # At once and only once: what has no end (a live stream) is not waited for.
                await self._send({"type": "http.response.body"})
        if self._is_muted:
            return
        self.sent_bytes += len(message.get("body", b""))
        await self._send(message)

    def _finish_head(self, start: Message, first: Message) -> None:
        """Complete the head, now that the first piece of the body is there to make an ETag from."""
        status, method, headers = start["status"], self._scope["method"], list(start.get("headers", ()))
        self._is_muted = method == "HEAD"
        if (b"content-type", b"application/json") in headers:
            headers += self._object_headers(status, headers, first)
        etag = _etag_in(headers) if status == 200 and method in ("GET", "HEAD") else None
        if etag is not None and self._has_already(etag):
            start["status"], self._is_muted = 304, True
        if start["status"] in (204, 304):
            headers = [each for each in headers if each[0] not in (b"content-length", b"content-type")]
        start["headers"] = headers + self._common_headers(headers, is_revalidated=etag is not None)

    def _object_headers(self, status: int, headers: Headers, first: Message) -> list[tuple[bytes, bytes]]:
        """ETag, Location and Link of a JSON answer, where the route has not set them."""
        origin, names = self._exchange.origin, {name for name, _ in headers}
        more: list[tuple[bytes, bytes]] = []
        if status in (200, 201) and b"etag" not in names and not first.get("more_body", False):
            more.append((b"etag", body_tag(first.get("body", b""), answer_version(origin)).encode()))
        if status == 201 and b"location" not in names:
            more += self._location()
        if origin.next_cursor is not None:
            more.append((b"link", _next_link(self._scope, self._exchange.base_url, origin.next_cursor)))
        return more

    def _location(self) -> list[tuple[bytes, bytes]]:
        """Where the object made can be read, if it can be."""
        exchange, path = self._exchange, self._scope["path"]
        created = exchange.origin.created
        if created is None or not exchange.chassis.table.offers(f"{path}/{created}", "GET"):
            return []
        return [(b"location", f"{path}/{quote(created, safe='')}".encode())]

    def _has_already(self, etag: str) -> bool:
        """Whether the client holds this very representation."""
        asked = header(self._exchange.given, b"if-none-match")
        return asked is not None and is_unchanged(etag, asked)

    def _common_headers(self, headers: Headers, *, is_revalidated: bool) -> list[tuple[bytes, bytes]]:
        """What every answer carries; a route's own Cache-Control and policy stand."""
        names = {name for name, _ in headers}
        milliseconds = (perf_counter() - self._exchange.started) * 1000
        defaults = (
            (b"cache-control", b"private, no-cache" if is_revalidated else b"no-store"),
            (b"content-security-policy", API_CSP),
        )
        return [
            *(each for each in defaults if each[0] not in names),
            *_SECURITY,
            (b"x-request-id", self._exchange.request_id.encode()),
            (b"server-timing", b"app;dur=%.2f" % milliseconds),
            *self._exchange.headers,
        ]


class Edge:
    """Wraps the app; one instance for each."""

    def __init__(self, app: ASGIApp, chassis: Chassis, overrides: Mapping[Any, Any], *, is_traced: bool) -> None:
        self._app = app
        self._chassis = chassis
        self._overrides, self._is_traced = overrides, is_traced
        self._trusted: Networks = parse_networks(chassis.settings.trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = self._begin(scope)
        answer = _Answer(scope, exchange, send)
        token = REQUEST_ID.set(exchange.request_id)
        self._chassis.metrics.running += 1
        try:
            await self._run(scope, exchange, receive, answer)
        except Exception as error:
            await self._rescue(scope, exchange, receive, answer, error)
        finally:
            self._chassis.metrics.running -= 1
            self._tell(scope, exchange, answer)
            REQUEST_ID.reset(token)

    def _begin(self, scope: Scope) -> Exchange:
        peer, given = (scope.get("client") or ("", 0))[0], by_name(scope["headers"])
        host = header(given, b"host") or "localhost"
        exchange = Exchange(
            chassis=self._chassis,
            request_id=_request_id(given),
            started=perf_counter(),
            given=given,
            client=client_address(peer, header(given, b"x-forwarded-for"), self._trusted),
            base_url=self._chassis.settings.public_url
            or base_url(scope, given, host if is_sane_host(host) else "localhost", self._trusted),
        )
        exchange.origin.request_id = exchange.request_id
        scope[SCOPE_KEY] = exchange
        return exchange

    async def _run(self, scope: Scope, exchange: Exchange, receive: Receive, answer: _Answer) -> None:
        host = header(exchange.given, b"host")
        settings = self._chassis.settings
        if host is not None and not (is_sane_host(host) and is_allowed_host(host, settings.allowed_hosts)):
            await self._refuse(
                scope, exchange, receive, answer, malformed_request("The Host header names no host of ours.")
            )
            return
        origin = header(exchange.given, b"origin")
        if origin is not None and settings.cors_origins:
            exchange.headers += cors_headers(origin, settings.cors_origins)
            if is_preflight(scope["method"], exchange.given) and is_let_in(exchange.headers):
                await answer.send({"type": "http.response.start", "status": 204, "headers": preflight_headers()})
                await answer.send({"type": "http.response.body"})
                return
        # What FastAPI puts around its routes is for files of forms, telemetry and its own errors: a fifth of the time.
        target = None if self._is_traced or self._overrides else self._chassis.table.short_way(scope)
        if target is not None:
            await admit(target, exchange, scope, receive, answer.send)
            return
        await self._app(scope, receive, answer.send)

    async def _refuse(
        self, scope: Scope, exchange: Exchange, receive: Receive, answer: _Answer, problem: Problem
    ) -> None:
        response = problem_response(problem, instance=scope["path"], request_id=exchange.request_id)
        await response(scope, receive, answer.send)

    async def _rescue(
        self, scope: Scope, exchange: Exchange, receive: Receive, answer: _Answer, error: Exception
    ) -> None:
        problem = known_problem(error)
        if problem is None:
            self._chassis.log.error("request failed", path=_shown_path(scope, exchange), exc_info=error)
            problem = internal()
        if answer.has_started:
            raise error
        await self._refuse(scope, exchange, receive, answer, problem)

    def _tell(self, scope: Scope, exchange: Exchange, answer: _Answer) -> None:
        seconds = perf_counter() - exchange.started
        target, caller, method = exchange.target, exchange.caller, scope["method"]
        slice_name, route = (target.slice_name, target.path) if target else ("", "")
        label = method if method in _METHODS else "OTHER"
        self._chassis.metrics.answered(slice_name, route, label, answer.status or 499, seconds)
        self._chassis.request_log.info(
            "request",
            method=method,
            route=route or None,
            path=_shown_path(scope, exchange),
            status=answer.status or 499,
            duration_ms=round(seconds * 1000, 2),
            bytes=answer.sent_bytes,
            slice=slice_name or None,
            key_id=caller.key_id if caller else None,
            client=exchange.client,
            **({"trace_id": trace_id} if (trace_id := _trace_id(exchange.given)) else {}),
        )
