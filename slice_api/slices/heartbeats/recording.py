"""Taking note of pings and of deadlines: each changes a check in one transaction, with what is told of it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from slice_api.chassis import Tx, replaced
from slice_api.slices.heartbeats import states, store
from slice_api.slices.heartbeats.schemas import (
    FlipRecord,
    HeartbeatDown,
    HeartbeatPaused,
    HeartbeatResumed,
    HeartbeatUp,
    Kind,
    Ping,
    StoredHeartbeat,
    brief_of,
)
from slice_api.slices.heartbeats.states import Change, Flip, Record, Status

MOST_BODY_BYTES: Final = 10_000
MOST_AGENT: Final = 200
_MOST_TEXT: Final = 1_000
_MOST_OPEN_RUNS: Final = 50
_LONGEST_RUN: Final = timedelta(hours=72)
"""A start that lies further back belongs to no end."""

_EVENTS: Final[dict[Status, type[HeartbeatDown | HeartbeatUp | HeartbeatPaused | HeartbeatResumed]]] = {
    "down": HeartbeatDown,
    "up": HeartbeatUp,
    "paused": HeartbeatPaused,
    "new": HeartbeatResumed,
}

_A_PING: Final = Ping(
    n=1,
    at=datetime.min.replace(tzinfo=UTC),
    kind="success",
    scheme="http",
    remote_addr="",
    method="GET",
    user_agent="",
    rid=None,
    exit_status=None,
    duration_seconds=None,
    body_bytes=0,
)
"""What others are made from, which takes half the time of making one."""


class Arrival(NamedTuple):
    """A ping as it came in."""

    kind: Kind = "success"
    method: str = "GET"
    scheme: str = "http"
    remote_addr: str = ""
    user_agent: str = ""
    rid: str | None = None
    exit_status: int | None = None
    body: bytes = b""


class Noted(NamedTuple):
    """What a check has become, the states it went through, and what is to be told of them."""

    check: StoredHeartbeat
    flips: tuple[Flip, ...] = ()
    told: tuple[Flip, ...] = ()
    ping: Ping | None = None


def take_ping(tx: Tx, check_id: str, arrival: Arrival, keep: int) -> bool:
    """Note a ping; gives whether there is such a check."""
    return take_pings(tx, check_id, (arrival,), keep)


def take_pings(tx: Tx, check_id: str, arrivals: Sequence[Arrival], keep: int) -> bool:
    """Note pings of one check in their order; gives whether there is such a check."""
    noted: list[Noted] = []

    def change(check: StoredHeartbeat) -> StoredHeartbeat:
        noted[:] = after_pings(check, arrivals, tx.now)
        return noted[-1].check

    if tx.update(store.CHECKS, check_id, change, is_silent=True) is None:
        return False
    pings = [each.ping for each in noted if each.ping is not None]
    store.add_pings(tx, check_id, pings, [arrival.body for arrival in arrivals], keep)
    for each in noted:
        if each.flips or each.told:
            tell(tx, each)
    return True


def notice(tx: Tx, check_id: str) -> None:
    """Take a check down whose deadline has passed."""
    noted: list[Noted] = []

    def change(held: StoredHeartbeat) -> StoredHeartbeat:
        noted[:] = [brought_up_to(held, tx.now)]
        return noted[0].check

    if tx.update(store.CHECKS, check_id, change, is_silent=True) is not None:
        tell(tx, noted[0])


def brought_up_to(check: StoredHeartbeat, now: datetime) -> Noted:
    """The check with what its deadlines have brought about until now."""
    if check.alert_at is None or check.alert_at > now:
        return Noted(check)
    flips, told = [], []
    record = check.record
    while (change := states.overdue(record, check, now)) is not None:
        record = change.record
        flips += [change.flip] if change.flip else []
        told += [change.told] if change.told else []
    return Noted(with_record(check, record), tuple(flips), tuple(told))


def with_record(check: StoredHeartbeat, record: Record, **more: Any) -> StoredHeartbeat:
    """The check with what was heard of it, and the deadline that follows."""
    deadline = states.deadline_of(record, check)
    alert_at = deadline.at if deadline is not None else None
    return replaced(check, {**record._asdict(), "alert_at": alert_at, **more})


def after_change(check: StoredHeartbeat, change: Change) -> Noted:
    """The check after a change of its state, and that change."""
    flips, told = ((change.flip,) if change.flip else ()), ((change.told,) if change.told else ())
    return Noted(with_record(check, change.record), flips, told)


def after_pings(check: StoredHeartbeat, arrivals: Sequence[Arrival], now: datetime) -> list[Noted]:
    """What becomes of a check: first by its deadlines, of which nothing that comes now is told, then by each ping."""
    noted = [brought_up_to(check, now)]
    for arrival in arrivals:
        noted.append(_heard(noted[-1].check, arrival, now))
    return noted


def _heard(check: StoredHeartbeat, arrival: Arrival, now: datetime) -> Noted:
    """The check after a ping; what its deadlines have brought about is in it already."""
    kind = _kind_of(check, arrival)
    change = states.heard(check.record, check, kind, arrival.rid, now)
    runs, took = _runs_after(check, kind, arrival.rid, now)
    ping = _ping_of(arrival, check.n_pings + 1, kind, took, now)
    after = with_record(check, change.record, n_pings=ping.n, open_runs=runs)
    flips, told = ((change.flip,) if change.flip else ()), ((change.told,) if change.told else ())
    return Noted(after, flips, told, ping)


def _ping_of(arrival: Arrival, n: int, kind: Kind, took: float | None, now: datetime) -> Ping:
    fields = {
        "n": n,
        "at": now,
        "kind": kind,
        "scheme": arrival.scheme,
        "remote_addr": arrival.remote_addr,
        "method": arrival.method,
        "user_agent": arrival.user_agent,
        "rid": arrival.rid,
        "exit_status": arrival.exit_status,
        "duration_seconds": took,
        "body_bytes": len(arrival.body),
    }
    return replaced(_A_PING, fields)


def _kind_of(check: StoredHeartbeat, arrival: Arrival) -> Kind:
    """What a ping means: by the filters of its check, else by its URL."""
    if check.methods == "POST" and arrival.method != "POST":
        return "ignored"
    if check.status == "paused" and check.is_manual_resume:
        return "ignored"
    if not check.filter_http_body:
        return arrival.kind
    text = arrival.body.decode("utf-8", "replace")
    for kind, keywords in (("fail", check.failure_kw), ("success", check.success_kw), ("start", check.start_kw)):
        if any(word in text for word in map(str.strip, keywords.split(",")) if word):
            return kind  # type: ignore[return-value]
    return "fail" if check.filter_default_fail else "ignored"


def _runs_after(
    check: StoredHeartbeat, kind: Kind, rid: str | None, now: datetime
) -> tuple[dict[str, datetime], float | None]:
    """The runs that go on after a ping, and how long the one took that it ended."""
    if kind == "start":
        others = [(name, at) for name, at in check.open_runs.items() if name != (rid or "")]
        return dict([*others, (rid or "", now)][-_MOST_OPEN_RUNS:]), None
    if kind not in ("success", "fail") or not check.open_runs:
        return check.open_runs, None
    runs = dict(check.open_runs)
    began = runs.pop(rid or "", None)
    took = now - began if began is not None else None
    return runs, took.total_seconds() if took is not None and took <= _LONGEST_RUN else None


def tell(tx: Tx, noted: Noted) -> None:
    """Keep the changes of state of a check, and publish those that are to be told."""
    for flip in noted.flips:
        kept = FlipRecord(at=flip.at, old=flip.old, new=flip.new, reason=flip.reason)
        tx.append(store.FLIPS, kept, partition=noted.check.id)
    if noted.told:
        text = _last_text(tx, noted.check)
        for flip in noted.told:
            _publish(tx, noted.check, flip, text)


def _publish(tx: Tx, check: StoredHeartbeat, flip: Flip, text: str | None) -> None:
    event = _EVENTS[flip.new](
        heartbeat=brief_of(check),
        old=flip.old,
        at=flip.at,
        reason=flip.reason,
        last_ping_at=check.last_ping_at,
        last_ping_text=text,
    )
    tx.emit(event, subject=check.id)


def _last_text(tx: Tx, check: StoredHeartbeat) -> str | None:
    body = store.body_of(tx, check.id, check.n_pings)
    return body.decode("utf-8", "replace").replace("\0", "")[:_MOST_TEXT] if body is not None else None
