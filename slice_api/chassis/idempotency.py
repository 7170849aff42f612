"""Idempotency-Key: the first answer to a POST is kept for a day, for each key and route, and given again.

The record is inserted before the route runs, and the insert is the lock. A record whose request never finished (the
process was killed) gives way after a lease, so that a client is not shut out.
"""

from base64 import b85decode, b85encode
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256, shake_256
from typing import Final

import orjson
from starlette.types import Message, Receive, Scope, Send

from slice_api.chassis.bodies import read_body, replayed
from slice_api.chassis.conditional import answer_version
from slice_api.chassis.exchange import Exchange
from slice_api.chassis.policies import Target
from slice_api.chassis.problems import Problem, as_problem, invalid, problem_response
from slice_api.chassis.schemas import Schema, Time
from slice_api.chassis.storage.faults import StorageAway
from slice_api.chassis.storage.stores import Collection
from slice_api.chassis.storage.tx import Origin, Taken, Tx

KEPT: Final = timedelta(hours=24)
LEASE: Final = timedelta(seconds=60)
_MOST_BYTES: Final = 1_048_576


class Answer(Schema):
    """An answer as it was first given, sealed with the Idempotency-Key, of which only a hash is kept: an answer may
    show a secret (a new API key, a session's cookie), and that must not lie in storage."""

    status: int
    headers: str
    body: str
    version: int | None
    created: str | None


class Attempt(Schema):
    """One Idempotency-Key in use."""

    id: str
    fingerprint: str
    """What the first request was, so that another one under the same key is told."""
    answer: Answer | None
    expires_at: Time


ATTEMPTS = Collection("chassis_idempotency", Attempt, expires="expires_at")


def _sealed(data: bytes, key: str, part: bytes) -> bytes:
    """The data with a keystream of the Idempotency-Key laid over it; done twice, the data again."""
    stream = shake_256(part + b"\0" + key.encode("utf-8", "replace")).digest(len(data))
    return (int.from_bytes(data) ^ int.from_bytes(stream)).to_bytes(len(data))


def _seal(data: bytes, key: str, part: bytes) -> str:
    return b85encode(_sealed(data, key, part)).decode()


def _unseal(text: str, key: str, part: bytes) -> bytes:
    return _sealed(b85decode(text), key, part)


def _begin(tx: Tx, attempt_id: str, fingerprint: str) -> Attempt | None:
    """Take the key for this request, or give the attempt that has it."""
    try:
        tx.insert(ATTEMPTS, Attempt(id=attempt_id, fingerprint=fingerprint, answer=None, expires_at=tx.now + LEASE))
    except Taken:
        return tx.get(ATTEMPTS, attempt_id)
    return None


def _finish(tx: Tx, attempt_id: str, fingerprint: str, answer: Answer | None) -> None:
    if answer is None:
        tx.pop(ATTEMPTS, attempt_id)
        return
    tx.put(ATTEMPTS, Attempt(id=attempt_id, fingerprint=fingerprint, answer=answer, expires_at=tx.now + KEPT))


class _Recorder:
    """Passes an answer on and keeps a copy, unless it is a stream or too large to keep."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._pieces: list[bytes] = []
        self._is_whole = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = {**message}  # a copy: further out the head is completed in place
        elif message["type"] == "http.response.body":
            self._pieces.append(message.get("body", b""))
            self._is_whole = not message.get("more_body", False)
        await self._send(message)

    def answer(self, key: str, origin: Origin) -> Answer | None:
        """The answer to keep: a whole one that is not our own fault."""
        body = b"".join(self._pieces)
        if self._start is None or not self._is_whole or self._start["status"] >= 500 or len(body) > _MOST_BYTES:
            return None
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._start["headers"]]
        return Answer(
            status=self._start["status"],
            headers=_seal(orjson.dumps(headers), key, b"headers"),
            body=_seal(body, key, b"body"),
            version=answer_version(origin),
            created=origin.created,
        )


async def run_once(key: str, target: Target, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
    """Run a POST under its Idempotency-Key, or give the first answer again."""
    if not 1 <= len(key) <= 255:
        raise invalid("header/Idempotency-Key", "must be 1 to 255 characters")
    body = await read_body(receive)
    receive = replayed(body, receive)
    who = exchange.caller.key_id if exchange.caller else exchange.client
    attempt_id = sha256(f"{who}\n{scope['path']}\n{key}".encode("utf-8", "replace")).hexdigest()
    content_type = exchange.given.get(b"content-type", b"")
    # With the key in it, since a body may hold a password, which must not be told by a hash that is made in no time.
    fingerprint = sha256(
        b"\0".join((key.encode("utf-8", "replace"), scope["query_string"], content_type, body))
    ).hexdigest()
    db = exchange.chassis.db
    held = await db.transact(_begin, attempt_id, fingerprint)
    if held is not None:
        await _replay(held, key, fingerprint, exchange, send)
        return
    recorder = _Recorder(send)
    try:
        await _run(target, exchange, scope, receive, recorder.send)
    finally:
        # What cannot be kept now gives way after its lease; the answer itself is on its way.
        with suppress(StorageAway):
            await db.transact(_finish, attempt_id, fingerprint, recorder.answer(key, exchange.origin))


async def _run(target: Target, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
    """Run the route; a Problem it raises becomes an answer here, so that it can be kept like any other."""
    try:
        await target.app(scope, receive, send)
    except Problem as problem:
        response = problem_response(as_problem(problem), instance=scope["path"], request_id=exchange.request_id)
        await response(scope, receive, send)


async def _replay(held: Attempt, key: str, fingerprint: str, exchange: Exchange, send: Send) -> None:
    """Give the first answer; what the edge makes its ETag and Location from is given back to it too."""
    if held.fingerprint != fingerprint:
        raise Problem("idempotency-mismatch", "This Idempotency-Key came with another body before.")
    if held.answer is None:
        raise Problem("idempotency-in-progress", "The first request with this Idempotency-Key is still running.")
    if held.answer.version is not None:
        exchange.origin.seen[held.answer.created or ""] = held.answer.version
    exchange.origin.created = held.answer.created
    kept = orjson.loads(_unseal(held.answer.headers, key, b"headers"))
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in kept]
    headers.append((b"idempotency-replayed", b"true"))
    await send({"type": "http.response.start", "status": held.answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": _unseal(held.answer.body, key, b"body")})
