"""Slow and hostile clients over real sockets: each wait has an end, and others feel nothing of it."""

import json
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from slice_api.chassis.bodies import limited, read_body
from slice_api.chassis.problems import Problem
from slice_api.connections import MOST_HEAD_BYTES, MOST_WAITING, Connections, _send_whole
from slice_api.serving import let_many_connect
from tests.chassis.examples import EXAMPLES, problem
from tests.server import END_SECONDS, ROOT, Server, served
from tests.support import ADMIN_KEY, chassis_of, make_app
from tests.wire import answered, answers, heard, heard_by_drips, wire

T = TypeVar("T")

EXAMPLE = ("-m", "tests.chassis.example_server")
HASTY = {
    "SLICE_ADMIN_KEY": ADMIN_KEY,
    "SLICE_HEAD_SECONDS": "0.3",
    "SLICE_BODY_SECONDS": "0.3",
    "SLICE_UNREAD_SECONDS": "0.3",
}
KEY = b"Host: localhost\r\nX-API-Key: " + ADMIN_KEY.encode() + b"\r\n"
PROBE = b"GET /probe HTTP/1.1\r\n" + KEY + b"\r\n"
LAST_PROBE = b"GET /probe HTTP/1.1\r\nConnection: close\r\n" + KEY + b"\r\n"
SIZE = b"POST /probe/size HTTP/1.1\r\n" + KEY
TAKE = b"POST /api/probes HTTP/1.1\r\nContent-Type: application/json\r\n" + KEY
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
DRIPS = 2_000
"""More than any server lets come."""


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that waits for nothing for long; only for clients that are late whatever happens."""
    with served(tmp_path_factory.mktemp("hasty"), EXAMPLE, root=ROOT, **HASTY) as server:
        yield server


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as it is when nobody has set anything."""
    with served(tmp_path_factory.mktemp("usual"), EXAMPLE, SLICE_ADMIN_KEY=ADMIN_KEY) as server:
        yield server


def lines_of(server: Server, event: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, server.heard().splitlines()) if line["event"] == event]


def until(is_so: Callable[[], T]) -> T:
    """Wait for what comes a moment later, such as a line of the log; gives it."""
    end = time.monotonic() + END_SECONDS
    while not (found := is_so()):
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.01)
    return found


def lines_about(server: Server, event: str, request_id: str) -> list[dict[str, Any]]:
    """The lines of one request, as soon as there are any."""
    return until(lambda: [line for line in lines_of(server, event) if line["request_id"] == request_id])


# Heads that do not come


def test_a_connection_on_which_nothing_comes_is_closed_without_a_word(hasty: Server) -> None:
    assert answered(hasty) == []


@pytest.mark.parametrize("begun", [b"G", b"GET /probe HT", b"GET /probe HTTP/1.1\r\nHost: loc"])
def test_a_head_that_is_not_complete_in_time_is_told_so(hasty: Server, begun: bytes) -> None:
    [answer] = answered(hasty, begun)
    body = problem(answer, 408, "request-timeout")
    assert body["detail"] == "The head of the request was not complete in time."
    [line] = lines_about(hasty, "connection refused", body["request_id"])
    assert (line["status"], line["why"], line["client"]) == (408, "request-timeout", "127.0.0.1")


def test_a_refusal_bears_the_headers_of_every_answer(hasty: Server) -> None:
    [refusal], [answer] = answered(hasty, b"GET /probe"), answered(hasty, b"GET /none HTTP/1.1\r\n" + KEY + b"\r\n")
    assert answer.headers.keys() - refusal.headers.keys() == {"server-timing"}
    for name in ("cache-control", "content-security-policy", "x-content-type-options", "referrer-policy"):
        assert refusal.headers[name] == answer.headers[name]
    assert refusal.headers["connection"] == "close"


