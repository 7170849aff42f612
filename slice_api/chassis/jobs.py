"""Periodic work: a slice's `jobs.py` marks functions with `@every`; one of many processes runs each.

A job is `def job(tx)`, one transaction; a parameter annotated with the slice's settings is given them. Whoever takes
its lease first runs it. The lease lies in storage, so a job that is due after a restart runs soon, others wait. One
that returns True has more to do, and runs again at once. What a job raises takes all it did back; it is logged, counted
(`slice_jobs_total`), and tried again an interval later.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

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


IsNeeded = Callable[[Tx], bool]
"""Whether a job has anything to do; only reads."""


class Job(NamedTuple):
    """A function to run every so many seconds."""

    name: str
    seconds: float
    run: Callable[[Tx], Any]
    is_needed: IsNeeded | None = None


class Lease(Schema):
    """When a job may run next."""

    id: str
    next_at: Time


LEASES = Collection("chassis_job_leases", Lease)


def every(*, seconds: float, when: IsNeeded | None = None) -> Callable[[F], F]:
    """Mark `def job(tx)` in a slice's `jobs.py` to be run at this interval, in one process at a time.

    `when(tx)` says whether there is anything to do. It is worth having for what is looked for every second: as long as
    there is nothing, nothing is written.
    """

    def mark(run: F) -> F:
        run.__dict__["every_seconds"] = seconds
        run.__dict__["is_needed"] = when
        return run

    return mark


def _run_if_due(tx: Tx, job: Job) -> tuple[bool, float]:
    """Whether it was run, and in how many seconds it is due next."""
    if job.is_needed is not None and not job.is_needed(tx):
        return False, job.seconds
    lease = tx.get(LEASES, job.name)
    if lease is not None and lease.next_at > tx.now:
        return False, (lease.next_at - tx.now).total_seconds()
    seconds = 0 if job.run(tx) is True else job.seconds
    tx.put(LEASES, Lease(id=job.name, next_at=tx.now + timedelta(seconds=seconds)))
    return True, seconds


class JobRunner:
    """Runs the jobs of one app."""

    def __init__(self, jobs: list[Job], db: Database, log: Logger, metrics: Metrics) -> None:
        self._jobs, self._db, self._log, self._metrics = jobs, db, log, metrics

    async def run_due(self) -> None:
        """Run every job that is due now."""
        for job in self._jobs:
            await self._run(job)

    async def _run(self, job: Job) -> float:
        """Run a job if it is due; gives the seconds until it is worth looking again."""
        try:
            has_run, seconds = await self._db.transact(_run_if_due, job)
        except StorageAway:
            return min(job.seconds, FIRST_SECONDS)
        except Exception as error:
            self._metrics.jobs.labels(job.name, "failed").inc()
            self._log.error("job failed", job=job.name, exc_info=error)
            return job.seconds
        if has_run:
            self._metrics.jobs.labels(job.name, "done").inc()
        # The lease may have been taken while the interval was a longer one.
        return min(seconds, job.seconds)

    async def run(self, closing: asyncio.Event) -> None:
        """Keep running jobs until the service stops; each has its own rhythm."""
        async with asyncio.TaskGroup() as tasks:
            for job in self._jobs:
                tasks.create_task(self._repeat(job, closing))

    async def _repeat(self, job: Job, closing: asyncio.Event) -> None:
        seconds = min(job.seconds, FIRST_SECONDS)
        while not closing.is_set():
            await wait_for(closing, seconds)
            if not closing.is_set():
                seconds = await self._run(job)
