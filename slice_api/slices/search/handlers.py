"""Asking every slice that can be searched, each with a time of its own."""

import asyncio
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from slice_api.chassis import Found, Principal
from slice_api.chassis.assembly import Chassis
from slice_api.chassis.capabilities import call
from slice_api.chassis.discovery import Slice
from slice_api.chassis.own_pages import page_url_of
from slice_api.chassis.storage.faults import StorageAway
from slice_api.slices.search.schemas import Hit, SearchAnswer, SliceHits

SECONDS: Final = 1.5
"""How long one slice may take."""
_AT_ONCE: Final = 4
"""How many are asked at the same time, so that one search does not take every connection to storage."""
_LONGEST: Final = 200


async def search(chassis: Chassis, caller: Principal, text: str, limit: int) -> SearchAnswer:
    """What the slices find that this caller may read. Raises StorageAway: without storage nobody finds anything."""
    asked = [each for each in chassis.slices if each.search and caller.has_scope(f"{each.name}:read")]
    turns = asyncio.Semaphore(_AT_ONCE)
    groups = await asyncio.gather(*(_in_turn(turns, chassis, each, text, limit) for each in asked if text))
    return SearchAnswer(
        searched=[each.name for each in asked], groups=[group for group in groups if group.items or group.failure]
    )


async def _in_turn(turns: asyncio.Semaphore, chassis: Chassis, each: Slice, text: str, limit: int) -> SliceHits:
    async with turns:
        return await _ask(chassis, each, text, limit)


async def _ask(chassis: Chassis, each: Slice, text: str, limit: int) -> SliceHits:
    """What one slice finds; one more than `limit` is asked for, to know whether there are more."""
    group = SliceHits(slice=each.name, title=each.title, items=[], has_more=False, failure=None)
    try:
        async with asyncio.timeout(SECONDS):
            found = await _find(chassis, each, text, limit + 1)
    except StorageAway:
        raise
    except TimeoutError:
        chassis.log.warning("search took too long", slice=each.name, seconds=SECONDS)
        return group.model_copy(update={"failure": "timeout"})
    except Exception as error:
        chassis.log.error("search failed", slice=each.name, exc_info=error)
        return group.model_copy(update={"failure": "error"})
    page_url = page_url_of(chassis, each)
    hits = [_hit(one, page_url) for one in found[:limit]]
    return group.model_copy(update={"items": hits, "has_more": len(found) > limit})


async def _find(chassis: Chassis, each: Slice, text: str, limit: int) -> Sequence[Found]:
    if each.search is None:
        return []
    found: Sequence[Found] = await call(each.search, chassis.db, text, limit)
    if not all(isinstance(one, Found) for one in found):
        raise TypeError("search must give back a list of Found")
    return found


def _hit(one: Found, page_url: str | None) -> Hit:
    own_url = f"{page_url}/{quote(one.key, safe='')}" if page_url and one.key else page_url
    return Hit(title=_line(one.title), detail=_line(one.detail), key=one.key, page_url=own_url)


def _line(text: str) -> str:
    """Text as one line that is not too long."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