def test_a_head_that_comes_in_drips_is_not_waited_for(hasty: Server) -> None:
    drips = (b"X-%d: y\r\n" % number for number in range(DRIPS))
    [answer] = heard_by_drips(hasty, b"GET /probe HTTP/1.1\r\n", drips)
    problem(answer, 408, "request-timeout")


def test_the_next_head_has_a_deadline_of_its_own(hasty: Server) -> None:
    first, second = answered(hasty, PROBE + b"GET /probe HTTP")
    assert first.status_code == 200
    problem(second, 408, "request-timeout")


def test_a_connection_that_is_idle_after_its_answers_is_let_go_of(hasty: Server) -> None:
    with wire(hasty) as line:
        for _ in range(3):
            line.sendall(PROBE)
            heard_until(line, b'"client"')
        assert heard(line) == b""


def test_empty_lines_keep_no_connection_open(hasty: Server) -> None:
    [answer] = heard_by_drips(hasty, PROBE, repeat(b"\r\n", DRIPS))
    assert answer.status_code == 200


# Heads that are too large


def padded(size: int, end: bytes = b"\r\n\r\n") -> bytes:
    """A head of so many bytes."""
    begin = b"GET /probe HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\nX-Padding: "
    return begin + b"x" * (size - len(begin) - len(end)) + end


