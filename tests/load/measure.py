"""CPU time of one call to an ASGI app, in process; taken in turns, so that a slow moment of the machine hits all."""

import asyncio
import gc
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from time import process_time_ns
from typing import Any, NamedTuple

from starlette.types import ASGIApp, Message, Receive

from slice_api.serving import spare_garbage_collector

CALLS = 200
ROUNDS = 25


class Request(NamedTuple):
    """What to ask an app for."""

    app: ASGIApp
    method: str
    path: str
    headers: Mapping[str, str] = {}
    status: int = 200
    query: str = ""
    body: bytes = b""


class Figure(NamedTuple):
    """Microseconds of CPU for each call: the least of all rounds, and the middle one."""

    least: float
    middle: float


def _scope(request: Request) -> dict[str, Any]:
    headers = [(name.lower().encode(), value.encode()) for name, value in request.headers.items()]
    headers += [(b"content-length", str(len(request.body)).encode())] if request.body else []
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": request.query.encode(),
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), *headers],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 80),
        "state": {},
    }


def _receiving(request: Request) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": request.body, "more_body": False}

    return receive


async def call(request: Request) -> int:
    """Ask once; gives the status."""
    status = 0

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    await request.app(_scope(request), _receiving(request), send)
    return status


async def round_of(request: Request) -> float:
    """Microseconds of CPU for each of many calls."""
    scopes, receive = [_scope(request) for _ in range(CALLS)], _receiving(request)

    async def send(_: Message) -> None:
        return

    started = process_time_ns()
    for scope in scopes:
        await request.app(scope, receive, send)
    return (process_time_ns() - started) / CALLS / 1000


async def compare(requests: Mapping[str, Request]) -> dict[str, Figure]:
    """The figures of several requests, their rounds interleaved; each must answer with the status it says."""
    for name, request in requests.items():
        status = await call(request)
        assert status == request.status, f"{name}: {status} instead of {request.status}"
    thresholds = gc.get_threshold()
    spare_garbage_collector()  # as when it is served
    taken: dict[str, list[float]] = {name: [] for name in requests}
    for _ in range(ROUNDS):
        for name, request in requests.items():
            taken[name].append(await round_of(request))
            await asyncio.sleep(0)
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    return {name: Figure(min(times), median(times)) for name, times in taken.items()}


def ratio_line(
    title: str, figures: Mapping[str, Figure], over: str, under: str, target: float | None
) -> tuple[str, bool]:
    """One line of the report, and whether the target holds, where there is one."""
    ratio = figures[over].least / figures[under].least
    holds = target is None or ratio <= target
    told = "" if target is None else f" (target {target:.2f}) {'ok' if holds else 'MISSED'}"
    line = (
        f"{title}: {ratio:.2f} x{told}   [{over} {figures[over].least:.2f} us, {under} {figures[under].least:.2f} us]"
    )
    return line, holds


def report(lines: Iterable[tuple[str, bool]]) -> Sequence[bool]:
    """Print the lines; gives which targets hold."""
    told = list(lines)
    for text, _ in told:
        print(text, flush=True)
    return [holds for _, holds in told]
