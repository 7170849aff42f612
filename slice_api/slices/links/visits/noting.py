"""Noting visits: many at once, a moment after the redirects, with all the parsing that those did not wait for."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache, partial
from typing import Final, NamedTuple

from slice_api.chassis import Batch, Tx, replaced
from slice_api.slices.links.schemas import Arrival, LinkVisited, StoredLink, Visit
from slice_api.slices.links.stats.counts import Gains, Seen, gain, gains_of, quarter_of
from slice_api.slices.links.stats.store import ALL, count_visits, link_name
from slice_api.slices.links.store import LINKS, add_visits
from slice_api.slices.links.visits.visitors import Told, told_by

_REMEMBERED: Final = 2048
_ANY_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)


class _Noted(NamedTuple):
    """The visits of one link that were noted."""

    name: str
    seen: Seen


@cache
def visits_batch(keep: int) -> Batch[Arrival]:
    """The batch that notes visits, keeping the newest `keep` of each link one by one."""
    return Batch("links_visits", partial(note_visits, keep=keep))


def note_visits(tx: Tx, arrivals: Sequence[Arrival], *, keep: int) -> None:
    """Keep and count visits. Those of a link that is deleted by now are dropped, even if another has its slug."""
    by_link: dict[tuple[str, str], list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        by_link[arrival.slug, arrival.link_id].append(arrival)
    # In one order, so that processes which note visits of the same links do not stand in each other's way; what all of
    # them change comes last, so that it is held for the shortest time.
    noted = [_note_visits_of(tx, slug, link_id, own, keep) for (slug, link_id), own in sorted(by_link.items())]
    count_visits(tx, ALL, _gains_of_all([each for each in noted if each is not None]))


def _note_visits_of(tx: Tx, slug: str, link_id: str, arrivals: Sequence[Arrival], keep: int) -> _Noted | None:
    """Keep and count the visits of one link; None when it is gone."""
    told = [told_by(each.user_agent, each.referrer, each.accept_language, each.is_prefetch) for each in arrivals]
    link = tx.update(LINKS, slug, partial(_counted, link_id=link_id, arrivals=arrivals, told=told), is_silent=True)
    if link is None or link.id != link_id:
        return None
    newest = range(max(0, len(arrivals) - keep), len(arrivals))
    add_visits(tx, link, [_visit(told[at], arrivals[at]) for at in newest], of=len(arrivals), keep=keep)
    seen = Counter(zip([quarter_of(arrival.at) for arrival in arrivals], told, strict=True))
    count_visits(tx, link.id, gains_of(seen))
    tx.emit(_visited(link, len(arrivals)), subject=link.slug)
    return _Noted(link_name(link.slug, link.id), seen)


def _counted(link: StoredLink, *, link_id: str, arrivals: Sequence[Arrival], told: Sequence[Told]) -> StoredLink:
    """The link with its visits counted; as it is when it is another one of the same slug."""
    if link.id != link_id:
        return link
    bots, last = sum(each.is_bot for each in told), max(arrival.at for arrival in arrivals)
    people = len(arrivals) - bots - sum(arrival.is_reserved for arrival in arrivals)
    return link.model_copy(
        update={
            "visit_count": link.visit_count + people,
            "bot_visit_count": link.bot_visit_count + bots,
            "last_visited_at": max(last, link.last_visited_at or last),
        }
    )


def _visit(told: Told, arrival: Arrival) -> Visit:
    """What is kept of a visit: all of a known one but for the time, since nothing of it needs checking again."""
    return replaced(_visit_like(told, arrival.rule), {"at": arrival.at})


@lru_cache(maxsize=_REMEMBERED)
def _visit_like(told: Told, rule: int | None) -> Visit:
    return Visit(at=_ANY_TIME, **told._asdict(), rule=rule)


def _visited(link: StoredLink, visits: int) -> LinkVisited:
    return LinkVisited(
        slug=link.slug,
        visits=visits,
        visit_count=link.visit_count,
        bot_visit_count=link.bot_visit_count,
        last_visited_at=link.last_visited_at,
    )


def _gains_of_all(noted: Sequence[_Noted]) -> Gains:
    """The visits of several links, together and by link."""
    seen: Counter[tuple[int, Told]] = Counter()
    for each in noted:
        seen.update(each.seen)
    gains = gains_of(seen)
    for each in noted:
        for (quarter, told), visits in each.seen.items():
            gain(gains, quarter, "link", each.name, visits, is_bot=told.is_bot)
    return gains
