"""A job with healthchecks-wrapper, twice: `wrapped.py URL good|bad`."""

import asyncio
import sys

from healthchecks_wrapper import HealthCheck

_, url, how = sys.argv


def job() -> None:
    if how == "bad":
        raise RuntimeError("the disk is full")


async def asynchronous() -> None:
    async with HealthCheck(url, suppress_exceptions=True):
        job()


with HealthCheck(url, suppress_exceptions=True):
    job()
asyncio.run(asynchronous())
