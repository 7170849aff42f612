"""Reading a request's body: cut off at its limit, held against the rules of JSON, and handed on once more."""

import json
import re
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any, Final

import orjson
from starlette.types import Message, Receive

from slice_api.chassis.headers import HeaderMap
from slice_api.chassis.problems import Fault, all_invalid, malformed_body, pointer_step, request_timeout, too_large
from slice_api.chassis.schemas import MAX_INTEGER

LEAST_BYTES_A_SECOND: Final = 500
_LONG_NUMBER = re.compile(rb"\d{19}")


def limited(
    receive: Receive, headers: HeaderMap, limit: int, seconds: float, clock: Callable[[], float] = monotonic
) -> Receive:
    """The receiving side, cut off as soon as the body is known to be over the limit, or comes too slowly.

    It may stand still for `seconds`, and everything that it is waited for together may take them and a second more for
    each 500 bytes. No timer is started for that: the server gives whoever waits long an empty piece, and then it is
    looked at the clock.
    """
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(limit)
    seen, waited = 0, 0.0

    async def receive_limited() -> Message:
        nonlocal seen, waited
        since = clock()
        while True:
            message = await receive()
            size = len(message.get("body", b""))
            seen += size
            if seen > limit:
                raise too_large(limit)
            if not message.get("more_body", False):
                return message
            pause = clock() - since
            is_silent = not size and pause >= seconds
            if is_silent or waited + pause > seconds + seen / LEAST_BYTES_A_SECOND:
                raise request_timeout("The body came too slowly, or not at all.")
            if size:
                waited += pause
                return message

    return receive_limited


async def read_body(receive: Receive) -> bytes:
    """The whole body; a client that goes away midway has sent a broken one."""
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise malformed_body("The body broke off.")
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


def replayed(body: bytes, receive: Receive) -> Receive:
    """The receiving side for the route: the body once more, then whatever follows."""
    is_told = False

    async def receive_again() -> Message:
        nonlocal is_told
        if is_told:
            return await receive()
        is_told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def check_json(body: bytes) -> Any:
    """What the body holds, which is held against RFC 8259 and what every storage engine can keep; raises 400 or 422.

    The standard library's parser, which the framework uses, takes NaN, Infinity, 1e400 and lone surrogates: the first
    turns into null later, the last into an error 500.
    """
    if not body.strip():
        raise malformed_body("The body is empty.")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise malformed_body(f"The body is not valid JSON: {error}.") from error
    try:
        faults = storage_faults(body, value)
    except RecursionError as error:
        raise malformed_body("The body is nested too deeply.") from error
    if faults:
        raise all_invalid(faults)
    return value


def storage_faults(body: bytes, value: Any) -> list[Fault]:
    """What no engine could keep; the body's bytes tell cheaply whether to look at all."""
    faults: list[Fault] = []
    if b"\\u0000" in body:
        faults += _faults(value, _holds_nul, "must not hold the character NUL")
    if _LONG_NUMBER.search(body):
        faults += _faults(json.loads(body), _is_too_big, "must be a number of at most 64 bits")
    return faults


def _holds_nul(value: Any) -> bool:
    return isinstance(value, str) and "\0" in value


def _is_too_big(value: Any) -> bool:
    return isinstance(value, int) and not -MAX_INTEGER - 1 <= value <= MAX_INTEGER


def _faults(value: Any, is_bad: Callable[[Any], bool], detail: str, pointer: str = "#") -> Iterator[Fault]:
    if is_bad(value):
        yield Fault(pointer=pointer, detail=detail)
    if isinstance(value, dict):
        if any(map(is_bad, value)):
            yield Fault(pointer=pointer, detail=f"a name {detail}")
        for name, each in value.items():
            yield from _faults(each, is_bad, detail, f"{pointer}/{pointer_step(name)}")
    if isinstance(value, list):
        for at, each in enumerate(value):
            yield from _faults(each, is_bad, detail, f"{pointer}/{at}")
