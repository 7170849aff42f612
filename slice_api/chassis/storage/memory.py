"""The engine without a server: dicts, and an undo log that takes a failed transaction back."""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cache, partial
from itertools import islice
from operator import itemgetter
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sortedcontainers import SortedList

from slice_api.chassis.changes import share_field_names
from slice_api.chassis.clock import Clock
from slice_api.chassis.events import EventRecord
from slice_api.chassis.rate_limits import MemoryRateLimiter, RateLimiter
from slice_api.chassis.storage.columns import columns_of
from slice_api.chassis.storage.database import sweep_all
from slice_api.chassis.storage.faults import Tell, silent
from slice_api.chassis.storage.query import Condition, as_predicate
from slice_api.chassis.storage.stores import Collection, Log, Store
from slice_api.chassis.storage.tx import MOST_APART, MOST_TOGETHER, Origin, Row, Taken, Tx, is_live, version_clock

M = TypeVar("M", bound=BaseModel)
P = ParamSpec("P")
R = TypeVar("R")

_AS_TEXT = (date, UUID)
_FROM_BELOW, _FROM_ABOVE = frozenset({"gt", "ge", "eq"}), frozenset({"lt", "le", "eq"})
"""Conditions before and behind which nothing in the order of their field meets them."""
_MOST_SHARED = 29
"""So many names at most objects of a class have in common in CPython; with more each has a dict of its own."""
_MOST_WAITING = 10_000
"""So many rows may wait to take their places in an order: until then what stood there before is held too."""

Ranked = tuple[bool, Any, str]
"""A place in an order: whether there is a value (missing ones first), the value, the key."""


@cache
def _names_of(model: type[BaseModel]) -> dict[str, Any] | None:
    """The names of a model's fields, in a dict whose copies have them in common (PEP 412); None for too many."""

    class Fields:
        """Its objects share their names with nothing else."""

    if len(model.model_fields) > _MOST_SHARED:
        return None
    fields = Fields()
    for name in model.model_fields:
        setattr(fields, name, None)
    for _ in range(_MOST_SHARED):
        Fields()  # with each, dicts have less room for names that are yet to come
    return fields.__dict__


def _share_names(document: BaseModel) -> None:
    """Let documents share the names of their fields, and of those that were set: both weigh more than most values.

    Those that were set are all, as when a document comes back from a database.
    """
    share_field_names(document)
    names, held = _names_of(document.__class__), document.__dict__
    if names is None:
        return
    fields = names | held
    if len(fields) == len(held):  # else one is missing
        object.__setattr__(document, "__dict__", fields)


class _Places(Protocol):
    """Places in their order, of which one moves quickly among many: in a plain list all behind it would move too."""

    def __len__(self) -> int: ...
    def __getitem__(self, at: int, /) -> Ranked: ...
    def add(self, place: Ranked) -> None: ...
    def remove(self, place: Ranked) -> None: ...
    def bisect_left(self, place: Ranked) -> int: ...
    def bisect_right(self, place: Ranked) -> int: ...
    def islice(self, start: int, stop: int, reverse: bool) -> Iterator[Ranked]: ...


def _ranked(value: Any, key: str) -> Ranked:
    if value.__class__ in _AS_TEXT:
        value = str(value)  # as cursors give it back
    return (value is not None, 0 if value is None else value, key)


def _valued(value: Any) -> tuple[bool, Any]:
    """The beginning of the places of a value."""
    return _ranked(value, "")[:2]


def _value(row: Row | None, field: str) -> Any:
    return None if row is None else getattr(row.document, field)


def _places_before(part: Sequence[tuple[int, Any]], field: str, moment: datetime) -> list[int]:
    moments = ((place, getattr(entry, field)) for place, entry in part)
    return [place for place, at in moments if at is not None and at < moment]


