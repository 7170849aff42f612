"""Making, changing and revoking keys."""

import difflib
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from slice_api.chassis import Principal, Tx, conflict, invalid, merged
from slice_api.chassis.credentials import hash_key, make_key
from slice_api.chassis.problems import missing_scope
from slice_api.slices.keys.schemas import (
    Key,
    KeyChange,
    KeyCreated,
    KeyDeleted,
    KeyUpdated,
    NewKey,
    ShownKey,
    StoredKey,
)
from slice_api.slices.keys.store import KEYS, as_shown, is_valid, valid_admin_keys


def _check_scopes(scopes: Iterable[str], caller: Principal, known: AbstractSet[str]) -> None:
    """A key may be given scopes that exist and that its maker has, and no others."""
    for scope in scopes:
        if scope != "admin" and scope not in known:
            near = difflib.get_close_matches(scope, known, 1)
            raise invalid(
                "#/scopes", f"{scope!r} is not a scope of this service" + (f"; {near[0]!r} is" if near else "")
            )
        if not caller.has_scope(scope):
            raise missing_scope(scope)


def create_key(tx: Tx, new: NewKey, caller: Principal, known_scopes: AbstractSet[str]) -> ShownKey:
    _check_scopes(new.scopes, caller, known_scopes)
    if new.expires_at is not None and new.expires_at <= tx.now:
        raise invalid("#/expires_at", "must be in the future")
    made = make_key()
    key = Key(id=made.id, created_at=tx.now, created_by=caller.key_id, **new.model_dump())
    tx.insert(KEYS, StoredKey(key_hash=hash_key(made.text), **key.model_dump()))
    tx.emit(KeyCreated(key=key), subject=key.id)
    return ShownKey(key=made.text, **key.model_dump())


def read_key(tx: Tx, key_id: str) -> Key:
    return as_shown(tx.fetch(KEYS, key_id))


def update_key(tx: Tx, key_id: str, change: KeyChange, caller: Principal, known_scopes: AbstractSet[str]) -> Key:
    key = tx.fetch(KEYS, key_id)
    _check_rank(key, caller)
    changed = merged(key, change)
    _check_scopes(set(changed.scopes) ^ set(key.scopes), caller, known_scopes | set(key.scopes))
    if not (changed.is_admin and is_valid(changed, tx.now)):
        _must_not_be_last_admin(tx, key, "changed into one that is none")
    tx.update(KEYS, key_id, lambda _: changed)
    tx.emit(KeyUpdated(key=as_shown(changed)), subject=key_id)
    return as_shown(changed)


def delete_key(tx: Tx, key_id: str, caller: Principal) -> None:
    key = tx.fetch(KEYS, key_id)
    _check_rank(key, caller)
    if key.is_configured:
        raise conflict("This key comes from SLICE_ADMIN_KEY: empty or change that setting to revoke it.")
    _must_not_be_last_admin(tx, key, "deleted")
    tx.pop(KEYS, key_id)
    tx.emit(KeyDeleted(id=key.id, name=key.name), subject=key.id)


def _check_rank(key: StoredKey, caller: Principal) -> None:
    """An admin key is changed and revoked by an admin: else whoever may make keys could shut the admins out."""
    if key.is_admin and not caller.has_scope("admin"):
        raise missing_scope("admin")


def _must_not_be_last_admin(tx: Tx, key: StoredKey, what: str) -> None:
    if [each.id for each in valid_admin_keys(tx)] == [key.id]:
        raise conflict(f"This is the last admin key; it can't be {what}. Make another one first.")
