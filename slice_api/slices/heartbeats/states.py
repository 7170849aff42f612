"""What state a check is in: worked out from what was heard of it and from the time, so that it is always right.

Kept is little: whether it is new, up, down or paused, and when it was last heard of. That the next ping is late, that
a run takes too long, and that both have become an outage follows from the clock.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, Protocol

from slice_api.slices.heartbeats.schedules import Schedule, due_after

Status = Literal["new", "up", "down", "paused"]
Shown = Literal["new", "up", "grace", "down", "paused"]
Reason = Literal["timeout", "fail", "run-time", "start-deadline"]
Signal = Literal["success", "start", "fail", "log", "ignored"]

_MOST_WINDOWS: Final = 1_000


class Window(Protocol):
    """Time in which nobody is alerted: it begins by a schedule, and lasts so many seconds."""

    @property
    def schedule(self) -> Schedule: ...
    @property
    def duration_seconds(self) -> int: ...


class Terms(Protocol):
    """What is expected of a job."""

    @property
    def schedule(self) -> Schedule: ...
    @property
    def grace_seconds(self) -> int: ...
    @property
    def max_run_seconds(self) -> int | None: ...
    @property
    def failures_before_alert(self) -> int: ...
    @property
    def is_manual_resume(self) -> bool: ...
    @property
    def snoozed_until(self) -> datetime | None: ...
    @property
    def maintenance(self) -> Sequence[Window]: ...


class Record(NamedTuple):
    """What was heard of a job."""

    status: Status = "new"
    last_ping_at: datetime | None = None
    due_at: datetime | None = None
    """When it is due next by its schedule alone; of what is up, unless the calendar has ended."""
    last_start_at: datetime | None = None
    last_start_rid: str | None = None
    last_duration_seconds: float | None = None
    failures: int = 0
    """How often it has failed since it last succeeded."""
    is_untold: bool = False
    """Whether it went down in a time in which nobody is alerted, so that this is to be told when that ends."""
    is_run_missed: bool = False
    """Whether the run that goes on has taken too long already, and so was told of."""

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


class Change(NamedTuple):
    """What a record has become, how its state has changed by that, and what is to be told of it."""

    record: Record
    flip: Flip | None = None
    told: Flip | None = None


def expected_at(record: Record) -> datetime | None:
    """When something is expected next: none is of what is new, down or paused, nor once the calendar has ended.

    While it runs that is the start, since when its end is awaited.
    """
    if record.status != "up":
        return None
    if record.last_start_at is None:
        return record.due_at
    return min(record.due_at, record.last_start_at) if record.due_at is not None else record.last_start_at


def deadline_of(record: Record, terms: Terms) -> Deadline | None:
    """When it goes down, or when it is told that it has; later where the time falls into a snooze or maintenance."""
    if record.status == "down":
        at = record.last_ping_at
        return Deadline(_out_of_quiet(at, terms), "fail") if record.is_untold and at is not None else None
    silence_ends, run_ends = _silence_ends(record, terms), _run_ends(record, terms)
    first = min(silence_ends, run_ends) if silence_ends and run_ends else silence_ends or run_ends
    at = _out_of_quiet(first.at, terms) if first is not None else None
    return first if first is None or at is None or at is first.at else Deadline(at, first.reason)


def _silence_ends(record: Record, terms: Terms) -> Deadline | None:
    if record.status != "up" or record.last_ping_at is None:
        return None
    misses = terms.failures_before_alert - record.failures
    due = record.due_at if misses <= 1 else due_after(terms.schedule, record.last_ping_at, misses)
    return Deadline(due + timedelta(seconds=terms.grace_seconds), "timeout") if due is not None else None


def _run_ends(record: Record, terms: Terms) -> Deadline | None:
    if record.last_start_at is None or record.is_run_missed:
        return None
    if terms.max_run_seconds is not None:
        return Deadline(record.last_start_at + timedelta(seconds=terms.max_run_seconds), "run-time")
    return Deadline(record.last_start_at + timedelta(seconds=terms.grace_seconds), "start-deadline")


def _out_of_quiet(at: datetime, terms: Terms) -> datetime:
    """The moment, or the end of the quiet time that it falls into."""
    if terms.snoozed_until is None and not terms.maintenance:
        return at
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


def is_quiet(terms: Terms, now: datetime) -> bool:
    """Whether nobody is alerted now."""
    return _out_of_quiet(now, terms) > now


def shown(record: Record, terms: Terms, now: datetime) -> Shown:
    """What people see, whether or not anybody has noticed a deadline that has passed."""
    deadline = deadline_of(record, terms)
    if deadline is not None and now >= deadline.at:
        return "down"
    due = record.due_at if record.status == "up" and not record.is_running else None
    return "grace" if due is not None and now >= due else record.status


def overdue(record: Record, terms: Terms, now: datetime) -> Change | None:
    """The check as one that is down, where its deadline has passed; the change bears the time of the deadline."""
    deadline = deadline_of(record, terms)
    if deadline is None or now < deadline.at:
        return None
    flip = Flip(deadline.at, record.status, "down", deadline.reason)
    if record.status == "down":
        return Change(record._replace(is_untold=False), None, flip._replace(old="up"))
    is_run_missed = record.is_run_missed or deadline.reason != "timeout"
    return Change(record._replace(status="down", due_at=None, is_run_missed=is_run_missed), flip, flip)


def heard(record: Record, terms: Terms, signal: Signal, rid: str | None, now: datetime) -> Change:
    """The check after a signal, and how its state has changed by that."""
    if signal in ("log", "ignored") or (record.status == "paused" and terms.is_manual_resume):
        return Change(record)
    if signal == "start":
        return Change(record._replace(last_start_at=now, last_start_rid=rid, is_run_missed=False))
    failures = record.failures + 1 if signal == "fail" else 0
    is_tolerated = failures < terms.failures_before_alert and record.status != "down"
    status: Status = "up" if signal == "success" or is_tolerated else "down"
    run = _run_after(record, terms, rid, now, is_failure=signal == "fail")
    due_at = _due_at(record, terms, now) if status == "up" else None
    after = Record(status, now, due_at, run.begun_at, run.rid, run.took, failures, record.is_untold, run.is_missed)
    flip = Flip(now, record.status, status, "fail" if status == "down" else None) if status != record.status else None
    return _told(after, terms, flip, now)


def _told(after: Record, terms: Terms, flip: Flip | None, now: datetime) -> Change:
    """A failure in a quiet time is told when that ends, if it still is one; what ends it unheard of is not told."""
    if after.status != "down":
        return Change(after._replace(is_untold=False), flip) if after.is_untold else Change(after, flip, flip)
    if flip is None and not after.is_untold:
        return Change(after)
    if is_quiet(terms, now):
        return Change(after._replace(is_untold=True), flip)
    return Change(after._replace(is_untold=False), flip, flip or Flip(now, "up", "down", "fail"))


def _due_at(record: Record, terms: Terms, now: datetime) -> datetime | None:
    """When it is due after a ping now: by a calendar just when it was, as long as that has not come."""
    is_by_calendar = terms.schedule.every_seconds is None
    if is_by_calendar and record.due_at is not None and now < record.due_at:
        return record.due_at
    return due_after(terms.schedule, now)


class _Run(NamedTuple):
    """The run that goes on, if one does, and how long the one took that has just ended."""

    begun_at: datetime | None = None
    rid: str | None = None
    took: float | None = None
    is_missed: bool = False


_NO_RUN: Final = _Run()


def _run_after(record: Record, terms: Terms, rid: str | None, now: datetime, *, is_failure: bool) -> _Run:
    """The run after the end of one: it took so long where it is the one that was last begun.

    A success of another run leaves that one open; should that have taken too long by then, it is not held against it.
    """
    if record.last_start_at is None:
        return _NO_RUN
    if rid == record.last_start_rid:
        return _Run(took=(now - record.last_start_at).total_seconds())
    if is_failure or rid is None:
        return _NO_RUN
    limit = _run_ends(record, terms)
    return _Run(record.last_start_at, record.last_start_rid, None, is_missed=limit is None or limit.at <= now)


def _closed(record: Record) -> Record:
    """The check without its run."""
    return record._replace(last_start_at=None, last_start_rid=None, is_run_missed=False)


def rescheduled(record: Record, terms: Terms) -> Record:
    """The check after its terms were changed."""
    if record.status != "up" or record.last_ping_at is None:
        return record
    return record._replace(due_at=due_after(terms.schedule, record.last_ping_at))


def paused(record: Record, now: datetime) -> Change:
    """The check, from which nothing is expected until it is resumed or heard of."""
    after = _closed(record)._replace(status="paused", due_at=None, is_untold=False)
    flip = Flip(now, record.status, "paused") if record.status != "paused" else None
    return Change(after, flip, flip)


def resumed(record: Record, now: datetime) -> Change:
    """The check as one of which nothing was heard yet."""
    flip = Flip(now, record.status, "new")
    return Change(Record(last_duration_seconds=record.last_duration_seconds), flip, flip)
