"""What one request costs a server, as `make run` starts it, under a load over sockets: taken in turns, as in process.

The load comes from `wrk` where there is one, else from this process. Server and load each have a core of their own.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import httpx
import psutil

from tests.load.benched import ENVIRONMENT
from tests.load.measure import Ask
from tests.load.results import Result, Rounds, in_turns, ratio
from tests.server import PRODUCT, environment

CONNECTIONS: Final = 32
SECONDS: Final = 1
"""How long a round is; wrk counts in whole seconds."""
ROUNDS: Final = 5
START_SECONDS: Final = 120
"""Longer than any machine takes; only a server that hangs comes here."""
_LOOK_SECONDS: Final = 0.005
_IS_READY: Final = re.compile(r"is ready: (http://[\d.]+:(\d+))/\n")


class Served(NamedTuple):
    """A running server."""

    url: str
    port: int
    process: psutil.Process


class Answered(NamedTuple):
    """How many requests a load had answered, in how many seconds."""

    answers: int
    seconds: float


class Shot(NamedTuple):
    """One round."""

    cpu: float
    """Microseconds of the server's CPU for each request."""
    per_second: float
    """How many requests were answered each second."""
    cores: float
    """How many cores all that runs on this machine kept busy meanwhile, the load among it."""


Shots = Mapping[str, Sequence[Shot]]


# Servers


@contextmanager
def on_core(at: int) -> Iterator[None]:
    """Be on one core, and let processes begin on it: the first (0) or the last (-1) of those that we may use."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[at]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def cpu_seconds(process: psutil.Process) -> float:
    """The CPU that a process has taken so far."""
    taken = process.cpu_times()
    return taken.user + taken.system


def _busy_seconds() -> float:
    """The CPU that everything on this machine has taken so far."""
    taken = psutil.cpu_times()
    return taken.user + taken.nice + taken.system + getattr(taken, "irq", 0.0) + getattr(taken, "softirq", 0.0)


def _ready(process: subprocess.Popen[bytes], log: Path) -> Served:
    """Wait until a server says where it is."""
    end = time.monotonic() + START_SECONDS
    while not (found := _IS_READY.search(log.read_text(errors="replace"))):
        if process.poll() is not None or time.monotonic() > end:
            raise AssertionError(f"no server came:\n{log.read_text(errors='replace')}")
        time.sleep(_LOOK_SECONDS)
    return Served(found[1], int(found[2]), psutil.Process(process.pid))


def _environment() -> dict[str, str]:
    """That of other tests; and what is compiled is kept, as it is for a service."""
    return {name: value for name, value in environment().items() if name != "PYTHONDONTWRITEBYTECODE"}


@contextmanager
def started(arguments: Sequence[str], folder: Path, **variables: str) -> Iterator[Served]:
    """A server of ours or another's; what it logs goes to a file, so that nobody has to read it meanwhile."""
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            (sys.executable, *arguments),
            cwd=folder,
            env={**_environment(), **variables},
            stdout=subprocess.DEVNULL,
            stderr=file,
        )
    with process:
        try:
            yield _ready(process, log)
        finally:
            process.terminate()


@contextmanager
def product(*arguments: str, **variables: str) -> Iterator[Served]:
    """The app's own server in a folder of its own, so that no .env is read."""
    with (
        TemporaryDirectory() as folder,
        started((*PRODUCT, *arguments), Path(folder), **ENVIRONMENT, **variables) as server,
    ):
        yield server


@contextmanager
def peer(name: str) -> Iterator[Served]:
    """One of the peers, on the same server underneath."""
    with TemporaryDirectory() as folder, started(("-m", "tests.load.peers", name), Path(folder)) as server:
        yield server


# Load

Load = Callable[[Served, Ask], Awaitable[Answered]]

_TELL = 'function done(s) io.write(string.format("told %d %d %d\\n", s.requests, s.duration, s.errors.status)) end\n'
_TOLD = re.compile(r"^told (\d+) (\d+) (\d+)$", re.MULTILINE)


def _script(ask: Ask) -> str:
    """A request in wrk's own language; texts are ASCII, and written as JSON writes them."""
    lines = [f"wrk.method = {json.dumps(ask.method)}"]
    lines += [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in ask.headers.items()]
    lines += [f"wrk.body = {json.dumps(ask.body.decode('ascii'))}"] if ask.body else []
    return "\n".join([*lines, _TELL])


