"""Following a link: where a visitor is sent, and what is noted of it."""

from datetime import datetime
from typing import NamedTuple

from slice_api.chassis import Schema, Tx
from slice_api.slices.links import visitors
from slice_api.slices.links.lookup import find_started_link, over
from slice_api.slices.links.schemas import Arrival, StoredLink
from slice_api.slices.links.settings import LinksSettings
from slice_api.slices.links.store import LINKS, state_of
from slice_api.slices.links.urls import to_location, with_query

_NOT_KEPT = "no-store"


class Visitor(Schema):
    """What a request tells of who makes it; texts just as they came."""

    is_counted: bool
    """Whether the request is a visit: HEAD is none."""
    is_prefetch: bool
    query: bytes
    user_agent: str
    referrer: str
    accept_language: str


class Redirection(NamedTuple):
    """Where to send a visitor."""

    location: str
    status: int
    cache_control: str
    arrival: Arrival | None
    """The visit to be noted, if it is one."""


def follow(tx: Tx, slug: str, visitor: Visitor, settings: LinksSettings) -> Redirection:
    """Send a visitor on, holding the visit against `max_visits` first; raises 404 and 410.

    A redirect that `max_visits` has let through has been counted, whatever happens to the process afterwards.
    """
    link = find_started_link(tx, slug)
    if state_of(link, tx.now) == "expired":
        return _to_expired_url(link)
    arrival = _arrive(tx, link, visitor) if visitor.is_counted else None
    url = with_query(link.url, visitor.query) if link.is_query_forwarded else link.url
    return Redirection(to_location(url), link.redirect_status, _cache_control(link, tx.now, settings), arrival)


def _to_expired_url(link: StoredLink) -> Redirection:
    if link.expired_url is None:
        raise over(link)
    return Redirection(to_location(link.expired_url), 302, _NOT_KEPT, None)


def _arrive(tx: Tx, link: StoredLink, visitor: Visitor) -> Arrival:
    is_reserved = link.max_visits is not None and not visitor.is_prefetch and not visitors.is_bot(visitor.user_agent)
    if is_reserved:
        tx.update(LINKS, link.slug, lambda held: _with_one_more(held, tx.now), is_silent=True)
    return Arrival(
        slug=link.slug,
        link_id=link.id,
        at=tx.now,
        is_reserved=is_reserved,
        **visitor.model_dump(include={"user_agent", "referrer", "accept_language", "is_prefetch"}),
    )


def _with_one_more(link: StoredLink, now: datetime) -> StoredLink:
    if link.is_used_up:
        raise over(link)
    return link.model_copy(update={"visit_count": link.visit_count + 1, "last_visited_at": now})


def _cache_control(link: StoredLink, now: datetime, settings: LinksSettings) -> str:
    """How long the redirect may be kept: never past the link's end, and not at all where visits are limited."""
    if link.redirect_status in (302, 307) or link.max_visits is not None:
        return _NOT_KEPT
    seconds = settings.permanent_cache_seconds
    if link.expires_at is not None:
        seconds = min(seconds, int((link.expires_at - now).total_seconds()))
    return f"private, max-age={seconds}"
