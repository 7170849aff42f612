"""Reading the events log."""

from datetime import datetime

from slice_api.chassis import EVENTS, Condition, EventRecord, Page, PageQuery, Schema, Tx, at_least, equals


class ActivityFilter(Schema):
    """What to show of the feed."""

    slice: str | None = None
    type: str | None = None
    since: datetime | None = None


def _conditions(wanted: ActivityFilter) -> list[Condition]:
    conditions = [equals(name, value) for name, value in (("slice", wanted.slice), ("type", wanted.type)) if value]
    return conditions + ([at_least("at", wanted.since)] if wanted.since else [])


def newest(tx: Tx, page: PageQuery, wanted: ActivityFilter) -> Page[EventRecord]:
    """A page of the feed, newest first."""
    return tx.entries(EVENTS, page, where=_conditions(wanted))
