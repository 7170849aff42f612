"""What a status page shows, read out of the checks: nothing but what everybody may know."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from slice_api.chassis import Page, PageQuery, Tx, equals, has, not_found
from slice_api.slices.heartbeats.recording import brought_up_to
from slice_api.slices.heartbeats.schemas import StateCounts, StoredHeartbeat
from slice_api.slices.heartbeats.shown import state_of
from slice_api.slices.heartbeats.status_pages.handlers import address_of
from slice_api.slices.heartbeats.status_pages.schemas import (
    CheckStatus,
    Outage,
    Overall,
    StatusDocument,
    StatusOverview,
    StoredStatusPage,
)
from slice_api.slices.heartbeats.store import CHECKS, STATUS_PAGES, counts, flips_of
from slice_api.slices.heartbeats.uptime import uptime_of

DAYS: Final = 90
MOST_CHECKS: Final = 200
_MOST_DOWNTIMES: Final = 10
_DIGITS: Final = 4
_UTC: Final = ZoneInfo("UTC")
_REMEMBERED_FOR: Final = timedelta(minutes=1)
"""What passes in so long hardly shows in a history of days."""


class _History(NamedTuple):
    uptime: float | None = None
    days: Sequence[float | None] = ()
    downtimes: Sequence[Outage] = ()
    n_downtimes: int = 0


class Remembered(NamedTuple):
    """The history of a check, when it was read, and when its state had last changed then."""

    history: _History
    read_at: datetime
    changed_at: datetime


Histories = Mapping[str, Remembered]
"""By the ids of checks."""

NO_HISTORIES: Final[Histories] = MappingProxyType({})


class Read(NamedTuple):
    """What a page shows, and the histories in it."""

    document: StatusDocument
    histories: Histories


def list_overviews(tx: Tx, page: PageQuery, base_url: str) -> Page[StatusOverview]:
    """The pages that are listed, by name."""
    found = tx.page(STATUS_PAGES, page, where=[equals("is_listed", True)])
    return found.map(lambda each: _overview(tx, each, base_url))


def read_document(tx: Tx, name: str, base_url: str, known: Histories = NO_HISTORIES) -> Read:
    """What a page shows now; raises 404. Of histories that are known only those are read anew that have changed."""
    page = tx.get(STATUS_PAGES, name)
    if page is None:
        raise not_found(STATUS_PAGES.noun, name)
    chosen = [has("tags", tag) for tag in page.tags]
    checks = tx.page(CHECKS, PageQuery(limit=MOST_CHECKS), order="name", where=chosen).items
    changes = {each.id: _last_change(tx, each) for each in checks}
    read = checks if page.has_history else ()
    histories = {each.id: _history(tx, each.id, changes[each.id], known.get(each.id)) for each in read}
    document = StatusDocument.model_construct(
        **dict(_overview(tx, page, base_url)),
        description=page.description,
        first_day=tx.now.date() - timedelta(days=DAYS - 1) if page.has_history else None,
        checks=[_check(each, changes[each.id], histories.get(each.id), tx.now) for each in checks],
    )
    return Read(document, histories)


def _overview(tx: Tx, page: StoredStatusPage, base_url: str) -> StatusOverview:
    found = counts(tx, page.tags)
    state = overall(found)
    return StatusOverview(
        name=page.name,
        title=page.title or page.name,
        url=address_of(page.name, base_url),
        state=state,
        summary=_summary(state, found),
        counts=found,
    )


def overall(found: StateCounts) -> Overall:
    """The worst that is; what is new or paused counts only where nothing else is there."""
    if found.down:
        return "down"
    if found.grace:
        return "grace"
    if found.up or found.running:
        return "up"
    return "paused" if found.paused and not found.new else "new"


def _summary(state: Overall, found: StateCounts) -> str:
    if state == "down":
        return _some(found.down, found, "down")
    if state == "grace":
        return _some(found.grace, found, "late")
    if state == "up":
        return "All systems operational"
    if state == "paused":
        return "Paused"
    return "Nothing heard yet" if found.total else "Nothing to show yet"


def _some(count: int, found: StateCounts, word: str) -> str:
    if count == found.total - found.new - found.paused and count > 1:
        return f"All systems {word}"
    return f"1 system {word}" if count == 1 else f"{count} systems {word}"


def _check(held: StoredHeartbeat, changed_at: datetime, known: Remembered | None, now: datetime) -> CheckStatus:
    state = state_of(held, now)
    begun = {"grace": held.due_at, "running": held.last_start_at}.get(state)
    history = known.history if known is not None else _History()
    return CheckStatus.model_construct(
        name=held.name or "Unnamed check",
        state=state,
        since=begun or changed_at,
        last_ping_at=held.last_ping_at,
        next_due_at=held.due_at if state in ("up", "grace") else None,
        uptime=history.uptime,
        days=list(history.days),
        downtimes=list(history.downtimes),
        n_downtimes=history.n_downtimes,
    )


def _last_change(tx: Tx, held: StoredHeartbeat) -> datetime:
    """When it last went up or down, was paused or resumed, or was made; also where nobody has noticed yet."""
    unnoticed = brought_up_to(held, tx.now).flips
    if unnoticed:
        return unnoticed[-1].at
    noticed = flips_of(tx, held.id, PageQuery(limit=1)).items
    return noticed[0].at if noticed else held.created_at


def _history(tx: Tx, check_id: str, changed_at: datetime, known: Remembered | None) -> Remembered:
    if known is not None and known.changed_at == changed_at and _is_fresh(known, tx.now):
        return known
    found = uptime_of(tx, check_id, DAYS, _UTC)
    downtimes = [
        Outage.model_construct(began_at=each.began_at, ended_at=each.ended_at, reason=each.reason)
        for each in found.downtimes[:_MOST_DOWNTIMES]
    ]
    days = [_rounded(day.uptime) for day in found.days]
    return Remembered(_History(_rounded(found.uptime), days, downtimes, len(found.downtimes)), tx.now, changed_at)


def _is_fresh(known: Remembered, now: datetime) -> bool:
    """Whether hardly anything was added since; what is known of a check that has just begun grows fast."""
    is_of_today = known.read_at.date() == now.date()
    return known.history.uptime is not None and is_of_today and now - known.read_at < _REMEMBERED_FOR


def _rounded(part: float | None) -> float | None:
    """To a hundredth of a percent, but whole only what is whole."""
    if part is None or part == 1:
        return part
    return min(round(part, _DIGITS), 1 - 10**-_DIGITS)
