"""Finding the link that a slug names, or saying why there is nothing to follow."""

from slice_api.chassis import Problem, Tx, gone, not_found
from slice_api.slices.links.schemas import StoredLink
from slice_api.slices.links.store import get_link, state_of


def find_link(tx: Tx, slug: str) -> StoredLink:
    """The link, in whatever state; raises 404."""
    link = get_link(tx, slug)
    if link is None:
        raise not_found("link", slug)
    return link


def find_started_link(tx: Tx, slug: str) -> StoredLink:
    """The link, unless it is yet to begin: until then it is as if there were none. Raises 404."""
    link = find_link(tx, slug)
    if state_of(link, tx.now) == "upcoming":
        raise not_found("link", slug)
    return link


def over(link: StoredLink) -> Problem:
    """410 with the reason."""
    return gone(f"The link {link.slug!r} has {'been used up' if link.is_used_up else 'expired'}.")
