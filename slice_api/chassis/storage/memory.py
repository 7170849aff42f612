"""The engine without a server: dicts, and an undo log that takes a failed transaction back."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice
from operator import itemgetter
from time import time_ns
from typing import Any, TypeVar

from slice_api.chassis.clock import Clock
from slice_api.chassis.storage.query import Condition, as_predicate
from slice_api.chassis.storage.stores import Collection, Log, Store
from slice_api.chassis.storage.tx import Origin, Row, Taken, Tx

R = TypeVar("R")

Ranked = tuple[bool, Any, str]
"""A place in an order: whether there is a value (missing ones first), the value, the key."""


def _ranked(value: Any, key: str) -> Ranked:
    return (value is not None, 0 if value is None else value, key)


def _rank(row: Row | None, field: str, key: str) -> Ranked | None:
    return None if row is None else _ranked(getattr(row.document, field), key)


def _behind(ranked: list[Ranked], place: Ranked | None, is_descending: bool) -> Iterator[Ranked]:
    """The places behind `place`, in the order asked for."""
    if is_descending:
        end = len(ranked) if place is None else bisect_left(ranked, place)
        return (ranked[at] for at in range(end - 1, -1, -1))
    return islice(ranked, 0 if place is None else bisect_right(ranked, place), None)


class _Table:
    """One collection: rows by key, keys by unique value, and an order for each index that a list has asked for."""

    def __init__(self, collection: Collection[Any]) -> None:
        self.collection = collection
        self.rows: dict[str, Row] = {}
        self.unique: dict[str, dict[Any, str]] = {field: {} for field in collection.unique}
        self.orders: dict[str, list[Ranked]] = {}

    def order(self, field: str) -> list[Ranked]:
        if field not in self.orders:
            self.orders[field] = sorted(_ranked(getattr(row.document, field), key) for key, row in self.rows.items())
        return self.orders[field]

    def check_unique(self, key: str, document: Any) -> None:
        for field, keys in self.unique.items():
            value = getattr(document, field)
            if value is not None and keys.get(value, key) != key:
                raise Taken(self.collection, field, str(value))

    def set(self, key: str, row: Row | None) -> Row | None:
        """Put a row in place, or take it out; gives what was there."""
        held = self.rows.pop(key, None) if row is None else self.rows.get(key)
        if row is not None:
            self.rows[key] = row
        for field, keys in self.unique.items():
            if held is not None:
                keys.pop(getattr(held.document, field), None)
            if row is not None and getattr(row.document, field) is not None:
                keys[getattr(row.document, field)] = key
        for field, ranked in self.orders.items():
            self._move(ranked, _rank(held, field, key), _rank(row, field, key))
        return held

    @staticmethod
    def _move(ranked: list[Ranked], old: Ranked | None, new: Ranked | None) -> None:
        if old == new:
            return
        if old is not None:
            del ranked[bisect_left(ranked, old)]
        if new is not None:
            insort(ranked, new)


class _Tape:
    """One log: a list of (position, entry) for each partition; positions grow along the whole log."""

    def __init__(self) -> None:
        self.parts: dict[str, list[tuple[int, Any]]] = {}
        self.newest = 0


class _MemoryRows:
    """The rows of one transaction, with what undoes each of its writes."""

    def __init__(self, tables: dict[str, _Table], tapes: dict[str, _Tape], versions: Iterator[int]) -> None:
        self._tables, self._tapes, self._versions = tables, tapes, versions
        self._undo: list[Callable[[], object]] = []

    def next_version(self) -> int:
        return next(self._versions)

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

    def replace(self, collection: Collection[Any], key: str, row: Row) -> None:
        self._set(self._tables[collection.name], key, row)

    def remove(self, collection: Collection[Any], key: str) -> None:
        self._set(self._tables[collection.name], key, None)

    def _set(self, table: _Table, key: str, row: Row | None) -> None:
        if row is not None:
            table.check_unique(key, row.document)
        held = table.set(key, row)
        self._undo.append(lambda: table.set(key, held))

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
        rows = (table.rows[key] for _, _, key in _behind(table.order(order), place, is_descending))
        return list(islice((row for row in rows if fits(row.document)), limit))

    def count(self, collection: Collection[Any], where: Sequence[Condition]) -> int:
        table = self._tables[collection.name]
        if not where:
            return len(table.rows)
        fits = as_predicate(collection, where)
        return sum(fits(row.document) for row in table.rows.values())

    def append(self, log: Log[Any], partition: str, entry: Any) -> int:
        tape = self._tapes[log.name]
        tape.newest += 1
        part = tape.parts.setdefault(partition, [])
        part.append((tape.newest, entry))
        self._undo.append(part.pop)
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
        tape = self._tapes[log.name]
        part = tape.parts.get(partition)
        return (part[0][0], part[-1][0]) if part else (tape.newest + 1, tape.newest)

    def trim(self, log: Log[Any], partition: str, keep: int) -> None:
        part = self._tapes[log.name].parts.get(partition, [])
        cut = part[: max(0, len(part) - keep)]
        del part[: len(cut)]
        self._undo.append(lambda: part.__setitem__(slice(0, 0), cut))

    def drop(self, log: Log[Any], partition: str) -> None:
        parts = self._tapes[log.name].parts
        held = parts.pop(partition, None)
        if held is not None:
            self._undo.append(lambda: parts.__setitem__(partition, held))

    def roll_back(self) -> None:
        for undo in reversed(self._undo):
            undo()


class MemoryStorage:
    """Everything in this process, gone when it ends. One loop, synchronous transactions: nothing can come between."""

    is_shared = False

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tables: dict[str, _Table] = {}
        self._tapes: dict[str, _Tape] = {}
        # Versions go on from the time, so that an ETag from before a restart never fits a document made after it.
        self._versions = count(time_ns() // 1000)

    async def open(self, stores: Sequence[Store]) -> None:
        for store in stores:
            if isinstance(store, Log):
                self._tapes[store.name] = _Tape()
            else:
                self._tables[store.name] = _Table(store)

    async def close(self) -> None:
        self._tables.clear()
        self._tapes.clear()

    async def check(self) -> None:
        """Memory is always there."""

    async def transact(self, origin: Origin, run: Callable[[Tx], R]) -> tuple[R, Sequence[str]]:
        rows = _MemoryRows(self._tables, self._tapes, self._versions)
        tx = Tx(rows, self._clock(), origin)
        try:
            result = run(tx)
            tx.finish()
        except BaseException:
            rows.roll_back()
            raise
        return result, tx.emitted

    async def sweep(self) -> int:
        """Let go of expired documents; gives how many there were."""
        now = self._clock()
        return sum(self._sweep(table, table.collection.expires, now) for table in self._tables.values())

    def _sweep(self, table: _Table, expires: str | None, now: Any) -> int:
        if expires is None:
            return 0
        ends = ((key, getattr(row.document, expires)) for key, row in table.rows.items())
        gone = [key for key, end in ends if end is not None and end <= now]
        for key in gone:
            table.set(key, None)
        return len(gone)
