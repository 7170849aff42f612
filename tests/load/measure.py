"""CPU time of one call to an ASGI app, in process; taken in turns, so that a slow moment of the machine hits all."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from time import process_time_ns
from typing import Any, NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope

from slice_api.serving import spare_garbage_collector
from tests.load.results import in_turns

CALLS = 100
ROUNDS = 41


class Ask(NamedTuple):
    """What to ask an app for, and the status that it must answer with."""

    method: str
    path: str
    headers: Mapping[str, str] = {}
    status: int = 200
    query: str = ""
    body: bytes = b""


def _scope(ask: Ask) -> dict[str, Any]:
    headers = [(name.lower().encode(), value.encode()) for name, value in ask.headers.items()]
    headers += [(b"content-length", str(len(ask.body)).encode())] if ask.body else []
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": ask.method,
        "scheme": "http",
        "path": ask.path,
        "raw_path": ask.path.encode(),
        "query_string": ask.query.encode(),
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), *headers],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 80),
        "state": {},
    }


def _receiving(ask: Ask) -> Receive:
    """The body once; then nothing, as from a client that waits for its answer."""
    is_sent = False

    async def receive() -> Message:
        nonlocal is_sent
        if is_sent:
            await asyncio.Event().wait()
        is_sent = True
        return {"type": "http.request", "body": ask.body, "more_body": False}

    return receive


async def call(app: ASGIApp, ask: Ask) -> int:
    """Ask once; gives the status."""
    status = 0

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(_scope(ask), _receiving(ask), send)
    return status


async def _send(_: Message) -> None:
    return


def _round_of(app: ASGIApp, ask: Ask, often: int) -> Callable[[], Awaitable[float]]:
    """Many calls; gives microseconds of CPU for each."""

    async def ask_many() -> float:
        given: list[tuple[Scope, Receive]] = [(_scope(ask), _receiving(ask)) for _ in range(often)]
        await asyncio.sleep(0)  # what the calls before have left to do is not of these
        started = process_time_ns()
        for scope, receive in given:
            await app(scope, receive, _send)
        return (process_time_ns() - started) / often / 1000

    return ask_many


@contextmanager
def little_garbage_collected() -> Iterator[None]:
    """The collector as it is when the app is served."""
    thresholds = gc.get_threshold()
    spare_garbage_collector()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)


async def compare(
    calls: Mapping[str, tuple[ASGIApp, Ask]], rounds: int = ROUNDS, often: int = CALLS
) -> dict[str, list[float]]:
    """Microseconds of CPU for each call, round by round; each app must answer with the status that is asked for."""
    for name, (app, ask) in calls.items():
        status = await call(app, ask)
        assert status == ask.status, f"{name}: {status} instead of {ask.status}"
    works = {name: _round_of(app, ask, often) for name, (app, ask) in calls.items()}
    with little_garbage_collected():
        await in_turns(works, 1)
        return await in_turns(works, rounds)
