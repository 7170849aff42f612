"""Visits to slugs that no link has: somebody has mistyped one, or has kept one that was deleted."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

from slice_api.chassis import Batch, Later, Problem, Tx
from slice_api.slices.links.following.redirects import Visitor
from slice_api.slices.links.slugs import check_slug
from slice_api.slices.links.stats.counts import Gains, gain, quarter_of
from slice_api.slices.links.stats.store import ORPHANS, count_visits
from slice_api.slices.links.store import get_link
from slice_api.slices.links.visits.visitors import is_bot


class Stray(NamedTuple):
    """A visit that led nowhere, before anything is parsed."""

    slug: str
    at: datetime
    user_agent: str
    is_prefetch: bool


def note_stray(
    later: Later, problem: Problem, slug: str, visitor: Visitor, now: datetime, reserved: Collection[str]
) -> None:
    """Put a visit that found nothing in line to be counted; what is known only to storage is looked at then."""
    if problem.status_code == 404 and visitor.is_counted and slug not in reserved:
        later.add(STRAYS, Stray(slug, now, visitor.user_agent, visitor.is_prefetch))


def note_strays(tx: Tx, strays: Sequence[Stray]) -> None:
    """Count visits to slugs that could be one and that no link has: what is yet to begin is a link."""
    unknown = {slug: _unknown_slug(tx, slug) for slug in sorted({stray.slug for stray in strays})}
    gains: Gains = {}
    for stray in strays:
        slug = unknown[stray.slug]
        if slug is not None:
            is_by_bot = stray.is_prefetch or is_bot(stray.user_agent)
            gain(gains, quarter_of(stray.at), "slug", slug, 1, is_bot=is_by_bot)
    count_visits(tx, ORPHANS, gains)


STRAYS: Final = Batch("links_strays", note_strays)
"""The batch that counts visits to slugs that no link has."""


def _unknown_slug(tx: Tx, text: str) -> str | None:
    """The slug that was asked for, unless it can be none or a link has it."""
    slug = _slug(text)
    return slug if slug is not None and get_link(tx, slug) is None else None


@lru_cache(maxsize=1024)
def _slug(text: str) -> str | None:
    try:
        return check_slug(text)
    except ValueError:
        return None
