"""Flag sets and their flags, the versions of each, and when each was last evaluated."""

from slice_api.chassis import Collection, Condition, Log, Page, PageQuery, Tx, equals, has, matches
from slice_api.slices.flags.schemas import (
    ExposureCounts,
    FlagFilter,
    FlagSet,
    Revision,
    StoredChange,
    StoredFlag,
    StreamSecret,
    Usages,
)

SETS = Collection("flags_sets", FlagSet, key="name", noun="flag set")
FLAGS = Collection(
    "flags",
    StoredFlag,
    key="id",
    indexes=("set", "key", "position", "state", "tags", "created_at", "updated_at"),
    search=("key", "description"),
)
REVISIONS = Log("flags_revisions", Revision, indexes=("revision",))
"""One partition for each flag."""
USAGE = Collection("flags_usage", Usages)
EXPOSURES = Collection("flags_exposures", ExposureCounts, expires="expires_at")
SECRETS = Collection("flags_secrets", StreamSecret)
SCHEDULE = Collection("flags_schedule", StoredChange, indexes=("flag_id", "at", "is_pending"), noun="planned change")

_BETWEEN = "\x1f"


def flag_id(set_name: str, key: str) -> str:
    """What a flag is kept under: its key alone in the set without a name, so that a path names the document."""
    return f"{set_name}{_BETWEEN}{key}" if set_name or _BETWEEN in key else key


def set_called(tx: Tx, wanted: str | None) -> str:
    """The name of the set that is asked for; without a name the one that has none, or else the only one there is."""
    if wanted is not None:
        return wanted
    names = [each.name for each in tx.all(SETS)]
    return names[0] if len(names) == 1 else ""


def find_flag(tx: Tx, set_name: str, key: str) -> StoredFlag | None:
    """The flag of that key. It is what the request is about: If-Match is held against it, ETags are made of it."""
    tx.is_about(flag_id(set_name, key))
    return tx.get(FLAGS, flag_id(set_name, key))


def flags_of(tx: Tx, set_name: str) -> list[StoredFlag]:
    """All flags of a set, in the order of its document."""
    return sorted(tx.all(FLAGS, equals("set", set_name)), key=lambda flag: (flag.position, flag.key))


def conditions_of(wanted: FlagFilter, set_name: str) -> list[Condition]:
    """What the flags of a list must be, as far as an index can tell."""
    where = [equals("set", set_name), *(has("tags", tag) for tag in wanted.tags)]
    where += [matches(wanted.search)] if wanted.search else []
    return where + ([equals("state", wanted.state)] if wanted.state else [])


def page_of_flags(tx: Tx, wanted: FlagFilter, set_name: str, page: PageQuery) -> Page[StoredFlag]:
    return tx.page(FLAGS, page, order=wanted.order, where=conditions_of(wanted, set_name))


def revisions_of(tx: Tx, flag: StoredFlag, page: PageQuery) -> Page[Revision]:
    """The versions of a flag, newest first."""
    return tx.entries(REVISIONS, page, partition=flag.id)


def revision_of(tx: Tx, flag: StoredFlag, number: int) -> Revision | None:
    found = tx.entries(REVISIONS, PageQuery(limit=1), partition=flag.id, where=[equals("revision", number)]).items
    return found[0] if found else None


def touch_set(tx: Tx, name: str) -> None:
    """Note that something of a set has changed; make the set when it is the first time."""
    changed = tx.update(SETS, name, lambda held: _touched(held, tx))
    if changed is None:
        tx.insert(SETS, FlagSet(name=name, envelope=_envelope(name), revision=1, updated_at=tx.now))


def _touched(held: FlagSet, tx: Tx) -> FlagSet:
    return held.model_copy(update={"revision": held.revision + 1, "updated_at": tx.now})


def _envelope(name: str) -> dict[str, object]:
    return {"flags": None} | ({"metadata": {"flagSetId": name}} if name else {})


def last_position(tx: Tx, set_name: str) -> int:
    """The place of the last flag in a set's document; 0 when there is none."""
    last = tx.page(FLAGS, PageQuery(limit=1), order="-position", where=[equals("set", set_name)]).items
    return last[0].position if last else 0


def keep_revision(tx: Tx, flag: StoredFlag, revision: Revision, keep: int) -> None:
    """Add a version to a flag's history, and let go of those before the newest `keep`."""
    tx.append(REVISIONS, revision, partition=flag.id)
    if revision.revision > keep:
        tx.trim(REVISIONS, keep, partition=flag.id)


def remove_flag(tx: Tx, flag: StoredFlag) -> None:
    """Take a flag out with everything that was kept of it, so that its key is as good as new."""
    tx.pop(FLAGS, flag.id)
    tx.drop(REVISIONS, partition=flag.id)
    tx.clear(SCHEDULE, equals("flag_id", flag.id))