async def _load_by_wrk(program: str, server: Served, ask: Ask) -> Answered:
    with TemporaryDirectory() as folder:
        script = Path(folder) / "ask.lua"
        script.write_text(_script(ask))
        options = ("-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", str(script))
        done = subprocess.run((program, *options, server.url + ask.path), capture_output=True, text=True, check=True)
    found = _TOLD.search(done.stdout)
    assert found, done.stdout + done.stderr
    assert found[3] == (found[1] if ask.status >= 400 else "0"), done.stdout
    return Answered(int(found[1]), int(found[2]) / 1_000_000)


async def _ask_on(port: int, request: bytes, status: bytes, end: float) -> int:
    """Ask over one connection until it is time; gives how often."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count = 0
    while time.perf_counter() < end:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.split(b" ", 2)[1] == status, head
        length = re.search(rb"content-length: (\d+)", head)
        await reader.readexactly(int(length[1]) if length and not request.startswith(b"HEAD") else 0)
        count += 1
    writer.close()
    return count


async def _load_by_python(server: Served, ask: Ask) -> Answered:
    headers = {"Host": "127.0.0.1", **ask.headers, **({"Content-Length": str(len(ask.body))} if ask.body else {})}
    lines = [f"{ask.method} {ask.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    request, begun = "\r\n".join(lines).encode() + ask.body, time.perf_counter()
    asking = (_ask_on(server.port, request, b"%d" % ask.status, begun + SECONDS) for _ in range(CONNECTIONS))
    counts = await asyncio.gather(*asking)
    return Answered(sum(counts), time.perf_counter() - begun)


def load_generator() -> str:
    """The name of the one that there is."""
    return "wrk" if shutil.which("wrk") else "Python"


def _load_for(asks: Iterable[Ask]) -> Load:
    """One for all that are compared: wrk waits in vain for what follows the head of an answer to HEAD."""
    program = shutil.which("wrk")
    if program is None or any(ask.method == "HEAD" for ask in asks):
        return _load_by_python
    return partial(_load_by_wrk, program)


# Comparing


def _shooting(load: Load, server: Served, ask: Ask, settle_seconds: float) -> Callable[[], Awaitable[Shot]]:
    async def shoot() -> Shot:
        before, all_before = cpu_seconds(server.process), _busy_seconds()
        answered = await load(server, ask)
        busy = _busy_seconds() - all_before
        await asyncio.sleep(settle_seconds)
        spent = cpu_seconds(server.process) - before
        cpu, per_second = spent / answered.answers * 1_000_000, answered.answers / answered.seconds
        return Shot(cpu, per_second, busy / answered.seconds)

    return shoot


async def compare_served(
    calls: Mapping[str, tuple[Served, Ask]], *, rounds: int = ROUNDS, settle_seconds: float = 0, warm_rounds: int = 1
) -> Shots:
    """Shots at several servers; with `settle_seconds`, what a server does that much later is counted in."""
    async with httpx.AsyncClient(follow_redirects=False) as client:
        for name, (server, ask) in calls.items():
            answer = await client.request(
                ask.method, server.url + ask.path, headers=dict(ask.headers), content=ask.body or None
            )
            assert answer.status_code == ask.status, f"{name}: {answer.status_code}, {answer.text}"
    load = _load_for(ask for _, ask in calls.values())
    works = {name: _shooting(load, *each, settle_seconds) for name, each in calls.items()}
    await in_turns(works, warm_rounds)
    return await in_turns(works, rounds)


def cpu_of(shots: Shots) -> Rounds:
    return {name: [each.cpu for each in rounds] for name, rounds in shots.items()}


def per_second_of(shots: Shots) -> Rounds:
    return {name: [each.per_second for each in rounds] for name, rounds in shots.items()}


def served_ratio(title: str, shots: Shots, over: str, under: str, target: float | None = None) -> Result:
    """The server's CPU for one request against that of another server."""
    row = ratio(title, cpu_of(shots), over, under, target, where="served")
    throughput = {name: median(each) for name, each in per_second_of(shots).items() if name in (over, under)}
    return row._replace(per_second=throughput)


@contextmanager
def peers_served(*names: str) -> Iterator[Mapping[str, Served]]:
    """Several peers at once, on the core of servers."""
    with ExitStack() as stack:
        with on_core(0):
            servers = {name: stack.enter_context(peer(name)) for name in names}
        yield servers
