"""Pings that name a check by its slug: finding it, or making it."""

from slice_api.chassis import Tx
from slice_api.slices.heartbeats import store
from slice_api.slices.heartbeats.handlers import insert_check
from slice_api.slices.heartbeats.pinging.requests import NOT_FOUND, RefusalError
from slice_api.slices.heartbeats.recording import Arrival, take_ping
from slice_api.slices.heartbeats.schemas import HeartbeatFields

PINGED = "ping"
"""Who made the checks that pings have made."""


def ping_slug(tx: Tx, slug: str, new: HeartbeatFields | None, arrival: Arrival, keep: int) -> bool:
    """Note a ping of the check of a slug; gives whether that was made for it. Raises RefusalError."""
    found = store.with_slug(tx, slug)
    if len(found) > 1:
        raise RefusalError(409, "ambiguous slug")
    if found:
        take_ping(tx, found[0].id, arrival, keep)
        return False
    if new is None:
        raise RefusalError(404, NOT_FOUND)
    take_ping(tx, insert_check(tx, new, PINGED).id, arrival, keep)
    return True
