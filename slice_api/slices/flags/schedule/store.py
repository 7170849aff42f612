"""The changes that are planned, by flag and by time."""

from datetime import datetime

from slice_api.chassis import Page, PageQuery, Tx, at_most, equals
from slice_api.slices.flags.schemas import StoredChange, StoredFlag
from slice_api.slices.flags.store import SCHEDULE


def changes_of(tx: Tx, flag: StoredFlag, page: PageQuery) -> Page[StoredChange]:
    """The planned changes of a flag, the next one first; those that failed are among them."""
    return tx.page(SCHEDULE, page, order="at", where=[equals("flag_id", flag.id)])


def next_change_at(tx: Tx) -> datetime | None:
    """When the next change is to be made, or since when it is due."""
    found = tx.page(SCHEDULE, PageQuery(limit=1), order="at", where=[equals("is_pending", True)]).items
    return found[0].at if found else None


def due_changes(tx: Tx, now: datetime, limit: int) -> list[StoredChange]:
    """The changes whose time has come, earliest first."""
    due = [equals("is_pending", True), at_most("at", now)]
    return tx.page(SCHEDULE, PageQuery(limit=limit), order="at", where=due).items


def all_changes_of(tx: Tx, flag: StoredFlag) -> list[StoredChange]:
    """All planned changes of a flag."""
    return tx.all(SCHEDULE, equals("flag_id", flag.id))
