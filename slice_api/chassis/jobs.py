"""Periodic work: a slice's `jobs.py` marks functions with `@every`; one of many processes runs each.

A job is `job(tx)`, one transaction. Whoever takes its lease first runs it; the lease lies in storage.
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

F = TypeVar("F", bound=Callable[[Tx], Any])


class Job(NamedTuple):
    """A function to run every so many seconds."""

    name: str
    seconds: float
    run: Callable[[Tx], Any]


class Lease(Schema):
    """When a job may run next."""

    id: str
    next_at: Time


LEASES = Collection("chassis_job_leases", Lease)


def every(*, seconds: float) -> Callable[[F], F]:
    """Mark `job(tx)` in a slice's `jobs.py` to be run at this interval, in one process at a time."""

    def mark(run: F) -> F:
        run.__dict__["every_seconds"] = seconds
        return run

    return mark


def _run_if_due(tx: Tx, job: Job) -> bool:
    lease = tx.get(LEASES, job.name)
    if lease is not None and lease.next_at > tx.now:
        return False
    tx.put(LEASES, Lease(id=job.name, next_at=tx.now + timedelta(seconds=job.seconds * 0.9)))
    job.run(tx)
    return True


class JobRunner:
    """Runs the jobs of one app."""

    def __init__(self, jobs: list[Job], db: Database, log: Logger, metrics: Metrics) -> None:
        self._jobs, self._db, self._log, self._metrics = jobs, db, log, metrics

    async def run_due(self) -> None:
        """Run every job that is due now."""
        for job in self._jobs:
            await self._run(job)

    async def _run(self, job: Job) -> None:
        try:
            has_run = await self._db.transact(_run_if_due, job)
        except StorageAway:
            return
        except Exception as error:
            self._metrics.jobs.labels(job.name, "failed").inc()
            self._log.error("job failed", job=job.name, exc_info=error)
            return
        if has_run:
            self._metrics.jobs.labels(job.name, "done").inc()

    async def run(self, closing: asyncio.Event) -> None:
        """Keep running jobs until the service stops; each has its own rhythm."""
        async with asyncio.TaskGroup() as tasks:
            for job in self._jobs:
                tasks.create_task(self._repeat(job, closing))

    async def _repeat(self, job: Job, closing: asyncio.Event) -> None:
        while not closing.is_set():
            await wait_for(closing, job.seconds)
            if not closing.is_set():
                await self._run(job)