LONG_HEADS = {
    "one byte too many": padded(MOST_HEAD_BYTES + 1),
    "twice as much": padded(2 * MOST_HEAD_BYTES),
    "without an end": padded(2 * MOST_HEAD_BYTES, b""),
    "many headers": PROBE[:-2] + b"A: b\r\n" * MOST_HEAD_BYTES,
    "a long path": b"GET /" + b"x" * MOST_HEAD_BYTES + b" HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("case", LONG_HEADS)
@pytest.mark.parametrize("piece", [997, 1 << 20])
def test_a_head_that_is_too_large_is_refused(usual: Server, case: str, piece: int) -> None:
    whole = LONG_HEADS[case]
    [answer] = answered(usual, *(whole[at : at + piece] for at in range(0, len(whole), piece)))
    assert "32,768" in problem(answer, 431, "head-too-large")["detail"]


def test_the_largest_head_is_taken(usual: Server) -> None:
    [answer] = answered(usual, padded(MOST_HEAD_BYTES))
    assert answer.status_code == 200


def test_a_long_head_behind_another_request_is_refused_in_its_turn(usual: Server) -> None:
    first, second = answered(usual, PROBE + padded(MOST_HEAD_BYTES + 4_096))
    assert first.status_code == 200
    problem(second, 431, "head-too-large")


def test_what_follows_a_body_is_held_to_the_same(usual: Server) -> None:
    begin = SIZE + CHUNKED + b"3\r\nabc\r\n0\r\n"
    [answer] = answered(usual, begin, b"X: " + b"y" * 2 * MOST_HEAD_BYTES)
    problem(answer, 431, "head-too-large")
    answer, _ = answered(usual, begin, b"X: y\r\n\r\n" + LAST_PROBE)
    assert answer.json() == {"size": 3}


def test_a_refusal_has_no_body_for_who_wants_the_head_alone(usual: Server) -> None:
    with wire(usual) as line:
        line.sendall(b"HEAD /probe HTTP/1.1\r\nX: " + b"x" * MOST_HEAD_BYTES)
        raw = heard(line)
    assert raw.startswith(b"HTTP/1.1 431 ")
    assert raw.endswith(b"\r\n\r\n")


# What is not HTTP, or too much of it


@pytest.mark.parametrize("noise", [b"\x16\x03\x01\x02\x00\x01", b"SELECT 1;\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
def test_what_is_not_http_is_a_problem(usual: Server, noise: bytes) -> None:
    [answer] = answered(usual, noise)
    problem(answer, 400, "malformed-request")


def test_what_was_asked_before_is_answered_first(usual: Server) -> None:
    first, second, third = answered(usual, PROBE * 2 + b"NOISE\r\n\r\n")
    assert (first.status_code, second.status_code) == (200, 200)
    problem(third, 400, "malformed-request")


def test_a_broken_body_is_told_so_in_its_turn(usual: Server) -> None:
    broken = SIZE + CHUNKED + b"3\r\nabc\r\nnot a size\r\n"
    [answer] = answered(usual, broken)
    problem(answer, 400, "malformed-request")
    first, second = answered(usual, PROBE + broken)
    assert first.status_code == 200
    problem(second, 400, "malformed-request")
    assert lines_of(usual, "request failed") == []


def test_requests_that_are_sent_ahead_are_answered_up_to_a_number(usual: Server) -> None:
    *good, last = answered(usual, PROBE * 10 * MOST_WAITING)
    assert {answer.status_code for answer in good} == {200}
    assert MOST_WAITING <= len(good) < 2 * MOST_WAITING
    problem(last, 429, "rate-limited")


def test_another_protocol_is_answered_in_this_one(usual: Server) -> None:
    [answer] = answered(usual, PROBE[:-2] + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + PROBE)
    assert (answer.status_code, answer.headers["connection"]) == (200, "close")


# Bodies that do not come

STILL = {
    "a stream": SIZE + b"Content-Length: 10\r\n\r\nabc",
    "a stream, nothing of it": SIZE + b"Content-Length: 10\r\n\r\n",
    "a stream in chunks": SIZE + CHUNKED + b"3\r\nabc\r\n",
    "a stream that has ended but for a line": SIZE + CHUNKED + b"3\r\nabc\r\n0\r\n",
    "JSON": TAKE + b'Content-Length: 30\r\n\r\n{"value"',
    "JSON in chunks": TAKE + CHUNKED + b"1\r\n{\r\n",
    "JSON with a key": TAKE + b"Idempotency-Key: once\r\nContent-Length: 30\r\n\r\n{",
}


@pytest.mark.parametrize("case", STILL)
def test_a_body_that_stands_still_is_told_so(hasty: Server, case: str) -> None:
    [answer] = answered(hasty, STILL[case])
    body = problem(answer, 408, "request-timeout")
    assert body["instance"] == STILL[case].split()[1].decode()
    assert answer.headers["connection"] == "close"
    lines_about(hasty, "request", body["request_id"])
    assert lines_of(hasty, "request failed") == []


def test_a_body_that_was_asked_for_is_waited_for_no_longer(hasty: Server) -> None:
    go_on, answer = answered(hasty, SIZE + b"Expect: 100-continue\r\nContent-Length: 10\r\n\r\n")
    assert go_on.status_code == 100
    problem(answer, 408, "request-timeout")


def test_a_body_that_comes_in_drips_is_not_waited_for(hasty: Server) -> None:
    [answer] = heard_by_drips(hasty, SIZE + b"Content-Length: 1000000\r\n\r\n", repeat(b"x", DRIPS))
    problem(answer, 408, "request-timeout")


def test_a_body_that_nobody_wants_any_more_keeps_no_connection_open(hasty: Server) -> None:
    begin = b"POST /none HTTP/1.1\r\nContent-Length: 1000000\r\n" + KEY + b"\r\n"
    [answer] = heard_by_drips(hasty, begin, repeat(b"x", DRIPS))
    problem(answer, 404, "not-found")


class Sender:
    """A receiving side: pieces of a body, each with the seconds that go by before it comes."""

    def __init__(self, *pieces: tuple[float, int]) -> None:
        self.now = 1000.0
        self._pieces = iter(pieces)

    def clock(self) -> float:
        return self.now

    async def receive(self) -> dict[str, Any]:
        seconds, size = next(self._pieces, (0.0, 0))
        self.now += seconds
        return {"type": "http.request", "body": b"x" * size, "more_body": bool(seconds)}

    async def body(self) -> bytes:
        return await read_body(limited(self.receive, {}, 10**6, 30.0, self.clock))


@pytest.mark.parametrize(
    "pieces",
    [
        [(29.9, 1)],
        [(29.0, 5000), (10.0, 5000), (10.0, 5000)],
        [(10.0, 0), (15.0, 0), (1.0, 10)],  # looked in vain, twice
        [(1.0, 500)] * 600,
    ],
)
async def test_a_body_may_be_slow(pieces: list[tuple[float, int]]) -> None:
    assert len(await Sender(*pieces).body()) == sum(size for _, size in pieces)


@pytest.mark.parametrize("pieces", [[(30.0, 0)], [(29.0, 5000), (30.1, 0)], [(29.0, 1)] * 2, [(1.0, 400)] * 200])
async def test_a_body_may_be_no_slower(pieces: list[tuple[float, int]]) -> None:
    with pytest.raises(Problem, match="too slowly"):
        await Sender(*pieces).body()


# Answers that are not read


def test_an_answer_that_nobody_reads_takes_little_memory_and_is_cut_off(hasty: Server) -> None:
    with wire(hasty, receive_buffer=4_096) as line:
        line.sendall(b"GET /probe/flood HTTP/1.1\r\n" + KEY + b"\r\n")
        until(lambda: lines_of(hasty, "connection cut off"))
        until(lambda: lines_of(hasty, "the flood is over"))
    [over] = lines_of(hasty, "the flood is over")
    assert over["given"] < 64 * 2**20
    assert lines_of(hasty, "request failed") == []


# How many


def test_an_address_has_so_many_connections_and_no_more(tmp_path: Path) -> None:
    with (
        served(tmp_path, EXAMPLE, SLICE_ADMIN_KEY=ADMIN_KEY, SLICE_CONNECTIONS_PER_ADDRESS="3") as server,
        ExitStack() as stack,
    ):
        lines = [stack.enter_context(wire(server)) for _ in range(3)]
        [answer] = answered(server)
        assert "3 connections" in problem(answer, 429, "rate-limited")["detail"]
        assert answer.headers["retry-after"].isdecimal()
        for line in lines:
            line.sendall(LAST_PROBE)
            assert answers(heard(line))[0].status_code == 200
        until(lambda: answered(server, LAST_PROBE)[0].status_code == 200)


def test_proxies_that_are_trusted_have_as_many_as_they_want_and_so_has_everybody_where_there_is_no_cap() -> None:
    for setting in (
        {"trusted_proxies": ("192.0.2.0/24",), "connections_per_address": 1},
        {"connections_per_address": 0},
    ):
        connections = Connections(chassis_of(make_app(packages=EXAMPLES, **setting)))
        assert {connections.enter(("192.0.2.7", port)) for port in range(9)} == {None}


def test_a_network_of_version_6_counts_as_one_address() -> None:
    app = make_app(packages=EXAMPLES, connections_per_address=2)
    connections = Connections(chassis_of(app))
    groups = [connections.enter((address, 1)) for address in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")]
    assert groups == ["2001:db8::/64", "2001:db8::/64", "2001:db8:0:1::/64"]
    with pytest.raises(Problem, match="2 connections"):
        connections.enter(("2001:db8::3", 1))
    assert connections.enter(None) is None  # a socket of this machine
    connections.leave("2001:db8::/64")
    assert connections.enter(("2001:db8::3", 1)) == "2001:db8::/64"


def test_the_system_lets_many_connect() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        let_many_connect()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= min(hard, 65_536) > 512
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# What is let be


def heard_until(line: socket.socket, last: bytes) -> bytes:
    raw = b""
    while last not in raw:
        raw += line.recv(65_536)
    return raw


def test_a_quiet_stream_stays_and_a_stop_waits_for_no_head_but_for_what_runs(tmp_path: Path) -> None:
    given = {**HASTY, "SLICE_HEAD_SECONDS": "600", "SLICE_SHUTDOWN_SECONDS": "600"}
    with served(tmp_path, EXAMPLE, root=ROOT, **given) as server, ExitStack() as stack:
        silent, late, idle, running, stream = (stack.enter_context(wire(server)) for _ in range(5))
        stream.sendall(b"GET /api/echoes/stream HTTP/1.1\r\n" + KEY + b"\r\n")
        running.sendall(b"GET /api/probes/until-the-end HTTP/1.1\r\n" + KEY + b"\r\nGET /probe HTTP")
        heard_until(stream, b": open")
        heard_until(running, b"begun")
        for _ in range(3):  # for longer than anything else may stand still
            problem(answered(server, SIZE + b"Content-Length: 1\r\n\r\n")[0], 408, "request-timeout")
        late.sendall(PROBE + b"GET /probe HTTP")
        idle.sendall(PROBE)
        heard_until(late, b'"client"')
        heard_until(idle, b'"client"')
        server.process.send_signal(signal.SIGTERM)
        problem(answers(heard(late))[0], 503, "unavailable")
        assert heard(silent) == heard(idle) == b""
        assert b"finished\n\r\n0\r\n\r\n" in heard(running)
        assert heard(stream).endswith(b"0\r\n\r\n")
        code, _, rest = server.ended()
    assert code in (0, -signal.SIGTERM)
    assert "Cancel" not in rest


def test_a_stop_waits_for_no_body_of_which_nothing_comes(tmp_path: Path) -> None:
    given = {"SLICE_ADMIN_KEY": ADMIN_KEY, "SLICE_SHUTDOWN_SECONDS": "600", "SLICE_UNREAD_SECONDS": "0.3"}
    with served(tmp_path, EXAMPLE, root=ROOT, **given) as server, wire(server) as line:
        line.sendall(SIZE + b"Expect: 100-continue\r\nContent-Length: 10\r\n\r\nabc")
        heard_until(line, b"100 Continue")  # it runs
        server.process.send_signal(signal.SIGTERM)
        problem(answers(heard(line))[0], 503, "unavailable")
        code, _, rest = server.ended()
    assert code in (0, -signal.SIGTERM)
    assert "request failed" not in rest


# Whole answers, which go out without uvicorn's own look at them

_GOOD: list[tuple[bytes, bytes]] = [(b"content-length", b"2"), (b"x-mood", b"well")]


def _sent_whole(headers: list[tuple[bytes, bytes]]) -> tuple[bool, list[bytes]]:
    """Whether an answer with these headers was sent whole, and what was written."""
    written: list[bytes] = []
    cycle: Any = SimpleNamespace(
        scope={"method": "GET"},
        default_headers=[],
        transport=SimpleNamespace(write=written.append),
        flow=SimpleNamespace(write_paused=False),
        message_event=SimpleNamespace(set=lambda: None),
        on_response=lambda: None,
        keep_alive=True,
        response_started=False,
        disconnected=False,
    )
    return _send_whole(cycle, 200, headers, b"ok"), written


def test_an_answer_in_good_order_is_sent_by_one_write() -> None:
    is_sent, [written] = _sent_whole(_GOOD)
    assert is_sent
    assert written.endswith(b"content-length: 2\r\nx-mood: well\r\n\r\nok")


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x-mood", b"well\r\nset-cookie: a=b")],
        [(b"x-mood", b"well\nill")],
        [(b"x-mood", b"\0")],
        [(b"x-mood", b"ill\r\n"), (b"x-mood", b"well")],
        [(b"x mood", b"well")],
        [(b"x-mood\r\nx", b"well")],
        [(b"connection", b"close")],
        [(b"transfer-encoding", b"chunked")],
        [(b"content-length", b"3")],
    ],
    ids=repr,
)
def test_what_is_out_of_the_common_is_left_to_uvicorn(headers: list[tuple[bytes, bytes]]) -> None:
    assert _sent_whole([*_GOOD, *headers]) == (False, [])
