"""Whose a key is: what the chassis asks this slice."""

from slice_api.chassis import Batch, Principal, Tx
from slice_api.slices.keys.schemas import StoredKey
from slice_api.slices.keys.store import KEYS, configured_keys, is_valid, valid_admin_keys


def _principal(tx: Tx, key: StoredKey | None) -> Principal | None:
    if key is None or not is_valid(key, tx.now):
        return None
    return Principal(key_id=key.id, name=key.name, scopes=tuple(key.scopes), until=key.expires_at)


def identify(tx: Tx, key_hash: str) -> Principal | None:
    """The owner of a key that is valid now.

    The key is found by its SHA-256, so how long the look-up takes tells nothing of the key itself.
    """
    return _principal(tx, tx.find(KEYS, "key_hash", key_hash))


def recall(tx: Tx, key_id: str) -> Principal | None:
    """The owner by id; None when the key is no longer valid."""
    return _principal(tx, tx.get(KEYS, key_id))


def has_admin(tx: Tx) -> bool:
    """Whether a valid key with the scope `admin` exists."""
    return bool(valid_admin_keys(tx))


def adopt(tx: Tx, key_id: str, key_hash: str, *, is_configured: bool) -> None:
    """Keep an admin key; a configured one takes the place of the one configured before."""
    held = tx.find(KEYS, "key_hash", key_hash)
    if held is not None and held.is_admin and held.is_configured == is_configured:
        return
    if is_configured:
        forget_configured(tx)
    tx.put(
        KEYS,
        StoredKey(
            id=key_id,
            name="SLICE_ADMIN_KEY" if is_configured else "first admin key",
            scopes=["admin"],
            created_at=tx.now,
            created_by=None,
            is_configured=is_configured,
            key_hash=key_hash,
        ),
    )


def forget_configured(tx: Tx) -> None:
    """Drop the key that SLICE_ADMIN_KEY named before."""
    for key in configured_keys(tx):
        tx.pop(KEYS, key.id)


def _note_uses(tx: Tx, key_ids: list[str]) -> None:
    minute = tx.now.replace(second=0, microsecond=0)
    for key_id in set(key_ids):
        tx.update(KEYS, key_id, lambda key: _used_at(key, minute), is_silent=True)


def _used_at(key: StoredKey, minute: object) -> StoredKey:
    return key if key.last_used_at == minute else key.model_copy(update={"last_used_at": minute})


USES = Batch("keys.uses", _note_uses)
"""Uses of keys, by id, for `last_used_at`."""
