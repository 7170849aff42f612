"""`python -m slice_api slices`: the report card of every slice."""

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy.util.concurrency import greenlet_spawn

from slice_api.chassis.discovery import Candidate, survey
from slice_api.chassis.report import Card, Mark, StoreLine, card_of, facts_of, with_sizes
from slice_api.chassis.storage.engines import is_in_memory
from slice_api.chassis.storage.inspection import sizes_in
from slice_api.chassis.storage.raw import raw_connection
from slice_api.chassis.storage.stores import Store
from slice_api.chassis.storage.tx import MOST_TOGETHER
from slice_api.chassis.web_files import page_names
from slice_api.main import WEB_FOLDER, create_app
from slice_api.settings import Settings, SettingsError

_PACKAGES = ("slice_api.slices",)
_HEADS = ("slice", "state", "routes", "public", "events", "stores", "jobs", "tests", "lines", "marks")


def run_slices_command(options: argparse.Namespace) -> int:
    """Print the cards; gives the exit status. Raises SettingsError for a slice that is not there."""
    settings = Settings()
    cards = read_cards(settings)
    names = [card.name for card in cards]
    if options.name is not None and options.name not in names:
        raise SettingsError(f"There is no slice {options.name!r}; there are {', '.join(names)}.")
    cards = [card for card in cards if options.name in (None, card.name)]
    lines = _as_json(cards) if options.json else _in_full(cards[0]) if options.name else _as_table(cards)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 1 if any(card.faults or card.failed for card in cards) else 0


def read_cards(settings: Settings, packages: Sequence[str] = _PACKAGES) -> list[Card]:
    """The cards of all slices by name, with sizes where there is a database; nothing is changed anywhere.

    What cannot be loaded is left out of the app that the others are looked at in.
    """
    found = survey(packages, settings.disabled, pages=page_names(WEB_FOLDER))
    unfit = (each.name for each in found if not each.is_loaded)
    alone = settings.model_copy(update={"disabled": (*settings.disabled, *unfit), "storage_url": "", "redis_url": ""})
    facts = facts_of(create_app(alone, packages=packages), settings.storage_url)
    sizes = asyncio.run(_sizes(settings.storage_url, found))
    return [with_sizes(card_of(each, facts), sizes, MOST_TOGETHER) for each in found]


async def _sizes(url: str, found: Iterable[Candidate]) -> Mapping[str, int]:
    if is_in_memory(url):
        return {}
    stores: list[Store] = [store for each in found if each.slice for store in each.slice.stores]
    try:
        async with raw_connection(url, "look") as raw:
            return await greenlet_spawn(raw.in_snapshot, lambda: sizes_in(raw, stores, MOST_TOGETHER))
    except SettingsError:  # there is no database yet, or it is away: the rest can be told all the same
        return {}


def _as_json(cards: Iterable[Card]) -> Iterator[str]:
    yield json.dumps([card.model_dump(mode="json") for card in cards], indent=2, ensure_ascii=False)


# For people


def _as_table(cards: Sequence[Card]) -> Iterator[str]:
    rows = [_HEADS, *(_row(card) for card in cards)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        texts = (
            text.ljust(width) if at < 2 or at == len(_HEADS) - 1 else text.rjust(width)
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(texts).rstrip()
    yield ""
    for card in cards:
        yield from _what_is_wrong(card)
    yield _verdict(cards)


def _row(card: Card) -> tuple[str, ...]:
    counts = (len(card.routes), len(card.public), len(card.events), len(card.stores), len(card.jobs))
    told = [str(each) if card.state == "loaded" else "-" for each in counts]
    tests = "-" if card.test_count is None else str(card.test_count)
    return card.name, card.state, *told, tests, str(card.line_count), _marks(card)


def _marks(card: Card) -> str:
    states = Counter(mark.state for mark in card.marks)
    checked = states["passed"] + states["failed"]
    misses = f" (not: {', '.join(mark.name for mark in card.failed)})" if card.failed else ""
    return f"{states['passed']}/{checked}{misses}" if checked else "-"


def _what_is_wrong(card: Card) -> Iterator[str]:
    for fault in card.faults:
        yield from (f"{card.name} cannot be loaded: {fault}", "")
    for mark in card.failed:
        yield f"{card.name} misses the mark {mark.name!r}: {mark.title}"
        yield from _misses(mark)
        yield ""


def _misses(mark: Mark) -> Iterator[str]:
    for miss in mark.misses:
        yield f"  {miss.where}: {miss.what}"
        yield f"    cure: {miss.cure}"


def _verdict(cards: Sequence[Card]) -> str:
    faulty, missing = sum(bool(card.faults) for card in cards), sum(len(card.failed) for card in cards)
    if not faulty and not missing:
        return f"{len(cards)} slices, no fault, no mark missed."
    return f"{len(cards)} slices: {faulty} cannot be loaded, {missing} marks are missed."


def _in_full(card: Card) -> Iterator[str]:
    yield f"{card.title} ({card.name}): {card.state}, {card.folder}, {card.line_count} lines"
    yield from filter(None, card.description.splitlines())
    routes = (f"{each.method:6} {each.path}  {each.kind}, {_access(each.scope)}" for each in card.routes)
    yield from _section("Routes", routes)
    yield from _section("Scopes", card.scopes)
    yield from _section("Events", (f"{each.topic}  {each.summary}" for each in card.events))
    yield from _section("Listens to", card.listens_to)
    yield from _section("Jobs", (f"{each.name}  every {each.every_seconds:g} s" for each in card.jobs))
    yield from _section("Keeps", (f"{each.name}  {each.kind}, {each.engine}{_size(each)}" for each in card.stores))
    yield from _section("Settings", (f"{each.name}={each.default}  {each.meaning}" for each in card.settings))
    yield from _section("Tests", [] if card.test_count is None else [f"{card.test_count} functions"])
    yield from _section("Marks", (f"{_SIGNS[mark.state]} {mark.name}  {mark.title}" for mark in card.marks))
    yield ""
    yield from _what_is_wrong(card)


_SIGNS = {"passed": "+", "failed": "!", "unchecked": "?"}


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    told = list(lines)
    if told:
        yield from ("", title, *(f"  {line}" for line in told))


def _access(scope: str | None) -> str:
    return "public" if scope is None else scope or "any key"


def _size(store: StoreLine) -> str:
    return "" if store.size is None else f", {store.size:,}{' or more' if store.is_size_least else ''}"
