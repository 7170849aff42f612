"""API keys over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends

from slice_api.chassis import Caller, Db, Page, Paging, Service
from slice_api.slices.keys import handlers, store
from slice_api.slices.keys.schemas import Key, KeyChange, NewKey, ShownKey

router = APIRouter()


async def _known_scopes(service: Service) -> frozenset[str]:
    return frozenset(target.scope for target in service.table.targets if target.scope)


KnownScopes = Annotated[frozenset[str], Depends(_known_scopes)]


@router.get("")
async def list_keys(db: Db, page: Paging) -> Page[Key]:
    """List the keys, newest first; none shows the key itself."""
    return await db.transact(store.newest, page)


@router.post("", status_code=201)
async def create_key(new: NewKey, db: Db, caller: Caller, known_scopes: KnownScopes) -> ShownKey:
    """Make a key; this answer is the only one that shows it."""
    return await db.transact(handlers.create_key, new, caller, known_scopes)


@router.get("/{id}")
async def read_key(id: str, db: Db) -> Key:
    """Read a key's particulars."""
    return await db.transact(handlers.read_key, id)


@router.patch("/{id}")
async def update_key(id: str, change: KeyChange, db: Db, caller: Caller, known_scopes: KnownScopes) -> Key:
    """Change a key's name, scopes or expiry."""
    return await db.transact(handlers.update_key, id, change, caller, known_scopes)


@router.delete("/{id}", status_code=204)
async def delete_key(id: str, db: Db, caller: Caller) -> None:
    """Revoke a key: it stops working at once, and so do sessions opened with it."""
    await db.transact(handlers.delete_key, id, caller)
