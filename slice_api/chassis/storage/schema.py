"""Bringing a database to what the code wants: tables, columns and indexes that are missing are made and filled.

What a store's columns were made from stands in the table `chassis_stores`, so that a start which finds nothing new does
nothing. All of it happens in one transaction: a start changes everything, or nothing.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    Dialect,
    Integer,
    MetaData,
    Table,
    Text,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from slice_api.chassis.clock import Clock, system_clock
from slice_api.chassis.storage.codec import decode
from slice_api.chassis.storage.columns import as_microseconds, columns_of
from slice_api.chassis.storage.faults import Tell
from slice_api.chassis.storage.rates import rates_table_sql
from slice_api.chassis.storage.statements import Binds, Statements, compile_statement
from slice_api.chassis.storage.stores import Collection, Store
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

_FIRST_ROWS, _MOST_ROWS = 100, 1_000
_BATCH_CHARACTERS = 4 * 2**20
_TOLD_EVERY = 10_000
_BRING_UP_LOCK = 0x51_1CE

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
    identity: str = ""
    """What a row is found by: the key's field, or that it is a log; empty where an older start has not noted it."""

    def as_json(self) -> str:
        return json.dumps(self._asdict(), sort_keys=True)


def shape_of(store: Store) -> Shape:
    """What the columns of a store are made from now."""
    columns = {each.field: f"{each.kind} unique" if each.is_unique else each.kind for each in columns_of(store)}
    identity = f"by {store.key}" if isinstance(store, Collection) else "a log"
    return Shape(store.version, columns, list(getattr(store, "search", ())), identity)


