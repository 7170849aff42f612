"""The report cards: every slice is told of, loaded or not, and every mark can be missed."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from slice_api.chassis.discovery import find_slices
from slice_api.chassis.own_tests import own_tests_of
from slice_api.chassis.report import Card
from slice_api.cli import main
from slice_api.slice_commands import read_cards
from tests.conformance.notes import NOTES, broken
from tests.server import environment, tree_with_notes
from tests.support import client_of, make_app, make_settings, running, slices_package

_ALL = {"summary", "example", "errors", "async", "short", "events", "tests"}


@contextmanager
def cards_of(place: Path, folders: Mapping[str, Mapping[str, str]], disabled: str = "") -> Iterator[dict[str, Card]]:
    """The cards of made-up slices in a tree that has tests of slices, though none of these."""
    (place / "tests/slices").mkdir(parents=True, exist_ok=True)
    (place / "made").mkdir()
    with slices_package(place / "made", folders) as package:
        yield {card.name: card for card in read_cards(make_settings(disabled=disabled), (package,))}


def with_route(code: str) -> dict[str, str]:
    """The notes with one more route."""
    return {**NOTES, "router.py": f"{NOTES['router.py']}\n\n{code}\n"}


def test_a_slice_that_keeps_every_rule_has_every_mark(tmp_path: Path) -> None:
    with cards_of(tmp_path, {"notes": NOTES}) as cards:
        card = cards["notes"]
    assert {mark.name for mark in card.marks} == _ALL
    assert {mark.state for mark in card.marks} == {"passed"}


def test_a_card_tells_what_a_slice_offers_and_keeps(tmp_path: Path) -> None:
    files = {
        **NOTES,
        "jobs.py": "from slice_api.chassis import Tx, every\n\n@every(seconds=60)\ndef tidy(tx: Tx) -> None: ...\n",
        "events.py": (
            "from slice_api.chassis import EventRecord, Tx, on\n\n"
            '@on("other.made")\ndef hear(tx: Tx, event: EventRecord) -> None: ...\n'
        ),
        "settings.py": (
            "from pydantic import Field, SecretStr\nfrom slice_api.chassis import SliceSettings\n\n\n"
            "class NotesSettings(SliceSettings):\n"
            '    most: int = Field(default=7, description="How many.")\n'
            '    word: SecretStr = Field(default=SecretStr("hush"), description="What opens it.")\n'
        ),
    }
    with cards_of(tmp_path, {"notes": files}) as cards:
        card = cards["notes"]
    assert (card.state, card.title, card.faults) == ("loaded", "Notes", [])
    assert [(each.method, each.path, each.kind, each.scope) for each in card.routes] == [
        ("GET", "/api/notes", "list", "notes:read"),
        ("POST", "/api/notes", "create", "notes:write"),
        ("GET", "/api/notes/{id}", "read", "notes:read"),
        ("PATCH", "/api/notes/{id}", "change", "notes:write"),
        ("DELETE", "/api/notes/{id}", "delete", "notes:write"),
    ]
    assert card.scopes == ["notes:read", "notes:write"]
    assert [(each.topic, each.summary) for each in card.events] == [("notes.created", "A note was kept.")]
    assert card.listens_to == ["other.made"]
    assert [(each.name, each.every_seconds) for each in card.jobs] == [("notes.tidy", 60)]
    assert [(each.name, each.kind, each.engine, each.size) for each in card.stores] == [
        ("notes", "collection", "memory", None)
    ]
    assert {each.name: each.default for each in card.settings} == {
        "SLICE_NOTES_RATE_LIMIT": "",
        "SLICE_NOTES_MAX_BODY_BYTES": "",
        "SLICE_NOTES_MOST": "7",
        "SLICE_NOTES_WORD": "",
    }
    assert card.line_count == sum(bool(line.strip()) for text in files.values() for line in text.splitlines())


_WORDS = '@router.get("/{id}/words")\nasync def count(id: str) -> int:\n    """Count words."""\n    return 1'
"""A route that the conformance tests do not run to its end."""


_MISSED: Mapping[str, tuple[str, dict[str, str], tuple[str, ...]]] = {
    "summary": (
        "summary",
        broken("router.py", '"""Read one note."""', "# Reads one note."),
        ("router.py:25", "GET /api/notes/{id} has no summary", "give read_note a docstring"),
    ),
    "not in the document": (
        "summary",
        broken("router.py", '@router.get("/{id}")', '@router.get("/{id}", include_in_schema=False)'),
        ("router.py:25", "GET /api/notes/{id} is not in the OpenAPI document", "take include_in_schema=False away"),
    ),
    "example that is refused": (
        "example",
        broken("schemas.py", 'examples=["Groceries"]', 'examples=[""]'),
        ("POST /api/notes would refuse its own example at #/title", "Field(examples=[…])"),
    ),
    "no schema": (
        "example",
        broken(
            "router.py",
            '@router.get("/{id}")',
            '@router.get("/{id}", responses={200: {"content": {"application/odd+json": {}}}})',
        ),
        ("GET /api/notes/{id} has no schema for 200 application/odd+json", "annotate what it returns"),
    ),
    "no example": (
        "example",
        broken(
            "router.py",
            '@router.get("/{id}")',
            '@router.get("/{id}", responses={200: {"content": {"application/odd+json": {"schema": {}}}}})',
        ),
        ("GET /api/notes/{id} has no example for 200 application/odd+json", "Field(examples=[…])"),
    ),
    "errors": (
        "errors",
        broken(
            "router.py",
            '@router.get("/{id}")',
            '@router.get("/{id}", responses={404: {"description": "None", "content": {"text/plain": {}}}})',
        ),
        ("GET /api/notes/{id} declares 404 as no problem", "responses=described(404)"),
    ),
    "endpoint": (
        "async",
        broken(
            "router.py",
            'async def read_note(id: str, db: Db) -> Note:\n    """Read one note."""\n    return await db.transact(',
            'def read_note(id: str) -> Note:\n    """Read one note."""\n    return (',
        ),
        ("router.py:25", "GET /api/notes/{id} runs read_note, a plain def", "write async def read_note"),
    ),
    "dependency": (
        "async",
        broken(
            "router.py",
            "async def read_note(id: str, db: Db)",
            'async def read_note(id: str, db: Db, plain: int = __import__("fastapi").Depends(lambda: 1))',
        ),
        ("router.py:26", "GET /api/notes/{id} depends on <lambda>, a plain def", "put an async def in its place"),
    ),
    "short": (
        "short",
        broken("handlers.py", "    read_note(tx, note_id)\n", "    read_note(tx, note_id)\n" * 40),
        ("handlers.py:23: update_note has 48 lines, and 40 is the most", "into functions of their own"),
    ),
    "no Python": (
        "short",
        {**NOTES, "left_over.py": "def (\n"},
        ("left_over.py: it is no Python", "mend it, or take the file away"),
    ),
    "events": (
        "events",
        broken("schemas.py", '"""A note was kept."""', '"""kept"""'),
        ("schemas.py:36: the event notes.created does not say what happened", "a sentence of one line"),
    ),
    "tests": (
        "tests",
        with_route(
            '@router.get("/{id}/words")\nasync def count(id: str) -> int:\n    """Count words."""\n    return 1'
        ),
        ("router.py:43", "GET /api/notes/{id}/words is in no test of the slice", "slices/notes/ that sends GET"),
    ),
}
"""For each way to miss a mark: the mark, the files, and what must be told."""


@pytest.mark.parametrize("name", _MISSED)
def test_a_mark_that_is_missed_is_told_with_its_cure(name: str, tmp_path: Path) -> None:
    mark, files, told = _MISSED[name]
    with cards_of(tmp_path, {"notes": files}) as cards:
        [failed] = cards["notes"].failed
    lines = "\n".join(f"{miss.where}: {miss.what}\n{miss.cure}" for miss in failed.misses)
    assert failed.name == mark
    for part in told:
        assert part in lines


def test_slices_that_are_not_loaded_are_told_of_beside_the_others(tmp_path: Path) -> None:
    other = {"__init__.py": '"""Other."""\n', "router.py": "from fastapi import APIRouter\n\nrouter = APIRouter()\n"}
    folders = {"notes": NOTES, "other": other, "third": {**other, "router.py": "def (\n"}, "twin": other}
    with cards_of(tmp_path, folders, disabled="twin") as cards:
        states = {name: card.state for name, card in cards.items()}
    assert states == {"notes": "loaded", "other": "loaded", "third": "faulty", "twin": "disabled"}
    assert cards["notes"].routes
    [fault] = cards["third"].faults
    assert "router.py cannot be imported: SyntaxError" in fault
    assert "(router.py:1)" in fault
    for name in ("third", "twin"):
        assert (cards[name].title, cards[name].routes, cards[name].line_count > 0) == ("Other", [], True)
        assert {mark.state for mark in cards[name].marks} == {"unchecked"}


def test_two_catch_alls_cost_one_of_them(tmp_path: Path) -> None:
    text = (
        "from fastapi import APIRouter\n\nroot_router = APIRouter()\n\n\n@root_router.get('/{x}')\nasync def a(): ...\n"
    )
    files = {"__init__.py": '"""Title."""\n', "router.py": text}
    with cards_of(tmp_path, {"first": files, "second": files}) as cards:
        assert (cards["first"].state, cards["second"].state) == ("loaded", "faulty")
        assert "catch-all" in cards["second"].faults[0]


# What counts as a test of a route


@pytest.mark.parametrize(
    ("test", "is_found"),
    [
        ('client.get("/api/notes/n1/words")', True),
        ('client.get("/api/notes/n1/words?of=all")', True),
        ('client.get(f"/api/notes/{note}/words")', True),
        ('client.get(f"{url}/words")', True),
        ('client.request("GET", "/api/notes/n1/words")', True),
        ('client.get("/api/notes/{}/words".format(note))', True),
        ('client.post("/api/notes/n1/words")', False),
        ('client.get("/api/notes/words")', False),
        ('client.get("/api/notes/n1/words/more")', False),
        ('client.get(f"/api/notes/n1/{what}")', False),
        ('client.get(f"{url}/{what}")', False),
        ("client.get(url)", False),
    ],
)
def test_a_route_is_tested_where_its_path_is_written_and_its_method_is_sent(
    test: str, is_found: bool, tmp_path: Path
) -> None:
    tests = tmp_path / "tests/slices/notes"
    tests.mkdir(parents=True)
    (tests / "test_words.py").write_text(f"async def test_words(client):\n    await {test}\n")
    with cards_of(tmp_path, {"notes": with_route(_WORDS)}) as cards:
        card = cards["notes"]
    assert (card.failed == []) is is_found
    assert card.test_count == 1


def test_without_a_tree_of_tests_nothing_is_said_of_them(tmp_path: Path) -> None:
    assert own_tests_of(tmp_path / "site-packages/tools/notes") is None
    with slices_package(tmp_path, {"notes": NOTES}) as package:
        [card] = read_cards(make_settings(), (package,))
    assert card.test_count is None
    assert [mark.name for mark in card.marks if mark.state == "unchecked"] == ["tests"]


# The command


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str]:
    """How the command ends, and what it prints."""
    with pytest.raises(SystemExit) as ended:
        main(["slices", *arguments])
    return ended.value.code, capsys.readouterr().out


def test_every_slice_of_this_tree_has_every_mark(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = told(capsys)
    assert code == 0, text
    assert "no fault, no mark missed." in text


def test_one_slice_is_told_in_full_and_one_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    names = [each.name for each in find_slices(("slice_api.slices",))]
    code, text = told(capsys, names[0])
    assert code == 0, text
    assert f"({names[0]}): loaded, slice_api/slices/{names[0]}, " in text
    assert f"  SLICE_{names[0].upper()}_RATE_LIMIT=  " in text
    code, _ = told(capsys, "nothing")
    assert code == f"There is no slice 'nothing'; there are {', '.join(names)}."


def test_the_command_tells_of_a_broken_tree_and_ends_with_1(tmp_path: Path) -> None:
    root = tree_with_notes(tmp_path)
    broken_file = root / "slice_api/slices/notes/handlers.py"
    broken_file.write_text(broken_file.read_text() + "\ndef (\n")
    left_out, *_ = (each.name for each in find_slices(("slice_api.slices",)))
    command = (sys.executable, "-m", "slice_api", "slices")
    variables = environment(root, SLICE_DISABLED=left_out)
    as_table, as_json = (
        subprocess.run(each, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
        for each in (command, (*command, "--json"))
    )
    assert [(each.returncode, each.stderr) for each in (as_table, as_json)] == [(1, "")] * 2
    states = {card["name"]: card["state"] for card in json.loads(as_json.stdout)}
    assert (states.pop("notes"), states.pop(left_out)) == ("faulty", "disabled")
    assert set(states.values()) <= {"loaded"}
    rows = [line.split()[:2] for line in as_table.stdout.partition("\n\n")[0].splitlines()]
    assert ["notes", "faulty"] in rows
    assert [left_out, "disabled"] in rows
    assert "notes cannot be loaded: handlers.py cannot be imported: SyntaxError" in as_table.stdout
    assert "(handlers.py:1" in as_table.stdout


async def _keep_notes(package: str, url: str, count: int) -> None:
    app = make_app(packages=(package,), storage_url=url)
    async with running(app), client_of(app) as client:
        for number in range(count):
            assert (await client.post("/api/notes", json={"title": str(number)})).status_code == 201


def test_the_command_counts_what_a_database_holds_and_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/data.db"
    with slices_package(tmp_path, {"notes": NOTES}) as package:
        [before] = read_cards(make_settings(storage_url=url), (package,))
        assert not (tmp_path / "data.db").exists()
        asyncio.run(_keep_notes(package, url, 3))
        [after] = read_cards(make_settings(storage_url=url), (package,))
    assert [(each.engine, each.size) for each in before.stores] == [("sqlite", None)]
    assert [(each.engine, each.size, each.is_size_least) for each in after.stores] == [("sqlite", 3, False)]
