"""Moving everything from one database to another: rows as they lie there, index columns made anew.

How far it has come stands in the target, in the same transaction as the rows, so that a copy which was interrupted goes
on where it was; and no service starts on half a copy.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, MetaData, Table, Text, insert, select, update
from sqlalchemy.schema import CreateTable, DropTable

from slice_api.chassis.storage.codec import decode
from slice_api.chassis.storage.faults import Tell, silent
from slice_api.chassis.storage.raw import Raw
from slice_api.chassis.storage.schema import COPY_TABLE, STORES_TABLE, Schema
from slice_api.chassis.storage.sql import make_statements
from slice_api.chassis.storage.statements import Binds, Statements, compile_statement
from slice_api.chassis.storage.stores import Collection, Store
from slice_api.chassis.storage.tables import quoted
from slice_api.settings import SettingsError


class Transfer:
    """One copy, from one open database to another."""

    def __init__(self, source: Raw, target: Raw, stores: Sequence[Store], tell: Tell) -> None:
        self._source, self._target, self._tell = source, target, tell
        self._from = make_statements(stores, source.dialect)
        self._to = make_statements(stores, target.dialect)
        self._source_schema = Schema(source.execute, self._from, source.dialect)
        self._target_schema = Schema(target.execute, self._to, target.dialect)
        store, place = Column("store", Text, primary_key=True), Column("source", Text)
        self._progress = Table(COPY_TABLE, MetaData(), store, place, Column("last", Text), Column("rows", BigInteger))

    def run(self) -> Mapping[str, int]:
        """Copy what is not there yet; gives the number of rows of each store. Raises SettingsError for what cannot be.

        The source is to be read as of one moment: what other processes write to it meanwhile stays behind.
        """
        wanted = self._wanted()
        self._target.in_transaction(lambda: self._prepare(wanted))
        for name in wanted:
            self._copy(name)
        self._target.in_transaction(lambda: self._finish(wanted))
        return {name: _count(self._target, self._to[name]) for name in wanted}

    def _wanted(self) -> Sequence[str]:
        """The stores to copy; raises SettingsError where the source is none to copy from."""
        if self._source.place == self._target.place:
            raise SettingsError("The database to copy from and the one to copy to are the same.")
        recorded = self._source_schema.recorded()
        if not recorded:
            raise SettingsError("The database to copy from holds nothing of this service.")
        if self._source_schema.is_half_copied():
            raise SettingsError("The database to copy from is itself half a copy; finish that `storage copy` first.")
        for name in sorted(set(recorded) - set(self._from) - {STORES_TABLE}):
            self._tell(f"{name}: not copied, since no slice that is loaded keeps it")
        return [name for name in self._from if name in recorded]

    # The target, before and after

    def _prepare(self, wanted: Sequence[str]) -> None:
        """Make the target's tables; one that holds something that this copy has not brought is left alone."""
        begun = self._begun()
        if begun:
            self._tell("going on with a copy that was interrupted")
        self._target_schema.bring_up(silent, is_copying=True)
        self._target.execute(self._sql(CreateTable(self._progress, if_not_exists=True)), ())
        kept = {*self._target_schema.recorded(), *self._to} & self._target_schema.tables()
        held = sorted(name for name in kept - begun if self._holds(name))
        if held:
            raise SettingsError(f"The database to copy to is not empty ({', '.join(held)}); name a new one.")
        binds = Binds()
        columns = {"store": Text, "source": Text, "rows": BigInteger}
        row = insert(self._progress).values({name: binds.next(kind) for name, kind in columns.items()})
        for name in wanted:
            if name not in begun:
                self._target.execute(self._sql(row), (name, self._source.place, 0))

    def _begun(self) -> set[str]:
        """The stores that this copy has begun before; raises SettingsError when it was another one."""
        if not self._target_schema.is_half_copied():
            return set()
        rows = self._target.execute(self._sql(select(self._progress.c.store, self._progress.c.source)), ())
        others = {source for _, source in rows} - {self._source.place}
        if others:
            raise SettingsError(
                f"The database to copy to holds half a copy of {others.pop()}; copy that again, or name a new one."
            )
        return {store for store, _ in rows}

    def _holds(self, table: str) -> bool:
        return bool(self._target.execute(f"SELECT 1 FROM {quoted(table)} LIMIT 1", ()))  # noqa: S608 - a name of ours

    def _finish(self, wanted: Sequence[str]) -> None:
        """Hold the target against the source, let its logs count on where the source's do, and let services start."""
        for name in wanted:
            there, here = _count(self._source, self._from[name]), _count(self._target, self._to[name])
            if there != here:
                raise SettingsError(
                    f"{name}: {here:,} are copied, and the source has {there:,} now: it was written to since the copy "
                    "began. Stop the service, and copy into a new database."
                )
            if not isinstance(self._to[name].store, Collection):
                _count_on(self._target, name, _counter(self._source, name))
        self._target.execute(self._sql(DropTable(self._progress)), ())

    # One store

    def _copy(self, name: str) -> None:
        """Copy one store, a few rows at a time, in the order of their keys."""
        source, target, total = self._from[name], self._to[name], _count(self._source, self._from[name])
        last, done = self._reached(name)
        write, names = _insertion(target, self._target), _own_names(source)
        for batch in self._source_schema.batches(source, *names[1:], after=last):
            rows = [_row(source, target, names, row) for row in batch]

            def work(rows: Sequence[Any] = rows, done: int = done) -> None:
                self._advance(name, done, rows)
                write(rows)

            self._target.in_transaction(work)
            done += len(rows)
            self._tell(f"{name}: {done:,} of {total:,}")

    def _reached(self, name: str) -> tuple[Any, int]:
        """The key of the row that was copied last, and how many rows there were by then."""
        query = select(self._progress.c.last, self._progress.c.rows)
        asked = query.where(self._progress.c.store == Binds().next(Text))
        ((last, done),) = self._target.execute(self._sql(asked), (name,))
        is_log = not isinstance(self._to[name].store, Collection)
        return (int(last) if is_log and last is not None else last), done

    def _advance(self, name: str, done: int, rows: Sequence[Sequence[Any]]) -> None:
        """Note how far it has come, unless another process has: then the rows are there already."""
        binds, table = Binds(), self._progress
        change = update(table).where(table.c.store == binds.next(Text), table.c.rows == binds.next(BigInteger))
        change = change.values(last=binds.next(Text), rows=binds.next(BigInteger)).returning(table.c.store)
        statement = compile_statement(change, self._target.dialect, is_write=True)
        values = statement.arrange((name, done, str(rows[-1][0]), done + len(rows)))
        if not self._target.execute(statement.text, values):
            raise SettingsError("Another process is copying into this database; let it finish.")

    def _sql(self, statement: Any) -> str:
        return str(statement.compile(dialect=self._target.dialect))


def _row(source: Statements, target: Statements, names: Sequence[str], row: Sequence[Any]) -> list[Any]:
    """A row as it lies in the source, with the target's columns made anew."""
    held = dict(zip(names, row, strict=True))
    return [*row, *target.row_of(decode(source.store, row[0], held["body"], held["model"]))]


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


# Logs count on behind every position that was ever given, even if its entry is gone: whoever follows one remembers.


def _counter(raw: Raw, log: str) -> int:
    """The last position that a log has given."""
    if raw.dialect.name == "sqlite":
        rows = raw.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (log,))
    else:
        given = "pg_sequence_last_value(pg_get_serial_sequence($1, 'position')::regclass)"
        rows = raw.execute(f"SELECT {given}", (quoted(log),))
    return int(rows[0][0] or 0) if rows else 0


def _count_on(raw: Raw, log: str, last: int) -> None:
    """Let a log give its next position behind that one; 0 is where it begins."""
    if not last:
        return
    if raw.dialect.name == "sqlite":
        raw.execute("DELETE FROM sqlite_sequence WHERE name = ?", (log,))
        raw.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (log, last))
        return
    raw.execute("SELECT setval(pg_get_serial_sequence($1, 'position')::regclass, $2)", (quoted(log), last))