def _bounds(ranked: _Places, order: str, where: Sequence[Condition]) -> tuple[int, int]:
    """From where to where in an order those lie that meet the conditions on its own field."""
    begin, end = 0, len(ranked)
    if any(each.field == order and each.operator != "missing" for each in where):
        begin = bisect_left(ranked, True, key=itemgetter(0))  # nothing but its being missing is said of what is missing
    for each in where:
        if each.field == order and each.operator in _FROM_BELOW:
            begin = max(begin, bisect_left(ranked, _valued(each.value), key=itemgetter(0, 1)))
        if each.field == order and each.operator in _FROM_ABOVE:
            end = min(end, bisect_right(ranked, _valued(each.value), key=itemgetter(0, 1)))
    return begin, end


def _behind(
    ranked: _Places, order: str, where: Sequence[Condition], place: Ranked | None, is_descending: bool
) -> Iterator[Ranked]:
    """The places behind `place`, in the order asked for, but for those that conditions on its field shut out."""
    begin, end = _bounds(ranked, order, where)
    if place is not None and is_descending:
        end = min(end, ranked.bisect_left(place))
    if place is not None and not is_descending:
        begin = max(begin, ranked.bisect_right(place))
    return ranked.islice(begin, max(begin, end), reverse=is_descending)


class _Order:
    """The rows of a table in the order of a field.

    Rows take their new places when somebody asks for the order: what is written time and again moves once.
    """

    def __init__(self, field: str, rows: Mapping[str, Row]) -> None:
        self._field, self._rows = field, rows
        self._places: _Places = SortedList(_ranked(_value(row, field), key) for key, row in rows.items())  # type: ignore[no-untyped-call]
        self._before: dict[str, Row | None] = {}
        """What stood under the keys that have changed since, when they took the places that they have."""

    def note(self, key: str, held: Row | None) -> None:
        """Note that something else stands under a key than did."""
        self._before.setdefault(key, held)
        if len(self._before) > _MOST_WAITING:
            self.places()

    def places(self) -> _Places:
        """The places as they are now."""
        for key, held in self._before.items():
            self._move(key, held, self._rows.get(key))
        self._before.clear()
        return self._places

    def _move(self, key: str, held: Row | None, row: Row | None) -> None:
        old, new = _value(held, self._field), _value(row, self._field)
        if held is not None and row is not None and old == new:
            return
        if held is not None:
            self._places.remove(_ranked(old, key))
        if row is not None:
            self._places.add(_ranked(new, key))


class _Table:
    """One collection: rows by key, keys by unique value, and an order for each index that a list has asked for."""

    def __init__(self, collection: Collection[Any]) -> None:
        self.collection = collection
        self.rows: dict[str, Row] = {}
        self.unique: dict[str, dict[Any, str]] = {field: {} for field in collection.unique}
        self.orders: dict[str, _Order] = {}
        self.writes = 0
        """How often something was put in place or taken out."""

    def order(self, field: str) -> _Places:
        if field not in self.orders:
            self.orders[field] = _Order(field, self.rows)
        return self.orders[field].places()

    def set(self, key: str, row: Row | None) -> Row | None:
        """Put a row in place, or take it out; gives what was there. Raises Taken, and then nothing has changed."""
        held = self.rows.get(key)
        moves = self._moves(key, held, row) if self.unique else ()
        self.writes += 1
        if row is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = row
        for keys, old, new in moves:
            keys.pop(old, None)
            if new is not None:
                keys[new] = key
        for order in self.orders.values():
            order.note(key, held)
        return held

    def _moves(self, key: str, held: Row | None, row: Row | None) -> Sequence[tuple[dict[Any, str], Any, Any]]:
        """The unique values that change, each with where it is looked up; raises Taken for one that another has."""
        moves = []
        for field, keys in self.unique.items():
            old = None if held is None else getattr(held.document, field)
            new = None if row is None else getattr(row.document, field)
            if old == new:
                continue
            if new is not None and keys.get(new, key) != key:
                raise Taken(self.collection, field, str(new))
            moves.append((keys, old, new))
        return moves


