"""Taking pings that come at once together: jobs begin on the minute, and so do their pings.

What comes while one turn of the loop is at work is noted in one transaction, and answered when that is durable: a
database commits once for all of them.
"""

from collections.abc import Mapping, Sequence
from hmac import compare_digest
from typing import Annotated

from fastapi import Depends, FastAPI

from slice_api.chassis import Database, Together, Tx, from_app
from slice_api.slices.heartbeats.pinging.handling import ping_slug
from slice_api.slices.heartbeats.recording import Arrival, take_ping, take_pings
from slice_api.slices.heartbeats.schemas import HeartbeatFields, Secrets
from slice_api.slices.heartbeats.settings import HeartbeatsSettings


class PingTaker:
    """Notes the pings of one app."""

    def __init__(self, db: Database, ping_key: str, keep: int, *, is_grouping: bool) -> None:
        self._db, self._ping_key, self._keep = db, ping_key.encode(), keep
        self._together = Together(self._take_all) if is_grouping else None

    def is_right_key(self, ping_key: str) -> bool:
        """Whether it is the key that stands before slugs."""
        return compare_digest(ping_key.encode(), self._ping_key)

    async def take(self, check_id: str, arrival: Arrival) -> bool:
        """Note a ping; gives whether there is such a check. Raises 503."""
        if self._together is not None:
            return await self._together.do((check_id, arrival))
        return await self._db.transact(take_ping, check_id, arrival, self._keep)

    async def take_by_slug(self, slug: str, new: HeartbeatFields | None, arrival: Arrival) -> bool:
        """Note a ping of the check of a slug; gives whether that was made for it. Raises RefusalError and 503."""
        return await self._db.transact(ping_slug, slug, new, arrival, self._keep)

    async def _take_all(self, together: Sequence[tuple[str, Arrival]]) -> Sequence[bool]:
        known = await self._db.transact(_take_together, together, self._keep)
        return [known[check_id] for check_id, _ in together]


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
    secrets: Secrets = app.state.heartbeats_secrets
    return PingTaker(chassis.db, secrets.ping_key, settings.keep_pings, is_grouping=chassis.storage.is_shared)


Taker = Annotated[PingTaker, Depends(from_app("heartbeats_pings"))]
"""Who notes the pings of the app."""
