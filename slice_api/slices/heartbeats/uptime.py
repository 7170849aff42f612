"""How much of the time a check was up, worked out from its changes of state."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pydantic import Field

from slice_api.chassis import Date, Schema, Time, Tx
from slice_api.slices.heartbeats import store
from slice_api.slices.heartbeats.recording import brought_up_to
from slice_api.slices.heartbeats.schemas import FlipRecord, StoredHeartbeat
from slice_api.slices.heartbeats.states import Reason, Status


class Downtime(Schema):
    """A time in which a check was down."""

    began_at: Time = Field(examples=["2026-01-31T03:30:00Z"])
    ended_at: Time | None = Field(examples=["2026-01-31T04:10:00Z"])
    """When it ended; null while it goes on."""
    seconds: int = Field(examples=[2400])
    reason: Reason | None = Field(examples=["timeout"])


class DayOfUptime(Schema):
    """A day of a check."""

    date: Date = Field(examples=["2026-01-31"])
    up_seconds: int = Field(examples=[84000])
    down_seconds: int = Field(examples=[2400])
    unknown_seconds: int = Field(examples=[0])
    """While it was new or paused, or was not there; of today also what is to come."""
    uptime: float | None = Field(examples=[0.972222])
    """The part of the known time in which it was up, 0 to 1; null where nothing is known."""
    downtimes: int = Field(examples=[1])
    """How many downtimes fall into it."""


class UptimeReport(Schema):
    """How much of the time a check was up."""

    days: list[DayOfUptime]
    """The oldest first, today last."""
    uptime: float | None = Field(examples=[0.999])
    """That of all days together."""
    downtimes: list[Downtime]
    """The newest first."""


class _Stretch(NamedTuple):
    begin: datetime
    end: datetime
    status: Status
    reason: Reason | None


def uptime_of(tx: Tx, check_id: str, days: int, zone: ZoneInfo) -> UptimeReport:
    """So many days of a check up to today; days are those of the zone. Raises 404."""
    held = tx.fetch(store.CHECKS, check_id)
    today = tx.now.astimezone(zone).date()
    first = today - timedelta(days=days - 1)
    stretches = list(_stretches(tx, held, max(_midnight(first, zone), held.created_at)))
    told = [_day(first + timedelta(days=at), zone, stretches) for at in range(days)]
    up, down = sum(day.up_seconds for day in told), sum(day.down_seconds for day in told)
    return UptimeReport(days=told, uptime=_part(up, down), downtimes=list(_downtimes(stretches, tx.now)))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    # In UTC: what lies between two times of one zone is counted by its clocks, which are changed.
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _stretches(tx: Tx, held: StoredHeartbeat, since: datetime) -> Iterator[_Stretch]:
    """The states one after another, from a moment until now."""
    check, unnoticed, _, _ = brought_up_to(held, tx.now)
    flips = store.flips_since(tx, held.id, since)
    flips += [FlipRecord(**flip._asdict()) for flip in unnoticed if flip.at >= since]
    status: Status = flips[0].old if flips else check.status
    reason: Reason | None = None if flips or status != "down" else _last_reason(tx, held)
    begin = since
    for flip in flips:
        if flip.at > begin:
            yield _Stretch(begin, flip.at, status, reason)
        begin, status, reason = max(begin, flip.at), flip.new, flip.reason
    if tx.now > begin:
        yield _Stretch(begin, tx.now, status, reason)


def _last_reason(tx: Tx, check: StoredHeartbeat) -> Reason | None:
    flips = tx.entries(store.FLIPS, partition=check.id).items
    return flips[0].reason if flips else None


def _day(day: date, zone: ZoneInfo, stretches: Sequence[_Stretch]) -> DayOfUptime:
    begin, end = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
    up = down = outages = 0
    first = bisect_right(stretches, begin, key=lambda each: each.end)
    last = bisect_left(stretches, end, key=lambda each: each.begin)
    for each in stretches[first:last]:
        seconds = round((min(end, each.end) - max(begin, each.begin)).total_seconds())
        if seconds <= 0:
            continue
        up += seconds if each.status == "up" else 0
        down += seconds if each.status == "down" else 0
        outages += each.status == "down"
    length = round((end - begin).total_seconds())
    return DayOfUptime(
        date=day,
        up_seconds=up,
        down_seconds=down,
        unknown_seconds=max(0, length - up - down),
        uptime=_part(up, down),
        downtimes=outages,
    )


def _part(up: int, down: int) -> float | None:
    return round(up / (up + down), 6) if up + down else None


def _downtimes(stretches: Iterable[_Stretch], now: datetime) -> Iterator[Downtime]:
    found = [each for each in stretches if each.status == "down"]
    for each in reversed(found):
        seconds = round((each.end - each.begin).total_seconds())
        is_over = each.end < now
        yield Downtime(began_at=each.begin, ended_at=each.end if is_over else None, seconds=seconds, reason=each.reason)
