"""A job with the CheckTrap of healthchecks-io: `trapped.py sync|async good|bad BASE_URL CHECK_ID`."""

import asyncio
import sys

from healthchecks_io import AsyncClient, CheckTrap, Client

_, kind, how, base_url, check_id = sys.argv


def job(trap: CheckTrap) -> None:
    trap.add_log("3 files")
    trap.add_log("Grüße")
    if how == "bad":
        raise RuntimeError("the disk is full")


def synchronous() -> None:
    with (
        Client(ping_url=f"{base_url}/ping/") as client,
        CheckTrap(client, uuid=check_id, suppress_exceptions=True) as trap,
    ):
        job(trap)


async def asynchronous() -> None:
    async with (
        AsyncClient(ping_url=f"{base_url}/ping/") as client,
        CheckTrap(client, uuid=check_id, suppress_exceptions=True) as trap,
    ):
        job(trap)


if kind == "sync":
    synchronous()
else:
    asyncio.run(asynchronous())
