"""Planning changes, calling them off, and making them when their time has come."""

from slice_api.chassis import Page, PageQuery, Problem, Tx, invalid, new_id, not_found
from slice_api.slices.flags import store
from slice_api.slices.flags.handlers import apply_change, check_change, find_flag
from slice_api.slices.flags.schedule.store import all_changes_of, changes_of
from slice_api.slices.flags.schemas import (
    ChangeCalledOff,
    ChangeFailed,
    ChangePlanned,
    Maker,
    NewScheduledChange,
    ScheduledChange,
    StoredChange,
)


def plan_change(tx: Tx, key: str, new: NewScheduledChange, wanted: str | None, by: str) -> ScheduledChange:
    """The planned change; raises 404, and 422 for what is past or does not fit the flag as it is now."""
    flag = find_flag(tx, key, wanted)
    if new.at <= tx.now:
        raise invalid("#/at", f"must be a time to come; now it is {tx.now:%Y-%m-%dT%H:%M:%SZ}")
    given = {name: getattr(new.change, name) for name in new.change.model_fields_set}
    _check(tx, flag.key, wanted, given)
    planned = StoredChange(
        id=new_id("chg"),
        at=new.at,
        change=given,
        created_at=tx.now,
        created_by=by,
        flag_id=flag.id,
        set=flag.set,
        key=flag.key,
    )
    tx.insert(store.SCHEDULE, planned)
    tx.is_about(planned.id)
    tx.emit(ChangePlanned(id=planned.id, set=flag.set, key=flag.key, at=planned.at), subject=planned.id)
    return as_shown(planned)


def _check(tx: Tx, key: str, wanted: str | None, given: dict[str, object]) -> None:
    try:
        check_change(tx, find_flag(tx, key, wanted), given)
    except Problem as problem:
        for fault in problem.errors or ():
            fault.pointer = fault.pointer.replace("#/", "#/change/", 1)
        raise


def list_changes(tx: Tx, key: str, wanted: str | None, page: PageQuery) -> Page[ScheduledChange]:
    return changes_of(tx, find_flag(tx, key, wanted), page).map(as_shown)


def read_change(tx: Tx, key: str, change_id: str, wanted: str | None) -> ScheduledChange:
    return as_shown(_find(tx, key, change_id, wanted))


def call_off(tx: Tx, key: str, change_id: str, wanted: str | None) -> None:
    """Let a planned change not happen; raises 404."""
    _call_off(tx, _find(tx, key, change_id, wanted))


def call_all_off(tx: Tx, key: str, wanted: str | None) -> None:
    """Let none of a flag's planned changes happen."""
    for planned in all_changes_of(tx, find_flag(tx, key, wanted)):
        _call_off(tx, planned)


def _call_off(tx: Tx, planned: StoredChange) -> None:
    tx.pop(store.SCHEDULE, planned.id)
    tx.emit(ChangeCalledOff(id=planned.id, set=planned.set, key=planned.key), subject=planned.id)


def make_change(tx: Tx, planned: StoredChange, keep: int) -> None:
    """Change a flag as planned. A change that does not fit any more stays where it is, with the reason."""
    flag = tx.get(store.FLAGS, planned.flag_id)
    if flag is None:
        tx.pop(store.SCHEDULE, planned.id)
        return
    try:
        apply_change(tx, flag, planned.change, Maker(None, "scheduled"), keep)
    except Problem as problem:
        why = str(problem.detail)
        tx.put(store.SCHEDULE, planned.model_copy(update={"error": why}))
        tx.emit(ChangeFailed(id=planned.id, set=flag.set, key=flag.key, error=why), subject=planned.id)
        return
    tx.pop(store.SCHEDULE, planned.id)


def _find(tx: Tx, key: str, change_id: str, wanted: str | None) -> StoredChange:
    flag = find_flag(tx, key, wanted)
    planned = tx.get(store.SCHEDULE, change_id)
    if planned is None or planned.flag_id != flag.id:
        raise not_found("planned change", change_id)
    tx.is_about(planned.id)
    return planned


def as_shown(planned: StoredChange) -> ScheduledChange:
    return ScheduledChange(**{name: getattr(planned, name) for name in ScheduledChange.model_fields})
