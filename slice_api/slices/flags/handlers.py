"""Making, finding, changing and deleting flags; every change is a version of its own."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from slice_api.chassis import Fault, Page, PageQuery, Taken, Tx, all_invalid, conflict, invalid, not_found
from slice_api.slices.flags import store
from slice_api.slices.flags.definitions import definition_of, with_fields
from slice_api.slices.flags.exposures.reading import ExposureRange, Usage, exposures_of, usage_of
from slice_api.slices.flags.exposures.staleness import reason_for
from slice_api.slices.flags.history.diffs import diff, is_same
from slice_api.slices.flags.rules.bounds import rule_faults
from slice_api.slices.flags.schemas import (
    Definition,
    Exposures,
    Flag,
    FlagChange,
    FlagCreated,
    FlagDeleted,
    FlagFields,
    FlagFilter,
    FlagSet,
    FlagSetInfo,
    FlagUpdated,
    Maker,
    NewFlag,
    Revision,
    StoredFlag,
)


def create_flag(tx: Tx, new: NewFlag, wanted: str | None, by: str, keep: int) -> Flag:
    """The new flag; raises 409 for a key that is taken and 422 for a rule that cannot be followed."""
    name = store.set_called(tx, wanted)
    check_rule(tx, name, new.targeting)
    flag = StoredFlag(
        id=store.flag_id(name, new.key),
        key=new.key,
        set=name,
        source=definition_of(new),
        revision=1,
        position=store.last_position(tx, name) + 1,
        created_at=tx.now,
        updated_at=tx.now,
        updated_by=by,
    )
    insert_flag(tx, flag, Maker(by, "created"), keep)
    tx.is_about(flag.id)
    store.touch_set(tx, name)
    tx.emit(FlagCreated(set=name, key=flag.key, revision=1), subject=flag.key)
    return as_shown(flag, None, tx.now)


def insert_flag(tx: Tx, flag: StoredFlag, maker: Maker, keep: int) -> None:
    """Keep a flag that was not there, and its first version; raises 409."""
    try:
        tx.insert(store.FLAGS, flag)
    except Taken as error:
        raise conflict(f"The key {flag.key!r} is taken{_in_set(flag.set)}.") from error
    store.keep_revision(tx, flag, _revision(flag, maker, ()), keep)


def list_flags(tx: Tx, wanted: FlagFilter, page: PageQuery) -> Page[Flag]:
    name = store.set_called(tx, wanted.set)
    found = store.page_of_flags(tx, wanted, name, page)
    usage = usage_of(tx, found.items)
    return found.map(lambda flag: as_shown(flag, usage.get(flag.id), tx.now))


def flags_by_staleness(tx: Tx, wanted: FlagFilter) -> list[Flag]:
    """All flags that are stale, or all that are not: no index knows."""
    name = store.set_called(tx, wanted.set)
    flags = tx.all(store.FLAGS, *store.conditions_of(wanted, name))
    usage = usage_of(tx, flags)
    shown = [as_shown(flag, usage.get(flag.id), tx.now) for flag in flags]
    return [flag for flag in shown if flag.is_stale is wanted.is_stale]


def read_flag(tx: Tx, key: str, wanted: str | None) -> Flag:
    flag = find_flag(tx, key, wanted)
    return _shown(tx, flag)


def update_flag(tx: Tx, key: str, change: FlagChange, wanted: str | None, by: str, keep: int) -> Flag:
    """The flag after a merge patch; one that changes nothing leaves it as it is. Raises 404, 412 and 422."""
    flag = find_flag(tx, key, wanted)
    given = {name: getattr(change, name) for name in change.model_fields_set}
    return _shown(tx, apply_change(tx, flag, given, Maker(by, "updated"), keep))


def apply_change(tx: Tx, flag: StoredFlag, given: Mapping[str, Any], maker: Maker, keep: int) -> StoredFlag:
    """The flag with some fields changed, null for what is to be cleared; raises 422 for what does not fit."""
    check_change(tx, flag, given)
    return redefine(tx, flag, with_fields(flag.source, _cleared(given)), maker, keep)


def check_change(tx: Tx, flag: StoredFlag, given: Mapping[str, Any]) -> None:
    """Raise 422 unless the flag may be changed so."""
    changed = flag.model_copy(update={"source": with_fields(flag.source, _cleared(given))})
    if changed.default_variant is not None and changed.default_variant not in changed.variants:
        at = "#/default_variant" if "default_variant" in given else "#/variants"
        raise invalid(at, f"the default {changed.default_variant!r} must be one of {', '.join(changed.variants)}")
    check_rule(tx, flag.set, given.get("targeting"))


def _cleared(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields that are given, with what null stands for."""
    return {
        name: FlagFields.model_fields[name].get_default() if value is None else value for name, value in given.items()
    }


