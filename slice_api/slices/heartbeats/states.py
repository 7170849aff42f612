"""What state a check is in: worked out from what was heard of it and from the time, so that it is always right.

Kept is little: whether it is new, up, down or paused, and when it was last heard of. That the next ping is late, that
a run takes too long, and that both have become an outage follows from the clock.
"""

from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from slice_api.slices.heartbeats.schedules import Schedule, due_after

Status = Literal["new", "up", "down", "paused"]
Shown = Literal["new", "up", "grace", "down", "paused"]
Reason = Literal["timeout", "fail", "run-time", "start-deadline"]
Signal = Literal["success", "start", "fail", "log", "ignored"]

_MOST_WINDOWS: Final = 1_000


class Window(NamedTuple):
    """Time in which nobody is alerted: it begins by a schedule, and lasts so many seconds."""

    schedule: Schedule
    duration_seconds: int


class Terms(NamedTuple):
    """What is expected of a job."""

    schedule: Schedule
    grace_seconds: int
    max_run_seconds: int | None = None
    failures_before_alert: int = 1
    is_manual_resume: bool = False
    snoozed_until: datetime | None = None
    maintenance: tuple[Window, ...] = ()


class Record(NamedTuple):
    """What was heard of a job."""

    status: Status = "new"
    last_ping_at: datetime | None = None
    last_start_at: datetime | None = None
    last_start_rid: str | None = None
    last_duration_seconds: float | None = None
    failures: int = 0
    """How often it has failed since it last succeeded."""

    @property
    def is_running(self) -> bool:
        return self.last_start_at is not None


class Deadline(NamedTuple):
    """When a check goes down unless something is heard of it, and why."""

    at: datetime
    reason: Reason


class Flip(NamedTuple):
    """A change of state."""

    at: datetime
    old: Status
    new: Status
    reason: Reason | None = None


def due_at(record: Record, terms: Terms) -> datetime | None:
    """When the next ping is expected: none is of what is new, down or paused, nor once the calendar has ended."""
    if record.status != "up" or record.last_ping_at is None:
        return None
    due = due_after(terms.schedule, record.last_ping_at)
    if record.last_start_at is None:
        return due
    return min(due, record.last_start_at) if due is not None else record.last_start_at


def deadline_of(record: Record, terms: Terms) -> Deadline | None:
    """When it goes down; later where the time falls into a snooze or maintenance."""
    found = [each for each in (_silence_ends(record, terms), _run_ends(record, terms)) if each is not None]
    if record.status == "down" or not found:
        return None
    first = min(found)
    return first._replace(at=_out_of_quiet(first.at, terms))


def _silence_ends(record: Record, terms: Terms) -> Deadline | None:
    if record.status != "up" or record.last_ping_at is None:
        return None
    misses = max(1, terms.failures_before_alert - record.failures)
    due = due_after(terms.schedule, record.last_ping_at, misses)
    return Deadline(due + timedelta(seconds=terms.grace_seconds), "timeout") if due is not None else None


def _run_ends(record: Record, terms: Terms) -> Deadline | None:
    if record.last_start_at is None:
        return None
    if terms.max_run_seconds is not None:
        return Deadline(record.last_start_at + timedelta(seconds=terms.max_run_seconds), "run-time")
    return Deadline(record.last_start_at + timedelta(seconds=terms.grace_seconds), "start-deadline")


def _out_of_quiet(at: datetime, terms: Terms) -> datetime:
    """The moment, or the end of the quiet time that it falls into."""
    for _ in range(_MOST_WINDOWS):
        ends = [end for end in (terms.snoozed_until, *(_end_of(each, at) for each in terms.maintenance)) if end]
        later = max([at, *ends])
        if later == at:
            return at
        at = later
    return at


def _end_of(window: Window, at: datetime) -> datetime | None:
    """The end of the window that is open at a moment."""
    length = timedelta(seconds=window.duration_seconds)
    begins = due_after(window.schedule, at - length)
    return begins + length if begins is not None and begins <= at else None


def shown(record: Record, terms: Terms, now: datetime) -> Shown:
    """What people see, whether or not anybody has noticed a deadline that has passed."""
    deadline = deadline_of(record, terms)
    if deadline is not None and now >= deadline.at:
        return "down"
    due = due_at(record, terms)
    return "grace" if due is not None and now >= due and not record.is_running else record.status


def overdue(record: Record, terms: Terms, now: datetime) -> tuple[Record, Flip] | None:
    """The check as one that is down, where its deadline has passed; the change bears the time of the deadline."""
    deadline = deadline_of(record, terms)
    if deadline is None or now < deadline.at:
        return None
    return record._replace(status="down"), Flip(deadline.at, record.status, "down", deadline.reason)


def heard(record: Record, terms: Terms, signal: Signal, rid: str | None, now: datetime) -> tuple[Record, Flip | None]:
    """The check after a signal, and how its state has changed by that."""
    if signal in ("log", "ignored") or (record.status == "paused" and terms.is_manual_resume):
        return record, None
    if signal == "start":
        return record._replace(last_start_at=now, last_start_rid=rid), None
    after = _ended(record, rid, now, is_failure=signal == "fail")._replace(last_ping_at=now)
    if signal == "success":
        return _flipped(after._replace(failures=0), "up", None, now)
    failed = after._replace(failures=record.failures + 1)
    is_tolerated = failed.failures < terms.failures_before_alert and record.status != "down"
    return _flipped(failed, "up" if is_tolerated else "down", None if is_tolerated else "fail", now)


def _flipped(record: Record, status: Status, reason: Reason | None, now: datetime) -> tuple[Record, Flip | None]:
    flip = Flip(now, record.status, status, reason) if record.status != status else None
    return record._replace(status=status), flip


def _ended(record: Record, rid: str | None, now: datetime, *, is_failure: bool) -> Record:
    """The end of a run: it has a duration where it is the end of the run that was last begun."""
    closed = record._replace(last_start_at=None, last_start_rid=None, last_duration_seconds=None)
    if record.last_start_at is None:
        return closed
    if rid == record.last_start_rid:
        return closed._replace(last_duration_seconds=(now - record.last_start_at).total_seconds())
    return closed if is_failure or rid is None else record._replace(last_duration_seconds=None)


def paused(record: Record, now: datetime) -> tuple[Record, Flip | None]:
    """The check, from which nothing is expected until it is resumed or heard of."""
    return _flipped(record._replace(last_start_at=None, last_start_rid=None), "paused", None, now)


def resumed(record: Record, now: datetime) -> tuple[Record, Flip | None]:
    """The check as one of which nothing was heard yet."""
    return _flipped(Record(status=record.status, last_duration_seconds=record.last_duration_seconds), "new", None, now)
