"""Checks by what stands in their name, slug or description."""

from slice_api.chassis import Found, PageQuery, Tx, matches
from slice_api.slices.heartbeats.store import CHECKS


def search(tx: Tx, text: str, limit: int) -> list[Found]:
    """The checks that hold the text, by name."""
    found = tx.page(CHECKS, PageQuery(limit=limit), order="name", where=[matches(text)]).items
    return [
        Found(key=check.id, title=check.name or check.slug or check.id, detail=check.description) for check in found
    ]