class _Tape:
    """One log: a list of (position, entry) for each partition; positions grow along the whole log."""

    def __init__(self) -> None:
        self.parts: dict[str, list[tuple[int, Any]]] = {}
        self.newest = 0


class _MemoryRows:
    """The rows of one transaction, with what undoes each of its writes."""

    def __init__(self, tables: dict[str, _Table], tapes: dict[str, _Tape], next_version: Callable[[], int]) -> None:
        self._tables, self._tapes, self.next_version = tables, tapes, next_version
        self._undo: list[Callable[[], object]] = []

    def get(self, collection: Collection[Any], key: str) -> Row | None:
        return self._tables[collection.name].rows.get(key)

    def find(self, collection: Collection[Any], field: str, value: Any) -> Row | None:
        table = self._tables[collection.name]
        key = table.unique[field].get(value)
        return None if key is None else table.rows[key]

    def insert(self, collection: Collection[Any], key: str, row: Row) -> None:
        table = self._tables[collection.name]
        if key in table.rows:
            raise Taken(collection, collection.key, key)
        self._set(table, key, row)

    def replace(self, collection: Collection[Any], key: str, row: Row, held: Row) -> None:
        self._set(self._tables[collection.name], key, row)

    def remove(self, collection: Collection[Any], key: str) -> None:
        self._set(self._tables[collection.name], key, None)

    def clear(self, collection: Collection[Any], where: Sequence[Condition]) -> int:
        table, rows = self._tables[collection.name], self.scan(collection, where, collection.key, False, None, None)
        for row in rows:
            self._set(table, collection.key_of(row.document), None)
        return len(rows)

    def _set(self, table: _Table, key: str, row: Row | None) -> None:
        if row is not None:
            _share_names(row.document)
        self._undo.append(partial(table.set, key, table.set(key, row)))

    def scan(
        self,
        collection: Collection[Any],
        where: Sequence[Condition],
        order: str,
        is_descending: bool,
        position: tuple[Any, str] | None,
        limit: int | None,
    ) -> list[Row]:
        table = self._tables[collection.name]
        place = None if position is None else _ranked(*position)
        fits = as_predicate(collection, where)
        ranked = _behind(table.order(order), order, where, place, is_descending)
        rows = (table.rows[key] for _, _, key in ranked)
        return list(islice((row for row in rows if fits(row.document)), limit))

    def sweep(self, collection: Collection[Any], now: datetime) -> int:
        table = self._tables[collection.name]
        gone = [key for key, row in table.rows.items() if not is_live(collection, row.document, now)][:MOST_APART]
        for key in gone:
            self._set(table, key, None)
        return len(gone)

    def count(self, collection: Collection[Any], where: Sequence[Condition]) -> int:
        table = self._tables[collection.name]
        if not where:
            return len(table.rows)
        fits = as_predicate(collection, where)
        return sum(fits(row.document) for row in table.rows.values())

    def size(self, store: Store, most: int) -> int:
        if isinstance(store, Collection):
            return min(most, len(self._tables[store.name].rows))
        count = 0
        for part in self._tapes[store.name].parts.values():
            count += len(part)
            if count >= most:
                return most
        return count

    def extend(self, log: Log[Any], partition: str, entries: Sequence[Any]) -> int:
        tape = self._tapes[log.name]
        part = tape.parts.setdefault(partition, [])
        self._undo.append(partial(part.__delitem__, slice(len(part), None)))
        for entry in entries:
            _share_names(entry)
        part.extend(enumerate(entries, tape.newest + 1))
        tape.newest += len(entries)
        return tape.newest

    def read(
        self,
        log: Log[Any],
        partition: str,
        where: Sequence[Condition],
        is_newest_first: bool,
        position: int | None,
        limit: int,
    ) -> list[tuple[int, Any]]:
        part = self._tapes[log.name].parts.get(partition, [])
        if is_newest_first:
            end = len(part) if position is None else bisect_left(part, position, key=itemgetter(0))
            found: Iterator[tuple[int, Any]] = (part[at] for at in range(end - 1, -1, -1))
        else:
            start = 0 if position is None else bisect_right(part, position, key=itemgetter(0))
            found = (part[at] for at in range(start, len(part)))
        if where:
            fits = as_predicate(log, where)
            found = (each for each in found if fits(each[1]))
        return list(islice(found, limit))

    def ends(self, log: Log[Any], partition: str) -> tuple[int, int]:
        part = self._tapes[log.name].parts.get(partition)
        return (part[0][0], part[-1][0]) if part else (1, 0)

    def trim(self, log: Log[Any], partition: str, keep: int) -> int:
        part = self._tapes[log.name].parts.get(partition, [])
        return self._cut(part, {place for place, _ in part[: max(0, len(part) - keep)][:MOST_TOGETHER]})

    def expire(self, log: Log[Any], partition: str | None, before: datetime) -> int:
        parts = self._tapes[log.name].parts
        wanted = list(parts.values()) if partition is None else [parts.get(partition, [])]
        places = [_places_before(part, str(log.time), before) for part in wanted]
        gone = set(sorted(place for each in places for place in each)[:MOST_APART])
        return sum(self._cut(part, gone.intersection(each)) for part, each in zip(wanted, places, strict=True))

    def _cut(self, part: list[tuple[int, Any]], gone: set[int]) -> int:
        if gone:
            held = list(part)
            part[:] = [each for each in held if each[0] not in gone]
            self._undo.append(partial(part.__setitem__, slice(None), held))
        return len(gone)

    def drop(self, log: Log[Any], partition: str) -> None:
        parts = self._tapes[log.name].parts
        held = parts.pop(partition, None)
        if held is not None:
            self._undo.append(partial(parts.__setitem__, partition, held))

    @property
    def has_written(self) -> bool:
        return bool(self._undo)

    def roll_back(self) -> None:
        for undo in reversed(self._undo):
            undo()


