"""The storage port: what a transaction promises beyond what the machine in test_storage_machine.py walks through."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from sys import getsizeof

import pytest

from slice_api.chassis import (
    EVENTS,
    Collection,
    Log,
    PageQuery,
    Problem,
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
from slice_api.chassis.storage.tx import Origin, version_tag
from tests.chassis.storage_model import MARKS, PLAINS, STORES, THINGS, Mark, Plain, Thing, ThingTold
from tests.engines import ENGINES, OpenStorage
from tests.support import FrozenClock


@pytest.fixture(params=ENGINES)
def store(request: pytest.FixtureRequest, clock: FrozenClock) -> Iterator[OpenStorage]:
    opened = OpenStorage(request.param, STORES, clock)
    yield opened
    opened.close()


def insert(store: OpenStorage, *things: Thing) -> None:
    for thing in things:
        store.transact(Tx.insert, THINGS, thing)


def version_of(store: OpenStorage, key: str) -> int:
    origin = Origin()
    store.transact_as(origin, lambda tx: tx.get(THINGS, key))
    return origin.seen[key]


def if_match(store: OpenStorage, *versions: int, keys: tuple[str, ...] = ("a",)) -> Origin:
    return Origin(keys=keys, expected=frozenset(version_tag(each) for each in versions))


def renamed(thing: Thing) -> Thing:
    return thing.model_copy(update={"name": "new"})


# Documents


def test_a_second_document_of_the_same_key_is_taken(store: OpenStorage) -> None:
    insert(store, Thing(id="a"))
    with pytest.raises(Taken, match="the thing id 'a' is taken"):
        insert(store, Thing(id="a", name="other"))
    assert store.transact(Tx.get, THINGS, "a") == Thing(id="a")


def test_a_document_is_kept_with_all_its_fields_whichever_were_given(store: OpenStorage) -> None:
    insert(store, Thing(id="a"), Thing(id="b", name="other"))
    kept = [store.transact(Tx.get, THINGS, key) for key in ("a", "b")]
    assert [each and each.model_fields_set for each in kept] == [set(Thing.model_fields)] * 2


def test_documents_in_memory_share_what_is_the_same_for_all(clock: FrozenClock) -> None:
    store = OpenStorage("memory", STORES, clock)
    insert(store, Thing(id="a"), Thing(id="b", name="other"))
    kept = [store.transact(Tx.get, THINGS, key) for key in ("a", "b")]
    store.close()
    assert len({id(each and each.model_fields_set) for each in kept}) == 1
    assert {getsizeof(vars(each)) < getsizeof(vars(Thing(id="a"))) for each in kept} == {True}
    assert [each and list(vars(each)) for each in kept] == [list(Thing.model_fields)] * 2


def test_a_document_in_memory_that_lacks_a_field_is_kept_as_it_is(clock: FrozenClock) -> None:
    store = OpenStorage("memory", STORES, clock)
    lacking = Thing.model_construct(id="a")
    del vars(lacking)["name"]
    insert(store, lacking)
    kept = store.transact(Tx.get, THINGS, "a")
    store.close()
    assert kept is lacking
    assert "name" not in vars(kept)


def test_a_second_document_of_a_unique_value_is_taken_and_the_field_is_named(store: OpenStorage) -> None:
    insert(store, Thing(id="a", slot="x"))
    with pytest.raises(Taken) as caught:
        insert(store, Thing(id="b", slot="x"))
    assert (caught.value.collection, caught.value.field, caught.value.value) == (THINGS, "slot", "x")


def test_a_unique_value_is_free_again_once_its_document_lets_go_of_it(store: OpenStorage) -> None:
    insert(store, Thing(id="a", slot="x"))
    store.transact(Tx.update, THINGS, "a", lambda thing: thing.model_copy(update={"slot": "y"}))
    insert(store, Thing(id="b", slot="x"))
    store.transact(Tx.pop, THINGS, "a")
    insert(store, Thing(id="c", slot="y"))
    found = [store.transact(Tx.find, THINGS, "slot", slot) for slot in ("x", "y")]
    assert [each and each.id for each in found] == ["b", "c"]


def test_a_document_holds_on_to_its_own_unique_value(store: OpenStorage) -> None:
    insert(store, Thing(id="a", slot="x"))
    store.transact(Tx.put, THINGS, Thing(id="a", slot="x", name="new"))
    changed = store.transact(Tx.find, THINGS, "slot", "x")
    assert changed is not None
    assert changed.name == "new"


def test_missing_unique_values_do_not_clash(store: OpenStorage) -> None:
    insert(store, Thing(id="a"), Thing(id="b"))
    assert store.transact(Tx.count, THINGS) == 2


def test_an_expired_document_holds_neither_its_key_nor_its_unique_value(store: OpenStorage, clock: FrozenClock) -> None:
    soon = clock.now + timedelta(seconds=10)
    insert(store, Thing(id="a", slot="x", expires_at=soon), Thing(id="b", slot="y", expires_at=soon), Thing(id="c"))
    clock.advance(seconds=10)
    insert(store, Thing(id="a", slot="y"))
    taken_over = store.transact(Tx.update, THINGS, "c", lambda thing: thing.model_copy(update={"slot": "x"}))
    assert taken_over is not None
    assert {each.id for each in store.transact(Tx.all, THINGS)} == {"a", "c"}


def test_a_document_is_there_until_the_very_moment_it_expires(store: OpenStorage, clock: FrozenClock) -> None:
    insert(store, Thing(id="a", expires_at=clock.now + timedelta(seconds=10)))
    clock.advance(seconds=10, microseconds=-1)
    assert store.transact(Tx.get, THINGS, "a") is not None
    clock.advance(microseconds=1)
    assert store.transact(Tx.get, THINGS, "a") is None


def test_looking_up_many_at_once_gives_each_its_own(store: OpenStorage) -> None:
    insert(store, *(Thing(id=key, name=f"thing {key}") for key in "abc"))
    keys = ["b", "nothing", "a", "b", "", "c", "it's"]

    async def look_up() -> list[Thing | None]:
        found: list[Thing | None] = await asyncio.gather(*(store.db.get(THINGS, key) for key in keys))
        return found

    for _ in range(2):
        found = store.run(look_up())
        assert [each and each.name for each in found] == ["thing b", None, "thing a", "thing b", None, "thing c", None]


def test_sweeping_lets_go_of_the_expired_and_of_nothing_else(store: OpenStorage, clock: FrozenClock) -> None:
    insert(store, Thing(id="a", expires_at=clock.now), Thing(id="b", expires_at=clock.now + timedelta(hours=1)))
    insert(store, Thing(id="c"))
    assert store.run(store.storage.sweep()) == 1
    assert store.run(store.storage.sweep()) == 0
    assert [each.id for each in store.transact(Tx.all, THINGS)] == ["b", "c"]


def test_clearing_takes_out_what_fits_and_nothing_else_and_says_how_much(store: OpenStorage) -> None:
    insert(store, *(Thing(id=key, rank=1) for key in ("a/1", "a/2", "a0", "b/1")))
    assert store.transact(Tx.clear, THINGS, at_least("id", "a/"), before("id", "a0")) == 2
    assert [thing.id for thing in store.transact(Tx.all, THINGS)] == ["a0", "b/1"]
    assert store.transact(Tx.clear, THINGS, equals("rank", 2)) == 0


def test_an_update_must_not_change_the_key(store: OpenStorage) -> None:
    insert(store, Thing(id="a"))
    with pytest.raises(TypeError, match="must not change the key of a thing"):
        store.transact(Tx.update, THINGS, "a", lambda thing: thing.model_copy(update={"id": "b"}))
    assert [each.id for each in store.transact(Tx.all, THINGS)] == ["a"]


def test_an_update_of_nothing_gives_nothing(store: OpenStorage) -> None:
    assert store.transact(Tx.update, THINGS, "a", renamed) is None


# All or nothing


def test_a_failed_transaction_leaves_no_document_entry_or_event(store: OpenStorage) -> None:
    insert(store, Thing(id="a", slot="x", rank=1), Thing(id="b", slot="y"))
    store.transact(lambda tx: tx.append(MARKS, Mark(text="first")))

    def change_much_and_fail(tx: Tx) -> None:
        tx.pop(THINGS, "a")
        tx.update(THINGS, "b", lambda thing: thing.model_copy(update={"slot": "x", "rank": 9}))
        tx.insert(THINGS, Thing(id="c", slot="y", rank=5))
        tx.append(MARKS, Mark(text="second"))
        tx.append(MARKS, Mark(text="elsewhere"), partition="p")
        tx.trim(MARKS, 1)
        tx.drop(MARKS)
        tx.append(MARKS, Mark(text="third"))
        tx.emit(ThingTold(text="it happened"))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.transact(change_much_and_fail)
    assert store.transact(lambda tx: tx.page(THINGS, order="rank")).items == [
        Thing(id="b", slot="y"),
        Thing(id="a", slot="x", rank=1),
    ]
    slots = [store.transact(Tx.find, THINGS, "slot", slot) for slot in ("x", "y")]
    assert [each and each.id for each in slots] == ["a", "b"]
    assert [mark.text for _, mark in store.transact(Tx.read, MARKS, 0)] == ["first"]
    assert store.transact(Tx.read, MARKS, 0, partition="p") == []
    assert store.transact(Tx.read, EVENTS, 0) == []


def test_a_failed_transaction_leaves_the_version_as_it_was(store: OpenStorage) -> None:
    insert(store, Thing(id="a"))
    version = version_of(store, "a")

    def change_and_fail(tx: Tx) -> None:
        tx.update(THINGS, "a", renamed)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.transact(change_and_fail)
    assert version_of(store, "a") == version


def test_a_clash_that_is_caught_leaves_the_rest_of_its_transaction(store: OpenStorage) -> None:
    insert(store, Thing(id="a"))

    def try_two(tx: Tx) -> None:
        with pytest.raises(Taken):
            tx.insert(THINGS, Thing(id="a", name="other"))
        tx.insert(THINGS, Thing(id="b"))

    store.transact(try_two)
    assert [(each.id, each.name) for each in store.transact(Tx.all, THINGS)] == [("a", ""), ("b", "")]


def test_one_transaction_has_one_moment(store: OpenStorage, clock: FrozenClock) -> None:
    def look_twice(tx: Tx) -> bool:
        first = tx.now
        clock.advance(seconds=5)
        return tx.now == first

    assert store.transact(look_twice)


def test_thousands_of_documents_stay_in_order_while_they_move(store: OpenStorage) -> None:
    ranks = {f"{at:04}": at * 7919 % 4001 for at in range(3000)}
    moved = {key: -rank for key, rank in ranks.items() if rank % 3 == 0}
    every = PageQuery.model_construct(limit=5000, after=None)

    def fill(tx: Tx) -> list[str]:
        for key, rank in ranks.items():
            tx.insert(THINGS, Thing(id=key, rank=rank))
        return [thing.id for thing in tx.page(THINGS, every, order="rank").items]

    def move(tx: Tx) -> None:
        for key, rank in moved.items():
            tx.put(THINGS, Thing(id=key, rank=rank))

    assert store.transact(fill) == sorted(ranks, key=lambda key: (ranks[key], key))
    store.transact(move)
    ranks |= moved
    after_all = store.transact(Tx.page, THINGS, every, order="-rank").items
    assert [thing.id for thing in after_all] == sorted(ranks, key=lambda key: (ranks[key], key), reverse=True)
    page = store.transact(Tx.page, THINGS, PageQuery(limit=3), order="rank", where=[after("rank", 100)])
    rest = store.transact(
        Tx.page, THINGS, PageQuery(limit=3, after=page.next), order="rank", where=[after("rank", 100)]
    )
    above = sorted((rank, key) for key, rank in ranks.items() if rank > 100)
    assert [thing.id for thing in page.items + rest.items] == [key for _, key in above[:6]]


# Versions, If-Match and what an answer is made of


def test_a_change_gives_a_new_version_and_a_silent_one_keeps_it(store: OpenStorage) -> None:
    insert(store, Thing(id="a"))
    first = version_of(store, "a")
    store.transact(Tx.update, THINGS, "a", renamed, is_silent=True)
    assert version_of(store, "a") == first
    store.transact(Tx.update, THINGS, "a", lambda thing: thing)
    assert version_of(store, "a") == first
    store.transact(Tx.update, THINGS, "a", lambda thing: thing.model_copy(update={"rank": 2}))
    second = version_of(store, "a")
    store.transact(Tx.put, THINGS, Thing(id="a"))
    assert len({first, second, version_of(store, "a")}) == 3


def test_a_document_made_anew_under_an_old_key_has_another_version(store: OpenStorage) -> None:
    insert(store, Thing(id="a"))
    first = version_of(store, "a")
    store.transact(Tx.pop, THINGS, "a")
    insert(store, Thing(id="a"))
    assert version_of(store, "a") != first


WRITES: dict[str, Callable[[Tx], Thing | None]] = {
    "update": lambda tx: tx.update(THINGS, "a", renamed),
    "put": lambda tx: tx.put(THINGS, Thing(id="a", name="new")),
    "pop": lambda tx: tx.pop(THINGS, "a"),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_write_under_an_old_version_is_refused_and_leaves_the_document(store: OpenStorage, write: str) -> None:
    insert(store, Thing(id="a"))
    old = version_of(store, "a")
    store.transact(Tx.update, THINGS, "a", lambda thing: thing.model_copy(update={"rank": 1}))
    with pytest.raises(Problem) as refused:
        store.transact_as(if_match(store, old), WRITES[write])
    assert refused.value.kind == "precondition-failed"
    assert store.transact(Tx.get, THINGS, "a") == Thing(id="a", rank=1)


@pytest.mark.parametrize("write", WRITES)
def test_a_write_under_the_present_version_goes_through(store: OpenStorage, write: str) -> None:
    insert(store, Thing(id="a"))
    store.transact_as(if_match(store, 1, version_of(store, "a")), WRITES[write])
    assert store.transact(Tx.get, THINGS, "a") != Thing(id="a")


def test_a_star_fits_every_version(store: OpenStorage) -> None:
    insert(store, Thing(id="a"))
    assert store.transact_as(Origin(keys=("a",), expected=frozenset("*")), lambda tx: tx.pop(THINGS, "a"))


def test_a_silent_change_is_asked_for_no_version(store: OpenStorage) -> None:
    insert(store, Thing(id="a"))
    silently = store.transact_as(if_match(store, 1), lambda tx: tx.update(THINGS, "a", renamed, is_silent=True))
    assert silently is not None


def test_the_version_is_that_of_the_document_which_the_path_names(store: OpenStorage) -> None:
    insert(store, Thing(id="a"), Thing(id="other"))
    origin = if_match(store, version_of(store, "a"))

    def change_both(tx: Tx) -> None:
        tx.update(THINGS, "other", renamed)
        tx.update(THINGS, "a", renamed)

    store.transact_as(origin, change_both)
    assert store.transact(Tx.count, THINGS, matches("new")) == 2


def test_without_a_document_of_the_paths_name_the_first_changed_one_counts(store: OpenStorage) -> None:
    insert(store, Thing(id="a"), Thing(id="b"))
    with pytest.raises(Problem) as refused:
        store.transact_as(
            if_match(store, version_of(store, "b"), keys=("alias",)), lambda tx: tx.update(THINGS, "a", renamed)
        )
    assert refused.value.kind == "precondition-failed"
    assert store.transact(Tx.count, THINGS, matches("new")) == 0
    fitting = if_match(store, version_of(store, "a"), keys=("alias",))
    assert store.transact_as(fitting, lambda tx: tx.update(THINGS, "a", renamed))


def test_an_asker_learns_what_was_made_met_and_where_the_list_goes_on(store: OpenStorage) -> None:
    origin = Origin(by="somebody")

    def make_two_and_list(tx: Tx) -> None:
        tx.insert(THINGS, Thing(id="b"))
        tx.insert(THINGS, Thing(id="a"))
        tx.emit(ThingTold(text="made"), subject="b")
        tx.page(THINGS, PageQuery(limit=1))

    store.transact_as(origin, make_two_and_list)
    assert origin.created == "b"
    assert origin.seen.keys() == {"a", "b"}
    assert origin.next_cursor is not None
    [(_, event)] = store.transact(Tx.read, EVENTS, 0)
    assert (event.by, event.subject, event.type, event.slice) == ("somebody", "b", "things.told", "things")
    assert event.data == {"text": "made"}


# Lists


@pytest.mark.parametrize("order", ["rank", "-rank"])
def test_a_walk_shows_each_item_that_was_there_throughout_exactly_once(store: OpenStorage, order: str) -> None:
    staying = [Thing(id=f"stay{at:02}", rank=at if at % 3 else None) for at in range(12)]
    passing = [Thing(id=f"pass{at:02}", rank=at) for at in range(12)]
    insert(store, *staying, *passing[:6])
    seen: list[str] = []
    cursor: str | None = None
    for turn in range(100):
        page = store.transact(Tx.page, THINGS, PageQuery(limit=2, after=cursor), order=order)
        seen += [each.id for each in page.items]
        cursor = page.next
        if cursor is None:
            break
        if turn < 6:
            store.transact(Tx.pop, THINGS, passing[turn].id)
            insert(store, passing[6 + turn])
    assert sorted(each for each in seen if each.startswith("stay")) == [each.id for each in staying]


def test_a_cursor_outlives_the_document_it_was_made_of(store: OpenStorage) -> None:
    insert(store, *(Thing(id=each) for each in "abcd"))
    first = store.transact(Tx.page, THINGS, PageQuery(limit=2))
    store.transact(Tx.pop, THINGS, "b")
    rest = store.transact(Tx.page, THINGS, PageQuery(limit=2, after=first.next))
    assert ([each.id for each in rest.items], rest.next) == (["c", "d"], None)


@pytest.mark.parametrize("order", ["-id", "rank"])
def test_a_cursor_of_one_order_is_refused_for_another(store: OpenStorage, order: str) -> None:
    insert(store, Thing(id="a"), Thing(id="b"))
    page = store.transact(Tx.page, THINGS, PageQuery(limit=1))
    with pytest.raises(Problem) as refused:
        store.transact(Tx.page, THINGS, PageQuery(after=page.next), order=order)
    assert refused.value.kind == "invalid"


def test_a_cursor_of_one_collection_is_refused_for_another(store: OpenStorage) -> None:
    insert(store, Thing(id="a"), Thing(id="b"))
    page = store.transact(Tx.page, THINGS, PageQuery(limit=1))
    with pytest.raises(Problem):
        store.transact(Tx.page, PLAINS, PageQuery(after=page.next))


def test_a_cursor_of_one_partition_is_refused_for_another(store: OpenStorage) -> None:
    for text in "abc":
        store.transact(Tx.append, MARKS, Mark(text=text), partition="p")
    page = store.transact(Tx.entries, MARKS, PageQuery(limit=1), partition="p")
    with pytest.raises(Problem):
        store.transact(Tx.entries, MARKS, PageQuery(after=page.next), partition="q")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Straße", "ab"),
        ("sTRASSE", "ab"),
        ("%", "c"),
        ("_", "c"),
        ("é", "d"),
        ("É", "d"),
        ("", "abcd"),
    ],
)
def test_a_search_folds_case_and_takes_every_character_as_it_is(store: OpenStorage, text: str, found: str) -> None:
    insert(store, Thing(id="a", name="Straße"), Thing(id="b", note="in der STRASSE"), Thing(id="c", name="100%_"))
    insert(store, Thing(id="d", name="line", note="two É"))
    assert "".join(each.id for each in store.transact(Tx.all, THINGS, matches(text))) == found


def test_a_missing_value_meets_no_condition_but_that_it_is_missing(store: OpenStorage) -> None:
    insert(store, Thing(id="a"), Thing(id="b", rank=0))
    for condition in (equals("rank", None), one_of("rank", [None]), at_most("rank", 2**63 - 1)):
        assert "a" not in [each.id for each in store.transact(Tx.all, THINGS, condition)]
    assert [each.id for each in store.transact(Tx.all, THINGS, is_missing("rank"))] == ["a"]


def test_what_is_not_indexed_can_be_neither_a_condition_nor_an_order(store: OpenStorage) -> None:
    unindexed = equals("name", "a")
    for where in (unindexed, either(unindexed), either(equals("rank", 1), either(has("note", "a")))):
        with pytest.raises(TypeError, match="things has no index on"):
            store.transact(Tx.count, THINGS, where)
    with pytest.raises(TypeError, match="things has no index on 'name'"):
        store.transact(Tx.page, THINGS, order="name")
    with pytest.raises(TypeError, match="marks has no index on 'text'"):
        store.transact(Tx.read, MARKS, 0, where=(equals("text", "a"),))
    with pytest.raises(TypeError, match="plains names no search fields"):
        store.transact(Tx.count, PLAINS, matches("a"))
    with pytest.raises(TypeError, match="things: 'rank' is not unique"):
        store.transact(Tx.find, THINGS, "rank", 1)


def test_lists_are_asked_for_their_items_and_nothing_else_is(store: OpenStorage) -> None:
    for where in (equals("tags", "a"), after("tags", "a"), one_of("tags", ["a"]), has("rank", "1"), has("id", "a")):
        with pytest.raises(TypeError, match="which is asked for by"):
            store.transact(Tx.count, THINGS, where)
    with pytest.raises(TypeError, match="'tags' is a list, and lists have no order"):
        store.transact(Tx.page, THINGS, order="tags")


def test_a_size_counts_every_partition_and_what_has_expired_and_ends_at_the_most(
    store: OpenStorage, clock: FrozenClock
) -> None:
    insert(store, *(Thing(id=str(number), expires_at=clock.now + timedelta(hours=1)) for number in range(5)))
    for partition in ("", "one", "other"):
        store.transact(Tx.extend, MARKS, [Mark(text="x")] * 2, partition=partition)
    clock.advance(hours=2)
    sizes = [store.transact(Tx.size, each) for each in (THINGS, PLAINS, MARKS)]
    assert sizes == [5, 0, 6]
    assert [store.transact(Tx.size, each, 3) for each in (THINGS, PLAINS, MARKS)] == [3, 0, 3]


def test_names_of_what_lies_outside_storage_are_paged_in_their_order(store: OpenStorage) -> None:
    def names(page: PageQuery, order: str = "letters") -> tuple[str, str | None]:
        found = store.transact(Tx.page_of_names, "cabd", page, order=order)
        return "".join(found.items), found.next

    first, cursor = names(PageQuery(limit=3))
    assert (first, *names(PageQuery(limit=3, after=cursor))) == ("abc", "d", None)
    assert names(PageQuery(limit=4)) == ("abcd", None)
    with pytest.raises(Problem, match="not a cursor of this list"):
        names(PageQuery(after=cursor), order="numbers")


def test_the_faces_single_calls_are_transactions_of_their_own(store: OpenStorage) -> None:
    insert(store, Thing(id="a", rank=1), Thing(id="b", rank=2))
    assert store.run(store.db.get(THINGS, "a")) == Thing(id="a", rank=1)
    assert store.run(store.db.count(THINGS, after("rank", 1))) == 1
    page = store.run(store.db.page(THINGS, order="-rank", where=(after("rank", 0),)))
    assert [each.id for each in page.items] == ["b", "a"]


# Logs


def test_positions_grow_along_the_whole_log_and_are_never_given_twice(store: OpenStorage) -> None:
    def append(partition: str) -> int:
        return store.transact(lambda tx: tx.append(MARKS, Mark(text=""), partition=partition))

    first, second = append("p"), append("q")
    store.transact(Tx.drop, MARKS, partition="q")
    third = append("q")
    assert first < second < third
    assert store.transact(Tx.ends, MARKS, partition="q") == (third, third)


def test_reading_goes_on_from_a_position_whether_or_not_its_entry_is_still_there(store: OpenStorage) -> None:
    places = [store.transact(lambda tx: tx.append(MARKS, Mark(text="x"))) for _ in range(4)]
    store.transact(Tx.trim, MARKS, 2)
    assert [place for place, _ in store.transact(Tx.read, MARKS, places[0])] == places[2:]
    assert [place for place, _ in store.transact(Tx.read, MARKS, places[2], limit=1)] == places[3:]


# Stores as values


class Wrong(Schema):
    id: str


WRONG_STORES: dict[str, Callable[[], object]] = {
    "name": lambda: Collection("Wrong", Wrong),
    "long name": lambda: Collection("w" * 49, Wrong),
    "key": lambda: Collection("wrong", Wrong, key="key"),
    "indexes": lambda: Collection("wrong", Wrong, indexes=("missing",)),
    "unique": lambda: Collection("wrong", Wrong, unique=("missing",)),
    "search": lambda: Collection("wrong", Wrong, search=("missing",)),
    "expires": lambda: Collection("wrong", Wrong, expires="missing"),
    "log indexes": lambda: Log("wrong", Wrong, indexes=("missing",)),
    "log name": lambda: Log("1wrong", Wrong),
}


@pytest.mark.parametrize("what", WRONG_STORES)
def test_a_store_that_names_what_its_model_has_not_is_refused_when_it_is_made(what: str) -> None:
    with pytest.raises(TypeError):
        WRONG_STORES[what]()


def test_a_document_is_called_by_its_models_name_in_words() -> None:
    class HeartBeat(Schema):
        id: str

    assert Collection("beats", HeartBeat).noun == "heart beat"
    assert PLAINS.key_of(Plain(slug="s")) == "s"
