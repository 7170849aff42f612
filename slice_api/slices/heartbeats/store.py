"""Checks by id, the pings of each with their bodies, and each one's changes of state."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from slice_api.chassis import (
    Collection,
    Condition,
    Log,
    Page,
    PageQuery,
    Tx,
    after,
    at_least,
    at_most,
    before,
    either,
    equals,
    has,
    is_missing,
    matches,
    one_of,
)
from slice_api.slices.heartbeats.schemas import (
    FlipRecord,
    HeartbeatFilter,
    Ping,
    PingBody,
    Secrets,
    State,
    StateCounts,
    StoredHeartbeat,
)
from slice_api.slices.heartbeats.status_pages.schemas import StoredStatusPage

CHECKS = Collection(
    "heartbeats",
    StoredHeartbeat,
    indexes=("name", "slug", "tags", "created_at", "due_at", "status", "is_running", "alert_at"),
    unique=("badge_id", "unique_key"),
    search=("name", "slug", "description"),
    noun="heartbeat",
)
PINGS = Log("heartbeats_pings", Ping)
"""One partition for each check."""
BODIES = Collection("heartbeats_bodies", PingBody, key="key")
FLIPS = Log("heartbeats_flips", FlipRecord, time="at")
"""One partition for each check."""
SECRETS = Collection("heartbeats_secrets", Secrets)
STATUS_PAGES = Collection("heartbeats_pages", StoredStatusPage, key="name", indexes=("is_listed",), noun="status page")

_PRUNE_EVERY: Final = 100
_MOST_FLIPS: Final = 10_000
_BEFORE_ALL: Final = datetime.fromtimestamp(0, UTC)
_STATES: Final[tuple[State, ...]] = ("new", "up", "grace", "down", "paused", "running")


def in_state(state: State, now: datetime) -> tuple[Condition, ...]:
    """The same as `shown`, as conditions."""
    if state == "down":
        return (either(equals("status", "down"), at_most("alert_at", now)),)
    is_in_time = either(is_missing("alert_at"), after("alert_at", now))
    if state == "running":
        return (one_of("status", ("new", "up", "paused")), equals("is_running", True), is_in_time)
    if state in ("new", "paused"):
        return (equals("status", state), equals("is_running", False))
    is_early = either(is_missing("due_at"), after("due_at", now))
    due = at_most("due_at", now) if state == "grace" else is_early
    return (equals("status", "up"), equals("is_running", False), is_in_time, due)


def filtered(tx: Tx, wanted: HeartbeatFilter, page: PageQuery) -> Page[StoredHeartbeat]:
    where = [has("tags", tag) for tag in wanted.tags]
    where += [matches(wanted.search)] if wanted.search else []
    where += [equals("slug", wanted.slug)] if wanted.slug is not None else []
    where += in_state(wanted.state, tx.now) if wanted.state else ()
    return tx.page(CHECKS, page, order=wanted.order.replace("next_due_at", "due_at"), where=where)


def counts(tx: Tx, tags: Sequence[str] = ()) -> StateCounts:
    """How many checks are in each state, of those that have all the tags."""
    chosen = [has("tags", tag) for tag in tags]
    found = {state: tx.count(CHECKS, *chosen, *in_state(state, tx.now)) for state in _STATES}
    return StateCounts(**found, total=sum(found.values()))


def with_slug(tx: Tx, slug: str) -> list[StoredHeartbeat]:
    """The checks of a slug: nothing keeps two from having the same."""
    return tx.all(CHECKS, equals("slug", slug))


def first_deadline(tx: Tx) -> datetime | None:
    """The earliest deadline of all checks."""
    found = tx.page(CHECKS, PageQuery(limit=1), order="alert_at", where=[after("alert_at", _BEFORE_ALL)]).items
    return found[0].alert_at if found else None


def overdue_checks(tx: Tx, limit: int) -> list[StoredHeartbeat]:
    """Checks whose deadlines have passed, the longest past first."""
    return tx.page(CHECKS, PageQuery(limit=limit), order="alert_at", where=[at_most("alert_at", tx.now)]).items


def add_pings(tx: Tx, check_id: str, pings: Sequence[Ping], bodies: Sequence[bytes], keep: int) -> None:
    """Add pings, each with its body, and let go of those before the newest `keep`, now and then."""
    tx.extend(PINGS, pings, partition=check_id)
    for ping, body in zip(pings, bodies, strict=True):
        if body:
            tx.insert(BODIES, PingBody(key=body_key(check_id, ping.n), body=b64encode(body).decode()))
    first, last = pings[0].n, pings[-1].n
    if last > keep and last // _PRUNE_EVERY > (first - 1) // _PRUNE_EVERY:
        tx.trim(PINGS, keep, partition=check_id)
        tx.clear(BODIES, at_least("key", body_key(check_id, 0)), before("key", body_key(check_id, last - keep + 1)))


def body_key(check_id: str, n: int) -> str:
    return f"{check_id}/{n:012d}"


def body_of(tx: Tx, check_id: str, n: int) -> bytes | None:
    """What a ping carried; None where it carried nothing, or is not kept any more."""
    held = tx.get(BODIES, body_key(check_id, n))
    return b64decode(held.body) if held is not None else None


def pings_of(tx: Tx, check_id: str, page: PageQuery) -> Page[Ping]:
    """The pings of a check, newest first."""
    return tx.entries(PINGS, page, partition=check_id)


def flips_of(tx: Tx, check_id: str, page: PageQuery) -> Page[FlipRecord]:
    """The changes of state of a check, newest first."""
    return tx.entries(FLIPS, page, partition=check_id)


def flips_since(tx: Tx, check_id: str, since: datetime) -> list[FlipRecord]:
    """Its changes of state from a moment on, oldest first, 10,000 of them at most."""
    found = tx.read(FLIPS, 0, partition=check_id, where=[at_least("at", since)], limit=_MOST_FLIPS)
    return sorted((flip for _, flip in found), key=lambda flip: flip.at)


def remove_check(tx: Tx, check_id: str) -> None:
    """Take a check out with everything that was kept of it."""
    tx.pop(CHECKS, check_id)
    tx.drop(PINGS, partition=check_id)
    tx.drop(FLIPS, partition=check_id)
    tx.clear(BODIES, at_least("key", f"{check_id}/"), before("key", f"{check_id}0"))  # "0" is the character behind "/"


def forget_flips(tx: Tx, days: int) -> int:
    """Let go of changes of state that are older than so many days."""
    return tx.expire(FLIPS, tx.now - timedelta(days=days), partition=None)
