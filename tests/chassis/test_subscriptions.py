"""Reactions to events of other slices: what does not fit stops the start, and what is away is told of."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from slice_api.chassis.discovery import DiscoveryError
from slice_api.cli import make_served_app
from tests.chassis.examples import parsed
from tests.support import chassis_of, make_app, slices_package

Files = Mapping[str, str]

_CARDS = '''
from slice_api.chassis import Event, Schema

class Card(Schema):
    id: str
    number: int

class Dealt(Event):
    """A card was dealt."""

    topic = "cards.dealt"
    card: Card

class Shuffled(Event):
    """All cards were shuffled."""

    topic = "cards.shuffled"
    times: int
'''


def _slice(**files: str) -> Files:
    router = "from fastapi import APIRouter\n\nrouter = APIRouter()\n"
    return {
        "__init__.py": '"""A title."""\n',
        "router.py": router,
        **{f"{name}.py": text for name, text in files.items()},
    }


CARDS = _slice(schemas=_CARDS)


def _listening(topic: str, fields: str = "", *, function: str = "react") -> Files:
    """A slice that reacts to a topic, and reads these fields of it; the record itself when there are none."""
    model = f"class Read(Schema):\n    {fields or 'pass'}\n"
    given = "Read" if fields else "EventRecord"
    return _slice(
        events="from typing import Literal\nfrom slice_api.chassis import EventRecord, Schema, Tx, on\n\n"
        f"{model}\n@on({topic!r})\ndef {function}(tx: Tx, event: {given}) -> None: ...\n"
    )


def _told(root: Path, folders: Mapping[str, Files], disabled: tuple[str, ...] = ()) -> list[str]:
    """The faults that a start with these slices is refused with."""
    with slices_package(root, folders) as package:
        try:
            make_app(packages=(package,), disabled=disabled)
        except DiscoveryError as error:
            return [f"{fault.slice_name}: {fault.detail}" for fault in error.faults]
    return []


@pytest.mark.parametrize(
    ("topic", "fields"),
    [
        ("cards.dealt", ""),
        ("cards.dealt", "card: dict"),
        ("cards.shuffled", "times: float"),
        ("cards.*", ""),
        ("cards.*", "times: int | None = None"),
        ("*", ""),
        ("*", "times: int = 0"),
    ],
)
def test_what_fits_starts(tmp_path: Path, topic: str, fields: str) -> None:
    assert _told(tmp_path, {"bets": _listening(topic, fields), "cards": CARDS}) == []


def test_a_field_that_is_not_there_is_told_with_slice_function_topic_and_field(tmp_path: Path) -> None:
    assert _told(tmp_path, {"bets": _listening("cards.shuffled", "time: int", function="pay"), "cards": CARDS}) == [
        "bets: @on('cards.shuffled') pay in events.py: it requires time, and cards.shuffled has no such field; "
        "it has times; did you mean times?"
    ]


def test_a_field_of_another_type_is_told_with_what_would_be_right(tmp_path: Path) -> None:
    [fault] = _told(tmp_path, {"bets": _listening("cards.shuffled", "times: str"), "cards": CARDS})
    assert fault == (
        "bets: @on('cards.shuffled') react in events.py: it cannot read times: cards.shuffled tells it as int, "
        "such as 1 (Input should be a valid string); `times: int` would read it"
    )


def test_every_event_that_a_topic_covers_must_fit(tmp_path: Path) -> None:
    for topic in ("cards.*", "*"):
        [fault] = _told(tmp_path, {"bets": _listening(topic, "times: int"), "cards": CARDS})
        assert fault.startswith(f"bets: @on('{topic}') react in events.py: it requires times, and cards.dealt has no")


def test_a_topic_that_is_not_published_is_told_with_the_nearest(tmp_path: Path) -> None:
    [fault] = _told(tmp_path, {"bets": _listening("cards.shufled"), "cards": CARDS})
    assert fault.endswith("cards publishes cards.dealt, cards.shuffled; did you mean cards.shuffled?")


@pytest.mark.parametrize(
    "topic", ["", "cards", "cards.", ".dealt", "*.dealt", "cards.*.x", "Cards.dealt", "cards.dealt "]
)
def test_a_topic_has_a_form(tmp_path: Path, topic: str) -> None:
    [fault] = _told(tmp_path, {"bets": _listening(topic), "cards": CARDS})
    assert fault.endswith("a topic is <slice>.<what happened>, <slice>.* or *")


def test_all_faults_of_all_slices_are_told_at_once(tmp_path: Path) -> None:
    folders = {
        "bets": _listening("cards.dealt", "card: int\n    bet: int"),
        "cards": CARDS,
        "logs": _listening("cards.delt"),
        "odds": _listening("cards.shuffled", "times: Literal[1, 2]"),
    }
    assert [fault.split(":")[0] for fault in _told(tmp_path, folders)] == ["bets", "bets", "logs", "odds"]


def test_an_event_that_no_schema_describes_is_a_fault_of_its_publisher(tmp_path: Path) -> None:
    schemas = _CARDS.replace("times: int", "times: 'Odd'").replace(
        "class Card(",
        "class Odd:\n    @classmethod\n    def __get_pydantic_core_schema__(cls, *_):\n"
        "        from pydantic_core import core_schema\n"
        "        return core_schema.is_instance_schema(cls)\n\nclass Card(",
    )
    [fault] = _told(tmp_path, {"bets": _listening("cards.*", ""), "cards": _slice(schemas=schemas)})
    assert fault.startswith("cards: the event Shuffled has no JSON Schema: ")


@pytest.mark.parametrize("topic", ["cards.dealt", "cards.*"])
def test_a_publisher_that_is_away_is_a_warning_and_no_fault(tmp_path: Path, topic: str) -> None:
    folders = {"bets": _listening(topic, "card: int", function="pay"), "cards": CARDS}
    with slices_package(tmp_path, folders) as package:
        app = make_app(packages=(package,), disabled=("cards",))
    assert chassis_of(app).absent_publishers == [
        f"bets.pay listens to {topic}, and the slice cards is not here; "
        "nothing is told until it is, or until the subscription goes"
    ]


def test_nothing_is_warned_of_when_all_are_there(tmp_path: Path) -> None:
    folders = {"bets": _listening("cards.dealt"), "all": _listening("*"), "cards": CARDS}
    with slices_package(tmp_path, folders) as package:
        assert chassis_of(make_app(packages=(package,))).absent_publishers == []


def test_a_start_warns_once_of_a_publisher_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[bytes] = []
    with slices_package(tmp_path, {"bets": _listening("cards.dealt")}) as package:
        app = make_app(packages=(package,), log=lines)
    monkeypatch.setattr("slice_api.cli.create_app", lambda: app)
    monkeypatch.setattr("logging.root.handlers", [])
    make_served_app()
    warned = [line for line in parsed(lines) if "cards" in line["event"]]
    assert [(line["level"], line["event"].split(",")[0]) for line in warned] == [
        ("warning", "bets.react listens to cards.dealt")
    ]
