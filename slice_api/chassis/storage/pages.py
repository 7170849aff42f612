"""Cursor pages: a list answers `items` and `next`, and a walk sees each item that was there throughout exactly once."""

import base64
import binascii
import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import orjson
from pydantic import ConfigDict, Field

from slice_api.chassis.docstrings import Described
from slice_api.chassis.problems import invalid

T = TypeVar("T")
R = TypeVar("R")

_CHECK_BYTES = 6


class Page(Described, Generic[T]):
    """One page of a list; `next` is the cursor to ask for more with (`?after=`), null at the end."""

    model_config = ConfigDict(frozen=True)

    items: list[T]
    """The objects of this page."""
    next: str | None
    """The cursor of the next page, or null when this is the last."""

    def map(self, change: Callable[[T], R]) -> "Page[R]":
        """The same page with every item passed through `change`."""
        return Page[Any](items=[change(item) for item in self.items], next=self.next)


class PageQuery(Described):
    """How much of a list to give, and from where on."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    """How many items to give at most."""
    after: Annotated[str | None, Field(max_length=4096)] = None
    """A cursor from the `next` of the page before."""


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(b"slice cursor\0" + body).digest()[:_CHECK_BYTES]


def _as_text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def encode_cursor(order: str, *position: Any) -> str:
    """Pack a place in a list into opaque text; `order` names the list's order, so that it is not used with another."""
    values = [{"t": value.isoformat()} if isinstance(value, datetime) else value for value in position]
    body = orjson.dumps([order, *values])
    return _as_text(_checksum(body) + body)


def decode_cursor(cursor: str, order: str) -> list[Any]:
    """Unpack a place; raises 422 · invalid at `query/after` for a cursor that was not given for this list."""
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        check, body = raw[:_CHECK_BYTES], raw[_CHECK_BYTES:]
        # Base64 has many spellings of the same bytes; only the one that was given is taken.
        is_ours = _checksum(body) == check and _as_text(raw) == cursor
        values = orjson.loads(body) if is_ours else [None]
    except (ValueError, binascii.Error):
        values = [None]
    if values[0] != order:
        raise invalid("query/after", "is not a cursor of this list; leave it out to start from the beginning")
    return [datetime.fromisoformat(value["t"]) if isinstance(value, dict) else value for value in values[1:]]
