"""Things over HTTP."""

from fastapi import APIRouter

from slice_api.chassis import Db, Page, Paging

from . import handlers, store
from .schemas import NewThing, Thing, ThingChange

router = APIRouter()


@router.get("")
async def list_things(db: Db, page: Paging) -> Page[Thing]:
    """List the things, newest first."""
    return await db.transact(store.newest, page)


@router.post("", status_code=201)
async def create_thing(new: NewThing, db: Db) -> Thing:
    """Make a thing."""
    return await db.transact(handlers.create_thing, new)


@router.get("/{id}")
async def read_thing(id: str, db: Db) -> Thing:
    """Read a thing."""
    return await db.transact(handlers.read_thing, id)


@router.patch("/{id}")
async def update_thing(id: str, change: ThingChange, db: Db) -> Thing:
    """Change a thing."""
    return await db.transact(handlers.update_thing, id, change)


@router.delete("/{id}", status_code=204)
async def delete_thing(id: str, db: Db) -> None:
    """Throw a thing away."""
    await db.transact(handlers.delete_thing, id)
