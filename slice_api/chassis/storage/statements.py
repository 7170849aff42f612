"""The SQL of one store, written with SQLAlchemy Core and compiled once for each shape of question.

A shape is what a statement's text depends on: which conditions, in which order, how many values. The values themselves
are handed over apart, in the order that the conditions name them.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import compress
from operator import attrgetter, itemgetter, ne
from typing import Any, Literal, NamedTuple

from orjson import dumps
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Dialect,
    FromClause,
    Integer,
    Select,
    Table,
    Text,
    any_,
    bindparam,
    delete,
    false,
    func,
    insert,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.expression import ClauseElement

from slice_api.chassis.storage.codec import Codec
from slice_api.chassis.storage.columns import ENCODERS, Kind, columns_of, has_search
from slice_api.chassis.storage.query import Condition
from slice_api.chassis.storage.stores import Collection, Store, search_text
from slice_api.chassis.storage.tables import LIST, TEXT, TYPES, added_columns, column_name, items_name

Values = Sequence[Any]
Part = Literal["all", "behind", "behind_missing", "valued", "missing"]
"""Which rows of an order: all, those behind a value, those behind a missing one, those with a value, those without."""

_SHAPES = 512


class Statement(NamedTuple):
    """SQL as the driver takes it, and how its values are put in order."""

    text: str
    arrange: Callable[[Values], Values]
    is_write: bool
    store: str = ""
    """The name of the store that it is of."""


def _as_given(values: Values) -> Values:
    return values


def _arrangement(order: Sequence[int]) -> Callable[[Values], Values]:
    if list(order) == list(range(len(order))):
        return _as_given
    if len(order) == 1:
        return lambda values: (values[order[0]],)
    return itemgetter(*order)


class Binds:
    """Hands out the places for values, in order; used while one statement is written."""

    def __init__(self) -> None:
        self._count = 0

    def next(self, kind: Any) -> Any:
        """A place for one value of an SQL type."""
        self._count += 1
        return bindparam(f"p{self._count - 1}", type_=kind, unique=False)


def compile_statement(statement: ClauseElement, dialect: Dialect, *, is_write: bool) -> Statement:
    """The text of a statement, once and for all."""
    compiled: Any = statement.compile(dialect=dialect)
    order = [int(name[1:]) for name in compiled.positiontup or ()]
    return Statement(str(compiled), _arrangement(order), is_write)


def shape_of(where: Sequence[Condition]) -> tuple[Any, ...]:
    """What the text of a list of conditions depends on."""
    return tuple(
        ("either", shape_of(each.value))
        if each.operator == "either"
        else (each.operator, each.field, len(each.value) if each.operator == "in" else 0)
        for each in where
    )


Shape = tuple[Any, ...]

_ZERO, _ONE = literal_column("0", Integer), literal_column("1", Integer)


def _limited(query: Select[Any], binds: Binds) -> Select[Any]:
    """So many rows at most. The offset is written out, or SQLAlchemy would make a place for it."""
    return query.limit(binds.next(BigInteger)).offset(_ZERO)


_COMPARE: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "eq": lambda column, value: column == value,
    "lt": lambda column, value: column < value,
    "le": lambda column, value: column <= value,
    "gt": lambda column, value: column > value,
    "ge": lambda column, value: column >= value,
}


def _as_json(items: Any) -> str:
    """A list, where there are no arrays."""
    return dumps(ENCODERS["list"](items)).decode()


def _picker(fields: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Takes the values of fields out of documents."""
    if len(fields) > 1:
        return attrgetter(*fields)
    return lambda document: tuple(getattr(document, field) for field in fields)


