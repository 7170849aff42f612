"""Tokens in the addresses of streams, which browsers open without any header: who may listen to what, and how long."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import blake2b
from hmac import compare_digest
from secrets import token_hex
from typing import Final, NamedTuple

import orjson
from fastapi import FastAPI

from slice_api.chassis import Taken, Tx
from slice_api.slices.flags.schemas import StreamSecret
from slice_api.slices.flags.store import SECRETS

_ID: Final = "stream"
_SIGNATURE_BYTES: Final = 16
_LONGEST: Final = 2048


class Ticket(NamedTuple):
    """What a token says."""

    set_name: str
    key_id: str
    """The id of the key that it was given to; empty where flags are open to everybody."""
    ends_at: int
    """When it stops opening streams, in seconds since 1970."""


def ends_of(now: int, seconds: int) -> tuple[int, int]:
    """When a token made now ends, after `seconds` at most and half of them at least, and when one made before does.

    For half that time all tokens end at once, and so are the same.
    """
    half = seconds // 2
    begun = now // half * half
    return begun + 2 * half, begun + half


class Tokens:
    """Makes the tokens of one app and reads them; every process of a service has the same secret."""

    def __init__(self, secret: str) -> None:
        self._secret = bytes.fromhex(secret)

    def make(self, ticket: Ticket) -> str:
        body = orjson.dumps(list(ticket))
        return urlsafe_b64encode(self._signature(body) + body).rstrip(b"=").decode()

    def read(self, token: str, now: int) -> Ticket | None:
        """What a token says; None for one that is not ours or has ended."""
        raw = _decoded(token)
        signature, body = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not compare_digest(signature, self._signature(body)):
            return None
        ticket = Ticket(*orjson.loads(body))
        return ticket if now < ticket.ends_at else None

    def _signature(self, body: bytes) -> bytes:
        return blake2b(body, digest_size=_SIGNATURE_BYTES, key=self._secret).digest()


def _decoded(token: str) -> bytes:
    try:
        return urlsafe_b64decode(token[:_LONGEST].encode("ascii", "replace") + b"==")
    except ValueError:
        return b""


def _secret(tx: Tx) -> str:
    known = tx.get(SECRETS, _ID) or tx.insert(SECRETS, StreamSecret(id=_ID, secret=token_hex(32)))
    return known.secret


@asynccontextmanager
async def with_tokens(app: FastAPI) -> AsyncIterator[None]:
    """What there is of tokens between start and stop: the secret, made once for all processes."""
    db = app.state.chassis.db
    try:
        secret = await db.transact(_secret)
    except Taken:  # another process has made it at the same moment
        secret = await db.transact(_secret)
    app.state.flags_tokens = Tokens(secret)
    yield
