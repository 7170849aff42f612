"""Noting visits: many at once, a moment after the redirects, with all the parsing that those did not wait for."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from functools import cache, partial

from slice_api.chassis import Batch, Tx
from slice_api.slices.links.schemas import Arrival, LinkVisited, StoredLink, Visit
from slice_api.slices.links.store import LINKS, add_visits
from slice_api.slices.links.visitors import parse_agent, preferred_language, referrer_host


@cache
def visits_batch(keep: int) -> Batch[Arrival]:
    """The batch that notes visits, keeping the newest `keep` of each link one by one."""
    return Batch("links_visits", partial(note_visits, keep=keep))


def note_visits(tx: Tx, arrivals: Sequence[Arrival], *, keep: int) -> None:
    """Keep and count visits. Those of a link that is deleted by now are dropped, even if another has its slug."""
    by_slug: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        by_slug[arrival.slug].append(arrival)
    # In one order, so that processes which note visits of the same links do not stand in each other's way.
    for slug, own in sorted(by_slug.items()):
        link = tx.get(LINKS, slug)
        if link is not None:
            _note_visits_of(tx, link, [arrival for arrival in own if arrival.link_id == link.id], keep)


def _note_visits_of(tx: Tx, link: StoredLink, arrivals: Sequence[Arrival], keep: int) -> None:
    if not arrivals:
        return
    visits = [as_visit(arrival) for arrival in arrivals]
    add_visits(tx, link.slug, visits, keep=keep)
    bots = sum(visit.is_bot for visit in visits)
    reserved = sum(arrival.is_reserved for arrival in arrivals)
    change = partial(_counted, people=len(visits) - bots - reserved, bots=bots, last=max(visit.at for visit in visits))
    counted = tx.update(LINKS, link.slug, change, is_silent=True) or link
    event = LinkVisited(
        slug=link.slug,
        visits=len(visits),
        visit_count=counted.visit_count,
        bot_visit_count=counted.bot_visit_count,
        last_visited_at=counted.last_visited_at,
    )
    tx.emit(event, subject=link.slug)


def _counted(link: StoredLink, *, people: int, bots: int, last: datetime) -> StoredLink:
    return link.model_copy(
        update={
            "visit_count": link.visit_count + people,
            "bot_visit_count": link.bot_visit_count + bots,
            "last_visited_at": max(last, link.last_visited_at or last),
        }
    )


def as_visit(arrival: Arrival) -> Visit:
    """What is kept of a visit."""
    agent = parse_agent(arrival.user_agent)
    return Visit(
        at=arrival.at,
        referrer=referrer_host(arrival.referrer),
        browser=agent.browser,
        os=agent.os,
        device=agent.device,
        language=preferred_language(arrival.accept_language),
        is_bot=agent.is_bot or arrival.is_prefetch,
        rule=arrival.rule,
    )
