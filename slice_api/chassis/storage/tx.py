"""The transaction that slices write their stores against: synchronous, so no network call ever holds a lock."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import time_ns
from typing import Any, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel

from slice_api.chassis.changes import Change, merged
from slice_api.chassis.events import EVENTS, Event, EventRecord, record_of
from slice_api.chassis.problems import not_found, precondition_failed
from slice_api.chassis.storage.columns import kinds_of
from slice_api.chassis.storage.pages import Page, PageQuery, decode_cursor, encode_cursor
from slice_api.chassis.storage.query import Condition, check_conditions
from slice_api.chassis.storage.stores import Collection, Log, Store

M = TypeVar("M", bound=BaseModel)

MOST_TOGETHER = 10_000
"""How many entries that lie together one transaction lets go of."""
MOST_APART = 2_000
"""How many entries or documents that lie anywhere one transaction lets go of: each may be a page of its own."""


class Taken(Exception):  # noqa: N818 - it reads as what it says: raise Taken(…), except Taken
    """A key or unique value that another document has; answered as 409 · conflict unless a slice catches it."""

    def __init__(self, collection: Collection[Any], field: str, value: str) -> None:
        super().__init__(f"the {collection.noun} {field} {value!r} is taken")
        self.collection, self.field, self.value = collection, field, value


class Row(NamedTuple):
    """A document as an engine keeps it: with the version that its ETag is made of."""

    document: Any
    version: int
    is_current: bool = True
    """Whether it was written by this version of its model: else the columns beside it may be of another."""


class Rows(Protocol):
    """What an engine does inside one running transaction; everything else is the same on every engine and stands in Tx.

    `scan` gives rows in order (by the field, then by key; missing values first), starting behind `position`, a pair of
    field value and key. `read` gives entries with their positions, starting behind `position`. Positions within a
    partition are in the order of commits, so that reading on from one misses nothing.
    """

    def get(self, collection: Collection[Any], key: str) -> Row | None: ...
    def find(self, collection: Collection[Any], field: str, value: Any) -> Row | None: ...
    def insert(self, collection: Collection[Any], key: str, row: Row) -> None: ...
    def replace(self, collection: Collection[Any], key: str, row: Row, held: Row) -> None: ...
    def remove(self, collection: Collection[Any], key: str) -> None: ...
    def clear(self, collection: Collection[Any], where: Sequence[Condition]) -> int: ...
    def scan(
        self,
        collection: Collection[Any],
        where: Sequence[Condition],
        order: str,
        is_descending: bool,
        position: tuple[Any, str] | None,
        limit: int | None,
    ) -> list[Row]: ...
    def count(self, collection: Collection[Any], where: Sequence[Condition]) -> int: ...
    def size(self, store: Store, most: int) -> int: ...
    def sweep(self, collection: Collection[Any], now: datetime) -> int: ...
    def extend(self, log: Log[Any], partition: str, entries: Sequence[Any]) -> int: ...
    def read(
        self,
        log: Log[Any],
        partition: str,
        where: Sequence[Condition],
        is_newest_first: bool,
        position: int | None,
        limit: int,
    ) -> list[tuple[int, Any]]: ...
    def ends(self, log: Log[Any], partition: str) -> tuple[int, int]: ...
    def trim(self, log: Log[Any], partition: str, keep: int) -> int: ...
    def expire(self, log: Log[Any], partition: str | None, before: datetime) -> int: ...
    def drop(self, log: Log[Any], partition: str) -> None: ...
    def next_version(self) -> int: ...


@dataclass(slots=True)
class Origin:
    """Where a transaction comes from: who asks, and which versions the object that the path names may have."""

    by: str | None = None
    request_id: str | None = None
    keys: tuple[str, ...] = ()
    expected: frozenset[str] | None = None
    seen: dict[str, int] = field(default_factory=dict)
    """Versions of the single documents met, by key, first met first: what the answer's ETag is made of."""
    created: str | None = None
    """The key of the first document inserted: where a 201 points its Location."""
    next_cursor: str | None = None

    def mark(self) -> tuple[Any, ...]:
        """What is known now, for a transaction that may have to run again."""
        return {**self.seen}, self.created, self.next_cursor

    def restore(self, mark: tuple[Any, ...]) -> None:
        """Forget what was found out since."""
        seen, self.created, self.next_cursor = mark
        self.seen = {**seen}


