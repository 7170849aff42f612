"""Ids and tokens: opaque, unguessable, easy to read aloud."""

import os
from functools import lru_cache

READABLE = "23456789abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
"""Letters and digits without look-alikes (no 0 O o 1 l I)."""


def random_text(length: int, alphabet: str = READABLE) -> str:
    """`length` characters drawn from `alphabet`, which is ASCII, by the system's secure source."""
    letters, passed_over = _draw(alphabet)
    drawn = os.urandom(2 * length).translate(letters, passed_over)[:length]
    return drawn.decode("ascii") if len(drawn) == length else random_text(length, alphabet)


@lru_cache
def _draw(alphabet: str) -> tuple[bytes, bytes]:
    """The letter that each byte stands for, and the bytes that are passed over.

    Those lie beyond the last whole round of the alphabet, or its first letters would come more often.
    """
    letters = bytes(ord(alphabet[each % len(alphabet)]) for each in range(256))
    return letters, bytes(range(256 - 256 % len(alphabet), 256))


def new_id(kind: str) -> str:
    """An opaque id such as `note_7hK…`: its kind, then 93 random bits."""
    return f"{kind}_{random_text(16)}"