class MemoryStorage:
    """Everything in this process, gone when it ends. One loop, synchronous transactions: nothing can come between."""

    is_shared = False
    tells_all = True

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tables: dict[str, _Table] = {}
        self._tapes: dict[str, _Tape] = {}
        self._next_version = version_clock()
        self._writes = 0
        """How many transactions have written something."""

    async def open(self, stores: Sequence[Store], tell: Tell = silent) -> None:
        for store in stores:
            columns_of(store)  # refuses what no database could index
            if isinstance(store, Log):
                self._tapes[store.name] = _Tape()
            else:
                self._tables[store.name] = _Table(store)

    async def close(self) -> None:
        self._tables.clear()
        self._tapes.clear()

    async def check(self) -> None:
        """Memory is always there."""

    def stamp(self, *collections: Collection[Any]) -> int:
        if len(collections) == 1:  # as every request with a key asks
            return self._tables[collections[0].name].writes
        return sum([self._tables[each.name].writes for each in collections]) if collections else self._writes

    async def listen(self, notify: Callable[[], None], closing: asyncio.Event) -> None:
        """Nobody else writes here."""

    def rate_limiter(self) -> RateLimiter:
        return MemoryRateLimiter()

    async def get(self, origin: Origin | None, collection: Collection[M], key: str) -> M | None:
        row = self._tables[collection.name].rows.get(key)
        if row is None or (collection.expires is not None and not is_live(collection, row.document, self._clock())):
            return None
        if origin is not None:
            origin.seen.setdefault(key, row.version)
        return row.document  # type: ignore[no-any-return]

    async def transact(
        self, origin: Origin, fn: Callable[Concatenate[Tx, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> tuple[R, list[EventRecord]]:
        rows = _MemoryRows(self._tables, self._tapes, self._next_version)
        tx = Tx(rows, self._clock(), origin)
        try:
            result = fn(tx, *args, **kwargs)
            tx.finish()
        except BaseException:
            rows.roll_back()
            raise
        self._writes += rows.has_written
        return result, tx.emitted

    async def sweep(self) -> int:
        return await sweep_all(self, [table.collection for table in self._tables.values()])
