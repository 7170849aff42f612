"""Keys by their name or id."""

from slice_api.chassis import Found, PageQuery, Tx, matches
from slice_api.slices.keys.store import KEYS


def search(tx: Tx, text: str, limit: int) -> list[Found]:
    """The newest keys that hold the text."""
    keys = tx.page(KEYS, PageQuery(limit=limit), order="-created_at", where=[matches(text)]).items
    return [Found(key=key.id, title=key.name, detail=", ".join(key.scopes)) for key in keys]
