"""Taking pings that come at once together: jobs begin on the minute, and so do their pings.

What comes while one turn of the loop is at work is noted in one transaction, and answered when that is durable: a
database commits once for all of them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, NamedTuple

from fastapi import Depends, FastAPI, Request

from slice_api.chassis import Database, Tx
from slice_api.slices.heartbeats.pinging.handling import ping_slug
from slice_api.slices.heartbeats.recording import Arrival, take_ping, take_pings
from slice_api.slices.heartbeats.schemas import HeartbeatFields
from slice_api.slices.heartbeats.settings import HeartbeatsSettings

_MOST_TOGETHER: Final = 200


class _Waiting(NamedTuple):
    """A ping that is to be noted, and whoever waits for that."""

    check_id: str
    arrival: Arrival
    is_known: "asyncio.Future[bool]"


class PingTaker:
    """Notes the pings of one app."""

    def __init__(self, db: Database, keep: int, *, is_grouping: bool) -> None:
        self._db, self._keep, self._is_grouping = db, keep, is_grouping
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None

    async def take(self, check_id: str, arrival: Arrival) -> bool:
        """Note a ping; gives whether there is such a check. Raises 503."""
        if not self._is_grouping:
            return await self._db.transact(take_ping, check_id, arrival, self._keep)
        waiting = _Waiting(check_id, arrival, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._task is None:
            self._task = asyncio.create_task(self._take_all())
        return await waiting.is_known

    async def take_by_slug(self, slug: str, new: HeartbeatFields | None, arrival: Arrival) -> bool:
        """Note a ping of the check of a slug; gives whether that was made for it. Raises RefusalError and 503."""
        return await self._db.transact(ping_slug, slug, new, arrival, self._keep)

    async def _take_all(self) -> None:
        """Note all that waits, until nothing does."""
        try:
            while self._waiting:
                together, self._waiting = self._waiting[:_MOST_TOGETHER], self._waiting[_MOST_TOGETHER:]
                await self._take(together)
        finally:
            self._task = None

    async def _take(self, together: Sequence[_Waiting]) -> None:
        try:
            known = await self._db.transact(_take_together, [each[:2] for each in together], self._keep)
        except Exception as error:
            await self._take_apart(together, error)
            return
        for each in together:
            _answer(each, is_known=known[each.check_id])

    async def _take_apart(self, together: Sequence[_Waiting], error: Exception) -> None:
        """What is wrong with one check is not to be the fault of others."""
        if len(together) == 1:
            _fail(together[0], error)
            return
        for each in together:
            await self._take([each])


def _answer(waiting: _Waiting, *, is_known: bool) -> None:
    if not waiting.is_known.done():
        waiting.is_known.set_result(is_known)


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.is_known.done():
        waiting.is_known.set_exception(error)


def _take_together(tx: Tx, together: Sequence[tuple[str, Arrival]], keep: int) -> Mapping[str, bool]:
    """Note pings of several checks; gives which of these there are."""
    by_check: dict[str, list[Arrival]] = {}
    for check_id, arrival in together:
        by_check.setdefault(check_id, []).append(arrival)
    # In an order of theirs, so that no two processes wait for each other.
    return {check_id: take_pings(tx, check_id, by_check[check_id], keep) for check_id in sorted(by_check)}


def make_taker(app: FastAPI) -> PingTaker:
    """Who notes the pings of an app: in memory nothing is gained by waiting for others."""
    chassis = app.state.chassis
    settings: HeartbeatsSettings = chassis.settings_of("heartbeats")
    return PingTaker(chassis.db, settings.keep_pings, is_grouping=chassis.storage.is_shared)


async def _taker(request: Request) -> PingTaker:
    taker: PingTaker = request.app.state.heartbeats_pings
    return taker


Taker = Annotated[PingTaker, Depends(_taker)]
"""Who notes the pings of the app."""
