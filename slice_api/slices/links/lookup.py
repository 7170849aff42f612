"""Finding the link that a slug names, or saying why there is nothing to follow."""

from datetime import datetime
from urllib.parse import quote

from slice_api.chassis import Database, Problem, Tx, gone, not_found
from slice_api.slices.links.schemas import StoredLink
from slice_api.slices.links.slugs import normal_slug
from slice_api.slices.links.store import LINKS, get_link, state_of


def find_link(tx: Tx, slug: str) -> StoredLink:
    """The link, in whatever state; raises 404."""
    link = get_link(tx, slug)
    if link is None:
        raise not_found("link", slug)
    return link


async def fetch_link(db: Database, slug: str) -> StoredLink:
    """The same where nothing else is asked of storage; raises 404."""
    link = await db.get(LINKS, normal_slug(slug))
    if link is None:
        raise not_found("link", slug)
    return link


def started(link: StoredLink | None, slug: str, now: datetime) -> StoredLink:
    """The link, unless there is none or it is yet to begin, which until then is the same. Raises 404."""
    if link is None or (link.starts_at is not None and state_of(link, now) == "upcoming"):
        raise not_found("link", slug)
    return link


def over(link: StoredLink) -> Problem:
    """410 with the reason."""
    return gone(f"The link {link.slug!r} has {'been used up' if link.is_used_up else 'expired'}.")


def locked(link: StoredLink) -> Problem:
    """401 with how to send the password."""
    return _closed(link, f"The link {link.slug!r} needs a password: {_HOW}.")


def wrong_password(link: StoredLink) -> Problem:
    """401 with the same advice."""
    return _closed(link, f"This is not the password of the link {link.slug!r}; {_HOW}.")


_HOW = 'POST it to this address as the form field password, or as JSON {"password": "…"}'


def _closed(link: StoredLink, detail: str) -> Problem:
    """No registered scheme speaks of forms, and one that browsers know would have them ask by themselves."""
    challenge = f'Form realm="/{quote(link.slug, safe="")}", method="POST", field="password"'
    return Problem("unauthenticated", detail, headers={"WWW-Authenticate": challenge})