def redefine(tx: Tx, flag: StoredFlag, source: Definition, maker: Maker, keep: int) -> StoredFlag:
    """The flag with another definition, as its next version; the very same flag when nothing is different."""
    if is_same(flag.source, source):
        tx.update(store.FLAGS, flag.id, lambda held: held)
        return flag
    changed = replace_definition(tx, flag, source, maker, keep)
    store.touch_set(tx, flag.set)
    told = FlagUpdated(
        set=flag.set,
        key=flag.key,
        revision=changed.revision,
        action=maker.action,
        state=changed.state,
        changed=_changed_fields(flag.source, source),
    )
    tx.emit(told, subject=flag.key)
    return changed


def replace_definition(tx: Tx, flag: StoredFlag, source: Definition, maker: Maker, keep: int) -> StoredFlag:
    """The next version of a flag, kept; nobody is told."""
    update = {"source": source, "revision": flag.revision + 1, "updated_at": tx.now, "updated_by": maker.by}
    changed = flag.model_copy(update=update)
    tx.update(store.FLAGS, flag.id, lambda _: changed)
    steps = diff(flag.source, source)
    store.keep_revision(tx, changed, _revision(changed, maker, steps), keep)
    return changed


def delete_flag(tx: Tx, key: str, wanted: str | None) -> None:
    """Take a flag out with its history; programs that ask for it use their own default from then on."""
    flag = find_flag(tx, key, wanted)
    store.remove_flag(tx, flag)
    store.touch_set(tx, flag.set)
    tx.emit(FlagDeleted(set=flag.set, key=flag.key), subject=flag.key)


def list_revisions(tx: Tx, key: str, wanted: str | None, page: PageQuery) -> Page[Revision]:
    return store.revisions_of(tx, find_flag(tx, key, wanted), page)


def roll_back(tx: Tx, key: str, number: int, wanted: str | None, by: str, keep: int) -> Flag:
    """The flag with the definition of an earlier version, as a new one; raises 404 and 422."""
    flag = find_flag(tx, key, wanted)
    earlier = store.revision_of(tx, flag, number)
    if earlier is None:
        raise invalid("#/revision", f"there is no version {number} of this flag, or it is not kept any more")
    changed = redefine(tx, flag, earlier.flag, Maker(by, "rolled_back"), keep)
    return _shown(tx, changed)


def read_exposures(tx: Tx, key: str, wanted: str | None, within: ExposureRange) -> Exposures:
    return exposures_of(tx, find_flag(tx, key, wanted), within)


def list_sets(tx: Tx) -> list[FlagSetInfo]:
    """Every flag set, by name."""
    return [_info(tx, each) for each in tx.all(store.SETS)]


def _info(tx: Tx, held: FlagSet) -> FlagSetInfo:
    count = tx.count(store.FLAGS, *store.conditions_of(FlagFilter(), held.name))
    return FlagSetInfo(name=held.name, flags=count, revision=held.revision, updated_at=held.updated_at)


def find_flag(tx: Tx, key: str, wanted: str | None) -> StoredFlag:
    """The flag; raises 404."""
    name = store.set_called(tx, wanted)
    flag = store.find_flag(tx, name, key)
    if flag is None:
        raise not_found("flag", key)
    return flag


def check_rule(tx: Tx, set_name: str, rule: Any) -> None:
    """Raise 422 with everything that is wrong with a rule."""
    if rule is None:
        return
    held = tx.get(store.SETS, set_name)
    faults = rule_faults(rule, held.evaluators if held else {})
    if faults:
        raise all_invalid([Fault(pointer=f"#/targeting{each.pointer}", detail=each.detail) for each in faults])


def _shown(tx: Tx, flag: StoredFlag) -> Flag:
    return as_shown(flag, usage_of(tx, [flag]).get(flag.id), tx.now)


def as_shown(flag: StoredFlag, usage: Usage | None, now: datetime) -> Flag:
    """What goes out of a flag; what an import brought is shown as it is."""
    reason = reason_for(flag, usage, now)
    return Flag.model_construct(
        **{name: getattr(flag, name) for name in (*FlagFields.model_fields, "key", "set", "kind", "revision")},
        created_at=flag.created_at,
        updated_at=flag.updated_at,
        updated_by=flag.updated_by,
        last_evaluated_at=usage.last_evaluated_at if usage else None,
        is_stale=reason is not None,
        stale_reason=reason,
    )


def address_of(flag: Flag) -> str:
    """Where a flag can be read."""
    return f"/api/flags/{quote(flag.key, safe='')}" + (f"?set={quote(flag.set, safe='')}" if flag.set else "")


def _revision(flag: StoredFlag, maker: Maker, steps: Sequence[Any]) -> Revision:
    return Revision(
        revision=flag.revision, action=maker.action, at=flag.updated_at, by=maker.by, diff=list(steps), flag=flag.source
    )


def _changed_fields(old: Definition, new: Definition) -> list[str]:
    return sorted({each.path.split("/")[1] for each in diff(old, new)})


def _in_set(name: str) -> str:
    return f" in the set {name!r}" if name else ""
