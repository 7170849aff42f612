"""Tries of passwords: how many wrong ones a link bears from one address, over however many processes.

A try is reserved before the password is looked at, so that no two at once are both the last, and given back when it
was right. What is kept of an address is a hash under the link's own salt, and that for a quarter of an hour.
"""

import math
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final, NamedTuple

from slice_api.chassis import Problem, Tx
from slice_api.slices.links.schemas import PasswordTries, StoredLink
from slice_api.slices.links.store import TRIES

_WINDOW: Final = timedelta(minutes=15)


class Try(NamedTuple):
    """One try that is reserved."""

    id: str
    at: datetime


def tries_id(link: StoredLink, address: str) -> str:
    """What tries of an address at a link are found by; a new password makes it another."""
    secret = blake2b(f"{link.id} {link.password_hash}".encode()).digest()
    return blake2b(address.encode(), key=secret, digest_size=16).hexdigest()


def reserve_try(tx: Tx, id: str, most: int) -> Try:
    """Take one of the tries that are left; raises 429 when there is none."""
    held = tx.get(TRIES, id)
    times = [at for at in (held.times if held else ()) if at > tx.now - _WINDOW]
    if len(times) >= most:
        raise _used_up(times[-most] + _WINDOW - tx.now)
    tx.put(TRIES, PasswordTries(id=id, times=[*times, tx.now], expires_at=tx.now + _WINDOW))
    return Try(id, tx.now)


def give_back(tx: Tx, reserved: Try) -> None:
    """Let a try be as if it had not been."""
    held = tx.get(TRIES, reserved.id)
    if held is None or reserved.at not in held.times:
        return
    times = list(held.times)
    times.remove(reserved.at)
    if not times:
        tx.pop(TRIES, reserved.id)
        return
    tx.put(TRIES, held.model_copy(update={"times": times, "expires_at": times[-1] + _WINDOW}))


def _used_up(left: timedelta) -> Problem:
    seconds = max(1, math.ceil(left.total_seconds()))
    detail = f"Too many wrong passwords for this link; try again in {seconds} s."
    return Problem("rate-limited", detail, headers={"Retry-After": str(seconds)})
