"""Ids and tokens: opaque, unguessable, easy to read aloud."""

import secrets

READABLE = "23456789abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
"""Letters and digits without look-alikes (no 0 O o 1 l I)."""


def random_text(length: int, alphabet: str = READABLE) -> str:
    """`length` characters drawn from `alphabet` by the system's secure source."""
    return "".join(secrets.choice(alphabet) for _ in range(length))


def new_id(kind: str) -> str:
    """An opaque id such as `note_7hK…`: its kind, then 93 random bits."""
    return f"{kind}_{random_text(16)}"
