"""Making, finding, changing, pausing and deleting checks."""

import re
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from pydantic import ValidationError

from slice_api.chassis import Page, PageQuery, Principal, Tx, conflict, invalid_at, merged, not_found
from slice_api.slices.heartbeats import states, store
from slice_api.slices.heartbeats.addresses import Site
from slice_api.slices.heartbeats.recording import Noted, after_change, brought_up_to, tell, with_record
from slice_api.slices.heartbeats.schedules import Schedule
from slice_api.slices.heartbeats.schemas import (
    EVERY_DAY,
    FlipRecord,
    Heartbeat,
    HeartbeatChange,
    HeartbeatCreated,
    HeartbeatDeleted,
    HeartbeatFields,
    HeartbeatFilter,
    HeartbeatUpdated,
    NewHeartbeat,
    Ping,
    ScheduleChange,
    Snooze,
    StoredHeartbeat,
    brief_of,
    unique_key_of,
)
from slice_api.slices.heartbeats.shown import as_shown
from slice_api.slices.heartbeats.slugs import free_slug

_KINDS: Final = ("every_seconds", "cron", "on_calendar")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)


def create_heartbeat(tx: Tx, new: NewHeartbeat, caller: Principal, site: Site) -> Heartbeat:
    """The new check; a slug is made from the name where none is given."""
    slug = new.slug or free_slug(tx, new.name)
    return as_shown(insert_check(tx, new.model_copy(update={"slug": slug}), caller.key_id), site, tx.now)


def insert_check(tx: Tx, fields: HeartbeatFields, by: str, **more: Any) -> StoredHeartbeat:
    """Keep a check that was not there, just as it is given, and tell of it."""
    given = {name: getattr(fields, name) for name in HeartbeatFields.model_fields}
    check_id = str(uuid4())
    check = StoredHeartbeat(
        **given,
        id=check_id,
        unique_key=unique_key_of(check_id),
        badge_id=str(uuid4()),
        created_at=tx.now,
        updated_at=tx.now,
        created_by=by,
        **more,
    )
    tx.insert(store.CHECKS, check)
    tx.emit(HeartbeatCreated(heartbeat=brief_of(check)), subject=check.id)
    return check


def list_heartbeats(tx: Tx, wanted: HeartbeatFilter, page: PageQuery, site: Site) -> Page[Heartbeat]:
    return store.filtered(tx, wanted, page).map(lambda check: as_shown(check, site, tx.now))


def read_heartbeat(tx: Tx, check_id: str, site: Site) -> Heartbeat:
    return as_shown(tx.fetch(store.CHECKS, check_id), site, tx.now)


def update_heartbeat(tx: Tx, check_id: str, change: HeartbeatChange, site: Site) -> Heartbeat:
    """The check after a merge patch; one that changes nothing leaves it as it is. Raises 404, 412 and 422."""
    tx.fetch(store.CHECKS, check_id)
    return as_shown(apply_change(tx, check_id, lambda held: _patched(held, change)), site, tx.now)


def apply_change(tx: Tx, check_id: str, change: Any) -> StoredHeartbeat:
    """The check after `change(check)` of what people decide about it; its deadline follows. Raises 404 and 412."""
    noted: list[Noted] = []

    def apply(held: StoredHeartbeat) -> StoredHeartbeat:
        now_held = brought_up_to(held, tx.now)
        changed = change(now_held.check)
        noted[:] = [now_held._replace(check=_renewed(now_held.check, changed, tx.now))]
        return noted[0].check

    before = tx.fetch(store.CHECKS, check_id)
    after = tx.update(store.CHECKS, check_id, apply) or before
    tell(tx, noted[0])
    names = [name for name in HeartbeatFields.model_fields if getattr(before, name) != getattr(after, name)]
    if names:
        tx.emit(HeartbeatUpdated(heartbeat=brief_of(after), changed=names), subject=after.id)
    return after


def _renewed(held: StoredHeartbeat, changed: StoredHeartbeat, now: datetime) -> StoredHeartbeat:
    if changed is held or changed == held:
        return held
    return with_record(changed, states.rescheduled(changed.record, changed), updated_at=now)


