"""Flags by what stands in their key or description."""

from slice_api.chassis import Found, PageQuery, Tx, matches
from slice_api.slices.flags.store import FLAGS


def search(tx: Tx, text: str, limit: int) -> list[Found]:
    """The flags of all sets that hold the text, by key."""
    flags = tx.page(FLAGS, PageQuery(limit=limit), order="key", where=[matches(text)]).items
    return [Found(key=flag.key, title=flag.key, detail=flag.description or flag.state.lower()) for flag in flags]
