"""API keys as text: `slice_<8 id>_<32 secret><6 checksum>`.

A key has full entropy, so a plain SHA-256 is kept of it: a slow hash would only be a lever for overload. The checksum
lets a typing error be told from a wrong key without asking the store, and secret scanners find keys by their form.
"""

import hashlib
import re
import string
import zlib
from typing import NamedTuple

from slice_api.chassis.ids import random_text

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_FORM = re.compile(r"slice_([0-9A-Za-z]{8})_([0-9A-Za-z]{32})([0-9A-Za-z]{6})")

KEY_IN_TEXT = re.compile(rb"slice_[0-9A-Za-z]{8}_[0-9A-Za-z]{8,38}")
"""What a key looks like inside other text, to keep it out of logs."""


class NewKey(NamedTuple):
    """A key just made: its public id, and the text that is shown once."""

    id: str
    text: str


def _checksum(text: str) -> str:
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return digits


def make_key() -> NewKey:
    """A new key from the system's secure source (190 bits)."""
    key_id = random_text(8, _ALPHABET)
    stem = f"slice_{key_id}_{random_text(32, _ALPHABET)}"
    return NewKey(key_id, stem + _checksum(stem))


def is_mistyped(text: str) -> bool:
    """Whether the text has the form of a key, but not its checksum."""
    found = _FORM.fullmatch(text)
    return found is not None and _checksum(text[:-6]) != found[3]


def hash_key(text: str) -> str:
    """What is kept of a key: SHA-256, hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
