"""Bringing a database to what the code wants: tables, columns and indexes that are missing are made and filled.

What a store's columns were made from stands in the table `chassis_stores`, so that a start which finds nothing new does
nothing. All of it happens in one transaction: a start changes everything, or nothing.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Column, Dialect, Integer, MetaData, Table, Text, func, insert, literal_column, select, update
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from slice_api.chassis.storage.codec import decode
from slice_api.chassis.storage.columns import columns_of
from slice_api.chassis.storage.faults import Tell
from slice_api.chassis.storage.rates import rates_table_sql
from slice_api.chassis.storage.statements import Binds, Statements, compile_statement
from slice_api.chassis.storage.stores import Store
from slice_api.chassis.storage.tables import (
    MOMENTS,
    TEXT,
    added_columns,
    column_name,
    index_name,
    items_name,
    quoted,
    triggers_of,
)
from slice_api.settings import SettingsError

Execute = Callable[[str, Sequence[Any]], Sequence[Any]]
"""Runs SQL with its values and gives its rows."""

# Written out, or SQLAlchemy would make places for them.
_BATCH, _NONE = literal_column("500", Integer), literal_column("0", Integer)
_TOLD_EVERY = 10_000

STORES_TABLE = "chassis_stores"
COPY_TABLE = "chassis_copy"
"""How far a copy into the database has come; gone when it is done."""


class Shape(NamedTuple):
    """What the columns of a store are made from."""

    version: int
    """The version of the model."""
    columns: Mapping[str, str]
    """The kind of each column, by field; with `unique` behind it where no two documents share a value."""
    search: Sequence[str]

    def as_json(self) -> str:
        return json.dumps(self._asdict(), sort_keys=True)


def shape_of(store: Store) -> Shape:
    """What the columns of a store are made from now."""
    columns = {each.field: f"{each.kind} unique" if each.is_unique else each.kind for each in columns_of(store)}
    return Shape(store.version, columns, list(getattr(store, "search", ())))


class Schema:
    """The tables of all stores in one database; runs on whatever `execute` speaks to."""

    def __init__(self, execute: Execute, statements: Mapping[str, Statements], dialect: Dialect) -> None:
        self._execute, self._statements, self._dialect = execute, statements, dialect
        self._is_postgres = dialect.name == "postgresql"
        self._shapes = Table(STORES_TABLE, MetaData(), Column("name", TEXT, primary_key=True), Column("shape", Text))

    # Looking

    def recorded(self) -> Mapping[str, Shape]:
        """The shapes that the database's columns were made from; nothing in an empty one."""
        if STORES_TABLE not in self.tables():
            return {}
        statement = self._sql(select(self._shapes.c.name, self._shapes.c.shape))
        return {name: Shape(**json.loads(shape)) for name, shape in self._execute(statement, ())}

    def is_current(self) -> bool:
        """Whether there is nothing to do."""
        recorded = self.recorded()
        wanted = {name: shape_of(own.store) for name, own in self._statements.items()}
        tables = self.tables()
        if COPY_TABLE in tables:
            raise SettingsError(
                "SLICE_STORAGE_URL: a copy into this database is not finished; run `storage copy` again."
            )
        return STORES_TABLE in tables and all(recorded.get(name) == shape for name, shape in wanted.items())

    def differences(self) -> list[str]:
        """What a start would change, in words."""
        recorded, found = self.recorded(), list[str]()
        for name, own in self._statements.items():
            wanted, held = shape_of(own.store), recorded.get(name)
            if held is None:
                found.append(f"{name}: there is no table for it yet")
            elif held != wanted:
                found += [f"{name}: {told}" for told in _changes(held, wanted)]
        known = {*self._statements, STORES_TABLE}
        left = sorted(name for name in recorded if name not in known)
        return [*found, *(f"{name}: no slice that is loaded keeps this; it stays as it is" for name in left)]

    def tables(self) -> set[str]:
        here = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        return {name for (name,) in self._execute(here if self._is_postgres else "SELECT name FROM sqlite_master", ())}

    def _columns(self, table: str) -> set[str]:
        if self._is_postgres:
            query = "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(quote_ident($1)) AND attnum > 0"
        else:
            query = "SELECT name FROM pragma_table_info(?)"
        return {name for (name,) in self._execute(query, (table,))}

    # Changing

    def bring_up(self, tell: Tell, *, refills: bool = False) -> None:
        """Make what is missing, inside the transaction of whoever calls; raises SettingsError for what cannot be."""
        self._do(CreateTable(self._shapes, if_not_exists=True))
        if self._is_postgres:
            self._execute(rates_table_sql(self._dialect), ())
        recorded = self.recorded()
        for name, own in self._statements.items():
            wanted, held = shape_of(own.store), recorded.get(name)
            if held is None:
                self._create(own)
            elif held != wanted or refills:
                self._check_version(name, held, wanted)
                self._alter(own, held, wanted, tell)
            self._record(name, wanted, is_new=held is None)

    def _check_version(self, name: str, held: Shape, wanted: Shape) -> None:
        if held.version > wanted.version:
            raise SettingsError(
                f"SLICE_STORAGE_URL: {name} was written by a newer version of this service "
                f"({held.version}, known here: {wanted.version}); start that one."
            )

    def _create(self, own: Statements) -> None:
        self._do(CreateTable(own.table, if_not_exists=True))
        # A table that was there unrecorded came from an older start that did not finish, or from a copy.
        self._add_columns(own)
        self._add_items(own)
        self._add_indexes(own)

    def _alter(self, own: Statements, held: Shape, wanted: Shape, tell: Tell) -> None:
        there = self._columns(own.table.name)
        for field in {*held.columns, *wanted.columns}:
            if held.columns.get(field) != wanted.columns.get(field):
                self._drop_index(own, field)
                # One that is left from an earlier index may be of another type, and holds what was true then.
                if field in wanted.columns and column_name(field) in there:
                    self._execute(f"ALTER TABLE {quoted(own.table.name)} DROP COLUMN {quoted(column_name(field))}", ())
        self._drop_unique_indexes(own)
        self._add_columns(own)
        self._add_items(own)
        self._refill(own, tell)
        self._check_unique(own)
        self._add_indexes(own)

    def _drop_index(self, own: Statements, field: str) -> None:
        """Take an index away. The column of a field that is indexed no more stays: an older process may fill it."""
        table = own.table.name
        for kind in ("i", "u"):
            self._execute(f"DROP INDEX IF EXISTS {quoted(index_name(kind, table, field))}", ())
        if not self._is_postgres:
            for moment in MOMENTS:
                self._execute(f"DROP TRIGGER IF EXISTS {quoted(f'{items_name(table, field)}_{moment}')}", ())
            self._execute(f"DROP TABLE IF EXISTS {quoted(items_name(table, field))}", ())

    def _drop_unique_indexes(self, own: Statements) -> None:
        """While rows are filled one after another, two of them may share a value for a moment."""
        for name in (index_name("u", own.table.name, each.field) for each in columns_of(own.store)):
            self._execute(f"DROP INDEX IF EXISTS {quoted(name)}", ())

    def _check_unique(self, own: Statements) -> None:
        """Say which documents share a value that is to be unique; an index on it would say less."""
        for field in (each.field for each in columns_of(own.store) if each.is_unique):
            key, value = own.key_column, own.table.c[column_name(field)]
            query = select(func.min(key), func.max(key)).where(value.is_not(None)).group_by(value)
            shared = self._execute(self._sql(query.having(func.min(key) < func.max(key))), ())
            for first, last in shared[:1]:
                raise SettingsError(
                    f"SLICE_STORAGE_URL: {own.table.name}: no two documents may share their {field} from this version "
                    f"on, and {first!r} and {last!r} do; change one of them with the version before."
                )

    def _add_columns(self, own: Statements) -> None:
        there = self._columns(own.table.name)
        for name in (column.name for column in added_columns(own.store)):
            if name not in there:
                column = str(CreateColumn(own.table.c[name]).compile(dialect=self._dialect))
                self._execute(f"ALTER TABLE {quoted(own.table.name)} ADD COLUMN {column}", ())

    def _add_items(self, own: Statements) -> None:
        """SQLite: the tables of lists' items, and what fills them whenever a row changes."""
        for each in self._items(own):
            self._do(CreateTable(each, if_not_exists=True))
        if not self._is_postgres:
            for trigger in triggers_of(own.store):
                self._execute(trigger, ())

    def _items(self, own: Statements) -> list[Table]:
        names = [items_name(own.table.name, each.field) for each in columns_of(own.store)]
        return [own.table.metadata.tables[name] for name in names if name in own.table.metadata.tables]

    def _add_indexes(self, own: Statements) -> None:
        for index in (index for table in (own.table, *self._items(own)) for index in table.indexes):
            self._do(CreateIndex(index, if_not_exists=True))

    def _refill(self, own: Statements, tell: Tell) -> None:
        """Make every column of every row anew from its body."""
        names = added_columns(own.store)
        if not names:
            return
        binds, key = Binds(), own.key_column
        values = {column.name: binds.next(column.type) for column in names}
        statement = update(own.table).where(key == binds.next(key.type)).values(values)
        fill = compile_statement(statement, self._dialect, is_write=True)
        for done, (at, document) in enumerate(self.documents(own), 1):
            self._execute(fill.text, fill.arrange((*own.row_of(document), at)))
            if done % _TOLD_EVERY == 0:
                tell(f"{own.table.name}: {done:,} rows indexed anew")

    def documents(self, own: Statements) -> Iterable[tuple[Any, Any]]:
        """Every document of a store with its key (position, for a log), a few at a time."""
        for at, body, model in self.rows(own, "body", "model"):
            yield at, decode(own.store, at, body, model)

    def rows(self, own: Statements, *names: str, after: Any = None) -> Iterable[Sequence[Any]]:
        """Every row of a store as it lies there, in order, a few at a time: key (or position), then these columns."""
        key, binds = own.key_column, Binds()
        first = select(key, *(own.table.c[name] for name in names)).order_by(key).limit(_BATCH).offset(_NONE)
        start = compile_statement(first, self._dialect, is_write=False)
        rest = compile_statement(first.where(key > binds.next(key.type)), self._dialect, is_write=False)
        rows = self._execute(rest.text, (after,)) if after is not None else self._execute(start.text, ())
        while rows:
            yield from rows
            rows = self._execute(rest.text, (rows[-1][0],))

    def _record(self, name: str, shape: Shape, *, is_new: bool) -> None:
        binds = Binds()
        if is_new:
            values = {"name": binds.next(TEXT), "shape": binds.next(Text)}
            self._execute(self._sql(insert(self._shapes).values(values)), (name, shape.as_json()))
            return
        change = update(self._shapes).values(shape=binds.next(Text)).where(self._shapes.c.name == binds.next(TEXT))
        self._execute(self._sql(change), (shape.as_json(), name))

    def _sql(self, statement: Any) -> str:
        return str(statement.compile(dialect=self._dialect))

    def _do(self, element: Any) -> None:
        self._execute(self._sql(element), ())


def _changes(held: Shape, wanted: Shape) -> Iterable[str]:
    if held.version != wanted.version:
        yield f"the model has version {wanted.version} now, and was {held.version}"
    if held.search != wanted.search:
        yield f"the fields to search are now {', '.join(wanted.search) or 'none'}"
    for field in sorted({*held.columns, *wanted.columns}):
        before, now = held.columns.get(field), wanted.columns.get(field)
        if before is None:
            yield f"an index on {field} ({now}) is to be made and filled"
        elif now is None:
            yield f"the index on {field} ({before}) is needed no more"
        elif before != now:
            yield f"the index on {field} becomes {now}, and was {before}"
