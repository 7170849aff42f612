"""Making report cards of an app while it runs."""

from collections.abc import Iterable, Mapping

from slice_api.chassis import not_found
from slice_api.chassis.discovery import Candidate
from slice_api.chassis.report import Card, Cards, Facts, with_sizes
from slice_api.chassis.storage.tx import MOST_TOGETHER


def find(cards: Cards, name: str) -> Candidate:
    """The slice of that name; raises 404 · not-found when there is no such folder."""
    if name not in cards.found:
        raise not_found("slice", name)
    return cards.found[name]


def read_cards(cards: Cards, names: Iterable[str], facts: Facts, sizes: Mapping[str, int]) -> list[Card]:
    """The cards of these slices with what they keep; reads their files at first, so it belongs in a thread."""
    return [with_sizes(cards.of(name, facts), sizes, MOST_TOGETHER) for name in names]
