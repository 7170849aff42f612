"""Storage against a plain-Python model: any run of transactions, whole or taken back, shows what it holds."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from slice_api.chassis import (
    EVENTS,
    Collection,
    Condition,
    Page,
    PageQuery,
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
from tests.chassis.storage_model import (
    MARKS,
    PLAINS,
    STORES,
    THINGS,
    Holds,
    Mark,
    Model,
    Plain,
    Thing,
    ThingTold,
    anything,
    folded,
)
from tests.chassis.strategies import STEADY
from tests.engines import ENGINES, OpenStorage
from tests.support import FrozenClock

TAKEN = "taken"
EVERYTHING = 1000
START = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
PARTITIONS = ("", "a", "b/é")
ORDERS = ("id", "-id", "rank", "-rank", "due", "-due", "is_high", "-is_high")


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
SLOTS = [None, None, "x", "X", "é"]


def _random_thing(random: Random) -> Thing:
    return Thing(
        id=random.choice(KEYS),
        name=random.choice(TEXTS),
        note=random.choice([None, *TEXTS]),
        rank=random.choice(RANKS),
        due=random.choice(TIMES),
        tags=random.choice(TAGS),
        slot=random.choice(SLOTS),
        expires_at=random.choice([None, None, None, *TIMES]),
    )


# Whole documents are drawn from a pool: an example is then short, and the longer for that in what it does.
POOL = [_random_thing(Random(seed)) for seed in range(300)]
FIRST = [Thing(id=key, rank=rank) for key, rank in zip(KEYS, [None, 1, 0, 1, None, -1, 2], strict=True)]

keys = st.sampled_from(KEYS)
texts = st.sampled_from(TEXTS)
ranks = st.sampled_from(RANKS)
times = st.sampled_from(TIMES)
tags = st.sampled_from(TAGS)
slots = st.sampled_from(SLOTS)
things = st.integers(0, len(POOL) - 1).map(lambda at: POOL[at])
plains = st.builds(Plain, slug=keys, count=st.integers(-2, 2))


# Conditions, each beside its meaning.


def _compared(make: Callable[[str, Any], Condition], holds: Callable[[Any, Any], bool]) -> Any:
    def demand(pair: tuple[str, Any]) -> Demand:
        name, value = pair
        return Demand(
            make(name, value),
            lambda document: (found := getattr(document, name)) is not None and holds(found, value),
        )

    numbers = st.tuples(st.just("rank"), st.integers(-2, 2))
    moments = st.tuples(st.just("due"), times.filter(lambda each: each is not None))
    return (numbers | moments).map(demand)


def _search(text: str) -> Demand:
    wanted = text.casefold()
    return Demand(
        matches(text),
        lambda thing: any(wanted in each for each in folded((thing.name, thing.note))),
    )


simple_demands = st.one_of(
    _compared(equals, lambda found, value: bool(found == value)),
    _compared(before, lambda found, value: bool(found < value)),
    _compared(at_most, lambda found, value: bool(found <= value)),
    _compared(after, lambda found, value: bool(found > value)),
    _compared(at_least, lambda found, value: bool(found >= value)),
    st.sampled_from(["rank", "due", "slot"]).map(
        lambda name: Demand(is_missing(name), lambda thing: getattr(thing, name) is None)
    ),
    st.sampled_from(["red", "re", "r", '"']).map(lambda tag: Demand(has("tags", tag), lambda thing: tag in thing.tags)),
    st.lists(st.sampled_from(["x", "X", "q"]), max_size=2).map(
        lambda values: Demand(one_of("slot", values), lambda thing: thing.slot in values)
    ),
    st.booleans().map(lambda value: Demand(equals("is_high", value), lambda thing: thing.is_high is value)),
    st.sampled_from(["Straße", "strasse", "STRASSE", "É", "%", "_", "\\", "i"]).map(_search),
)


def _any_of(demands: Sequence[Demand]) -> Demand:
    conditions = [each.condition for each in demands if each.condition is not None]
    return Demand(either(*conditions), lambda thing: any(each.holds(thing) for each in demands))


either_demands = st.lists(simple_demands, min_size=1, max_size=2).map(_any_of)
no_demand = st.just(Demand(None, anything))
demands = no_demand | simple_demands | no_demand | either_demands


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


def _insert(collection: Collection[Any], document: Any) -> Deed:
    return Deed(
        f"insert {document!r}",
        lambda tx: _or_taken(lambda: tx.insert(collection, document)),
        partial(_model_insert, collection, document),
    )


def _put(collection: Collection[Any], document: Any) -> Deed:
    return Deed(
        f"put {document!r}",
        lambda tx: _or_taken(lambda: tx.put(collection, document)),
        lambda model, now: _keep(model, collection, document, now),
    )


def _update(key: str, fields: dict[str, Any], is_silent: bool) -> Deed:
    def change(thing: Thing) -> Thing:
        return thing.model_copy(update=fields) if fields else thing

    return Deed(
        f"update {key!r} with {fields!r}",
        lambda tx: _or_taken(lambda: tx.update(THINGS, key, change, is_silent=is_silent)),
        partial(_model_update, key, change),
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


def _count(demand: Demand) -> Deed:
    return Deed(
        f"count where {demand.condition}",
        lambda tx: tx.count(THINGS, *demand.where),
        lambda model, now: len(model.ordered(THINGS, now, "id", demand.holds)),
    )


# What can be done to logs.


def _append(partition: str, mark: Mark) -> Deed:
    def on_tx(tx: Tx) -> bool:
        _, newest = tx.ends(MARKS, partition=partition)
        return tx.append(MARKS, mark, partition=partition) > newest

    def on_model(model: Model, _: datetime) -> bool:
        model.marks.setdefault(partition, []).append(mark)
        return True

    return Deed(f"append {mark!r} to {partition!r}", on_tx, on_model)


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


marks = st.builds(Mark, text=texts, kind=st.none() | st.sampled_from(["up", "down"]))
partitions = st.sampled_from(PARTITIONS)
changes = st.fixed_dictionaries(
    {}, optional={"rank": ranks, "due": times, "slot": slots, "tags": tags, "expires_at": times, "name": texts}
)
deeds = st.one_of(
    things.map(partial(_insert, THINGS)),
    things.map(partial(_put, THINGS)),
    plains.map(partial(_insert, PLAINS)),
    plains.map(partial(_put, PLAINS)),
    st.builds(_update, keys, changes, st.booleans()),
    keys.map(partial(_pop, THINGS)),
    keys.map(partial(_pop, PLAINS)),
    keys.map(partial(_get, THINGS)),
    st.sampled_from(["x", "X", "é"]).map(_find),
    st.builds(_list, st.sampled_from(ORDERS), demands),
    demands.map(_count),
    st.builds(_append, partitions, marks),
    st.builds(_trim, partitions, st.integers(0, 2)),
    partitions.map(_drop),
    partitions.map(_read),
    st.builds(_emit, texts, st.none() | keys),
)


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


class StorageMachine(RuleBasedStateMachine):
    """Transactions, failed transactions, time and sweeping in any order."""

    def __init__(self, engine: str) -> None:
        super().__init__()
        self.clock = FrozenClock(START)
        self.store = OpenStorage(engine, STORES, self.clock)
        self.model = Model()

    def teardown(self) -> None:
        self.store.close()

    @initialize(count=st.sampled_from([7, 5, 3, 0]))
    def begin(self, count: int) -> None:
        self.transact([_insert(THINGS, thing) for thing in FIRST[:count]])

    def transact(self, to_do: Sequence[Deed]) -> None:
        seen: list[Any] = []
        self.store.transact(do_all, to_do, seen)
        assert seen == [deed.on_model(self.model, self.clock.now) for deed in to_do]

    def fail(self, to_do: Sequence[Deed]) -> None:
        seen: list[Any] = []
        with suppress(MidwayError):
            self.store.transact(do_all_and_raise, to_do, seen)
        forgotten = self.model.copy()
        assert seen == [deed.on_model(forgotten, self.clock.now) for deed in to_do]

    @rule(to_do=st.lists(deeds, min_size=1, max_size=8), fails=st.booleans())
    def do(self, to_do: list[Deed], fails: bool) -> None:
        if fails:
            self.fail(to_do)
            return
        self.transact(to_do)

    @rule(minutes=st.sampled_from([1, 60, 150]), is_swept=st.booleans())
    def let_time_pass(self, minutes: int, is_swept: bool) -> None:
        self.clock.advance(minutes=minutes)
        if is_swept:
            self.store.run(self.store.storage.sweep())

    @rule(order=st.sampled_from(ORDERS), demand=demands, limit=st.integers(1, 3))
    def walk(self, order: str, demand: Demand, limit: int) -> None:
        def give(cursor: str | None) -> Page[Thing]:
            query = PageQuery(limit=limit, after=cursor)
            page = self.store.transact(Tx.page, THINGS, query, order=order, where=demand.where)
            assert 0 < len(page.items) == limit or page.next is None
            return page

        found = walked(give)
        assert found == self.model.ordered(THINGS, self.clock.now, order, demand.holds)

    @rule(
        partition=partitions,
        is_newest_first=st.booleans(),
        kind=st.none() | st.sampled_from(["up", "down"]),
        limit=st.integers(1, 3),
    )
    def walk_log(self, partition: str, is_newest_first: bool, kind: str | None, limit: int) -> None:
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
        now, model = self.clock.now, self.model
        for order in ORDERS:
            page = self.store.transact(Tx.page, THINGS, PageQuery(limit=200), order=order)
            assert page.items == model.ordered(THINGS, now, order, anything)
        for order in ("slug", "-slug", "count", "-count"):
            plain_page = self.store.transact(Tx.page, PLAINS, PageQuery(limit=200), order=order)
            assert plain_page.items == model.ordered(PLAINS, now, order, anything)
        for slot in ("x", "X", "é"):
            assert self.store.transact(Tx.find, THINGS, "slot", slot) == _find(slot).on_model(model, now)

    @invariant()
    def tells_what_the_model_was_told(self) -> None:
        events = self.store.transact(Tx.read, EVENTS, 0, limit=EVERYTHING)
        assert [(event.data["text"], event.subject) for _, event in events] == self.model.told
        for partition in PARTITIONS:
            self._holds_the_marks_of(partition)

    def _holds_the_marks_of(self, partition: str) -> None:
        found = self.store.transact(Tx.read, MARKS, 0, partition=partition, limit=EVERYTHING)
        places = [place for place, _ in found]
        assert [mark for _, mark in found] == self.model.marks.get(partition, [])
        assert places == sorted(set(places))
        oldest, newest = self.store.transact(Tx.ends, MARKS, partition=partition)
        assert (oldest, newest) == ((places[0], places[-1]) if places else (1, 0))
        for at, place in enumerate(places):
            behind = self.store.transact(Tx.read, MARKS, place, partition=partition, limit=EVERYTHING)
            assert behind == found[at + 1 :]


EXAMPLES = {"memory": 80, "sqlite": 50, "postgresql": 15}
"""How many runs to try; a step takes the databases longer."""


@pytest.mark.parametrize("engine", ENGINES)
def test_any_run_of_transactions_shows_what_a_plain_storage_would(engine: str) -> None:
    class Machine(StorageMachine):
        def __init__(self) -> None:
            super().__init__(engine)

    run_state_machine_as_test(Machine, settings=settings(STEADY, max_examples=EXAMPLES[engine], stateful_step_count=20))
