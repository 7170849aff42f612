"""Storage against a plain-Python model: any run of transactions, whole or taken back, shows what it holds."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import cache, partial
from random import Random
from typing import Any, Literal, NamedTuple, TypeVar
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from slice_api.chassis import (
    EVENTS,
    Collection,
    Condition,
    Log,
    Page,
    PageQuery,
    Schema,
    Taken,
    Tx,
    after,
    at_least,
    at_most,
    before,
    either,
    equals,
    has,
    is_missing,
    matches,
    one_of,
)
from slice_api.chassis.storage import database, memory, sql
from slice_api.chassis.storage.columns import columns_of
from tests.chassis.storage_model import (
    MARKS,
    PLAINS,
    STORES,
    THINGS,
    Holds,
    Mark,
    Model,
    Mood,
    Plain,
    Thing,
    ThingTold,
    anything,
    folded,
)
from tests.chassis.strategies import STEADY
from tests.engines import ENGINES, OpenStorage
from tests.support import FrozenClock

T = TypeVar("T")

TAKEN = "taken"
EVERYTHING = 1000
START = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
PARTITIONS = ("", "a", "b/é")
FIELDS = ("id", "rank", "due", "is_high", "size", "place", "grade", "mood", "day", "token", "slot", "expires_at")
ORDERS = tuple(order for field in FIELDS for order in (field, f"-{field}"))
PLAIN_ORDERS = ("slug", "count", "-slug", "-count")


class Deed(NamedTuple):
    """One thing to do in a transaction, and what a plain storage does instead; both give what is seen of it."""

    told: str
    on_tx: Callable[[Tx], Any]
    on_model: Callable[[Model, datetime], Any]

    def __repr__(self) -> str:
        return self.told


class Demand(NamedTuple):
    """A condition, and what it means in plain Python."""

    condition: Condition | None
    holds: Holds

    @property
    def where(self) -> tuple[Condition, ...]:
        return () if self.condition is None else (self.condition,)


class MidwayError(Exception):
    """What a transaction of the tests raises to be taken back."""


# Documents: few keys and values, so that they clash often; texts that engines like to sort and fold in their own ways.

KEYS = ["a", "B", "b", "é", "~", "_", "𝄞"]
TEXTS = ["", "Straße", "STRASSE", "éa", "%", "_", "a\\b", "İ", "'; --", "\n"]
RANKS = [None, None, -(2**63), -2, -1, 0, 0, 1, 2, 2**63 - 1]
TIMES = [None, None, None, *(START + timedelta(hours=hours, microseconds=hours) for hours in range(-2, 6))]
TAGS = [(), ("red",), ("re", "red"), ('"', "r%"), ("é",)]
LABELS = [None, None, (), ("red",), ("r", "")]
SIZES = [None, None, -1e300, -0.0, 0.0, 5e-324, 0.1, 0.30000000000000004]
PLACES = [None, None, None, "", "a", "B", "b", "é", "\n", "\uffff", "𝄞"]
GRADES: list[Literal["high", "low"]] = ["high", "low"]
MOODS = [None, *Mood]
DAYS = [None, date(1, 1, 1), date(2026, 1, 31), date(2026, 2, 1)]
TOKENS = [None, UUID(int=0), UUID(int=10), UUID(int=2**128 - 1)]
SLOTS = [None, None, "x", "X", "é"]


def _thing(random: Random) -> Thing:
    return Thing(
        id=random.choice(KEYS),
        name=random.choice(TEXTS),
        note=random.choice([None, *TEXTS]),
        rank=random.choice(RANKS),
        due=random.choice(TIMES),
        tags=random.choice(TAGS),
        labels=random.choice(LABELS),
        size=random.choice(SIZES),
        place=random.choice(PLACES),
        grade=random.choice(GRADES),
        mood=random.choice(MOODS),
        day=random.choice(DAYS),
        token=random.choice(TOKENS),
        slot=random.choice(SLOTS),
        expires_at=random.choice([None, None, None, *TIMES]),
    )


# Conditions, each beside its meaning.


# Every field that has an order, with values that documents have, and some between and beyond.
COMPARED: list[tuple[str, Any]] = [
    *(("rank", rank) for rank in range(-2, 3)),
    *(("due", START + timedelta(hours=hours, microseconds=hours)) for hours in range(-1, 4)),
    *(("expires_at", START + timedelta(hours=hours, microseconds=hours)) for hours in range(4)),
    *(("id", key) for key in ["a", "b", "c", "é", ""]),
    *(("size", size) for size in [-0.0, 0, 0.1, 1, 5e-324]),
    *(("place", place) for place in ["", "B", "\uffff", "é", "\n"]),
    *(("grade", grade) for grade in GRADES),
    *(("mood", mood) for mood in Mood),
    *(("day", day) for day in DAYS[1:]),
    *(("token", token) for token in TOKENS[1:]),
    *(("slot", slot) for slot in ["x", "X"]),
]


COMPARISONS: tuple[tuple[Callable[[str, Any], Condition], Callable[[Any, Any], bool]], ...] = (
    (equals, lambda found, value: bool(found == value)),
    (before, lambda found, value: bool(found < value)),
    (at_most, lambda found, value: bool(found <= value)),
    (after, lambda found, value: bool(found > value)),
    (at_least, lambda found, value: bool(found >= value)),
)
NULLABLE = ("rank", "due", "slot", "labels", "size", "place", "mood", "day", "token", "expires_at", "grade")
SOME_OF: dict[str, Sequence[Any]] = {
    "slot": ["x", "X", "q"],
    "id": KEYS,
    "rank": [-(2**63), 0, 1],
    "grade": GRADES,
    "mood": list(Mood),
}
SOUGHT = ["Straße", "strasse", "STRASSE", "É", "%", "_", "\\", "i"]


def _comparison(random: Random) -> Demand:
    (make, holds), (name, value) = random.choice(COMPARISONS), random.choice(COMPARED)
    return Demand(
        make(name, value),
        lambda document: (found := getattr(document, name)) is not None and holds(found, value),
    )


def _some_of(random: Random) -> Demand:
    name = random.choice(list(SOME_OF))
    values = random.sample(SOME_OF[name], k=random.randint(0, 2))
    return Demand(one_of(name, values), lambda thing: getattr(thing, name) in values)


def _missing(random: Random) -> Demand:
    name = random.choice(NULLABLE)
    return Demand(is_missing(name), lambda thing: getattr(thing, name) is None)


def _item(random: Random) -> Demand:
    name, item = random.choice(["tags", "labels"]), random.choice(["red", "re", "r", '"', ""])
    return Demand(has(name, item), lambda thing: item in (getattr(thing, name) or ()))


def _is_high(random: Random) -> Demand:
    value = random.choice([True, False])
    return Demand(equals("is_high", value), lambda thing: thing.is_high is value)


def _search(random: Random) -> Demand:
    text = random.choice(SOUGHT)
    wanted = text.casefold()
    return Demand(matches(text), lambda thing: any(wanted in each for each in folded((thing.name, thing.note))))


def _either(random: Random) -> Demand:
    demands = [_simple_demand(random) for _ in range(random.randint(1, 2))]
    conditions = [each.condition for each in demands if each.condition is not None]
    return Demand(either(*conditions), lambda thing: any(each.holds(thing) for each in demands))


def _simple_demand(random: Random) -> Demand:
    return random.choice([_comparison, _comparison, _some_of, _missing, _item, _is_high, _search])(random)


def _demand(random: Random) -> Demand:
    if random.random() < 0.5:
        return Demand(None, anything)
    return random.choice([_simple_demand, _simple_demand, _either])(random)


# What can be done to documents.


def _or_taken(do: Callable[[], Any]) -> Any:
    try:
        return do()
    except Taken:
        return TAKEN


def _keep(model: Model, collection: Collection[Any], document: Any, now: datetime) -> Any:
    if model.is_clash(collection, document, now):
        return TAKEN
    model.documents(collection)[collection.key_of(document)] = document
    return document


def _model_insert(collection: Collection[Any], document: Any, model: Model, now: datetime) -> Any:
    if collection.key_of(document) in model.live(collection, now):
        return TAKEN
    return _keep(model, collection, document, now)


def _model_update(key: str, change: Callable[[Thing], Thing], model: Model, now: datetime) -> Any:
    held = model.live(THINGS, now).get(key)
    return None if held is None else _keep(model, THINGS, change(held), now)


def _model_pop(collection: Collection[Any], key: str, model: Model, now: datetime) -> Any:
    held = model.live(collection, now).get(key)
    if held is not None:
        del model.documents(collection)[key]
    return held


def _watched(collection: Collection[Any], key: str, deed: Deed) -> Deed:
    """The deed, and what it has left behind: a document that could not be kept whole must not be there in part."""
    look = _get(collection, key)
    return Deed(
        deed.told,
        lambda tx: (deed.on_tx(tx), look.on_tx(tx)),
        lambda model, now: (deed.on_model(model, now), look.on_model(model, now)),
    )


def _insert(collection: Collection[Any], document: Any) -> Deed:
    return _watched(
        collection,
        collection.key_of(document),
        Deed(
            f"insert {document!r}",
            lambda tx: _or_taken(lambda: tx.insert(collection, document)),
            partial(_model_insert, collection, document),
        ),
    )


def _put(collection: Collection[Any], document: Any) -> Deed:
    return _watched(
        collection,
        collection.key_of(document),
        Deed(
            f"put {document!r}",
            lambda tx: _or_taken(lambda: tx.put(collection, document)),
            lambda model, now: _keep(model, collection, document, now),
        ),
    )


def _update(key: str, fields: dict[str, Any], is_silent: bool) -> Deed:
    def change(thing: Thing) -> Thing:
        return thing.model_copy(update=fields) if fields else thing

    return _watched(
        THINGS,
        key,
        Deed(
            f"update {key!r} with {fields!r}",
            lambda tx: _or_taken(lambda: tx.update(THINGS, key, change, is_silent=is_silent)),
            partial(_model_update, key, change),
        ),
    )


def _pop(collection: Collection[Any], key: str) -> Deed:
    return Deed(
        f"pop {key!r} of {collection.name}", lambda tx: tx.pop(collection, key), partial(_model_pop, collection, key)
    )


def _get(collection: Collection[Any], key: str) -> Deed:
    return Deed(
        f"get {key!r}", lambda tx: tx.get(collection, key), lambda model, now: model.live(collection, now).get(key)
    )


def _find(slot: str) -> Deed:
    return Deed(
        f"find {slot!r}",
        lambda tx: tx.find(THINGS, "slot", slot),
        lambda model, now: next((each for each in model.live(THINGS, now).values() if each.slot == slot), None),
    )


def _list(order: str, demand: Demand) -> Deed:
    return Deed(
        f"list by {order} where {demand.condition}",
        lambda tx: tx.page(THINGS, PageQuery(limit=200), order=order, where=demand.where).items,
        lambda model, now: model.ordered(THINGS, now, order, demand.holds),
    )


def _all(demand: Demand) -> Deed:
    return Deed(
        f"all where {demand.condition}",
        lambda tx: tx.all(THINGS, *demand.where),
        lambda model, now: model.ordered(THINGS, now, "id", demand.holds),
    )


def _count(demand: Demand) -> Deed:
    return Deed(
        f"count where {demand.condition}",
        lambda tx: tx.count(THINGS, *demand.where),
        lambda model, now: len(model.ordered(THINGS, now, "id", demand.holds)),
    )


def _clear(demand: Demand) -> Deed:
    def on_tx(tx: Tx) -> None:
        tx.clear(THINGS, *demand.where)  # how many go depends on whether the expired have been swept

    def on_model(model: Model, _: datetime) -> None:
        model.things = {key: thing for key, thing in model.things.items() if not demand.holds(thing)}

    return Deed(f"clear where {demand.condition}", on_tx, on_model)


# What can be done to logs.


def _append(partition: str, mark: Mark) -> Deed:
    def on_tx(tx: Tx) -> bool:
        _, newest = tx.ends(MARKS, partition=partition)
        return tx.append(MARKS, mark, partition=partition) > newest

    def on_model(model: Model, _: datetime) -> bool:
        model.marks.setdefault(partition, []).append(mark)
        return True

    return Deed(f"append {mark!r} to {partition!r}", on_tx, on_model)


def _extend(partition: str, some: Sequence[Mark]) -> Deed:
    return Deed(
        f"extend {partition!r} by {some!r}",
        lambda tx: tx.extend(MARKS, some, partition=partition),
        lambda model, _: model.marks.setdefault(partition, []).extend(some),
    )


def _expire(partition: str | None, moment: datetime) -> Deed:
    def on_model(model: Model, _: datetime) -> int:
        gone = 0
        for name in PARTITIONS if partition is None else (partition,):
            held = model.marks.get(name, [])
            model.marks[name] = [mark for mark in held if mark.at is None or mark.at >= moment]
            gone += len(held) - len(model.marks[name])
        return gone

    return Deed(
        f"expire {partition!r} before {moment}",
        lambda tx: tx.expire(MARKS, moment, partition=partition),
        on_model,
    )


def _trim(partition: str, keep: int) -> Deed:
    def on_model(model: Model, _: datetime) -> int:
        held = model.marks.get(partition, [])
        model.marks[partition] = held[len(held) - min(keep, len(held)) :]
        return len(held) - len(model.marks[partition])

    return Deed(f"trim {partition!r} to {keep}", lambda tx: tx.trim(MARKS, keep, partition=partition), on_model)


def _drop(partition: str) -> Deed:
    def on_model(model: Model, _: datetime) -> None:
        model.marks.pop(partition, None)

    return Deed(f"drop {partition!r}", lambda tx: tx.drop(MARKS, partition=partition), on_model)


def _read(partition: str) -> Deed:
    return Deed(
        f"read {partition!r}",
        lambda tx: [each for _, each in tx.read(MARKS, 0, partition=partition, limit=EVERYTHING)],
        lambda model, _: model.entries(partition, anything),
    )


def _emit(text: str, subject: str | None) -> Deed:
    return Deed(
        f"emit {text!r}",
        lambda tx: tx.emit(ThingTold(text=text), subject=subject),
        lambda model, _: model.told.append((text, subject)),
    )


def _mark(random: Random) -> Mark:
    return Mark(text=random.choice(TEXTS), kind=random.choice([None, "up", "down"]), at=random.choice(TIMES))


def _plain(random: Random) -> Plain:
    return Plain(slug=random.choice(KEYS), count=random.randint(-2, 2))


def _change(random: Random) -> Deed:
    values = {
        "rank": random.choice(RANKS),
        "due": random.choice(TIMES),
        "slot": random.choice(SLOTS),
        "tags": random.choice(TAGS),
        "labels": random.choice(LABELS),
        "size": random.choice(SIZES),
        "place": random.choice(PLACES),
        "mood": random.choice(MOODS),
        "name": random.choice(TEXTS),
        "expires_at": random.choice(TIMES),
    }
    fields = random.sample([*values, "slot", "slot", "expires_at"], k=random.randint(0, 4))
    return _update(random.choice(KEYS), {field: values[field] for field in fields}, random.choice([True, False]))


def _time(random: Random) -> datetime:
    hours = random.randint(-2, 5)
    return START + timedelta(hours=hours, microseconds=hours)


# Those that change something stand here more often.
DEEDS: tuple[Callable[[Random], Deed], ...] = (
    *(lambda random: _insert(THINGS, _thing(random)),) * 2,
    *(lambda random: _put(THINGS, _thing(random)),) * 4,
    *(_change,) * 4,
    lambda random: _insert(PLAINS, _plain(random)),
    lambda random: _put(PLAINS, _plain(random)),
    *(lambda random: _pop(THINGS, random.choice(KEYS)),) * 2,
    lambda random: _pop(PLAINS, random.choice(KEYS)),
    lambda random: _clear(_demand(random)),
    lambda random: _get(THINGS, random.choice(KEYS)),
    lambda random: _find(random.choice(["x", "X", "é"])),
    *(lambda random: _list(random.choice(ORDERS), _demand(random)),) * 2,
    *(lambda random: _count(_demand(random)),) * 2,
    *(lambda random: _all(_demand(random)),) * 2,
    *(lambda random: _append(random.choice(PARTITIONS), _mark(random)),) * 2,
    *(lambda random: _extend(random.choice(PARTITIONS), [_mark(random) for _ in range(random.randint(0, 4))]),) * 2,
    *(lambda random: _expire(random.choice([None, *PARTITIONS]), _time(random)),) * 2,
    lambda random: _trim(random.choice(PARTITIONS), random.randint(0, 2)),
    lambda random: _drop(random.choice(PARTITIONS)),
    lambda random: _read(random.choice(PARTITIONS)),
    lambda random: _emit(random.choice(TEXTS), random.choice([None, *KEYS])),
)


def _deed(random: Random) -> Deed:
    return random.choice(DEEDS)(random)


def _beginning(random: Random) -> list[Deed]:
    """Something under every key or under some, and entries in a log or two."""
    documents = [
        _thing(random).model_copy(update={"id": key}) for key in random.sample(KEYS, random.choice([0, 3, 7, 7]))
    ]
    marks = [_extend(partition, [_mark(random) for _ in range(5)]) for partition in random.sample(PARTITIONS, 2)]
    return [*(_put(THINGS, document) for document in documents), *marks]


def drawn(make: Callable[[Random], T]) -> st.SearchStrategy[T]:
    """One of many, each made once and as likely as the others: Hypothesis itself has a liking for a few."""
    made = cache(lambda seed: make(Random(seed)))
    return st.integers(0, 1999).map(lambda seed: made(seed))  # Hypothesis asks a function for its code


deeds, any_demand = drawn(_deed), drawn(_demand)
to_do = st.lists(deeds, min_size=1, max_size=10)


def do_all(tx: Tx, to_do: Sequence[Deed], seen: list[Any]) -> None:
    """Do all of it, noting what is seen; an engine may run this twice, so it starts from nothing."""
    seen[:] = [deed.on_tx(tx) for deed in to_do]


def do_all_and_raise(tx: Tx, to_do: Sequence[Deed], seen: list[Any]) -> None:
    do_all(tx, to_do, seen)
    raise MidwayError


def walked(give: Callable[[str | None], Page[Any]]) -> list[Any]:
    """Everything that a walk from page to page shows."""
    found: list[Any] = []
    cursor = None
    for _ in range(EVERYTHING):
        page = give(cursor)
        found, cursor = found + page.items, page.next
        if cursor is None:
            return found
    raise AssertionError("the walk does not end")


class Stage:
    """Where the machine plays: an empty storage for each example.

    A database of PostgreSQL takes as long to make as a whole example; so one of them is emptied and used again.
    """

    def __init__(self, engine: str) -> None:
        self._engine, self._is_kept = engine, engine == "postgresql"
        self.clock = FrozenClock(START)
        self.store = OpenStorage(engine, STORES, self.clock)

    def clear(self) -> None:
        if self._is_kept:
            self.clock.now = START - timedelta(days=1)  # when nothing has expired
            self.store.transact(empty)
        else:
            self.store.close()
            self.store = OpenStorage(self._engine, STORES, self.clock)
        self.clock.now = START


EMPTIED: tuple[Collection[Any], ...] = (THINGS, PLAINS)


def empty(tx: Tx) -> None:
    for collection in EMPTIED:
        for document in tx.all(collection):
            tx.pop(collection, collection.key_of(document))
    for partition in PARTITIONS:
        tx.drop(MARKS, partition=partition)
    tx.drop(EVENTS)


class Glimpse(NamedTuple):
    """What a look at a storage shows."""

    things: list[Thing]
    plains: list[Plain]
    found: Thing | None
    marks: list[tuple[int, Mark]]
    behind: list[tuple[int, Mark]]
    ends: tuple[int, int]
    told: list[tuple[str, str | None]]


def look(tx: Tx, turn: int) -> Glimpse:
    """A look at everything, each time in another order and from another side."""
    partition, slot = PARTITIONS[turn % len(PARTITIONS)], SLOTS[-1 - turn % 3]
    found = tx.read(MARKS, 0, partition=partition, limit=EVERYTHING)
    somewhere = found[turn % len(found)][0] if found else 0
    return Glimpse(
        tx.page(THINGS, PageQuery(limit=200), order=ORDERS[turn % len(ORDERS)]).items,
        tx.page(PLAINS, PageQuery(limit=200), order=PLAIN_ORDERS[turn % len(PLAIN_ORDERS)]).items,
        tx.find(THINGS, "slot", slot),
        found,
        tx.read(MARKS, somewhere, partition=partition, limit=EVERYTHING),
        tx.ends(MARKS, partition=partition),
        [(event.data["text"], event.subject) for _, event in tx.read(EVENTS, 0, limit=EVERYTHING)],
    )


class StorageMachine(RuleBasedStateMachine):
    """Transactions, failed transactions, time and sweeping in any order."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        stage.clear()
        self.clock, self.store = stage.clock, stage.store
        self.model = Model()
        self.turn = 0

    @initialize(beginning=drawn(_beginning))
    def begin(self, beginning: list[Deed]) -> None:
        self.transact(beginning)

    def transact(self, to_do: Sequence[Deed]) -> None:
        seen: list[Any] = []
        self.store.transact(do_all, to_do, seen)
        assert seen == [deed.on_model(self.model, self.clock.now) for deed in to_do]

    # Each rule does something, as Hypothesis leaves out some of the rules for the whole of an example.

    @rule(to_do=to_do)
    def do(self, to_do: list[Deed]) -> None:
        self.transact(to_do)

    @rule(to_do=to_do, in_vain=to_do)
    def do_in_vain(self, to_do: list[Deed], in_vain: list[Deed]) -> None:
        self.transact(to_do)
        seen: list[Any] = []
        with suppress(MidwayError):
            self.store.transact(do_all_and_raise, in_vain, seen)
        forgotten = self.model.copy()
        assert seen == [deed.on_model(forgotten, self.clock.now) for deed in in_vain]

    @rule(to_do=to_do, minutes=st.sampled_from([1, 60, 150]), is_swept=st.booleans())
    def let_time_pass(self, to_do: list[Deed], minutes: int, is_swept: bool) -> None:
        self.clock.advance(minutes=minutes)
        if is_swept:
            self.store.run(self.store.storage.sweep())
        self.transact(to_do)

    @rule(to_do=to_do, at=st.integers(0, len(ORDERS) - 1), demand=any_demand, limit=st.integers(1, 3))
    def walk(self, to_do: list[Deed], at: int, demand: Demand, limit: int) -> None:
        self.transact(to_do)
        for order in (ORDERS[at], ORDERS[at - 7], ORDERS[at - 14]):
            self._walk(order, demand, limit)

    def _walk(self, order: str, demand: Demand, limit: int) -> None:
        def give(cursor: str | None) -> Page[Thing]:
            query = PageQuery(limit=limit, after=cursor)
            page = self.store.transact(Tx.page, THINGS, query, order=order, where=demand.where)
            assert 0 < len(page.items) == limit or page.next is None
            return page

        found = walked(give)
        assert found == self.model.ordered(THINGS, self.clock.now, order, demand.holds)

    @rule(
        to_do=to_do,
        partition=st.sampled_from(PARTITIONS),
        is_newest_first=st.booleans(),
        kind=st.none() | st.sampled_from(["up", "down"]),
        limit=st.integers(1, 3),
    )
    def walk_log(self, to_do: list[Deed], partition: str, is_newest_first: bool, kind: str | None, limit: int) -> None:
        self.transact(to_do)
        where = (equals("kind", kind),) if kind else ()

        def give(cursor: str | None) -> Page[Mark]:
            query = PageQuery(limit=limit, after=cursor)
            return self.store.transact(
                Tx.entries, MARKS, query, partition=partition, where=where, is_newest_first=is_newest_first
            )

        found = walked(give)
        expected = self.model.entries(partition, lambda mark: kind in (None, mark.kind))
        assert found == (expected[::-1] if is_newest_first else expected)

    @invariant()
    def shows_what_the_model_holds(self) -> None:
        self.turn += 1
        seen, now, turn = self.store.transact(look, self.turn), self.clock.now, self.turn
        assert seen.things == self.model.ordered(THINGS, now, ORDERS[turn % len(ORDERS)], anything)
        assert seen.plains == self.model.ordered(PLAINS, now, PLAIN_ORDERS[turn % len(PLAIN_ORDERS)], anything)
        assert seen.found == _find(str(SLOTS[-1 - turn % 3])).on_model(self.model, now)
        assert seen.told == self.model.told
        self._check_marks(seen, self.model.marks.get(PARTITIONS[turn % len(PARTITIONS)], []), turn)

    def _check_marks(self, seen: Glimpse, expected: list[Mark], turn: int) -> None:
        places = [place for place, _ in seen.marks]
        assert [mark for _, mark in seen.marks] == expected
        assert places == sorted(set(places))
        assert seen.ends == ((places[0], places[-1]) if places else (1, 0))
        assert seen.behind == (seen.marks[turn % len(places) + 1 :] if places else [])


