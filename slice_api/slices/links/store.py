"""Links by slug, the visits of each, and the wrong passwords sent to some."""

from collections.abc import Sequence
from datetime import datetime

from slice_api.chassis import (
    Collection,
    Condition,
    Log,
    Page,
    PageQuery,
    Tx,
    after,
    at_least,
    at_most,
    before,
    either,
    equals,
    has,
    is_missing,
    matches,
)
from slice_api.slices.links.schemas import LinkFilter, PasswordTries, State, StoredLink, Visit, url_digest
from slice_api.slices.links.slugs import normal_slug
from slice_api.slices.links.stats.schemas import DayOfVisits, QuartersOfVisits

LINKS = Collection(
    "links",
    StoredLink,
    key="slug",
    indexes=(
        "created_at",
        "visit_count",
        "last_visited_at",
        "starts_at",
        "expires_at",
        "is_used_up",
        "tags",
        "url_digest",
    ),
    search=("slug", "url", "title"),
)
TRIES = Collection("links_password_tries", PasswordTries, expires="expires_at")
VISITS = Log("links_visits", Visit)
"""One partition for each slug."""
DAYS = Collection("links_days", DayOfVisits, key="key")
QUARTERS = Collection("links_quarters", QuartersOfVisits, key="key")


def state_of(link: StoredLink, now: datetime) -> State:
    """Whether visitors are sent on (`active`), not yet (`upcoming`) or no more (`expired`, used up too)."""
    if link.starts_at is not None and now < link.starts_at:
        return "upcoming"
    if link.is_used_up or (link.expires_at is not None and now >= link.expires_at):
        return "expired"
    return "active"


def _in_state(state: State, now: datetime) -> tuple[Condition, ...]:
    """The same as `state_of`, as conditions."""
    has_started = either(is_missing("starts_at"), at_most("starts_at", now))
    if state == "upcoming":
        return (after("starts_at", now),)
    if state == "expired":
        return (has_started, either(equals("is_used_up", True), at_most("expires_at", now)))
    return (has_started, equals("is_used_up", False), either(is_missing("expires_at"), after("expires_at", now)))


def get_link(tx: Tx, slug: str) -> StoredLink | None:
    """The link of a slug, in whatever normal form that was typed."""
    return tx.get(LINKS, normal_slug(slug))


def filtered(tx: Tx, wanted: LinkFilter, page: PageQuery) -> Page[StoredLink]:
    where = [has("tags", tag) for tag in wanted.tags]
    where += [matches(wanted.search)] if wanted.search else []
    where += _in_state(wanted.state, tx.now) if wanted.state else ()
    return tx.page(LINKS, page, order=wanted.order, where=where)


def with_url(tx: Tx, url: str) -> list[StoredLink]:
    """All links to a URL, oldest first."""
    found = tx.all(LINKS, equals("url_digest", url_digest(url)))
    return sorted((link for link in found if link.url == url), key=lambda link: link.created_at)


def visits_of(tx: Tx, slug: str, page: PageQuery) -> Page[Visit]:
    """The visits of a link, newest first."""
    return tx.entries(VISITS, page, partition=slug)


def add_visits(tx: Tx, link: StoredLink, visits: Sequence[Visit], *, of: int, keep: int) -> None:
    """Add the newest of so many visits, which the link has counted, and let go of those before the newest `keep`.

    A hundredth more may be kept for a while, since looking for what is to go takes longer than adding.
    """
    tx.extend(VISITS, visits, partition=link.slug)
    total, slack = link.visit_count + link.bot_visit_count, max(1, keep // 100)
    if total > keep and total // slack > (total - of) // slack:
        tx.trim(VISITS, keep, partition=link.slug)


def remove_link(tx: Tx, slug: str) -> None:
    """Take a link out with everything that was kept of it, so that its slug is as good as new."""
    link = tx.pop(LINKS, slug)
    tx.drop(VISITS, partition=slug)
    if link is not None:
        forget_counts(tx, link.id)


def forget_counts(tx: Tx, scope: str) -> None:
    """Let go of all statistics of a scope."""
    own = (at_least("key", f"{scope}/"), before("key", f"{scope}0"))  # "0" is the character behind "/"
    tx.clear(DAYS, *own)
    tx.clear(QUARTERS, *own)
