"""Keys by id; each is found by its hash."""

from datetime import datetime

from slice_api.chassis import Collection, Page, PageQuery, Tx, after, either, equals, is_missing
from slice_api.slices.keys.schemas import Key, StoredKey

KEYS = Collection(
    "keys",
    StoredKey,
    indexes=("created_at", "expires_at", "is_admin", "is_configured"),
    unique=("key_hash",),
    search=("name", "id"),
    noun="key",
)


def as_shown(key: StoredKey) -> Key:
    """A key without its hash."""
    return Key.model_validate(key.model_dump(exclude={"key_hash"}))


def newest(tx: Tx, page: PageQuery) -> Page[Key]:
    return tx.page(KEYS, page, order="-created_at").map(as_shown)


def is_valid(key: StoredKey, now: datetime) -> bool:
    return key.expires_at is None or key.expires_at > now


def valid_admin_keys(tx: Tx) -> list[StoredKey]:
    """The keys that may do everything, now."""
    is_live = either(is_missing("expires_at"), after("expires_at", tx.now))
    return tx.all(KEYS, equals("is_admin", True), is_live)


def configured_keys(tx: Tx) -> list[StoredKey]:
    return tx.all(KEYS, equals("is_configured", True))
