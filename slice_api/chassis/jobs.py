"""Periodic work: a slice's `jobs.py` marks functions with `@every`; one of many processes runs each.

A job is `def job(tx)`, one transaction; a parameter annotated with the slice's settings is given them. Whoever takes
its lease first runs it. The lease lies in storage, so a job that is due after a restart runs soon, others wait. One
that returns True has more to do, and runs again at once. What a job raises takes all it did back; it is logged, counted
(`slice_jobs_total`), and tried again an interval later.

A job that can tell when there will be something to do is left alone until then, or until something is written.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from slice_api.chassis.clock import Clock
from slice_api.chassis.logs import Logger
from slice_api.chassis.metrics import Metrics
from slice_api.chassis.schemas import Schema, Time
from slice_api.chassis.signals import wait_for
from slice_api.chassis.storage.database import Database
from slice_api.chassis.storage.faults import StorageAway
from slice_api.chassis.storage.stores import Collection
from slice_api.chassis.storage.tx import Tx

F = TypeVar("F", bound=Callable[..., Any])

FIRST_SECONDS = 30.0
"""When jobs of longer intervals are first looked at: a start is quick, and a daily restart skips no daily job."""


NextDue = Callable[[Tx], datetime | None]
"""When a job will have something to do, as things stand, or since when it has; None for never. Only reads."""


class Job(NamedTuple):
    """A function to run every so many seconds."""

    name: str
    seconds: float
    run: Callable[[Tx], Any]
    next_due: NextDue | None = None


class Lease(Schema):
    """When a job may run next."""

    id: str
    next_at: Time


LEASES = Collection("chassis_job_leases", Lease)


def every(*, seconds: float, due: NextDue | None = None) -> Callable[[F], F]:
    """Mark `def job(tx)` in a slice's `jobs.py` to be run at this interval, in one process at a time.

    `due(tx)` says when there will be something to do. It is worth having for what is looked for every second: until
    then nothing is written, nor read again before something is; and when the time has come it is run at once. What it
    says must follow from what is kept alone.
    """

    def mark(run: F) -> F:
        run.__dict__["every_seconds"] = seconds
        run.__dict__["next_due"] = due
        return run

    return mark


def _run_if_due(tx: Tx, job: Job) -> tuple[bool, datetime | None]:
    """Whether it was run, and when it is due next; None for never, as things stand."""
    due_at = job.next_due(tx) if job.next_due else tx.now
    if due_at is None or due_at > tx.now:
        return False, due_at
    lease = tx.get(LEASES, job.name)
    if lease is not None and lease.next_at > tx.now:
        return False, lease.next_at
    seconds = 0 if job.run(tx) is True else job.seconds
    next_at = tx.now + timedelta(seconds=seconds)
    tx.put(LEASES, Lease(id=job.name, next_at=next_at))
    return True, next_at


class _Look(NamedTuple):
    """What was seen when a job was last looked at."""

    due_at: datetime | None
    stamp: object = None
    """Of storage, before the look; None where the next look cannot be spared."""


class JobRunner:
    """Runs the jobs of one app."""

    def __init__(self, jobs: list[Job], db: Database, clock: Clock, log: Logger, metrics: Metrics) -> None:
        self._jobs, self._db, self._clock, self._log, self._metrics = jobs, db, clock, log, metrics

    async def run_due(self) -> None:
        """Run every job that is due now."""
        for job in self._jobs:
            await self._look(job)

    async def _look(self, job: Job) -> _Look:
        """Run a job if it is due."""
        stamp = self._db.stamp() if job.next_due else None
        try:
            has_run, due_at = await self._db.transact(_run_if_due, job)
        except StorageAway:
            return _Look(self._in(min(job.seconds, FIRST_SECONDS)))
        except Exception as error:
            self._metrics.jobs.labels(job.name, "failed").inc()
            self._log.error("job failed", job=job.name, exc_info=error)
            return _Look(self._in(job.seconds))
        if has_run:
            self._metrics.jobs.labels(job.name, "done").inc()
        return _Look(due_at, stamp)

    def _in(self, seconds: float) -> datetime:
        return self._clock() + timedelta(seconds=seconds)

    def _pause(self, job: Job, look: _Look) -> float:
        """Seconds until it is worth looking again; the lease may have been taken while the interval was longer."""
        if look.due_at is None:
            return job.seconds
        return max(0.0, min(job.seconds, (look.due_at - self._clock()).total_seconds()))

    def _can_spare(self, look: _Look) -> bool:
        """Whether another look would see what the last one saw."""
        is_early = look.due_at is None or look.due_at > self._clock()
        return is_early and look.stamp is not None and look.stamp == self._db.stamp()

    async def run(self, closing: asyncio.Event) -> None:
        """Keep running jobs until the service stops; each has its own rhythm."""
        async with asyncio.TaskGroup() as tasks:
            for job in self._jobs:
                tasks.create_task(self._repeat(job, closing))

    async def _repeat(self, job: Job, closing: asyncio.Event) -> None:
        look = _Look(self._in(min(job.seconds, FIRST_SECONDS)))
        while not closing.is_set():
            await wait_for(closing, self._pause(job, look))
            if not (closing.is_set() or self._can_spare(look)):
                look = await self._look(job)
