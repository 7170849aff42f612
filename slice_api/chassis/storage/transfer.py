"""Moving everything from one database to another: rows as they lie there, index columns made anew.

How far it has come stands in the target, in the same transaction as the rows, so that a copy which was interrupted goes
on where it was; and no service starts on half a copy.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Column, MetaData, Table, Text, func, insert, select
from sqlalchemy.schema import CreateTable, DropTable

from slice_api.chassis.storage.codec import decode
from slice_api.chassis.storage.faults import Tell, silent
from slice_api.chassis.storage.raw import Raw
from slice_api.chassis.storage.schema import COPY_TABLE, STORES_TABLE, Schema
from slice_api.chassis.storage.sql import make_statements
from slice_api.chassis.storage.statements import Binds, Statements, compile_statement
from slice_api.chassis.storage.stores import Collection, Store
from slice_api.settings import SettingsError

_BATCH = 500
_DONE = "done"


class Transfer:
    """One copy, from one open database to another."""

    def __init__(self, source: Raw, target: Raw, stores: Sequence[Store], tell: Tell) -> None:
        self._source, self._target, self._tell = source, target, tell
        self._from = make_statements(stores, source.dialect)
        self._to = make_statements(stores, target.dialect)
        self._source_schema = Schema(source.execute, self._from, source.dialect)
        self._target_schema = Schema(target.execute, self._to, target.dialect)
        name = Column("store", Text, primary_key=True)
        self._progress = Table(COPY_TABLE, MetaData(), name, Column("last", Text), Column("state", Text))

    def run(self) -> Mapping[str, int]:
        """Copy what is not there yet; gives the number of rows of each store. Raises SettingsError for what cannot be.

        What other processes write to the source meanwhile may be missed.
        """
        recorded = self._source_schema.recorded()
        if not recorded:
            raise SettingsError("The database to copy from holds nothing of this service.")
        for name in sorted(set(recorded) - set(self._from) - {STORES_TABLE}):
            self._tell(f"{name}: not copied, since no slice that is loaded keeps it")
        self._target.in_transaction(self._prepare)
        wanted = [name for name in self._from if name in recorded]
        copied = {name: self._copy(name) for name in wanted}
        self._check(copied)
        self._target.execute(str(DropTable(self._progress).compile(dialect=self._target.dialect)), ())
        return copied

    def _prepare(self) -> None:
        """Make the target's tables; one that holds something that no copy has brought is left alone."""
        if COPY_TABLE in self._target_schema.tables():
            self._tell("going on with a copy that was interrupted")
            return
        self._target_schema.bring_up(silent)
        held = [name for name, own in self._to.items() if _count(self._target, own)]
        if held:
            raise SettingsError(f"The database to copy to is not empty ({', '.join(held)}); name a new one.")
        self._target.execute(str(CreateTable(self._progress).compile(dialect=self._target.dialect)), ())

    def _copy(self, name: str) -> int:
        """Copy one store, a few rows at a time; gives how many there are."""
        own, total = self._to[name], _count(self._source, self._from[name])
        last, is_done = self._reached(name)
        statement = _insertion(own, self._target)
        there = _count(self._target, own)
        rows = iter(() if is_done else self._rows(name, last))
        while batch := list(islice(rows, _BATCH)):
            self._target.in_transaction(lambda batch=batch: self._write(name, statement, batch))  # type: ignore[misc]
            there += len(batch)
            self._tell(f"{name}: {there:,} of {total:,}")
        self._target.in_transaction(lambda: self._finish(own))
        return there

    def _reached(self, name: str) -> tuple[Any, bool]:
        """The key of the row that was copied last, and whether the store is done."""
        query = select(self._progress.c.last, self._progress.c.state)
        binds = Binds()
        asked = query.where(self._progress.c.store == binds.next(Text))
        rows = self._target.execute(str(asked.compile(dialect=self._target.dialect)), (name,))
        if not rows:
            return None, False
        last, state = rows[0]
        is_log = not isinstance(self._to[name].store, Collection)
        return (int(last) if is_log and last is not None else last), state == _DONE

    def _rows(self, name: str, last: Any) -> Iterable[list[Any]]:
        """The rows behind a key, with their columns made anew."""
        source, target = self._from[name], self._to[name]
        names = _own_names(source)
        for row in self._source_schema.rows(source, *names[1:], after=last):
            held = dict(zip(names, row, strict=True))
            document = decode(source.store, row[0], held["body"], held["model"])
            yield [*row, *target.row_of(document)]

    def _write(self, name: str, statement: Callable[[Sequence[Any]], None], batch: Sequence[Sequence[Any]]) -> None:
        statement(batch)
        self._note(name, str(batch[-1][0]), "")

    def _finish(self, own: Statements) -> None:
        """Let the target count on behind the newest position."""
        if not isinstance(own.store, Collection) and own.is_postgres:
            newest = select(func.max(own.table.c.position))
            found = self._target.execute(str(newest.compile(dialect=self._target.dialect)), ())[0][0]
            sequence = self._target.execute("SELECT pg_get_serial_sequence($1, 'position')", (f'"{own.table.name}"',))
            if found is not None:
                self._target.execute("SELECT setval($1::text::regclass, $2)", (sequence[0][0], found))
        self._note(own.table.name, None, _DONE)

    def _note(self, name: str, last: str | None, state: str) -> None:
        binds, table = Binds(), self._progress
        gone = table.delete().where(table.c.store == binds.next(Text))
        self._target.execute(str(gone.compile(dialect=self._target.dialect)), (name,))
        binds = Binds()
        row = insert(table).values({column: binds.next(Text) for column in ("store", "last", "state")})
        self._target.execute(str(row.compile(dialect=self._target.dialect)), (name, last, state))

    def _check(self, copied: Mapping[str, int]) -> None:
        for name, there in copied.items():
            wanted = _count(self._source, self._from[name])
            if there != wanted:
                self._tell(f"{name}: {there:,} copied, and the source has {wanted:,} now; was it written to meanwhile?")


def _own_names(own: Statements) -> tuple[str, ...]:
    """The columns that are copied as they are, the key (or position) first."""
    return own.own if isinstance(own.store, Collection) else ("position", "partition", *own.own)


def _insertion(own: Statements, target: Raw) -> Callable[[Sequence[Sequence[Any]]], None]:
    """What writes many rows at once."""
    binds = Binds()
    values = {name: binds.next(own.table.c[name].type) for name in (*_own_names(own), *own.added)}
    statement = compile_statement(insert(own.table).values(values).inline(), target.dialect, is_write=True)
    return lambda rows: target.execute_many(statement.text, [statement.arrange(row) for row in rows])


def _count(raw: Raw, own: Statements) -> int:
    return int(raw.execute(own.count(()).text, ())[0][0])
