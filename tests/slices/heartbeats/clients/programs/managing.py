"""Checks kept by healthchecks-io, told as JSON: `managing.py sync|async VERSION BASE_URL KEY READING_KEY TAG`.

It is not asked for flips: it looks for a bare list where Healthchecks, and so the server, gives `{"flips": […]}`.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from typing import Any

from either import client_of, error_of, outcome
from healthchecks_io import AsyncClient, CheckCreate, CheckUpdate, Client

_, kind, version, base_url, key, reading_key, tag = sys.argv
NOBODY = "00000000-0000-4000-8000-000000000000"
NAME = f"Nightly {tag}"


async def keep(client: Client | AsyncClient) -> dict[str, Any]:
    """Make, change and find checks."""
    simple = await outcome(
        client.create_check(CheckCreate(name=NAME, tags=f"{tag} db", desc="Grüße", timeout=3600, grace=600))
    )
    cron = CheckCreate(name=f"Weekly {tag}", tags=tag, schedule="30 2 * * 1", tz="Europe/Vienna", manual_resume=True)
    upsert = CheckCreate(name=NAME, tags=f"{tag} db", timeout=7200, unique=["name", "tags"])
    change = CheckUpdate(name=f"Renamed {tag}", grace=900, methods="POST")
    return {
        "simple": simple,
        "cron": await outcome(client.create_check(cron)),
        "upserted": await outcome(client.create_check(upsert)),
        "updated": await outcome(client.update_check(simple.uuid, change)),
        "one": await outcome(client.get_check(simple.uuid)),
        "all": await outcome(client.get_checks()),
        "tagged": await outcome(client.get_checks(tags=[tag])),
        "twice_tagged": await outcome(client.get_checks(tags=[tag, "db"])),
        "badges": await outcome(client.get_badges()),
        "integrations": await outcome(client.get_integrations()),
    }


async def follow(client: Client | AsyncClient, uuid: str) -> dict[str, Any]:
    """Ping a check, and look at it after each ping; delete it."""
    states = []
    for ping in (
        lambda: client.start_ping(uuid=uuid),
        lambda: client.success_ping(uuid=uuid, data="3 files"),
        lambda: client.exit_code_ping(7, uuid=uuid),
        lambda: client.pause_check(uuid),
        lambda: client.success_ping(uuid=uuid),
    ):
        await outcome(ping())
        states.append((await outcome(client.get_check(uuid))).status)
    return {
        "states": states,
        "pings": await outcome(client.get_check_pings(uuid)),
        "deleted": await outcome(client.delete_check(uuid)),
        "gone": await error_of(lambda: client.get_check(uuid)),
    }


async def read(reader: Client | AsyncClient) -> dict[str, Any]:
    """What somebody sees who may only read."""
    [check] = await outcome(reader.get_checks(tags=[tag]))
    return {
        "read": check,
        "read_again": await outcome(reader.get_check(check.unique_key)),
        "cannot_write": await error_of(lambda: reader.create_check(CheckCreate(name="x"))),
    }


async def fail(client: Client | AsyncClient, stranger: Client | AsyncClient) -> dict[str, Any]:
    return {
        "wrong_key": await error_of(stranger.get_checks),
        "wrong_value": await error_of(lambda: client.create_check(CheckCreate(name="x", timeout=1))),
        "unknown": await error_of(lambda: client.get_check(NOBODY)),
        "unknown_paused": await error_of(lambda: client.pause_check(NOBODY)),
    }


async def main() -> dict[str, Any]:
    where = {"api_url": f"{base_url}/api/", "ping_url": f"{base_url}/ping/", "api_version": int(version)}
    async with AsyncExitStack() as stack:
        client, reader, stranger = [
            await stack.enter_async_context(client_of(kind, api_key=each, **where))
            for each in (key, reading_key, "x" * 32)
        ]
        kept = await keep(client)
        followed = await follow(client, kept["simple"].uuid)
        return kept | followed | await read(reader) | await fail(client, stranger)


json.dump(asyncio.run(main()), sys.stdout, default=lambda model: model.model_dump(mode="json"))
