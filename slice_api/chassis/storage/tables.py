"""A table for each collection and log, described in SQLAlchemy Core so that every database has the same.

A collection's table has `key, body, version, model` (the version of the model that wrote the body), a log's has
`position, partition, body, model`; beside them one column for each index, called `i_<field>`, and `search` where texts
are looked through.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    Double,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    make_url,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import ArgumentError
from sqlalchemy.types import TypeEngine

from slice_api.chassis.storage import columns
from slice_api.chassis.storage.columns import Kind, columns_of, has_search
from slice_api.chassis.storage.stores import Collection, Store
from slice_api.settings import SettingsError

TEXT: TypeEngine[Any] = Text().with_variant(Text(collation="C"), "postgresql")
LIST: TypeEngine[Any] = Text().with_variant(ARRAY(Text), "postgresql")
_LONGEST_NAME = 63
MOMENTS = ("insert", "update", "delete")
"""When the triggers of a list's items fire; their names end so."""

_POSITION = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up in a column of just this type

TYPES: dict[Kind, TypeEngine[Any]] = {
    "text": TEXT,
    "integer": BigInteger(),
    "number": Double(),
    "time": BigInteger(),
    "boolean": SmallInteger(),
    "list": LIST,
}


def quoted(name: str) -> str:
    """A name as it stands in SQL that is written by hand: it may be a word of SQL itself."""
    return f'"{name}"'


def _fitting(name: str) -> str:
    """A name within the 63 bytes that PostgreSQL gives one."""
    raw = name.encode()
    if len(raw) <= _LONGEST_NAME:
        return name
    return f"{raw[:50].decode(errors='ignore')}_{blake2b(raw, digest_size=5).hexdigest()}"


def parsed_url(url: str) -> URL:
    """A storage URL in its parts; raises SettingsError for what is none."""
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise SettingsError("SLICE_STORAGE_URL cannot be read; write sqlite:///data.db or postgresql://…") from None


def column_name(field: str) -> str:
    """The column of an indexed field."""
    return _fitting(f"i_{field}")


# Databases give tables and indexes their names from one pool. Neither stores nor fields have a dot in theirs.
def index_name(kind: str, table: str, field: str) -> str:
    """A name that no other index and no store has."""
    return _fitting(f"{kind}_{table}.{field}")


def items_name(table: str, field: str) -> str:
    """Where SQLite, which has no arrays, keeps the items of a list by item."""
    return f"{table}.{field}"


def _own_columns(store: Store) -> Iterable[Column[Any]]:
    if isinstance(store, Collection):
        yield Column("key", TEXT)
        yield Column("body", Text, nullable=False)
        yield Column("version", BigInteger, nullable=False)
    else:
        yield Column("position", _POSITION, Identity(always=False))
        yield Column("partition", TEXT, nullable=False)
        yield Column("body", Text, nullable=False)
    yield Column("model", Integer, nullable=False)


def added_columns(store: Store) -> list[Column[Any]]:
    """The columns that are made from the body."""
    made = [Column(column_name(each.field), TYPES[each.kind]) for each in columns_of(store)]
    return [*made, Column("search", Text)] if has_search(store) else made


def make_table(store: Store, metadata: MetaData, dialect: str) -> Table:
    """The table of a store with its indexes."""
    own = list(_own_columns(store))
    key = PrimaryKeyConstraint(own[0], name=index_name("k", store.name, own[0].name))
    table = Table(store.name, metadata, *own, key, *added_columns(store), sqlite_autoincrement=True)
    if not isinstance(store, Collection):
        Index(index_name("p", table.name, "position"), table.c.partition, table.c.position)
    for column in columns_of(store):
        _add_index(table, store, column, dialect)
    return table


def _add_index(table: Table, store: Store, column: columns.Column, dialect: str) -> None:
    """The index of one column: it serves lists in its order, missing values first, with the key behind it."""
    at = table.c[column_name(column.field)]
    ordered = at.asc().nulls_first() if dialect == "postgresql" else at
    if column.is_unique:
        Index(index_name("u", table.name, column.field), at, unique=True)
    name = index_name("i", table.name, column.field)
    if column.kind == "list":
        _add_list_index(table, column.field, name, dialect)
    elif isinstance(store, Collection):
        Index(name, ordered, table.c.key)
    else:
        Index(name, table.c.partition, ordered, table.c.position)


def _add_list_index(table: Table, field: str, name: str, dialect: str) -> None:
    if dialect == "postgresql":
        Index(name, table.c[column_name(field)], postgresql_using="gin")
        return
    item = Column("item", Text, primary_key=True)
    key = Column("key", Text, primary_key=True)
    items = Table(items_name(table.name, field), table.metadata, item, key, sqlite_with_rowid=False)
    Index(index_name("i", items.name, "key"), items.c.key)


def triggers_of(store: Store) -> list[str]:
    """SQLite: what keeps the items of lists in step with their documents."""
    return [sql for each in columns_of(store) if each.kind == "list" for sql in _triggers(store.name, each.field)]


# The names are those of stores and fields, which are checked when a store is made.
def _triggers(table: str, field: str) -> list[str]:
    name, column, table = items_name(table, field), quoted(column_name(field)), quoted(table)
    items, at = quoted(name), {moment: quoted(f"{name}_{moment}") for moment in MOMENTS}
    fill = f"INSERT OR IGNORE INTO {items} (item, key) SELECT value, new.key FROM json_each(new.{column});"  # noqa: S608
    clear = f"DELETE FROM {items} WHERE key = old.key;"  # noqa: S608
    return [
        f"CREATE TRIGGER IF NOT EXISTS {at['insert']} AFTER INSERT ON {table} BEGIN {fill} END",
        f"CREATE TRIGGER IF NOT EXISTS {at['update']} AFTER UPDATE OF {column} ON {table} "
        f"WHEN old.{column} IS NOT new.{column} BEGIN {clear} {fill} END",
        f"CREATE TRIGGER IF NOT EXISTS {at['delete']} AFTER DELETE ON {table} BEGIN {clear} END",
    ]
