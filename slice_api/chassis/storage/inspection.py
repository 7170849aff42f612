"""Looking through a whole database for what does not fit the code, without touching anything."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from orjson import loads
from pydantic import ValidationError

from slice_api.chassis.outbox import PARKED
from slice_api.chassis.storage.codec import decode
from slice_api.chassis.storage.columns import columns_of
from slice_api.chassis.storage.faults import Unreadable
from slice_api.chassis.storage.raw import Raw
from slice_api.chassis.storage.schema import Schema, shape_of
from slice_api.chassis.storage.sql import make_statements
from slice_api.chassis.storage.statements import Statements
from slice_api.chassis.storage.stores import Store
from slice_api.chassis.storage.tables import column_name

_SHOWN = 20
_HALF_COPIED = "a copy into this database is not finished, and no service starts on it: run `storage copy` again"


class Findings(NamedTuple):
    """What a database holds, and what is not as it should be; all of it lines for people."""

    counts: list[str]
    faults: list[str]


def inspect(raw: Raw, stores: Sequence[Store]) -> Findings:
    """Compare a database with the stores that the code keeps; runs in a snapshot."""
    statements = make_statements(stores, raw.dialect)
    schema = Schema(raw.execute, statements, raw.dialect)
    recorded, tables, lost = schema.recorded(), schema.tables(), schema.lost()
    halves = [_HALF_COPIED] if schema.is_half_copied() else []
    gone = [f"{name}: {each}" for name, found in lost.items() for each in found]
    findings = Findings([], [*halves, *schema.differences(), *gone])
    for name, own in statements.items():
        if name not in recorded or name not in tables:
            continue
        is_current = recorded[name] == shape_of(own.store) and name not in lost
        count, faults = _look_through(schema, own, compares_columns=is_current)
        findings.counts.append(f"{name}: {count:,}{' events parked' if name == PARKED.name else ''}")
        findings.faults.extend(faults)
    return findings


def sizes_in(raw: Raw, stores: Sequence[Store], most: int) -> dict[str, int]:
    """How much is in each store that the database has, counted up to a number; runs in a snapshot."""
    statements = make_statements(stores, raw.dialect)
    tables = Schema(raw.execute, statements, raw.dialect).tables()
    there = ((name, own.size) for name, own in statements.items() if name in tables)
    return {name: int(raw.execute(size.text, size.arrange((most,)))[0][0]) for name, size in there}


def _look_through(schema: Schema, own: Statements, *, compares_columns: bool) -> tuple[int, list[str]]:
    """How many rows a store has, and what is wrong with which: a few by name, the rest as a number."""
    name, names, count, wrong, shown = own.table.name, own.added if compares_columns else (), 0, 0, list[str]()
    for key, body, model, *held in schema.rows(own, "body", "model", *names):
        count += 1
        found = _fault_of(own, key, body, model, held if compares_columns else None)
        wrong += found is not None
        if found is not None and len(shown) < _SHOWN:
            shown.append(found)
    if wrong > _SHOWN:
        shown.append(f"{name}: and {wrong - _SHOWN:,} more")
    if compares_columns:
        stale = "is out of date; run `storage reindex`"
        shown += [f"{name}: the index on {each} {stale}" for each in schema.wrong_items(own)]
    return count, shown


def _fault_of(own: Statements, key: Any, body: str, model: int, held: Sequence[Any] | None) -> str | None:
    """What is wrong with one row, if anything."""
    try:
        document = decode(own.store, key, body, model)
    except Unreadable as error:
        return f"{own.table.name}: {key!r} cannot be read: {_why(error)}"
    if held is None or _comparable(own, held) == _comparable(own, own.row_of(document)):
        return None
    return f"{own.table.name}: the index columns of {key!r} are out of date; run `storage reindex`"


def _why(error: Unreadable) -> str:
    """What a document's model says of it, without what stands in the document: that may be secret."""
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return " ".join(str(cause).split())
    faults = cause.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(": ".join((".".join(map(str, each["loc"])), each["msg"])).removeprefix(": ") for each in faults)


def _comparable(own: Statements, values: Sequence[Any]) -> list[Any]:
    """Columns without what says nothing: the order of a list, which is another in each process for a set."""
    lists = {column_name(each.field) for each in columns_of(own.store) if each.kind == "list"}
    pairs = zip(own.added, values, strict=True)
    return [sorted(_items_in(value)) if value is not None and name in lists else value for name, value in pairs]


def _items_in(value: Any) -> Sequence[str]:
    items: Sequence[str] = loads(value) if isinstance(value, str) else value
    return items
