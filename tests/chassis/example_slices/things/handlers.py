"""Making, changing and throwing away things."""

from slice_api.chassis import Tx, new_id, not_found

from .schemas import NewThing, Thing, ThingChange, ThingCreated, ThingDeleted
from .store import THINGS


def create_thing(tx: Tx, new: NewThing) -> Thing:
    thing = Thing(id=new_id("thing"), created_at=tx.now, **new.model_dump())
    tx.insert(THINGS, thing)
    tx.emit(ThingCreated(thing=thing), subject=thing.id)
    return thing


def read_thing(tx: Tx, thing_id: str) -> Thing:
    thing = tx.get(THINGS, thing_id)
    if thing is None:
        raise not_found("thing", thing_id)
    return thing


def update_thing(tx: Tx, thing_id: str, change: ThingChange) -> Thing:
    read_thing(tx, thing_id)
    fields = change.model_dump(exclude_unset=True)
    changed = tx.update(THINGS, thing_id, lambda thing: thing.model_copy(update=fields))
    assert changed is not None
    return changed


def delete_thing(tx: Tx, thing_id: str) -> None:
    read_thing(tx, thing_id)
    tx.pop(THINGS, thing_id)
    tx.emit(ThingDeleted(id=thing_id), subject=thing_id)
