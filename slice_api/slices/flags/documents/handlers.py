"""Whole flag sets: given out as documents, replaced by them, and deleted."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from slice_api.chassis import Fault, Tx, all_invalid, not_found
from slice_api.slices.flags import store
from slice_api.slices.flags.documents.schemas import Counts, Document, FlagInDocument
from slice_api.slices.flags.handlers import insert_flag, replace_definition
from slice_api.slices.flags.history.diffs import is_same
from slice_api.slices.flags.schemas import FlagSet, FlagSetDeleted, FlagsImported, Maker, StoredFlag

_NEW: Any = {"flags": None}


class Hand(NamedTuple):
    """Who imports, how many versions of a flag are kept, and whether anything is to be written."""

    by: str
    keep: int
    is_dry_run: bool = False


class _Placed(NamedTuple):
    """A flag of the document with its place in the set, and the one of that key that is kept."""

    flag: FlagInDocument
    position: int
    held: StoredFlag | None

    @property
    def is_as_it_was(self) -> bool:
        return self.held is not None and is_same(self.held.source, self.flag.source)

    @property
    def is_arranged_anew(self) -> bool:
        """Whether a flag that is as it was has another place, or its fields in another order."""
        return self.held is not None and (
            self.held.position != self.position or orjson.dumps(self.held.source) != orjson.dumps(self.flag.source)
        )


class _Plan(NamedTuple):
    """What is to be done to make a set what a document says."""

    created: list[_Placed]
    updated: list[_Placed]
    rearranged: list[_Placed]
    deleted: list[StoredFlag]
    unchanged: int

    @property
    def counts(self) -> Counts:
        return Counts(len(self.created), len(self.updated), len(self.deleted), self.unchanged)

    @property
    def has_work(self) -> bool:
        return bool(self.created or self.updated or self.rearranged or self.deleted)


def read_set(tx: Tx, wanted: str | None) -> bytes:
    """The document of a set, as it was imported but for what was changed since; raises 404."""
    name = store.set_called(tx, wanted)
    tx.is_about(name)
    held = tx.get(store.SETS, name)
    if held is None and name:
        raise not_found("flag set", name)
    envelope, is_array = (held.envelope, held.is_array) if held else (_NEW, False)
    flags = [_shown(flag, is_array=is_array) for flag in store.flags_of(tx, name)]
    shown = [source for _, source in flags] if is_array else dict(flags)
    return orjson.dumps({**envelope, "flags": shown})


def _shown(flag: StoredFlag, *, is_array: bool) -> tuple[str, dict[str, Any]]:
    if not is_array:
        return flag.key, flag.source
    own = {"key": flag.key}
    return flag.key, {**flag.source, **own} if "key" in flag.source else {**own, **flag.source}


def check_set_name(document: Document, wanted: str | None) -> None:
    """Raise 422 unless the set that is asked for is the one that the document says it is."""
    said = document.set_name
    if wanted is not None and said is not None and wanted != said:
        detail = f"is {wanted!r}, and the document says that it is {said!r}"
        raise all_invalid([Fault(pointer="query/set", detail=detail)])


def replace_set(tx: Tx, document: Document, wanted: str | None, hand: Hand) -> Counts:
    """Make a set just what the document says, and tell what became of its flags; versions stay where nothing differs.

    Raises 412. A dry run tells the same, and writes nothing.
    """
    # Without a name it is the set that has none: who forgets to say which must not lose another.
    name = (document.set_name or "") if wanted is None else wanted
    tx.is_about(name)
    held = tx.get(store.SETS, name)
    plan = _plan(store.flags_of(tx, name), document.flags)
    if hand.is_dry_run:
        return plan.counts
    # The set first: its version is the document's ETag, and whoever changes a flag of it meanwhile waits here.
    is_changed = _keep_envelope(tx, name, held, document, has_work=plan.has_work)
    _apply(tx, name, plan, hand)
    if is_changed:
        tx.emit(_told(name, plan.counts), subject=name)
    return plan.counts


def _plan(held: Sequence[StoredFlag], wanted: Sequence[FlagInDocument]) -> _Plan:
    by_key = {flag.key: flag for flag in held}
    placed = list(_places(by_key, wanted))
    left = by_key.keys() - {each.flag.key for each in placed}
    same = [each for each in placed if each.is_as_it_was]
    fresh = {each.flag.key for each in placed if each.held is None}
    kept = fresh.union(each.flag.key for each in same)
    return _Plan(
        created=[each for each in placed if each.held is None],
        updated=[each for each in placed if each.flag.key not in kept],
        rearranged=[each for each in same if each.is_arranged_anew],
        deleted=[flag for flag in held if flag.key in left],
        unchanged=len(same),
    )


def _places(held: dict[str, StoredFlag], wanted: Sequence[FlagInDocument]) -> Iterator[_Placed]:
    """The flags with ascending positions, of which as many as can be stay the same."""
    position = 0
    for flag in wanted:
        known = held.get(flag.key)
        position = max(position + 1, known.position if known else 0)
        yield _Placed(flag, position, known)


def _keep_envelope(tx: Tx, name: str, held: FlagSet | None, document: Document, *, has_work: bool) -> bool:
    """Keep what is around the flags, with one more version when anything is different; gives whether it is."""
    fields: dict[str, Any] = {"envelope": document.envelope, "is_array": document.is_array, "updated_at": tx.now}
    if held is None:
        tx.insert(store.SETS, FlagSet(name=name, revision=1, **fields))
        return True
    is_changed = has_work or _is_other(held, document)
    changed = held.model_copy(update=fields | {"revision": held.revision + 1}) if is_changed else held
    tx.update(store.SETS, name, lambda now: changed if is_changed else now)
    return is_changed


def _is_other(held: FlagSet, document: Document) -> bool:
    is_array = document.is_array is held.is_array
    return not is_array or orjson.dumps(held.envelope) != orjson.dumps(document.envelope)


def _apply(tx: Tx, name: str, plan: _Plan, hand: Hand) -> None:
    maker = Maker(hand.by, "imported")
    for flag in plan.deleted:
        store.remove_flag(tx, flag)
    for each in plan.updated:
        if each.held is not None:
            moved = each.held.model_copy(update={"position": each.position})
            replace_definition(tx, moved, each.flag.source, maker, hand.keep)
    for each in plan.rearranged:
        _rearrange(tx, store.flag_id(name, each.flag.key), each)
    for each in plan.created:
        insert_flag(tx, _new_flag(tx, name, each, hand.by), maker, hand.keep)


def _rearrange(tx: Tx, flag_id: str, placed: _Placed) -> None:
    """Give a flag its new place, and its fields their order, which is no change of it."""
    update = {"source": placed.flag.source, "position": placed.position}
    tx.update(store.FLAGS, flag_id, lambda held: held.model_copy(update=update), is_silent=True)


def _new_flag(tx: Tx, name: str, placed: _Placed, by: str) -> StoredFlag:
    key = placed.flag.key
    return StoredFlag(
        id=store.flag_id(name, key),
        key=key,
        set=name,
        source=placed.flag.source,
        revision=1,
        position=placed.position,
        created_at=tx.now,
        updated_at=tx.now,
        updated_by=by,
    )


def _told(name: str, counts: Counts) -> FlagsImported:
    return FlagsImported(set=name, created=counts.created, updated=counts.updated, deleted=counts.deleted)


def delete_set(tx: Tx, wanted: str | None) -> None:
    """Take a set out with all of its flags and their histories; raises 404 and 412."""
    name = store.set_called(tx, wanted)
    tx.is_about(name)
    if tx.pop(store.SETS, name) is None:
        raise not_found("flag set", name)
    flags = store.flags_of(tx, name)
    for flag in flags:
        store.remove_flag(tx, flag)
    tx.emit(FlagSetDeleted(set=name, deleted=len(flags)), subject=name)