class Schema:
    """The tables of all stores in one database; runs on whatever `execute` speaks to."""

    def __init__(
        self, execute: Execute, statements: Mapping[str, Statements], dialect: Dialect, clock: Clock = system_clock
    ) -> None:
        self._execute, self._statements, self._dialect, self._clock = execute, statements, dialect, clock
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
        self._check_copied()
        return STORES_TABLE in self.tables() and all(recorded.get(name) == shape for name, shape in wanted.items())

    def _check_copied(self) -> None:
        if self.is_half_copied():
            raise SettingsError(
                "SLICE_STORAGE_URL: a copy into this database is not finished; run `storage copy` again."
            )

    def is_half_copied(self) -> bool:
        """Whether a copy into this database was begun and is not finished."""
        return COPY_TABLE in self.tables()

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

    def lost(self) -> Mapping[str, Sequence[str]]:
        """What was made once and is gone, in words, by store: somebody else must have taken it away."""
        recorded, there = self.recorded(), self.tables() | self._indexes()
        current = [own for name, own in self._statements.items() if recorded.get(name) == shape_of(own.store)]
        return {own.table.name: found for own in current if (found := list(self._lost_of(own, there)))}

    def _lost_of(self, own: Statements, there: set[str]) -> Iterable[str]:
        if own.table.name not in there:
            yield "its table is gone; restore a backup"
            return
        columns, items = self._columns(own.table.name), self._items(own)
        yield from (f"the column {name} is gone; run `storage reindex`" for name in own.added if name not in columns)
        indexes = [str(index.name) for table in (own.table, *items) for index in table.indexes]
        triggers = [f"{table.name}_{moment}" for table in items for moment in MOMENTS]
        names = (*(table.name for table in items), *indexes, *triggers)
        yield from (f"the index {name} is gone; run `storage reindex`" for name in names if name not in there)

    def wrong_items(self, own: Statements) -> Iterable[str]:
        """SQLite: the lists whose items by item are others than those by document, by field."""
        table = quoted(own.table.name)
        for each in (each for each in columns_of(own.store) if each.kind == "list" and not self._is_postgres):
            items = f"SELECT item, key FROM {quoted(items_name(own.table.name, each.field))}"  # noqa: S608 - our names
            lists = f"SELECT value, {table}.key FROM {table}, json_each({table}.{quoted(column_name(each.field))})"  # noqa: S608
            for one, other in ((items, lists), (lists, items)):
                if self._execute(f"SELECT 1 FROM ({one} EXCEPT {other}) LIMIT 1", ()):  # noqa: S608
                    yield each.field
                    break

    def _indexes(self) -> set[str]:
        """The names of indexes, which SQLite gives with those of tables."""
        if not self._is_postgres:
            return set()
        here = "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()"
        return {name for (name,) in self._execute(here, ())}

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

    def bring_up(self, tell: Tell, *, refills: bool = False, is_copying: bool = False) -> None:
        """Make what is missing, inside the transaction of whoever calls; raises SettingsError for what cannot be.

        `refills` makes every column and index anew, even where nothing has changed; only whoever copies may work on
        half a copy.
        """
        if not is_copying:
            self._check_copied()
        if self._is_postgres:
            # Services and storage commands that begin together work one after another.
            self._execute(f"SELECT pg_advisory_xact_lock({_BRING_UP_LOCK})", ())
        self._do(CreateTable(self._shapes, if_not_exists=True))
        if self._is_postgres:
            self._execute(rates_table_sql(self._dialect), ())
        recorded = self.recorded()
        for name, own in self._statements.items():
            wanted, held = shape_of(own.store), recorded.get(name)
            if held is None:
                self._create(own)
            elif held != wanted or refills:
                _check_change(name, held, wanted)
                self._alter(own, held, wanted, tell, is_anew=refills)
            self._record(name, wanted, is_new=held is None)

    def _create(self, own: Statements) -> None:
        self._do(CreateTable(own.table, if_not_exists=True))
        # A table that was there unrecorded came from an older start that did not finish, or from a copy.
        self._add_columns(own)
        self._add_items(own)
        self._add_indexes(own)

    def _alter(self, own: Statements, held: Shape, wanted: Shape, tell: Tell, *, is_anew: bool) -> None:
        if self._is_postgres:
            # Or what another process writes meanwhile would be given the columns of what stood there before.
            self._execute(f"LOCK TABLE {quoted(own.table.name)} IN ACCESS EXCLUSIVE MODE", ())
        there = self._columns(own.table.name)
        for field in {*held.columns, *wanted.columns}:
            if is_anew or held.columns.get(field) != wanted.columns.get(field):
                self._drop_index(own, field)
                # One that is left from an earlier index may be of another type, and holds what was true then.
                if field in wanted.columns and column_name(field) in there:
                    self._execute(f"ALTER TABLE {quoted(own.table.name)} DROP COLUMN {quoted(column_name(field))}", ())
        self._drop_unique_indexes(own)
        self._add_columns(own)
        self._add_items(own)
        self._refill(own, tell)
        self._let_go_of_expired(own)
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

    def _let_go_of_expired(self, own: Statements) -> None:
        """What has expired and is not swept yet holds no unique value against anybody."""
        if not isinstance(own.store, Collection) or not own.store.expires or not own.store.unique:
            return
        expires = own.table.c[column_name(own.store.expires)]
        gone = delete(own.table).where(expires <= Binds().next(expires.type))
        self._execute(self._sql(gone), (as_microseconds(self._clock()),))

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
            for index in each.indexes:
                # Now, since every row that is filled looks for its old items.
                self._do(CreateIndex(index, if_not_exists=True))
        if not self._is_postgres:
            for trigger in triggers_of(own.store):
                self._execute(trigger, ())

    def _items(self, own: Statements) -> list[Table]:
        names = [items_name(own.table.name, each.field) for each in columns_of(own.store)]
        return [own.table.metadata.tables[name] for name in names if name in own.table.metadata.tables]

    def _add_indexes(self, own: Statements) -> None:
        for index in own.table.indexes:
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
        for batch in self.batches(own, *names, after=after):
            yield from batch

    def batches(self, own: Statements, *names: str, after: Any = None) -> Iterable[Sequence[Sequence[Any]]]:
        """The same, so many rows at once as fit well into memory."""
        batch = self._batch(own, names, after, _FIRST_ROWS)
        while batch:
            yield batch
            batch = self._batch(own, names, batch[-1][0], _fitting(batch))

    def _batch(self, own: Statements, names: Sequence[str], after: Any, limit: int) -> Sequence[Sequence[Any]]:
        key, binds, place = own.key_column, Binds(), () if after is None else (after,)
        query = select(key, *(own.table.c[name] for name in names)).order_by(key)
        if place:
            query = query.where(key > binds.next(key.type))
        # Written out, or SQLAlchemy would make places for them.
        query = query.limit(literal_column(str(limit), Integer)).offset(literal_column("0", Integer))
        return self._execute(compile_statement(query, self._dialect, is_write=False).text, place)

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


def _fitting(batch: Sequence[Sequence[Any]]) -> int:
    """How many rows to take next: documents are tiny or large, and memory stays flat."""
    length = sum(len(value) for row in batch for value in row if isinstance(value, str)) // len(batch)
    return min(max(_BATCH_CHARACTERS // (length + 1), 1), _MOST_ROWS)


def _check_change(name: str, held: Shape, wanted: Shape) -> None:
    """Raise SettingsError for a change that no start can make."""
    if held.version > wanted.version:
        raise SettingsError(
            f"SLICE_STORAGE_URL: {name} was written by a newer version of this service "
            f"({held.version}, known here: {wanted.version}); start that one."
        )
    if held.identity and held.identity != wanted.identity:
        raise SettingsError(
            f"SLICE_STORAGE_URL: {name} was kept {_kept(held)} and would be kept {_kept(wanted)} now; "
            "what is there cannot be made into that: give the store another name."
        )


def _kept(shape: Shape) -> str:
    return "as a log" if shape.identity == "a log" else shape.identity


def _changes(held: Shape, wanted: Shape) -> Iterable[str]:
    if held.identity and held.identity != wanted.identity:
        yield f"it was kept {_kept(held)} and would be kept {_kept(wanted)}, which no start can change"
    if held.version > wanted.version:
        yield f"it was written by a newer version of this service ({held.version}, known here: {wanted.version})"
    elif held.version < wanted.version:
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
