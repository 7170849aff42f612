"""Passwords of links: kept as salted hashes that take long to make, and tried a few at a time."""

import asyncio
import re
import unicodedata
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import scrypt
from hmac import compare_digest
from secrets import token_bytes
from typing import Final, NamedTuple

from pydantic import SecretStr

from slice_api.chassis import unavailable

_KEPT: Final = re.compile(r"\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)")
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_LONGEST_KEPT: Final = 200
# Each takes a core for a quarter of a second and 16 MiB.
_AT_ONCE: Final = 2
_MOST_WAITING: Final = 100


class Cost(NamedTuple):
    """How hard scrypt (RFC 7914) has to work: the binary logarithm of N, the block size r, the parallelism p."""

    log_n: int
    r: int
    p: int


COST: Final = Cost(14, 8, 5)
"""One of the settings that OWASP's Password Storage Cheat Sheet holds to be equally strong."""


def hash_password(password: str) -> str:
    """A password as it is kept, with its salt and the cost in the PHC string format; takes a quarter of a second."""
    salt = token_bytes(_SALT_BYTES)
    digest = _digest(password, salt, COST)
    return f"$scrypt$ln={COST.log_n},r={COST.r},p={COST.p}${_text(salt)}${_text(digest)}"


def is_password(password: str, kept: str) -> bool:
    """Whether this is the password that was kept; takes as long as keeping it did, whatever the answer."""
    found = _KEPT.fullmatch(kept)
    if found is None:
        raise ValueError("not a password as it is kept")
    cost = Cost(*map(int, found.groups()[:3]))
    return compare_digest(_digest(password, b64decode(found[4]), cost), b64decode(found[5]))


def check_kept(text: str) -> str:
    """A password as it was kept by a service like this one; raises ValueError for what would not open, or be too dear.

    What comes in from a file would otherwise be found out when somebody tries the link.
    """
    found = _KEPT.fullmatch(text)
    if found is None or len(text) > _LONGEST_KEPT:
        raise ValueError("must be a hash of a password as an export of this service holds it")
    cost = Cost(*map(int, found.groups()[:3]))
    if not all(0 < given <= most for given, most in zip(cost, COST, strict=True)):
        raise ValueError(f"must be a hash that costs at most ln={COST.log_n}, r={COST.r}, p={COST.p}")
    try:
        is_whole = bool(b64decode(found[4], validate=True)) and len(b64decode(found[5], validate=True)) == _HASH_BYTES
    except ValueError:
        is_whole = False
    if not is_whole:
        raise ValueError("must have a salt and a hash in base64")
    return text


def _digest(password: str, salt: bytes, cost: Cost) -> bytes:
    """However the accents were typed (NFC, as RFC 8265, section 4.2 has it)."""
    text = unicodedata.normalize("NFC", password).encode("utf-8", "replace")
    memory = 128 * cost.r * (2**cost.log_n + cost.p + 2)
    return scrypt(text, salt=salt, n=2**cost.log_n, r=cost.r, p=cost.p, maxmem=2 * memory, dklen=_HASH_BYTES)


def _text(data: bytes) -> str:
    return b64encode(data).decode()


class Passwords:
    """Hashes and checks the passwords of one app, in threads and a few at once, so that all else goes on."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait to be one of the few; raises 503 when too many wait already."""
        if self._waiting >= _MOST_WAITING:
            raise unavailable("Too many passwords are being checked.")
        self._waiting += 1
        try:
            async with self._turns:
                yield
        finally:
            self._waiting -= 1

    async def hash(self, password: SecretStr | None) -> str | None:
        """A password as it is kept; None for none."""
        if password is None:
            return None
        async with self.turn():
            return await asyncio.to_thread(hash_password, password.get_secret_value())

    async def is_right(self, password: SecretStr, kept: str) -> bool:
        """Whether this is the password that was kept; for whoever has a turn."""
        return await asyncio.to_thread(is_password, password.get_secret_value(), kept)
