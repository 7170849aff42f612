"""Looking through a whole database for what does not fit the code, without touching anything."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from slice_api.chassis.storage.codec import decode
from slice_api.chassis.storage.faults import Unreadable
from slice_api.chassis.storage.raw import Raw
from slice_api.chassis.storage.schema import Schema, shape_of
from slice_api.chassis.storage.sql import make_statements
from slice_api.chassis.storage.statements import Statements
from slice_api.chassis.storage.stores import Store

_SHOWN = 20


class Findings(NamedTuple):
    """What a database holds, and what is not as it should be; all of it lines for people."""

    counts: list[str]
    faults: list[str]


def inspect(raw: Raw, stores: Sequence[Store]) -> Findings:
    """Compare a database with the stores that the code keeps; runs in a snapshot."""
    statements = make_statements(stores, raw.dialect)
    schema = Schema(raw.execute, statements, raw.dialect)
    findings, recorded = Findings([], list(schema.differences())), schema.recorded()
    for name, own in statements.items():
        if name not in recorded:
            continue
        is_current = recorded[name] == shape_of(own.store)
        count, faults = _look_through(schema, own, compares_columns=is_current)
        findings.counts.append(f"{name}: {count:,}")
        findings.faults.extend(_shortened(name, faults))
    return findings


def _look_through(schema: Schema, own: Statements, *, compares_columns: bool) -> tuple[int, list[str]]:
    """How many rows a store has, and what is wrong with which."""
    count, faults = 0, list[str]()
    names = own.added if compares_columns else ()
    for key, body, model, *held in schema.rows(own, "body", "model", *names):
        count += 1
        try:
            document = decode(own.store, key, body, model)
        except Unreadable as error:
            faults.append(" ".join(str(error).split()))
            continue
        if compares_columns and own.row_of(document) != held:
            faults.append(f"{own.table.name}: the index columns of {key!r} are out of date; run `storage reindex`")
    return count, faults


def _shortened(name: str, faults: Sequence[str]) -> Iterable[str]:
    yield from faults[:_SHOWN]
    if len(faults) > _SHOWN:
        yield f"{name}: and {len(faults) - _SHOWN:,} more"
