"""The connections of one server: what slow and hostile clients may do on them, and when they are let go of.

Uvicorn by itself waits for ever: for a head, for a body, for somebody to read an answer. Here every wait has an end,
heads have a size, and an address has a share of the connections. The requests of everybody else are to feel nothing of
it: no timer is started for them. Whatever is open is looked at every few seconds instead, and what has not moved since
is what takes long.
"""

import asyncio
import os
from collections import Counter, deque
from collections.abc import Set
from functools import lru_cache, partial
from typing import Any, Final

import httptools
import orjson
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from slice_api.chassis.addresses import address_group, is_in
from slice_api.chassis.assembly import Chassis
from slice_api.chassis.edge import API_CSP, SECURITY_HEADERS
from slice_api.chassis.exchange import SCOPE_KEY, SEND_WHOLE
from slice_api.chassis.headers import Headers
from slice_api.chassis.problems import (
    MEDIA_TYPE,
    Problem,
    head_too_large,
    malformed_request,
    problem_body,
    rate_limited,
    request_timeout,
    too_many_connections,
    unavailable,
)

MOST_HEAD_BYTES: Final = 32_768
MOST_WAITING: Final = 100
"""Requests on one connection that may wait for the one before; no client in use sends half as many ahead."""

_PIECE_BYTES: Final = 4_096
_LONGEST_PAUSE_SECONDS: Final = 2.5
_LOOKS_IN_SHORTEST: Final = 4
_LOOKS_IN_A_ROW: Final = 200
_STOPPING: Final = "The service is shutting down."
_WITHOUT_BODY: Final = (204, 304)
_UNCOMMON: Final = frozenset({b"connection", b"transfer-encoding"})
_REMEMBERED: Final = 1_000
_LINGER_SECONDS: Final = 2.0
"""For how long a client that was refused may go on sending; the answer is lost on one that is cut off while it does."""