def _patched(held: StoredHeartbeat, change: HeartbeatChange) -> StoredHeartbeat:
    changed = merged(held, change) if change.model_fields_set - {"schedule"} else held
    if "schedule" in change.model_fields_set:
        changed = changed.model_copy(update={"schedule": _schedule_after(held.schedule, change.schedule)})
    return changed


def _schedule_after(held: Schedule, change: ScheduleChange | None) -> Schedule:
    """The schedule after a merge patch: a kind that is named takes the place of the one there is. Raises 422."""
    if change is None:
        return EVERY_DAY
    given = {name: getattr(change, name) for name in change.model_fields_set}
    fields = dict(held) | given
    if any(given.get(kind) is not None for kind in _KINDS):
        fields |= {kind: given.get(kind) for kind in _KINDS}
    if fields["every_seconds"] is not None:
        fields["timezone"] = given.get("timezone")
    try:
        return Schedule.model_validate(fields)
    except ValidationError as error:
        raise invalid_at(error, "body", "schedule") from error


def delete_heartbeat(tx: Tx, check_id: str) -> StoredHeartbeat:
    """Take a check out with its pings; gives what it was. Raises 404 and 412."""
    check = tx.fetch(store.CHECKS, check_id)
    store.remove_check(tx, check_id)
    tx.emit(HeartbeatDeleted(heartbeat=brief_of(check)), subject=check.id)
    return check


def pause_check(tx: Tx, check_id: str) -> StoredHeartbeat:
    """The check, of which nothing is expected any more; it may be so already. Raises 404."""
    return _flip(tx, check_id, lambda check: states.paused(check.record, tx.now))


def resume_check(tx: Tx, check_id: str) -> StoredHeartbeat:
    """The check as a new one; raises 404, and 409 unless it is paused."""
    if tx.fetch(store.CHECKS, check_id).status != "paused":
        raise conflict("The heartbeat is not paused.")
    return _flip(tx, check_id, lambda check: states.resumed(check.record, tx.now))


def _flip(tx: Tx, check_id: str, change: Any) -> StoredHeartbeat:
    noted: list[Noted] = []

    def apply(held: StoredHeartbeat) -> StoredHeartbeat:
        before = brought_up_to(held, tx.now)
        after = after_change(before.check, change(before.check))
        check = after.check.model_copy(update={"open_runs": {}})
        noted[:] = [Noted(check, before.flips + after.flips, before.told + after.told)]
        return held if check == held else check

    if tx.update(store.CHECKS, check_id, apply, is_silent=True) is None:
        raise not_found("heartbeat", check_id)
    tell(tx, noted[0])
    return noted[0].check


def pause_heartbeat(tx: Tx, check_id: str, site: Site) -> Heartbeat:
    return as_shown(pause_check(tx, check_id), site, tx.now)


def resume_heartbeat(tx: Tx, check_id: str, site: Site) -> Heartbeat:
    return as_shown(resume_check(tx, check_id), site, tx.now)


def snooze_heartbeat(tx: Tx, check_id: str, snooze: Snooze, site: Site) -> Heartbeat:
    """The check, of which nobody is alerted until a moment."""
    until = snooze.until
    return as_shown(
        apply_change(tx, check_id, lambda held: held.model_copy(update={"snoozed_until": until})), site, tx.now
    )


def list_pings(tx: Tx, check_id: str, page: PageQuery) -> Page[Ping]:
    return store.pings_of(tx, tx.fetch(store.CHECKS, check_id).id, page)


def read_body(tx: Tx, check_id: str, number: str) -> bytes:
    """What a ping carried; raises 404 where there is none."""
    check = tx.fetch(store.CHECKS, check_id)
    body = store.body_of(tx, check.id, int(number)) if _NUMBER.fullmatch(number) else None
    if body is None:
        raise not_found("body of ping", number)
    return body


def list_flips(tx: Tx, check_id: str, page: PageQuery) -> Page[FlipRecord]:
    return store.flips_of(tx, tx.fetch(store.CHECKS, check_id).id, page)
