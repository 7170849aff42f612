"""Ids and tokens: opaque, unguessable, easy to read aloud."""

import secrets

READABLE = "23456789abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
"""Letters and digits without look-alikes (no 0 O o 1 l I)."""


def random_text(length: int, alphabet: str = READABLE) -> str:
    """`length` characters drawn from `alphabet` by the system's secure source."""
    # Bytes beyond the last whole round of the alphabet are passed over, or its first letters would come more often.
    usable = 256 - 256 % len(alphabet)
    drawn = [alphabet[each % len(alphabet)] for each in secrets.token_bytes(2 * length) if each < usable]
    return "".join(drawn[:length]) if len(drawn) >= length else random_text(length, alphabet)


def new_id(kind: str) -> str:
    """An opaque id such as `note_7hK…`: its kind, then 93 random bits."""
    return f"{kind}_{random_text(16)}"