def is_live(collection: Collection[Any], document: Any, now: datetime) -> bool:
    """Whether a document has not expired."""
    if collection.expires is None:
        return True
    expires_at = getattr(document, collection.expires)
    return expires_at is None or expires_at > now


def version_clock() -> Callable[[], int]:
    """Gives versions that grow: microseconds since 1970, so that none from before a restart comes again."""
    last = 0

    def next_version() -> int:
        nonlocal last
        last = max(last + 1, time_ns() // 1000)
        return last

    return next_version


def version_tag(version: int) -> str:
    """A version as it stands in an ETag."""
    return f"{version:x}"


class Tx:
    """One transaction: everything in it happens, or nothing does. `now` is its moment, the same for all of it."""

    def __init__(self, rows: Rows, now: datetime, origin: Origin) -> None:
        self.now = now
        self._rows = rows
        self._origin = origin
        self._first_changed: str | None = None
        self._is_matched = False
        self.emitted: list[EventRecord] = []
        """The events to be told; they are written when all else is done."""

    def is_about(self, key: str) -> None:
        """Say which document the request is about, where its path does not name that by its key.

        If-Match is held against it, and the answer's ETag is made of its version.
        """
        self._origin.keys = (*(each for each in self._origin.keys if each != key), key)

    # Documents

    def get(self, collection: Collection[M], key: str) -> M | None:
        """The document of that key, or None."""
        row = self._live(collection, self._rows.get(collection, key))
        if row is None:
            return None
        self._origin.seen.setdefault(key, row.version)
        return row.document  # type: ignore[no-any-return]

    def fetch(self, collection: Collection[M], key: str) -> M:
        """The document of that key; raises 404 · not-found when there is none."""
        document = self.get(collection, key)
        if document is None:
            raise not_found(collection.noun, key)
        return document

    def find(self, collection: Collection[M], field: str, value: Any) -> M | None:
        """The document with that value in a unique field, or None."""
        if field not in collection.unique:
            raise TypeError(f"{collection.name}: {field!r} is not unique: add it to unique, or ask for a page")
        row = self._live(collection, self._rows.find(collection, field, value))
        return None if row is None else row.document

    def insert(self, collection: Collection[M], document: M) -> M:
        """Keep a new document; raises Taken when its key or a unique value is in use."""
        key, version, origin = collection.key_of(document), self._rows.next_version(), self._origin
        if collection.expires is not None:
            self._clear_expired(collection, key, document)
        self._rows.insert(collection, key, Row(document, version))
        origin.seen[key] = version
        if origin.created is None:
            origin.created = key
        return document

    def put(self, collection: Collection[M], document: M) -> M:
        """Keep a document in place of the one of the same key, or as a new one."""
        key = collection.key_of(document)
        held = self._live(collection, self._rows.get(collection, key))
        if held is None:
            return self.insert(collection, document)
        self._must_match(key, held)
        self._replace(collection, key, Row(document, self._version_after(held)), held)
        return document

    def update(
        self, collection: Collection[M], key: str, change: Callable[[M], M], *, is_silent: bool = False
    ) -> M | None:
        """Replace a document by `change(document)`, a pure function; None when there is none.

        A silent update keeps the version: for counters and times that say nothing of what people edit, so that an
        If-Match from before still holds.
        """
        row = self._live(collection, self._rows.get(collection, key))
        if row is None:
            return None
        if not is_silent:
            self._must_match(key, row)
        changed = change(row.document)
        if changed is row.document:
            self._origin.seen.setdefault(key, row.version)
            return changed
        self._replace(collection, key, Row(changed, row.version if is_silent else self._version_after(row)), row)
        return changed

    def patch(self, collection: Collection[M], key: str, change: Change) -> M:
        """Put a merge patch on a document and give it back; raises 404 · not-found when there is none."""
        document = self.update(collection, key, lambda held: merged(held, change))
        if document is None:
            raise not_found(collection.noun, key)
        return document

    def pop(self, collection: Collection[M], key: str) -> M | None:
        """Take a document out and give it back; None when there is none."""
        row = self._live(collection, self._rows.get(collection, key))
        if row is None:
            return None
        self._must_match(key, row)
        self._rows.remove(collection, key)
        return row.document  # type: ignore[no-any-return]

    def take(self, collection: Collection[M], key: str) -> M:
        """Take a document out and give it back; raises 404 · not-found when there is none."""
        document = self.pop(collection, key)
        if document is None:
            raise not_found(collection.noun, key)
        return document

    def clear(self, collection: Collection[Any], *where: Condition) -> int:
        """Take out every document that fits, without reading any; gives how many there were.

        For what belongs to a document that goes. No If-Match is held against it, and all of it goes at once, so what
        fits must be bounded.
        """
        check_conditions(collection, where)
        return self._rows.clear(collection, where)

    def page(
        self,
        collection: Collection[M],
        page: PageQuery | None = None,
        *,
        order: str | None = None,
        where: Sequence[Condition] = (),
    ) -> Page[M]:
        """A page in the order of an indexed field (`-` before it for descending; the key by default)."""
        page = page or PageQuery()
        order = order or collection.key
        field = order.removeprefix("-")
        if field not in (collection.key, *collection.indexes):
            raise TypeError(f"{collection.name} has no index on {field!r}: add it to indexes")
        if kinds_of(collection)[field] == "list":
            raise TypeError(f"{collection.name}: {field!r} is a list, and lists have no order")
        where = self._demands(collection, where)
        position = None if page.after is None else decode_cursor(page.after, f"{collection.name}:{order}")
        start = None if position is None else (position[0], str(position[1]))
        rows = self._rows.scan(collection, where, field, order.startswith("-"), start, page.limit + 1)
        documents = [row.document for row in rows[: page.limit]]
        if len(rows) <= page.limit:
            return self._paged(documents, None)
        last = documents[-1]
        cursor = encode_cursor(f"{collection.name}:{order}", getattr(last, field), collection.key_of(last))
        return self._paged(documents, cursor)

    def page_of_names(self, names: Iterable[str], page: PageQuery, *, order: str) -> Page[str]:
        """A page, in their order, of the names of what lies outside storage; `order` as in `encode_cursor`."""
        start = "" if page.after is None else str(decode_cursor(page.after, order)[0])
        rest = sorted(each for each in names if each > start)
        shown = rest[: page.limit]
        self._origin.next_cursor = encode_cursor(order, shown[-1]) if len(rest) > len(shown) else None
        return Page[str](items=shown, next=self._origin.next_cursor)

    def all(self, collection: Collection[M], *where: Condition) -> list[M]:
        """Every document that fits, by key; for collections known to be small."""
        rows = self._rows.scan(collection, self._demands(collection, where), collection.key, False, None, None)
        return [row.document for row in rows]

    def count(self, collection: Collection[Any], *where: Condition) -> int:
        """How many documents fit."""
        return self._rows.count(collection, self._demands(collection, where))

    def size(self, store: Store, most: int = MOST_TOGETHER) -> int:
        """How many documents or entries are kept, those too that have expired and wait to be swept.

        Counting ends at `most`, so that it stays cheap however large the store is.
        """
        return self._rows.size(store, most)

    def sweep(self, collection: Collection[Any]) -> int:
        """Let go of documents that have expired; gives how many went, at most 2,000 at once."""
        return self._rows.sweep(collection, self.now)

    # Logs

    def append(self, log: Log[M], entry: M, *, partition: str = "") -> int:
        """Add an entry at the end; gives its position, which grows along the whole log."""
        return self._rows.extend(log, partition, (entry,))

    def extend(self, log: Log[M], entries: Sequence[M], *, partition: str = "") -> None:
        """Add many entries at the end, in their order; cheaper than one by one."""
        if entries:
            self._rows.extend(log, partition, entries)

    def entries(
        self,
        log: Log[M],
        page: PageQuery | None = None,
        *,
        partition: str = "",
        where: Sequence[Condition] = (),
        is_newest_first: bool = True,
    ) -> Page[M]:
        """A page of a log."""
        page = page or PageQuery()
        check_conditions(log, where)
        order = f"{log.name}:{partition}:{'-' if is_newest_first else ''}"
        position = None if page.after is None else int(decode_cursor(page.after, order)[0])
        found = self._rows.read(log, partition, where, is_newest_first, position, page.limit + 1)
        entries = [entry for _, entry in found[: page.limit]]
        if len(found) <= page.limit:
            return self._paged(entries, None)
        return self._paged(entries, encode_cursor(order, found[page.limit - 1][0]))

    def read(
        self, log: Log[M], after: int, *, partition: str = "", where: Sequence[Condition] = (), limit: int = 100
    ) -> list[tuple[int, M]]:
        """Entries behind a position, oldest first, each with its own: for whatever follows a log."""
        check_conditions(log, where)
        return self._rows.read(log, partition, where, False, after, limit)

    def newest(self, log: Log[M], limit: int, *, partition: str = "") -> list[M]:
        """The newest entries, newest first: for what is no page, and so has no cursor."""
        return [entry for _, entry in self._rows.read(log, partition, (), True, None, limit)]

    def ends(self, log: Log[Any], *, partition: str = "") -> tuple[int, int]:
        """The positions of the oldest and of the newest entry held; (1, 0) when none is."""
        return self._rows.ends(log, partition)

    def trim(self, log: Log[Any], keep: int, *, partition: str = "") -> int:
        """Let go of all but the newest `keep` entries, the oldest first; gives how many went.

        At most 10,000 go at once, so that nobody waits long: whoever has more to let go of calls again.
        """
        return self._rows.trim(log, partition, keep)

    def expire(self, log: Log[Any], before: datetime, *, partition: str | None = "") -> int:
        """Let go of the entries whose `time` lies before a moment; None: in every partition. At most 2,000 at once."""
        if log.time is None:
            raise TypeError(f"{log.name} names no time field")
        return self._rows.expire(log, partition, before)

    def drop(self, log: Log[Any], *, partition: str = "") -> None:
        """Let go of a whole partition."""
        self._rows.drop(log, partition)

    # Events

    def emit(self, event: Event, *, subject: str | None = None) -> None:
        """Publish an event, in this transaction: it is told if and only if the rest of it happens.

        `subject` is the key of the object it speaks of; events of one subject are told in order.
        """
        self.emitted.append(record_of(event, subject=subject, by=self._origin.by, at=self.now))

    # Inside

    def finish(self) -> None:
        """For the engine, before it commits: an If-Match that no write has met yet is held against the first one.

        Events are written last, since on some engines whoever writes one holds up the others who want to.
        """
        if self._origin.expected is not None and not self._is_matched and self._first_changed is not None:
            self._demand(self._first_changed)
        if self.emitted:
            self._rows.extend(EVENTS, "", self.emitted)

    def _live(self, collection: Collection[Any], row: Row | None) -> Row | None:
        return row if row is None or is_live(collection, row.document, self.now) else None

    def _version_after(self, held: Row) -> int:
        return max(self._rows.next_version(), held.version + 1)

    def _clear_expired(self, collection: Collection[Any], key: str, document: Any) -> None:
        held = [(key, self._rows.get(collection, key))]
        for name in collection.unique:
            row = self._rows.find(collection, name, getattr(document, name))
            held.append((collection.key_of(row.document), row) if row else ("", None))
        for each, row in held:
            if row is not None and self._live(collection, row) is None:
                self._rows.remove(collection, each)

    def _replace(self, collection: Collection[Any], key: str, row: Row, held: Row) -> None:
        if collection.key_of(row.document) != key:
            raise TypeError(f"an update must not change the key of a {collection.noun}")
        if collection.expires is not None:
            self._clear_expired(collection, key, row.document)
        self._rows.replace(collection, key, row, held)
        self._origin.seen[key] = row.version

    def _must_match(self, key: str, row: Row) -> None:
        if self._origin.expected is None or self._is_matched:
            return
        tag = version_tag(row.version)
        if key in self._origin.keys:
            self._is_matched = True
            self._demand(tag)
        elif self._first_changed is None:
            self._first_changed = tag

    def _demand(self, tag: str) -> None:
        expected = self._origin.expected or frozenset()
        if "*" not in expected and tag not in expected:
            raise precondition_failed()

    def _demands(self, collection: Collection[Any], where: Sequence[Condition]) -> Sequence[Condition]:
        check_conditions(collection, where)
        if collection.expires is None:
            return where
        is_live = Condition("either", "", (
            Condition("missing", collection.expires, None),
            Condition("gt", collection.expires, self.now),
        ))  # fmt: skip
        return (*where, is_live)

    def _paged(self, items: list[M], cursor: str | None) -> Page[M]:
        self._origin.next_cursor = cursor
        return Page[Any](items=items, next=cursor)
