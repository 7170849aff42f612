"""Following a link: where a visitor is sent, and what is noted of it."""

from datetime import datetime
from typing import NamedTuple

from slice_api.chassis import Database, Tx
from slice_api.slices.links.following.rules import chosen_rule
from slice_api.slices.links.lookup import find_link, locked, over, started
from slice_api.slices.links.schemas import Arrival, StoredLink
from slice_api.slices.links.settings import LinksSettings
from slice_api.slices.links.slugs import normal_slug
from slice_api.slices.links.store import LINKS, state_of
from slice_api.slices.links.urls import to_location, with_query
from slice_api.slices.links.visits import visitors

_NOT_KEPT = "no-store"


class Visitor(NamedTuple):
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


async def follow(
    db: Database, slug: str, visitor: Visitor, now: datetime, settings: LinksSettings, opened_by: str | None = None
) -> Redirection:
    """Send a visitor on; raises 404, 410, and 401 where a password is asked for.

    `opened_by` is the hash of the password that the visitor knew. One look-up does, but for a visit that `max_visits`
    may refuse: it is counted first, in a transaction.
    """
    link = started(await db.get(LINKS, normal_slug(slug)), slug, now)
    if is_held_against(link, visitor):
        return await db.transact(follow_limited, slug, visitor, settings, opened_by)
    return _redirection(link, visitor, now, settings, opened_by)


def is_held_against(link: StoredLink, visitor: Visitor) -> bool:
    """Whether the visit uses up one of `max_visits`: bots and prefetches use up none."""
    if link.max_visits is None or not visitor.is_counted or visitor.is_prefetch:
        return False
    return not visitors.is_bot(visitor.user_agent)


def follow_limited(
    tx: Tx, slug: str, visitor: Visitor, settings: LinksSettings, opened_by: str | None = None
) -> Redirection:
    """Send a visitor on, holding the visit against `max_visits` first; raises 404, 410 and 401.

    A redirect that `max_visits` has let through has been counted, whatever happens to the process afterwards.
    """
    link = started(find_link(tx, slug), slug, tx.now)
    is_let_in = state_of(link, tx.now) == "active" and _is_open(link, opened_by)
    is_reserved = is_let_in and is_held_against(link, visitor)
    if is_reserved:
        tx.update(LINKS, link.slug, lambda held: _with_one_more(held, tx.now), is_silent=True)
    return _redirection(link, visitor, tx.now, settings, opened_by, is_reserved=is_reserved)


def _with_one_more(link: StoredLink, now: datetime) -> StoredLink:
    return link.model_copy(update={"visit_count": link.visit_count + 1, "last_visited_at": now})


def _is_open(link: StoredLink, opened_by: str | None) -> bool:
    return link.password_hash is None or link.password_hash == opened_by


def _redirection(
    link: StoredLink,
    visitor: Visitor,
    now: datetime,
    settings: LinksSettings,
    opened_by: str | None,
    *,
    is_reserved: bool = False,
) -> Redirection:
    if state_of(link, now) == "expired":
        return _to_expired_url(link)
    if not _is_open(link, opened_by):
        raise locked(link)
    rule = chosen_rule(link.rules, visitor, now)
    url = link.url if rule is None else link.rules[rule].url
    url = with_query(url, visitor.query) if link.is_query_forwarded else url
    arrival = _arrival(link, visitor, now, rule, is_reserved=is_reserved) if visitor.is_counted else None
    return Redirection(to_location(url), link.redirect_status, _cache_control(link, now, settings), arrival)


def _to_expired_url(link: StoredLink) -> Redirection:
    if link.expired_url is None:
        raise over(link)
    return Redirection(to_location(link.expired_url), 302, _NOT_KEPT, None)


def _arrival(link: StoredLink, visitor: Visitor, now: datetime, rule: int | None, *, is_reserved: bool) -> Arrival:
    return Arrival(
        link.slug,
        link.id,
        now,
        visitor.user_agent,
        visitor.referrer,
        visitor.accept_language,
        visitor.is_prefetch,
        is_reserved,
        rule,
    )


def _cache_control(link: StoredLink, now: datetime, settings: LinksSettings) -> str:
    """How long the redirect may be kept: never past the link's end, and not at all where it is not for everybody."""
    is_for_all = link.max_visits is None and link.password_hash is None and not link.rules
    if link.redirect_status in (302, 307) or not is_for_all:
        return _NOT_KEPT
    seconds = settings.permanent_cache_seconds
    if link.expires_at is not None:
        seconds = min(seconds, int((link.expires_at - now).total_seconds()))
    return f"private, max-age={seconds}"