class Statements:
    """The statements of one store in one database's dialect, and what reads and writes its documents."""

    def __init__(self, store: Store, table: Table, dialect: Dialect, codec: Codec) -> None:
        self.store, self.table, self._dialect, self.codec = store, table, dialect, codec
        self.is_postgres = dialect.name == "postgresql"
        self._kinds: dict[str, Kind] = {each.field: each.kind for each in columns_of(store)}
        self._columns = {each.field: column_name(each.field) for each in columns_of(store)}
        keepers = ENCODERS if self.is_postgres else {**ENCODERS, "list": _as_json}
        self._keep = {each.field: keepers[each.kind] for each in columns_of(store)}
        """What makes the value of a field into what stands in its column."""
        self._indexed, self._searched = _picker(tuple(self._columns)), _picker(getattr(store, "search", ()))
        self._is_nullable = {each.field: each.is_nullable for each in columns_of(store)}
        if isinstance(store, Collection):
            self._kinds[store.key] = "text"
        self.own = ("key", "body", "version", "model") if isinstance(store, Collection) else ("body", "model")
        self.added = tuple(column.name for column in added_columns(store))
        # One cache for each instance: the statements go when the app goes.
        self.scan = lru_cache(_SHAPES)(self._scan)
        self.clear = lru_cache(_SHAPES)(self._clear)
        self.count = lru_cache(_SHAPES)(self._count)
        self.read = lru_cache(_SHAPES)(self._read)
        self.find = lru_cache(_SHAPES)(self._find)
        self.replace = lru_cache(_SHAPES)(self._replace)
        self.extend = lru_cache(_SHAPES)(self._extend)
        self.expire = lru_cache(_SHAPES)(self._expire)

    # Values

    def encode(self, field: str, value: Any) -> Any:
        """A value as it stands in the column of a field."""
        return None if value is None else ENCODERS[self._kinds[field]](value)

    def values_of(self, where: Sequence[Condition]) -> list[Any]:
        """The values of a list of conditions, in the order that their places are handed out."""
        values: list[Any] = []
        for each in where:
            if each.operator == "either":
                values += self.values_of(each.value)
            elif each.operator == "in":
                values += [self.encode(each.field, value) for value in each.value]
            elif each.operator == "has":
                values.append([str(each.value)] if self.is_postgres else str(each.value))
            elif each.operator == "matches":
                values.append(each.value)
            elif each.operator != "missing":
                values.append(self.encode(each.field, each.value))
        return values

    def row_of(self, document: Any) -> list[Any]:
        """What stands in the columns made from a document."""
        if not self.added:
            return []
        found = zip(self._keep.values(), self._indexed(document), strict=True)
        values = [None if value is None else keep(value) for keep, value in found]
        return [*values, search_text(self.store, document)] if has_search(self.store) else values

    def all_of(self, document: Any) -> dict[str, Any]:
        """What stands in the columns made from a document, by their names."""
        return dict(zip(self.added, self.row_of(document), strict=True))

    def changed(self, document: Any, held: Any) -> dict[str, Any]:
        """The indexed fields whose values are not those that another document holds."""
        values = self._indexed(document)
        differ = list(map(ne, values, self._indexed(held)))
        return dict(zip(compress(self._columns, differ), compress(values, differ), strict=True))

    def changed_of(self, document: Any, held: Any, changed: Mapping[str, Any]) -> dict[str, Any]:
        """As `all_of`, but only where it is not what the columns made from another document hold."""
        found = changed.items()
        values = {self._columns[field]: None if value is None else self._keep[field](value) for field, value in found}
        if self._searched(document) != self._searched(held):
            values["search"] = search_text(self.store, document)
        return values

    def is_nullable(self, field: str) -> bool:
        """Whether documents may lack the field."""
        return self._is_nullable.get(field, False)

    # Conditions

    @property
    def key_column(self) -> Any:
        """What tells one row from another: the key, or the position in a log."""
        return self.table.c.key if isinstance(self.store, Collection) else self.table.c.position

    def _at(self, field: str) -> Any:
        is_key = isinstance(self.store, Collection) and field == self.store.key
        return self.table.c.key if is_key else self.table.c[column_name(field)]

    def _where(self, shape: Shape, binds: Binds) -> list[ColumnElement[bool]]:
        return [self._demand(each, binds) for each in shape]

    def _demand(self, shape: Shape, binds: Binds) -> ColumnElement[bool]:
        operator, *rest = shape
        if operator == "either":
            return or_(false(), *self._where(rest[0], binds))
        if operator == "matches":
            place = func.strpos if self.is_postgres else func.instr
            found: ColumnElement[bool] = place(self.table.c.search, binds.next(Text)) > _ZERO
            return found
        field, count = rest
        if operator == "has":
            return self._has(field, binds)
        column, kind = self._at(field), TYPES[self._kinds[field]]
        if operator == "missing":
            return column.is_(None)  # type: ignore[no-any-return]
        if operator == "in":
            return or_(false(), *(column == binds.next(kind) for _ in range(count)))
        return _COMPARE[operator](column, binds.next(kind))

    def _has(self, field: str, binds: Binds) -> ColumnElement[bool]:
        if self.is_postgres:
            return self._at(field).op("@>", is_comparison=True)(binds.next(LIST))  # type: ignore[no-any-return]
        items = self.table.metadata.tables[items_name(self.table.name, field)]
        return self.table.c.key.in_(select(items.c.key).where(items.c.item == binds.next(TEXT)))

    def _compiled(self, statement: ClauseElement, *, is_write: bool = False) -> Statement:
        return compile_statement(statement, self._dialect, is_write=is_write)._replace(store=self.store.name)

    # Documents

    @cached_property
    def get(self) -> Statement:
        """By key: body, version, model."""
        query = select(self.table.c.body, self.table.c.version, self.table.c.model)
        return self._compiled(query.where(self.table.c.key == Binds().next(TEXT)))

    @cached_property
    def get_several(self) -> Statement:
        """PostgreSQL: by a list of keys; key, body, version, model."""
        return self._compiled(self._documents().where(self.table.c.key == any_(Binds().next(ARRAY(TEXT)))))

    def _documents(self) -> Select[Any]:
        return select(self.table.c.key, self.table.c.body, self.table.c.version, self.table.c.model)

    def _find(self, field: str) -> Statement:
        kind = TYPES[self._kinds[field]]
        return self._compiled(self._documents().where(self._at(field) == Binds().next(kind)))

    @cached_property
    def insert(self) -> Statement:
        """A new document: its own columns, then those made from it. Does nothing if something of it is taken.

        PostgreSQL: gives a row unless it does nothing.
        """
        binds, dialect = Binds(), postgresql if self.is_postgres else sqlite
        values = {name: binds.next(self.table.c[name].type) for name in (*self.own, *self.added)}
        statement: Any = dialect.insert(self.table)
        new = statement.values(values).on_conflict_do_nothing()
        return self._compiled(new.returning(self.table.c.version) if self.is_postgres else new, is_write=True)

    def _replace(self, names: tuple[str, ...]) -> Statement:
        """Another document under the same key: its own columns but for the key, those of these names, then the key."""
        binds = Binds()
        values = {name: binds.next(self.table.c[name].type) for name in (*self.own[1:], *names)}
        is_it = self.table.c.key == binds.next(TEXT)
        return self._compiled(update(self.table).where(is_it).values(values), is_write=True)

    @cached_property
    def remove(self) -> Statement:
        return self._compiled(delete(self.table).where(self.table.c.key == Binds().next(TEXT)), is_write=True)

    def _clear(self, shape: Shape) -> Statement:
        """Take out the documents that fit; gives a row for each."""
        gone = delete(self.table).where(*self._where(shape, Binds()))
        return self._compiled(gone.returning(self.table.c.version), is_write=True)

    def _scan(self, shape: Shape, order: str, is_descending: bool, part: Part, has_limit: bool) -> Statement:
        """Documents in order; the values are those of the conditions, of the place, and the limit."""
        binds, at, key = Binds(), self._at(order), self.table.c.key
        query = self._documents().where(*self._where(shape, binds))
        query = query.where(*self._place(order, is_descending, part, binds))
        if at is not key:
            query = query.order_by(at.desc().nulls_last() if is_descending else at.asc().nulls_first())
        query = query.order_by(key.desc() if is_descending else key.asc())
        return self._compiled(_limited(query, binds) if has_limit else query)

    def _place(self, order: str, is_descending: bool, part: Part, binds: Binds) -> list[ColumnElement[bool]]:
        at, key = self._at(order), self.table.c.key
        if part == "valued":
            return [at.is_not(None)]
        if part == "missing":
            return [at.is_(None)]
        if part == "behind_missing":
            place = binds.next(TEXT)
            return [at.is_(None), key < place if is_descending else key > place]
        if part == "behind" and at is key:
            place = binds.next(TEXT)
            return [key < place if is_descending else key > place]
        if part == "behind":
            here, there = tuple_(at, key), tuple_(binds.next(TYPES[self._kinds[order]]), binds.next(TEXT))
            return [here < there if is_descending else here > there]
        return []

    def _count(self, shape: Shape) -> Statement:
        query = select(func.count()).select_from(self.table)
        return self._compiled(query.where(*self._where(shape, Binds())))

    @cached_property
    def size(self) -> Statement:
        """How many rows there are, up to a number."""
        some = _limited(select(_ONE.label("one")).select_from(self.table), Binds()).subquery()
        return self._compiled(select(func.count()).select_from(some))

    @cached_property
    def sweep(self) -> Statement:
        """Take out documents that have ended by a time, up to a number of them."""
        binds, key = Binds(), self.table.c.key
        ended = select(key).where(self._at(getattr(self.store, "expires", "")) <= binds.next(BigInteger))
        gone = delete(self.table).where(key.in_(_limited(ended, binds)))
        return self._compiled(gone.returning(key), is_write=True)

    # Entries of logs

    @cached_property
    def append(self) -> Statement:
        """SQLite: one entry at the end."""
        binds = Binds()
        values = {name: binds.next(self.table.c[name].type) for name in ("partition", *self.own, *self.added)}
        return self._compiled(insert(self.table).values(values), is_write=True)

    def _extend(self, channel: str) -> Statement:
        """PostgreSQL: many entries at the end, given as one list for each column, behind the partition's turn.

        A transaction waits for its turn before its entries get their positions, and keeps it until it has committed: so
        within a partition the order of positions is the order of commits, and whoever reads on from a position misses
        nothing. `channel`, if any, is notified with the commit.
        """
        binds, names = Binds(), (*self.own, *self.added)
        calls = [func.pg_advisory_xact_lock(binds.next(BigInteger)).label("taken")]
        calls += [func.pg_notify(literal_column(f"'{channel}'"), literal_column("''")).label("told")] if channel else []
        turn = select(*calls).cte("turn").prefix_with("MATERIALIZED")
        partition = binds.next(TEXT)
        lists = [binds.next(ARRAY(self.table.c[name].type)) for name in names]
        given = func.unnest(*lists).table_valued(*names, with_ordinality="nth")
        given = given.render_derived(name="given")
        entries = select(partition, *(given.c[name] for name in names)).select_from(turn.join(given, true()))
        statement = insert(self.table).from_select(["partition", *names], entries.order_by(given.c.nth))
        return self._compiled(statement.returning(self.table.c.position), is_write=True)

    def _read(self, shape: Shape, is_newest_first: bool, has_position: bool) -> Statement:
        binds, position = Binds(), self.table.c.position
        query = select(position, self.table.c.body, self.table.c.model)
        query = query.where(self.table.c.partition == binds.next(TEXT), *self._where(shape, binds))
        if has_position:
            place = binds.next(BigInteger)
            query = query.where(position < place if is_newest_first else position > place)
        query = query.order_by(position.desc() if is_newest_first else position.asc())
        return self._compiled(_limited(query, binds))

    @cached_property
    def ends(self) -> Statement:
        """The first and the last position of a partition, given twice."""
        binds, table = Binds(), self.table
        ends = [
            select(pick(table.c.position)).where(table.c.partition == binds.next(TEXT)).scalar_subquery()
            for pick in (func.min, func.max)
        ]
        return self._compiled(select(*ends))

    @cached_property
    def trim(self) -> Statement:
        """PostgreSQL: take out the entries of a partition behind the newest so many, oldest first, up to a number."""
        binds, table = Binds(), self.table
        partition = binds.next(TEXT)
        last_to_go = self._passed_over(table.alias("own"), binds, is_newest_first=True)
        old = select(table.c.position).where(table.c.partition == partition, table.c.position <= last_to_go)
        return self._compiled(self._gone(old, binds), is_write=True)

    @cached_property
    def ends_to_trim(self) -> Statement:
        """SQLite: the positions behind the newest so many of a partition, and behind the oldest so many."""
        binds = Binds()
        ends = [self._passed_over(self.table, binds, is_newest_first=is_newest) for is_newest in (True, False)]
        return self._compiled(select(*ends))

    @cached_property
    def cut(self) -> Statement:
        """SQLite: take out the entries of a partition up to a position; the cheapest way to take out many."""
        binds, table = Binds(), self.table
        gone = delete(table).where(table.c.partition == binds.next(TEXT), table.c.position <= binds.next(BigInteger))
        return self._compiled(gone, is_write=True)

    def _passed_over(self, table: FromClause, binds: Binds, *, is_newest_first: bool) -> Any:
        """The position behind so many entries of a partition, counted from one of its ends."""
        at = table.c.position
        entries = select(at).where(table.c.partition == binds.next(TEXT))
        entries = entries.order_by(at.desc() if is_newest_first else at.asc())
        return entries.offset(binds.next(BigInteger)).limit(_ONE).scalar_subquery()

    def _expire(self, has_partition: bool) -> Statement:
        """Take out entries made before a time, oldest first, up to a number."""
        binds, table = Binds(), self.table
        old = select(table.c.position)
        if has_partition:
            old = old.where(table.c.partition == binds.next(TEXT))
        old = old.where(self._at(getattr(self.store, "time", "")) < binds.next(BigInteger))
        return self._compiled(self._gone(old, binds), is_write=True)

    def _gone(self, old: Select[Any], binds: Binds) -> ClauseElement:
        position = self.table.c.position
        some = _limited(old.order_by(position), binds)
        return delete(self.table).where(position.in_(some)).returning(position)

    @cached_property
    def drop(self) -> Statement:
        """Take out a whole partition."""
        gone = delete(self.table).where(self.table.c.partition == Binds().next(TEXT))
        return self._compiled(gone, is_write=True)
