"""What the calls do with checks, their pings and their changes of state."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from slice_api.chassis import EVENTS, Condition, Tx, at_most, equals, has
from slice_api.slices.heartbeats import store
from slice_api.slices.heartbeats.handlers import apply_change, delete_heartbeat, insert_check, pause_check, resume_check
from slice_api.slices.heartbeats.management.fields import (
    Given,
    changes_of,
    check_channels,
    given_in,
    tags_in,
)
from slice_api.slices.heartbeats.management.refusals import NOT_FOUND, NOT_PAUSED, RefusalError
from slice_api.slices.heartbeats.pinging.requests import CANONICAL
from slice_api.slices.heartbeats.schemas import FlipRecord, HeartbeatFields, Ping, StoredHeartbeat

UNIQUE_KEY: Final = re.compile(r"[0-9a-f]{40}")

_MOST_PINGS: Final = 1_000
_TOGETHER: Final = 1_000
_FOREIGN_ONLY: Final = ("filter_subject", "filter_body")
"""What the slice's own API does not have."""


class Figures(NamedTuple):
    """How far the service has come."""

    max_ping_id: int
    max_notification_id: int
    num_unprocessed_flips: int


def checks_like(tx: Tx, slug: str, tags: list[str]) -> list[StoredHeartbeat]:
    """The checks of a slug, where one is given, that have all of the tags; the oldest first."""
    if any("\0" in text for text in (slug, *tags)) or any(not tag for tag in tags):
        return []
    where = [has("tags", tag) for tag in dict.fromkeys(tags)]
    where += [equals("slug", slug)] if slug else []
    return _oldest_first(tx.all(store.CHECKS, *where))


def _oldest_first(checks: list[StoredHeartbeat]) -> list[StoredHeartbeat]:
    return sorted(checks, key=lambda check: (check.created_at, check.id))


def named_check(tx: Tx, name: str) -> StoredHeartbeat:
    """The check of an id or a unique key; raises RefusalError."""
    check = None
    if CANONICAL.fullmatch(name):
        check = tx.get(store.CHECKS, name)
    elif UNIQUE_KEY.fullmatch(name):
        check = tx.find(store.CHECKS, "unique_key", name)
    if check is None:
        raise RefusalError(404, NOT_FOUND)
    return check


def put_check(tx: Tx, document: Mapping[str, Any], version: int, by: str) -> tuple[StoredHeartbeat, bool]:
    """The check that a request describes, and whether it was made for it; raises RefusalError."""
    given = given_in(document)
    found = _matching(tx, given)
    check_channels(given)
    if found is not None:
        return _changed(tx, found.id, given, version), False
    blank = HeartbeatFields(name="")
    changes = changes_of(blank, given, version)
    more = {name: changes.pop(name) for name in _FOREIGN_ONLY if name in changes}
    return insert_check(tx, blank.model_copy(update=changes), by, **more), True


def _matching(tx: Tx, given: Given) -> StoredHeartbeat | None:
    """The oldest check that has all that `unique` names just as it is given."""
    unique = given.get("unique", ())
    if not unique or any(name not in given for name in unique):
        return None
    wanted = {name: _as_kept(given, name) for name in unique}
    where = [_narrowed(name, value) for name, value in wanted.items() if name in ("name", "slug", "tags") and value]
    found = _oldest_first(tx.all(store.CHECKS, *where))
    return next((each for each in found if all(_kept(each, name) == wanted[name] for name in unique)), None)


def _as_kept(given: Given, name: str) -> Any:
    if name == "tags":
        return tags_in(given)
    return given[name].strip() if name == "name" else given[name]


def _narrowed(name: str, value: Any) -> Condition:
    return has("tags", value[0]) if name == "tags" else equals(name, value)


def _kept(check: StoredHeartbeat, name: str) -> Any:
    if name == "timeout":
        return check.schedule.every_seconds
    return check.grace_seconds if name == "grace" else getattr(check, name)


def update_check(tx: Tx, check_id: str, document: Mapping[str, Any], version: int) -> StoredHeartbeat:
    """The check after a request that names some of its fields; raises RefusalError."""
    named_check(tx, check_id)
    given = given_in(document)
    check_channels(given)
    return _changed(tx, check_id, given, version)


def _changed(tx: Tx, check_id: str, given: Given, version: int) -> StoredHeartbeat:
    return apply_change(tx, check_id, lambda held: held.model_copy(update=changes_of(held, given, version)))


def drop_check(tx: Tx, check_id: str) -> StoredHeartbeat:
    """Take a check out; gives what it was. Raises RefusalError."""
    return delete_heartbeat(tx, named_check(tx, check_id).id)


def pause(tx: Tx, check_id: str) -> StoredHeartbeat:
    """The check, paused; raises RefusalError."""
    return pause_check(tx, named_check(tx, check_id).id)


def resume(tx: Tx, check_id: str) -> StoredHeartbeat:
    """The check, paused no more; raises RefusalError."""
    if named_check(tx, check_id).status != "paused":
        raise RefusalError(409, NOT_PAUSED)
    return resume_check(tx, check_id)


def newest_pings(tx: Tx, check_id: str, keep: int) -> list[Ping]:
    """The pings that are kept of a check, 1,000 at most, newest first; raises RefusalError."""
    return tx.newest(store.PINGS, min(keep, _MOST_PINGS), partition=named_check(tx, check_id).id)


def ping_body(tx: Tx, check_id: str, n: str, keep: int) -> bytes:
    """What a ping carried; raises RefusalError where that is nothing, or not kept any more."""
    check = named_check(tx, check_id)
    is_kept = n.isascii() and n.isdigit() and len(n) <= 12 and int(n) > check.n_pings - keep
    body = store.body_of(tx, check.id, int(n)) if is_kept else None
    if not body:
        raise RefusalError(404, NOT_FOUND)
    return body


def flips_between(tx: Tx, name: str, since: datetime | None, until: datetime | None) -> list[FlipRecord]:
    """The changes of state of a check from a moment on and before another, newest first; raises RefusalError."""
    check = named_check(tx, name)
    found = [
        flip
        for flip in _flips(tx, check.id)
        if (since is None or flip.at >= since) and (until is None or flip.at < until)
    ]
    return found[::-1]


def _flips(tx: Tx, check_id: str) -> Iterator[FlipRecord]:
    position, found = 0, tx.read(store.FLIPS, 0, partition=check_id, limit=_TOGETHER)
    while found:
        yield from (flip for _, flip in found)
        position = found[-1][0]
        found = tx.read(store.FLIPS, position, partition=check_id, limit=_TOGETHER)


def figures(tx: Tx) -> Figures:
    """How many pings and events there were, and how many deadlines have passed that nobody has noticed yet."""
    pings = sum(check.n_pings for check in tx.all(store.CHECKS))
    unnoticed = tx.count(store.CHECKS, at_most("alert_at", tx.now))
    return Figures(pings, tx.ends(EVENTS)[1], unnoticed)
