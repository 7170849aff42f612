"""Asking every slice that can be searched, each with a time of its own."""

import asyncio
from collections.abc import Sequence
from typing import Final

from slice_api.chassis import Found, Principal
from slice_api.chassis.assembly import Chassis
from slice_api.chassis.capabilities import Run, call
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
    empty = SliceHits(slice=each.name, title=each.title, items=[], has_more=False, failure=None)
    try:
        async with asyncio.timeout(SECONDS):
            found = _checked(await call(_run_of(each), chassis.db, text, limit + 1))
    except StorageAway:
        raise
    except TimeoutError:
        chassis.log.warning("search took too long", slice=each.name, seconds=SECONDS)
        return empty.model_copy(update={"failure": "timeout"})
    except Exception as error:
        chassis.log.error("search failed", slice=each.name, exc_info=error)
        return empty.model_copy(update={"failure": "error"})
    items = [_hit(chassis, each, one) for one in found[:limit]]
    return empty.model_copy(update={"items": items, "has_more": len(found) > limit})


def _run_of(each: Slice) -> Run:
    assert each.search is not None  # noqa: S101 - only slices that have one are asked
    return each.search


def _checked(found: Sequence[Found]) -> Sequence[Found]:
    if not all(isinstance(one, Found) for one in found):
        raise TypeError("search must give back a list of Found")
    return found


def _hit(chassis: Chassis, each: Slice, one: Found) -> Hit:
    page_url = page_url_of(chassis, each, one.key)
    return Hit(title=_line(one.title), detail=_line(one.detail), key=one.key, page_url=page_url)


def _line(text: str) -> str:
    """Text as one line that is not too long."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
