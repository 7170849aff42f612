"""Documents as older versions of the code have stored them: every one of them is still read, and nothing of it is lost.

They lie beside the tests, as `stored/<store>.v<version of the model>.json`, each a list of documents. A new field with
a default needs nothing here. Whoever changes a model in another way gives its store an upgrade, leaves the file of the
version before as it is, and adds one of the new version.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel

from slice_api.chassis import Collection, Schema
from slice_api.chassis.assembly import OWN_STORES
from slice_api.chassis.discovery import find_slices
from slice_api.chassis.storage.codec import decode, encode
from slice_api.chassis.storage.faults import Unreadable
from slice_api.chassis.storage.sql import make_statements
from slice_api.chassis.storage.sqlite import dialect
from slice_api.chassis.storage.stores import Store
from tests.support import has_slice

TESTS = Path(__file__).parent.parent
OWN = TESTS / "chassis" / "stored"
_NAME = re.compile(r"(?P<store>[a-z][a-z0-9_]*)\.v(?P<version>[1-9]\d*)\.json")


class Stored(NamedTuple):
    """The documents of one file."""

    store: str
    version: int
    bodies: list[Any]


def stores_in(folder: Path) -> tuple[Store, ...]:
    """The stores that the files of a folder may be of: those of the slice, or the chassis's own."""
    if folder == OWN:
        return OWN_STORES
    return next((each.stores for each in find_slices(("slice_api.slices",)) if each.name == folder.parent.name), ())


def folders() -> list[Path]:
    """Where documents lie; those of a slice that was taken out are passed over."""
    of_slices = sorted((TESTS / "slices").glob("*/stored"))
    return [OWN, *(folder for folder in of_slices if has_slice(folder.parent.name))]


def stored_in(folder: Path) -> Iterator[Stored]:
    for file in sorted(folder.iterdir()):
        named = _NAME.fullmatch(file.name)
        assert named, f"{file} must be called <store>.v<version>.json"
        yield Stored(named["store"], int(named["version"]), json.loads(file.read_text()))


FILES = {f"{stored.store}.v{stored.version}": (folder, stored) for folder in folders() for stored in stored_in(folder)}


def all_stores() -> Mapping[str, Store]:
    slices = find_slices(("slice_api.slices",))
    return {store.name: store for store in (*OWN_STORES, *(store for each in slices for store in each.stores))}


def lost(before: Any, after: Any, at: str = "") -> list[str]:
    """Where a document says something else than it did; what it says besides is new."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [each for name, value in before.items() for each in lost(value, after.get(name), f"{at}/{name}")]
    return [] if before == after else [f"{at}: {before!r} became {after!r}"]


def what_is_wrong(store: Store, version: int, bodies: list[Any]) -> list[str]:
    """What of the stored documents cannot be read any more, or is lost."""
    found, columns = list[str](), make_statements([store], dialect())[store.name]
    for at, body in enumerate(bodies):
        try:
            document = decode(store, at, json.dumps(body), version)
        except Unreadable as error:
            found.append(str(error))
            continue
        columns.row_of(document)
        # What an upgrade has changed is no loss.
        found += lost(body, json.loads(encode(document))) if version == store.version else []
    return found


def missing_versions(stores: Mapping[str, Store], known: set[tuple[str, int]]) -> list[str]:
    """The files that are missing: one for each version that an upgrade begins with."""
    wanted = [(name, version) for name, store in stores.items() for version in range(1, store.version)]
    return [f"{name}.v{version}.json" for name, version in wanted if (name, version) not in known]


@pytest.mark.parametrize("file", FILES)
def test_what_was_stored_is_still_read_and_nothing_of_it_is_lost(file: str) -> None:
    folder, stored = FILES[file]
    store = next((each for each in stores_in(folder) if each.name == stored.store), None)
    assert store is not None, f"nobody keeps {stored.store!r} any more: its documents would lie there unread"
    assert stored.bodies, "there must be a document"
    assert what_is_wrong(store, stored.version, stored.bodies) == []


def test_every_version_that_an_upgrade_begins_with_has_its_documents() -> None:
    known = {(stored.store, stored.version) for _, stored in FILES.values()}
    assert missing_versions(all_stores(), known) == []


def test_each_store_of_the_chassis_has_documents() -> None:
    assert {store.name for store in OWN_STORES} - {stored.store for _, stored in FILES.values()} == set()


# What these tests would say


class Before(Schema):
    id: str
    name: str
    note: str | None = None


BODIES = [{"id": "a", "name": "n", "note": "x"}, {"id": "b", "name": "n", "note": None}, {"id": "c", "name": "n"}]


def changed(**fields: Any) -> type[BaseModel]:
    """The model with some of its fields changed; None takes one out."""
    annotations = {"id": (str, ...), "name": (str, ...), "note": (str | None, None), **fields}
    namespace = {"__annotations__": {name: kind for name, (kind, _) in annotations.items() if kind is not None}}
    defaults = {name: value for name, (kind, value) in annotations.items() if kind is not None and value is not ...}
    return type("After", (Schema,), {**namespace, **defaults, "__module__": __name__})


CHANGES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing": ({}, []),
    "a new field with a default": ({"more": (int, 0)}, []),
    "a new field without one": ({"more": (int, ...)}, ["'0'", "'1'", "'2'"]),
    "a field that goes": ({"note": (None, None)}, ["'0'", "'1'"]),
    "a field that must be there": ({"note": (str | None, ...)}, ["'2'"]),
    "a field that must not be null": ({"note": (str, "")}, ["'1'"]),
    "another type": ({"name": (int, ...)}, ["'0'", "'1'", "'2'"]),
    "fewer values": ({"note": (bool | None, None)}, ["'0'"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_a_model_is_told_by_the_documents_that_it_shuts_out(change: str) -> None:
    fields, expected = CHANGES[change]
    told = what_is_wrong(Collection("things", changed(**fields)), 1, BODIES)
    assert [line.split()[3] for line in told] == expected


def test_a_value_that_becomes_another_is_told() -> None:
    told = what_is_wrong(Collection("things", changed(name=(bool, ...))), 1, [{"id": "a", "name": "yes"}])
    assert told == ["/name: 'yes' became True"]


def test_a_store_with_upgrades_needs_the_documents_of_every_earlier_version() -> None:
    store = Collection("things", Before, upgrades=(dict, dict))
    assert missing_versions({"things": store}, set()) == ["things.v1.json", "things.v2.json"]
    assert missing_versions({"things": store}, {("things", 1)}) == ["things.v2.json"]
    assert missing_versions({"things": Collection("things", Before)}, set()) == []


def test_a_document_of_an_earlier_version_is_read_through_the_upgrades() -> None:
    def rename(raw: dict[str, Any]) -> dict[str, Any]:
        return {"id": raw["id"], "name": raw["title"]}

    store = Collection("things", Before, upgrades=(rename,))
    assert what_is_wrong(store, 1, [{"id": "a", "title": "n"}]) == []
    assert len(what_is_wrong(store, 2, [{"id": "a", "title": "n"}])) == 1