class Effort(NamedTuple):
    """How much an engine is put to: PostgreSQL takes fifteen times as long for a step as memory."""

    examples: int
    steps: int


EFFORTS = {"memory": Effort(75, 30), "sqlite": Effort(30, 30), "postgresql": Effort(25, 30)}


@pytest.mark.parametrize("engine", ENGINES)
def test_any_run_of_transactions_shows_what_a_plain_storage_would(engine: str) -> None:
    stage, effort = Stage(engine), EFFORTS[engine]

    class Machine(StorageMachine):
        def __init__(self) -> None:
            super().__init__(stage)

    try:
        run_state_machine_as_test(
            Machine, settings=settings(STEADY, max_examples=effort.examples, stateful_step_count=effort.steps)
        )
    finally:
        stage.store.close()


# What the machine does not come to


@pytest.fixture(params=ENGINES)
def store(request: pytest.FixtureRequest) -> Iterator[OpenStorage]:
    opened = OpenStorage(request.param, STORES, FrozenClock(START))
    yield opened
    opened.close()


@pytest.fixture
def two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than two entries or documents go in one transaction."""
    for module in (memory, sql):
        monkeypatch.setattr(module, "MOST_TOGETHER", 2)
    for module in (memory, sql, database):
        monkeypatch.setattr(module, "MOST_APART", 2)


def until_none_goes(store: OpenStorage, let_go: Callable[[Tx], int]) -> list[int]:
    """How many go, transaction by transaction."""
    return [gone for _ in range(4) if (gone := store.transact(let_go))]


@pytest.mark.usefixtures("two_at_once")
def test_what_is_let_go_of_goes_a_part_at_a_time_the_oldest_first(store: OpenStorage) -> None:
    for text, partition in zip("abcdef", ("", "p", "p", "", "q", "p"), strict=True):
        store.transact(Tx.append, MARKS, Mark(text=text, at=START), partition=partition)
    later = START + timedelta(hours=1)

    def left(tx: Tx) -> str:
        parts = [tx.read(MARKS, 0, partition=partition) for partition in ("", "p", "q")]
        return "".join(mark.text for part in parts for _, mark in part)

    assert store.transact(lambda tx: tx.expire(MARKS, later, partition=None)) == 2
    assert store.transact(left) == "dcfe"
    assert until_none_goes(store, lambda tx: tx.expire(MARKS, later, partition=None)) == [2, 2]
    store.transact(Tx.extend, MARKS, [Mark(text=text, at=START) for text in "abcdef"])
    assert store.transact(lambda tx: tx.trim(MARKS, 1)) == 2
    assert store.transact(left) == "cdef"
    assert store.transact(lambda tx: tx.expire(MARKS, later)) == 2
    assert store.transact(left) == "ef"


@pytest.mark.usefixtures("two_at_once")
def test_a_sweep_goes_on_until_nothing_expired_is_left(store: OpenStorage) -> None:
    for key in KEYS[:5]:
        store.transact(Tx.insert, THINGS, Thing(id=key, expires_at=START))
    store.transact(Tx.insert, THINGS, Thing(id=KEYS[5]))
    assert store.transact(Tx.sweep, THINGS) == 2
    assert store.run(store.storage.sweep()) == 3
    assert [thing.id for thing in store.transact(Tx.all, THINGS)] == [KEYS[5]]


class Kind(Enum):
    """Values without an order of their own."""

    ONE = "one"


class Odd(Schema):
    """Fields that no engine can put in order."""

    id: str
    kind: Kind = Kind.ONE
    both: int | str = 0
    deep: dict[str, int] | None = None
    any_of: Any = None


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("field", ["kind", "both", "deep", "any_of"])
async def test_what_has_no_order_is_refused_as_an_index_by_every_engine(engine: str, field: str) -> None:
    async with ENGINES[engine](FrozenClock()) as storage:
        with pytest.raises(TypeError, match=f"odds: '{field}' cannot be indexed"):
            await storage.open([Collection("odds", Odd, indexes=(field,))])


def test_a_list_is_refused_as_an_index_of_a_log() -> None:
    with pytest.raises(TypeError, match="things: 'tags' is a list, and a log has no index on lists"):
        columns_of(Log("things", Thing, indexes=("tags",)))
