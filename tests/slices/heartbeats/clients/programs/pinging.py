"""Pings by healthchecks-io, told as JSON: `pinging.py sync|async BASE_URL PING_KEY CHECK_ID SLUG SHARED_SLUG`."""

import asyncio
import json
import sys
from typing import Any

from either import client_of, error_of, outcome

_, kind, base_url, ping_key, check_id, slug, shared_slug = sys.argv
NOBODY = "00000000-0000-4000-8000-000000000000"


async def main() -> dict[str, Any]:
    async with client_of(kind, ping_key=ping_key, ping_url=f"{base_url}/ping/") as client:
        return {
            "start": await outcome(client.start_ping(uuid=check_id)),
            "success": await outcome(client.success_ping(uuid=check_id, data="3 files, Grüße")),
            "fail": await outcome(client.fail_ping(slug=slug, data="the disk is full")),
            "exit": await outcome(client.exit_code_ping(7, uuid=check_id)),
            "good_exit": await outcome(client.exit_code_ping(0, slug=slug, data="done")),
            "unknown": await error_of(lambda: client.success_ping(uuid=NOBODY)),
            "unknown_slug": await error_of(lambda: client.success_ping(slug="nobody")),
            "shared_slug": await error_of(lambda: client.success_ping(slug=shared_slug)),
            "wrong_slug": await error_of(lambda: client.success_ping(slug="Capital")),
        }


json.dump(asyncio.run(main()), sys.stdout)