class Connections:
    """The open connections of one server: how many each address has, and which of them have stood still too long."""

    def __init__(self, chassis: Chassis) -> None:
        settings = chassis.settings
        self.settings, self._log, self._metrics = settings, chassis.log, chassis.metrics
        self._trusted = chassis.trusted_proxies
        self._count: Counter[str] = Counter()
        shortest = min(settings.head_seconds, settings.body_seconds, settings.unread_seconds)
        self._pause_seconds = min(_LONGEST_PAUSE_SECONDS, shortest / _LOOKS_IN_SHORTEST)

    def enter(self, client: tuple[str, int] | None) -> str | None:
        """Count a connection; gives what it is counted under, None where it is not. Raises 429 for one too many.

        Proxies that are trusted bring the connections of everybody, and a socket of this machine has no address.
        """
        most = self.settings.connections_per_address
        if not most or client is None or is_in(client[0], self._trusted):
            return None
        group = address_group(client[0])
        if self._count[group] >= most:
            raise too_many_connections(most)
        self._count[group] += 1
        return group

    def leave(self, group: str) -> None:
        """Count a connection no longer."""
        self._count[group] -= 1
        if not self._count[group]:
            del self._count[group]

    async def watch(self, connections: Set[Any]) -> None:
        """Look at all connections again and again, at a few in a row, so that nobody waits for it."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._pause_seconds)
            for number, connection in enumerate(list(connections), 1):
                if connection in connections:
                    self._look(connection, loop.time())
                if number % _LOOKS_IN_A_ROW == 0:
                    await asyncio.sleep(0)

    def _look(self, connection: "Connection", now: float) -> None:
        """Look at one; what goes wrong is the end of that one alone."""
        try:
            connection.look(now)
        except Exception as error:
            self._log.error("a connection cannot be looked at", exc_info=error)
            connection.transport.abort()

    def note(self, connection: "Connection", problem: Problem, request_id: str) -> None:
        """Tell the log and the figures of an answer without a request that could tell of it."""
        status, client = problem.status_code, _address_of(connection)
        self._metrics.answered(("", "", "OTHER"), status, 0.0)
        self._log.info("connection refused", status=status, why=problem.kind, client=client, request_id=request_id)

    def cut_off(self, connection: "Connection") -> None:
        """End a connection whose client reads nothing of its answer."""
        self._log.info("connection cut off", why="its answer is not read", client=_address_of(connection))
        connection.transport.abort()


def _address_of(connection: "Connection") -> str | None:
    return connection.client[0] if connection.client else None


def _headers_of(problem: Problem, request_id: str, length: int) -> list[tuple[bytes, bytes]]:
    """What stands on the answer to a request that has not reached the app, as on every other."""
    own = [(name.lower().encode(), value.encode()) for name, value in (problem.headers or {}).items()]
    return [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", b"%d" % length),
        *(each for each in own if each[0] != b"connection"),
        CLOSE_HEADER,
        (b"cache-control", b"no-store"),
        (b"content-security-policy", API_CSP),
        *SECURITY_HEADERS,
        (b"x-request-id", request_id.encode()),
    ]


class Connection(HttpToolsProtocol):
    """Uvicorn's protocol with an end to its patience.

    What is said of time is said by `look`. `_loose` counts bytes that belong to no head or body which is known yet.
    """

    # Uvicorn's protocol has 28 attributes of its own; Python finds them more slowly in a dict of more than 30.
    __slots__ = (
        "_all",
        "_group",
        "_is_deaf",
        "_is_lingering",
        "_is_stopping",
        "_loose",
        "_mark",
        "_mark_since",
        "_unsent",
        "_unsent_since",
    )

    # None as long as there is none, which uvicorn's annotations leave out.
    scope: Any
    cycle: Any
    pipeline: deque[tuple[Any, Any]]

    def __init__(self, connections: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._all = connections
        self._group: str | None = None
        self._loose = 0
        self._is_deaf = self._is_lingering = self._is_stopping = False
        self._mark: object = None
        self._mark_since = 0.0
        self._unsent = 0
        self._unsent_since = 0.0

    # What uvicorn and the transport call

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        try:
            self._group = self._all.enter(self.client)
        except Problem as problem:
            self._is_deaf = True
            self._say(problem)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._group is not None:
            self._all.leave(self._group)
            self._group = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        if self._loose + len(data) > _PIECE_BYTES:
            self._feed_in_pieces(memoryview(data))
        else:
            self._feed(data)

    def on_body(self, body: bytes) -> None:
        self._loose = 0
        super().on_body(body)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.scope[SEND_WHOLE] = partial(_send_whole, cycle)  # type: ignore[typeddict-unknown-key]
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Go on with what waits. Whoever is idle is seen by `look`, so that no request starts a timer and stops it."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def resume_writing(self) -> None:
        self._unsent = 0
        super().resume_writing()

    def shutdown(self) -> None:
        """Told when the server stops: whoever is in the middle of a head is not waited for, nor who sends nothing."""
        self._is_stopping = True
        if self._is_in_head and not self._is_running and not self._is_deaf:
            self._refuse(unavailable(_STOPPING))
            return
        super().shutdown()

    # Reading

    def _feed_in_pieces(self, rest: memoryview) -> None:
        """Read much at once as if it were little, so that what is too much is seen before it is kept."""
        while rest and not self._is_deaf:
            size = min(_PIECE_BYTES, MOST_HEAD_BYTES - self._loose)
            self._feed(rest[:size])
            rest = rest[size:]

    def _feed(self, data: bytes | memoryview) -> None:
        before = self.cycle
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Nothing else is spoken here: it is answered all the same (RFC 9110, section 7.8), and nothing after it.
            self.cycle.keep_alive, self._is_deaf = False, True
            return
        except httptools.HttpParserError:
            self._refuse(malformed_request("The request is not HTTP/1.1 as RFC 9112 has it."))
            return
        scope = self.scope
        if len(self.pipeline) > MOST_WAITING:
            self._refuse(rate_limited(1))
        elif self.cycle is not before or (scope and "method" in scope and not self.cycle.more_body):
            self._loose = 0
        else:
            self._weigh(len(data))

    def _weigh(self, size: int) -> None:
        """Count what belongs to a head, or to a body's trailers, that are not complete yet."""
        self._loose += size
        if self._loose >= MOST_HEAD_BYTES:
            self._refuse(head_too_large(MOST_HEAD_BYTES))

    # Where it stands

    @property
    def _is_in_head(self) -> bool:
        return self.scope is not None and "method" not in self.scope

    @property
    def _is_running(self) -> bool:
        """Whether a request is being answered, or waits for its turn."""
        return self.cycle is not None and not self.cycle.response_complete

    # Deadlines

    def look(self, now: float) -> None:
        """Let go of a connection that has stood still too long; `now` in seconds of the loop's clock."""
        unsent = self.transport.get_write_buffer_size()
        if unsent and self._is_unread(unsent, now):
            self._all.cut_off(self)
            return
        self._unsent = unsent
        mark, seconds = self._awaited()
        if mark is not self._mark:
            self._mark, self._mark_since = mark, now
        elif mark is not None and now - self._mark_since >= seconds and not self.transport.is_closing():
            self._give_up()

    def _is_unread(self, unsent: int, now: float) -> bool:
        """Whether what is to be sent has only grown for long, and nothing was sent of it."""
        if not self._unsent or unsent < self._unsent:
            self._unsent_since = now
        return now - self._unsent_since >= self._all.settings.unread_seconds

    def _awaited(self) -> tuple[object, float]:
        """Something that is another as soon as what is waited for has moved, None for nothing; and for how long."""
        cycle, settings = self.cycle, self._all.settings
        if self._is_lingering:
            return self._all, _LINGER_SECONDS
        if cycle is not None and not cycle.response_complete:
            is_silent = not cycle.response_started and cycle.more_body and not cycle.body and not self.pipeline
            return (cycle.body if is_silent else None), 0.0 if self._is_stopping else settings.body_seconds
        if cycle is None:
            return self, settings.head_seconds
        if self._is_in_head:
            return self.scope, settings.head_seconds
        return cycle, min(settings.head_seconds, self.timeout_keep_alive)

    def _give_up(self) -> None:
        if self._is_lingering:
            self.transport.close()
        elif self._is_running and self._is_stopping:
            self._refuse(unavailable(_STOPPING))
        elif self._is_running:
            self.cycle.message_event.set()  # whoever waits for the body looks at the clock: `bodies.limited`
        elif self._is_in_head:
            self._refuse(request_timeout("The head of the request was not complete in time."))
        else:
            self.transport.close()

    # Refusing

    def _refuse(self, problem: Problem) -> None:
        """Answer with a problem when everything before is answered, hear nothing more, and close."""
        self._is_deaf = True
        cycle = self.cycle
        if not self._is_running:
            self._say(problem)
            self._leave()
        elif not cycle.more_body:
            cycle.on_response = partial(self._refuse_at_last, problem)
        elif self.pipeline:
            self.pipeline[0] = (cycle, self._refusing(problem))
        else:
            self._break_off(problem)

    def _refuse_at_last(self, problem: Problem) -> None:
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self._say(problem)
            self._leave()

    def _break_off(self, problem: Problem) -> None:
        """The body of the request in hand is what is wrong: its route sees the client go away."""
        if not self.cycle.response_started:
            self._say(problem)
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        self._leave()

    def _leave(self) -> None:
        if self._is_stopping or not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write_eof()
        self._is_lingering = True

    def _say(self, problem: Problem) -> None:
        headers, body = self._answer(problem)
        lines = [b"%b: %b\r\n" % each for each in (*self.server_state.default_headers, *headers)]
        is_head = self.parser.get_method() == b"HEAD"
        self.transport.write(b"".join([STATUS_LINE[problem.status_code], *lines, b"\r\n", b"" if is_head else body]))

    def _refusing(self, problem: Problem) -> ASGIApp:
        """An app that answers with nothing but the problem."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            headers, body = self._answer(problem)
            await send({"type": "http.response.start", "status": problem.status_code, "headers": headers})
            await send({"type": "http.response.body", "body": body})

        return answer

    def _answer(self, problem: Problem) -> tuple[list[tuple[bytes, bytes]], bytes]:
        request_id = self._request_id()
        self._all.note(self, problem, request_id)
        body = orjson.dumps(problem_body(problem, instance="", request_id=request_id))
        return _headers_of(problem, request_id, len(body)), body

    def _request_id(self) -> str:
        """That of the request in hand, for it is that which is answered; a new one otherwise."""
        exchange = self.cycle.scope.get(SCOPE_KEY) if self._is_running else None
        return exchange.request_id if exchange else os.urandom(8).hex()


@lru_cache(maxsize=_REMEMBERED)
def _are_common(names: tuple[bytes, ...]) -> bool:
    """Whether headers of these names may stand in an answer, and mean nothing to whoever sends it."""
    return HEADER_RE.search(b"".join(names)) is None and _UNCOMMON.isdisjoint(names)


def _send_whole(cycle: RequestResponseCycle, status: int, headers: Headers, body: bytes) -> bool:
    """Send an answer that is there as a whole by one write; gives whether that was possible.

    Uvicorn looks at each header by itself and writes twice. What is out of the common is left to it.
    """
    given, is_head = dict(headers), cycle.scope["method"] == "HEAD"
    is_awaited = cycle.keep_alive and not (cycle.response_started or cycle.disconnected or cycle.flow.write_paused)
    has_end = status in _WITHOUT_BODY or given.get(b"content-length") == b"%d" % len(body)
    if not is_awaited or not (has_end or is_head) or not _are_common(tuple(given)):
        return False
    if not b"".join([value for _, value in headers]).decode("latin-1").isprintable():
        return False
    lines = [b"%b: %b\r\n" % each for each in (*cycle.default_headers, *headers)]
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(b"".join([STATUS_LINE[status], *lines, b"\r\n", body]))
    cycle.message_event.set()
    cycle.on_response()
    return True


def protocol_for(connections: Connections) -> type[Connection]:
    """The class that uvicorn makes its protocols of: it takes nothing else."""

    class OneOfThese(Connection):
        __slots__ = ()

        def __init__(self, **given: Any) -> None:
            super().__init__(connections, **given)

    return OneOfThese
