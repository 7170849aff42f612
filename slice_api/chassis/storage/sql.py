"""What SQLite and PostgreSQL have in common: the rows of one transaction, over a function that runs a statement."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy import Dialect, MetaData

from slice_api.chassis.clock import Clock
from slice_api.chassis.events import EVENTS
from slice_api.chassis.storage.codec import Codec, decode, encode
from slice_api.chassis.storage.columns import as_microseconds
from slice_api.chassis.storage.query import Condition
from slice_api.chassis.storage.statements import Part, Statement, Statements, Values, shape_of
from slice_api.chassis.storage.stores import Collection, Log, Store
from slice_api.chassis.storage.tables import make_table
from slice_api.chassis.storage.tx import MOST_APART, MOST_TOGETHER, Origin, Row, Taken, is_live

M = TypeVar("M", bound=BaseModel)

Run = Callable[[Statement, Values], Sequence[Any]]
"""Runs a statement with its values and gives its rows."""

Write = Callable[[Statement, Sequence[Values]], tuple[int, int]]
"""Runs a statement that gives no rows once for each of many rows of values.

It gives how many rows the last of them has changed, and where that was put.
"""

CHANNEL = "slice_events"
"""What PostgreSQL notifies when events are committed."""


class Clash(Exception):  # noqa: N818 - it reads as what it says
    """Another transaction came between; this one must run again."""


def make_statements(stores: Sequence[Store], dialect: Dialect) -> Mapping[str, Statements]:
    """The statements of every store, by its name."""
    metadata, codec = MetaData(), Codec()
    return {
        store.name: Statements(store, make_table(store, metadata, dialect.name), dialect, codec) for store in stores
    }


def turn_of(log: Log[Any], partition: str) -> int:
    """The number of the lock that whoever appends to a partition holds until it has committed."""
    return int.from_bytes(blake2b(f"{log.name}\0{partition}".encode(), digest_size=8).digest(), signed=True)


def document_in(
    collection: Collection[M], own: Statements, rows: Sequence[Any], key: str, clock: Clock, origin: Origin | None
) -> M | None:
    """The document that a single look-up has found, unless it has expired."""
    if not rows:
        return None
    body, version, model = rows[0]
    document: M = own.codec.decode(collection, key, body, model)
    if collection.expires is not None and not is_live(collection, document, clock()):
        return None
    if origin is not None:
        origin.seen.setdefault(key, version)
    return document


class SqlRows:
    """The rows of one transaction."""

    def __init__(
        self,
        run: Run,
        statements: Mapping[str, Statements],
        next_version: Callable[[], int],
        write: Write | None = None,
    ) -> None:
        self._run, self._statements, self.next_version = run, statements, next_version
        self._write = write
        """Where a call to the database costs next to nothing; else many rows go in one statement, which says by rows of
        its own what it has done: that costs SQLite as much as all the rest of it."""

    # Documents

    def get(self, collection: Collection[Any], key: str) -> Row | None:
        own = self._statements[collection.name]
        rows = self._run(own.get, (key,))
        return self._found(own, collection, key, *rows[0]) if rows else None

    def find(self, collection: Collection[Any], field: str, value: Any) -> Row | None:
        if value is None:
            return None
        own = self._statements[collection.name]
        rows = self._run(own.find(field), (own.encode(field, value),))
        return self._found(own, collection, *rows[0]) if rows else None

    def insert(self, collection: Collection[Any], key: str, row: Row) -> None:
        own = self._statements[collection.name]
        body, made = own.codec.encode(collection, row.document), own.row_of(row.document)
        values = (key, body, row.version, collection.version, *made)
        is_new = self._run(own.insert, values) if self._write is None else self._write(own.insert, (values,))[0]
        if not is_new:
            raise self._taken(collection, key, row.document)

    def replace(self, collection: Collection[Any], key: str, row: Row, held: Row) -> None:
        own = self._statements[collection.name]
        changed = own.changed(row.document, held.document)
        for field in collection.unique:
            if field in changed and self.find(collection, field, changed[field]) is not None:
                raise Taken(collection, field, str(changed[field]))
        # A silent update is one of many, and often changes little: what it leaves as it is need not be indexed again.
        is_slight = row.version == held.version and held.is_current
        made = own.changed_of(row.document, held.document, changed) if is_slight else own.all_of(row.document)
        values = (own.codec.encode(collection, row.document), row.version, collection.version, *made.values(), key)
        self._run(own.replace(tuple(made)), values)

    def remove(self, collection: Collection[Any], key: str) -> None:
        self._run(self._statements[collection.name].remove, (key,))

    def clear(self, collection: Collection[Any], where: Sequence[Condition]) -> int:
        own = self._statements[collection.name]
        return len(self._run(own.clear(shape_of(where)), own.values_of(where)))

    def scan(
        self,
        collection: Collection[Any],
        where: Sequence[Condition],
        order: str,
        is_descending: bool,
        position: tuple[Any, str] | None,
        limit: int | None,
    ) -> list[Row]:
        own = self._statements[collection.name]
        shape, values, found = shape_of(where), own.values_of(where), list[Row]()
        for part, place in _parts(own, order, is_descending, position):
            left = None if limit is None else limit - len(found)
            if left == 0:
                break
            statement = own.scan(shape, order, is_descending, part, left is not None)
            rows = self._run(statement, (*values, *place, *(() if left is None else (left,))))
            found += [self._row(collection, *row) for row in rows]
        return found

    def sweep(self, collection: Collection[Any], now: datetime) -> int:
        return len(self._run(self._statements[collection.name].sweep, (as_microseconds(now), MOST_APART)))

    def count(self, collection: Collection[Any], where: Sequence[Condition]) -> int:
        own = self._statements[collection.name]
        return int(self._run(own.count(shape_of(where)), own.values_of(where))[0][0])

    def size(self, store: Store, most: int) -> int:
        return int(self._run(self._statements[store.name].size, (most,))[0][0])

    def _found(
        self, own: Statements, collection: Collection[Any], key: str, body: str, version: int, model: int
    ) -> Row:
        """One that was asked for by itself, and may well be asked for again."""
        return Row(own.codec.decode(collection, key, body, model), version, model == collection.version)

    def _row(self, collection: Collection[Any], key: str, body: str, version: int, model: int) -> Row:
        return Row(decode(collection, key, body, model), version, model == collection.version)

    def _taken(self, collection: Collection[Any], key: str, document: Any) -> Exception:
        """What stands in the way of a new document; something that is gone again means: once more."""
        if self.get(collection, key) is not None:
            return Taken(collection, collection.key, key)
        for field in collection.unique:
            if self.find(collection, field, getattr(document, field)) is not None:
                return Taken(collection, field, str(getattr(document, field)))
        return Clash()

    # Entries of logs

    def extend(self, log: Log[Any], partition: str, entries: Sequence[Any]) -> int:
        own = self._statements[log.name]
        version = log.version
        rows = [(partition, encode(entry), version, *own.row_of(entry)) for entry in entries]
        if self._write is not None:
            return self._write(own.append, rows)[1]
        _, *columns = zip(*rows, strict=True)
        values = (turn_of(log, partition), partition, *map(list, columns))
        statement = own.extend(CHANNEL if log.name == EVENTS.name else "")
        return max(int(position) for (position,) in self._run(statement, values))

    def read(
        self,
        log: Log[Any],
        partition: str,
        where: Sequence[Condition],
        is_newest_first: bool,
        position: int | None,
        limit: int,
    ) -> list[tuple[int, Any]]:
        own = self._statements[log.name]
        place = () if position is None else (position,)
        statement = own.read(shape_of(where), is_newest_first, position is not None)
        rows = self._run(statement, (partition, *own.values_of(where), *place, limit))
        return [(at, decode(log, at, body, model)) for at, body, model in rows]

    def ends(self, log: Log[Any], partition: str) -> tuple[int, int]:
        oldest, newest = self._run(self._statements[log.name].ends, (partition, partition))[0]
        return (1, 0) if oldest is None else (oldest, newest)

    def trim(self, log: Log[Any], partition: str, keep: int) -> int:
        own = self._statements[log.name]
        if self._write is None:
            return len(self._run(own.trim, (partition, partition, keep, MOST_TOGETHER)))
        last, most = self._run(own.ends_to_trim, (partition, keep, partition, MOST_TOGETHER - 1))[0]
        if last is None:
            return 0
        return self._write(own.cut, ((partition, last if most is None else min(last, most)),))[0]

    def expire(self, log: Log[Any], partition: str | None, before: datetime) -> int:
        own, place = self._statements[log.name], () if partition is None else (partition,)
        return len(self._run(own.expire(bool(place)), (*place, as_microseconds(before), MOST_APART)))

    def drop(self, log: Log[Any], partition: str) -> None:
        self._run(self._statements[log.name].drop, (partition,))


def _parts(
    own: Statements, order: str, is_descending: bool, position: tuple[Any, str] | None
) -> list[tuple[Part, tuple[Any, ...]]]:
    """The stretches of an order that lie behind a position, each one range of an index.

    Missing values come first, so that upwards they lie before all others, and downwards behind them.
    """
    if position is None:
        return [("all", ())]
    value, key = position
    is_key = isinstance(own.store, Collection) and order == own.store.key
    if is_key:
        return [("behind", (key,))]
    if value is None:
        return [("behind_missing", (key,)), *([] if is_descending else [("valued", ())])]  # type: ignore[list-item]
    behind: tuple[Part, tuple[Any, ...]] = ("behind", (own.encode(order, value), key))
    return [behind, ("missing", ())] if is_descending and own.is_nullable(order) else [behind]
