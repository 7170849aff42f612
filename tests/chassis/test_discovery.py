"""Discovery: a folder is a slice, and one message lists every fault of every slice."""

import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from slice_api.chassis.discovery import DiscoveryError, Slice, find_slices
from tests.support import make_app, slices_package

Files = Mapping[str, str]

INIT = '"""A title.\n\nA description\nof two lines.\n"""\n'
ROUTER = "from fastapi import APIRouter\n\nrouter = APIRouter()\n"
AUTH = "\n".join(
    f"def {name}(*given, **named): ...\n" for name in ("identify", "recall", "has_admin", "adopt", "forget_configured")
)
GOOD: Files = {"__init__.py": INIT, "router.py": ROUTER}


def with_files(**files: str) -> Files:
    """A good slice with other files in it."""
    return {**GOOD, **{f"{name}.py": text for name, text in files.items()}}


def with_root_paths(*paths: str) -> Files:
    """A good slice with routes at the root."""
    routes = "".join(
        f"\n\n@root_router.get({path!r})\nasync def read_{at}() -> None: ...\n" for at, path in enumerate(paths)
    )
    return with_files(router=f"from fastapi import APIRouter\n\nroot_router = APIRouter()\n{routes}")


def with_store(code: str) -> Files:
    return with_files(
        store=f"from slice_api.chassis import Collection, Log, Schema\n\nclass One(Schema):\n    id: str\n\n{code}\n"
    )


def with_event(code: str) -> Files:
    return with_files(schemas=f"from slice_api.chassis import Event\n\n{code}\n")


def found(root: Path, folders: Mapping[str, Files], disabled: tuple[str, ...] = ()) -> tuple[Slice, ...]:
    with slices_package(root, folders) as package:
        return find_slices((package,), disabled)


def faults(root: Path, folders: Mapping[str, Files], disabled: tuple[str, ...] = ()) -> list[str]:
    """What is wrong, as `slice: detail`; nothing when the slices load."""
    try:
        found(root, folders, disabled)
    except DiscoveryError as error:
        return [f"{fault.slice_name}: {fault.detail}" for fault in error.faults]
    return []


def test_a_folder_with_a_docstring_and_a_router_is_a_slice(tmp_path: Path) -> None:
    [only] = found(tmp_path, {"cards": GOOD})
    assert (only.name, only.title, only.description) == ("cards", "A title", "A description\nof two lines.")
    assert only.router is not None
    assert only.root_router is None


def test_slices_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    assert [each.name for each in found(tmp_path, {"b": GOOD, "a": GOOD, "c": GOOD})] == ["a", "b", "c"]


def test_a_disabled_slice_is_not_even_imported(tmp_path: Path) -> None:
    folders = {"good": GOOD, "bad": with_files(router="raise RuntimeError('imported')")}
    assert [each.name for each in found(tmp_path, folders, disabled=("bad",))] == ["good"]


@pytest.mark.parametrize("leftover", ["__pycache__", ".hidden", "empty"])
def test_folders_that_hold_no_code_are_passed_over(tmp_path: Path, leftover: str) -> None:
    with slices_package(tmp_path, {"cards": GOOD}) as package:
        cache = tmp_path / package / leftover / "__pycache__"
        cache.mkdir(parents=True)
        (cache / "router.cpython-311.pyc").write_bytes(b"")
        assert [each.name for each in find_slices((package,))] == ["cards"]


def test_a_slice_that_is_put_aside_with_a_dot_is_passed_over(tmp_path: Path) -> None:
    with slices_package(tmp_path, {"cards": GOOD}) as package:
        (tmp_path / package / ".cards").mkdir()
        (tmp_path / package / ".cards" / "router.py").write_text("raise RuntimeError")
        assert [each.name for each in find_slices((package,))] == ["cards"]


BAD_SLICES: Mapping[str, tuple[Files, str]] = {
    "no router module": (
        {"__init__.py": INIT},
        "cards: there is no router: router.py must hold `router = APIRouter()` (for /api/<folder>) or `root_router`",
    ),
    "no router in it": (with_files(router="x = 1"), "cards: there is no router"),
    "something else as router": (
        with_files(router="router = 'this one'"),
        "cards: router and root_router in router.py must be fastapi.APIRouter",
    ),
    "import error": (
        with_files(handlers="import os\n\nfrom nowhere_to_be_found import x\n"),
        "cards: handlers.py cannot be imported: ModuleNotFoundError: No module named 'nowhere_to_be_found' "
        "(handlers.py:3)",
    ),
    "error while importing": (
        with_files(router="from .schemas import depth\n", schemas="\n\n\ndepth = 1 / 0\n"),
        "cards: schemas.py cannot be imported: ZeroDivisionError: division by zero (schemas.py:4)",
    ),
    "syntax error": (
        with_files(router="from fastapi import APIRouter\nrouter = (\n"),
        "(router.py:2)",
    ),
    "no docstring": (
        {**GOOD, "__init__.py": "x = 1\n"},
        "cards: __init__.py has no docstring; its first line is the title that people see, the rest the description",
    ),
    "empty docstring": ({**GOOD, "__init__.py": '"""  """\n'}, "cards: __init__.py has no docstring"),
    "no __init__": (
        {"router.py": ROUTER},
        "cards: there is no __init__.py; it holds the docstring that names the slice",
    ),
    "path under /api": (
        with_root_paths("/api/cards"),
        "cards: the root path /api/cards lies under /api, where each slice has its own folder name",
    ),
    "store of another name": (
        with_store('ONES = Collection("ones", One)'),
        "cards: the store 'ones' must be called 'cards' or cards_…, so that no two slices share one",
    ),
    "log of another name": (with_store('ONES = Log("cardsharps", One)'), "cards: the store 'cardsharps' must be"),
    "store of a field that is not there": (
        with_store('ONES = Collection("cards", One, indexes=("two",))'),
        "cards: store.py cannot be imported: TypeError: One has no field or property 'two' to index (store.py:6)",
    ),
    "topic of another slice": (
        with_event('class Dealt(Event):\n    """Dealt."""\n\n    topic = "decks.dealt"'),
        "cards: the topic 'decks.dealt' of Dealt must be cards.<what happened>, such as cards.created",
    ),
    "no topic": (with_event('class Dealt(Event):\n    """Dealt."""'), "cards: the topic '' of Dealt must be cards."),
    "event without docstring": (
        with_event('class Dealt(Event):\n    topic = "cards.dealt"'),
        "cards: the event Dealt has no docstring; its first line stands in the catalogue",
    ),
    "reaction without annotation": (
        with_files(events='from slice_api.chassis import on\n\n@on("*")\ndef react(tx, event): ...\n'),
        "cards: react must be annotated as (tx: Tx, event: <model or EventRecord>)",
    ),
    "reaction to no model": (
        with_files(
            events='from slice_api.chassis import Tx, on\n\n@on("*")\ndef react(tx: Tx, event: int) -> None: ...\n'
        ),
        "cards: the event of react must be a Pydantic model or EventRecord",
    ),
    "two settings models": (
        with_files(
            settings="from slice_api.chassis import SliceSettings\n\n"
            "class One(SliceSettings): ...\n\nclass Two(SliceSettings): ...\n"
        ),
        "cards: settings.py holds 2 subclasses of SliceSettings; one is expected",
    ),
}


@pytest.mark.parametrize("what", BAD_SLICES)
def test_a_slice_with_a_fault_is_told_with_what_was_expected(tmp_path: Path, what: str) -> None:
    files, told = BAD_SLICES[what]
    [fault] = faults(tmp_path, {"cards": files})
    assert fault.startswith("cards: ")
    assert told in fault


@pytest.mark.parametrize("name", ["Cards", "my-cards", "1cards", "café", "c" * 33, "_cards"])
def test_a_folder_whose_name_is_no_name_of_a_slice_is_told(tmp_path: Path, name: str) -> None:
    [fault] = faults(tmp_path, {name: GOOD})
    assert fault.startswith(f"{name}: a folder of slices needs a lower-case name")


TOGETHER: Mapping[str, tuple[Mapping[str, Files], str]] = {
    "same root path": (
        {"a": with_root_paths("/x/y"), "b": with_root_paths("/x/y")},
        "b: the root path /x/y is taken by a",
    ),
    "same root path but for the parameter's name": (
        {"a": with_root_paths("/x/{one}/z"), "b": with_root_paths("/x/{two}/z")},
        "b: the root path /x/{}/z is taken by a",
    ),
    "two catch-alls": (
        {"a": with_root_paths("/{one}"), "b": with_root_paths("/{two}")},
        "b: the root path /{} is a catch-all, and a has one; one app has room for one",
    ),
    "two catch-alls of different forms": (
        {"a": with_root_paths("/{one}"), "b": with_root_paths("/{two:path}")},
        "b: the root path /{} is a catch-all, and a has one; one app has room for one",
    ),
    "a version that is a slice": (
        {"a": with_root_paths("/api/v1/x"), "v1": GOOD},
        "a: the root path /api/v1/x lies under /api, where each slice has its own folder name",
    ),
    "two providers of keys": (
        {"a": with_files(auth=AUTH), "b": with_files(auth=AUTH)},
        "b: auth.py (one provider of keys at most) 'auth' is also in a",
    ),
    "the same store": (
        {"a": with_store('ONES = Collection("a_b", One)'), "a_b": with_store('ONES = Collection("a_b", One)')},
        "a_b: the store 'a_b' is also in a",
    ),
}


@pytest.mark.parametrize("what", TOGETHER)
def test_what_two_slices_claim_is_told(tmp_path: Path, what: str) -> None:
    folders, told = TOGETHER[what]
    assert faults(tmp_path, folders) == [told]


REACTING: Files = with_files(
    events="from slice_api.chassis import EventRecord, Tx, on\n\n"
    '@on("cards.dealt")\n@on("cards.*")\n@on("gone.created")\n@on("*")\n'
    "def react(tx: Tx, event: EventRecord) -> None: ...\n"
)


def test_a_reaction_to_what_a_slice_does_not_publish_is_told_and_to_one_that_is_away_is_not(tmp_path: Path) -> None:
    dealing = with_event('class Dealt(Event):\n    """Dealt."""\n\n    topic = "cards.dealt"')
    assert faults(tmp_path, {"cards": dealing, "bets": REACTING}) == []
    [fault] = faults(tmp_path, {"cards": GOOD, "bets": REACTING})
    assert fault.startswith("bets: @on('cards.dealt')")


def test_one_slice_may_have_several_paths_one_below_the_other_and_a_catch_all(tmp_path: Path) -> None:
    assert faults(tmp_path, {"a": with_root_paths("/x", "/x/{y}", "/x/{y}/z", "/{all}"), "b": GOOD}) == []


def test_versions_under_api_are_the_apis_of_other_services(tmp_path: Path) -> None:
    assert faults(tmp_path, {"a": with_root_paths("/api/v1/x", "/api/v12/{y}/z"), "v2": GOOD}) == []


def test_a_slice_that_is_left_out_gives_its_paths_free(tmp_path: Path) -> None:
    folders = {"a": with_root_paths("/x"), "b": with_root_paths("/x")}
    assert faults(tmp_path, folders, disabled=("a",)) == []


def test_one_message_tells_every_fault_of_every_slice(tmp_path: Path) -> None:
    broken = {name.replace(" ", "_").replace("/", "").lower(): files for name, (files, _) in BAD_SLICES.items()}
    own_names = {
        name: {file: text.replace("cards", name) for file, text in files.items()} for name, files in broken.items()
    }
    clashing = {"za": with_root_paths("/x"), "zb": {**with_root_paths("/x"), "__init__.py": ""}, "Zc": GOOD}
    with slices_package(tmp_path, {**own_names, **clashing}) as package, pytest.raises(DiscoveryError) as refused:
        make_app(packages=(package,))
    message = str(refused.value)
    assert message.startswith(f"The start is refused: {len(refused.value.faults)} fault(s) in the slices.\n")
    assert len(refused.value.faults) == len(BAD_SLICES) + 3
    assert {fault.slice_name for fault in refused.value.faults} == {*own_names, "zb", "Zc"}
    for fault in refused.value.faults:
        assert f"  {fault.slice_name}: {fault.detail}" in message


def test_every_fault_of_one_slice_is_told(tmp_path: Path) -> None:
    files = {
        **with_store('ONES = Collection("ones", One)\nTWOS = Collection("twos", One)'),
        **with_root_paths("/api/cards"),
        "__init__.py": "",
        "schemas.py": "from slice_api.chassis import Event\n\nclass Dealt(Event):\n    topic = 'dealt'\n",
    }
    assert len(faults(tmp_path, {"cards": files})) == 6


def test_a_setting_that_does_not_fit_is_told_in_one_line_with_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLICE_CARDS_RATE_LIMIT", "as-many-as-you-like-hunter2")
    [fault] = faults(tmp_path, {"cards": GOOD})
    assert "SLICE_CARDS_RATE_LIMIT" in fault
    assert "must be like 600/minute" in fault
    assert "\n" not in fault
    assert "hunter2" not in fault


def test_a_slices_settings_are_read_from_variables_of_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLICE_CARDS_RATE_LIMIT", "7/second")
    cards, decks = found(tmp_path, {"cards": GOOD, "decks": GOOD})
    assert (cards.settings.rate_limit, decks.settings.rate_limit) == ("7/second", "")


# Slices from installed packages


def point(name: str, package: str) -> EntryPoint:
    return EntryPoint(name, package, "slice_api.slices")


def install(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    monkeypatch.setattr(
        "importlib.metadata.entry_points",
        lambda *, group: [each for each in points if each.group == group],
    )


def test_a_slice_of_an_installed_package_stands_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with slices_package(tmp_path, {"own": GOOD}) as own, slices_package(tmp_path, {"cards": GOOD}) as other:
        install(monkeypatch, point("cards", f"{other}.cards"), EntryPoint("stray", "nowhere", "another.group"))
        assert [each.name for each in find_slices((own,))] == ["cards", "own"]
        assert [each.name for each in find_slices((own,), disabled=("cards",))] == ["own"]


def test_an_installed_slice_is_held_to_the_same_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    untitled = {**GOOD, "__init__.py": ""}
    with slices_package(tmp_path, {"own": untitled}) as own, slices_package(tmp_path, {"cards": untitled}) as other:
        install(monkeypatch, point("cards", f"{other}.cards"))
        with pytest.raises(DiscoveryError) as refused:
            find_slices((own,))
    assert [fault.slice_name for fault in refused.value.faults] == ["cards", "own"]


def test_two_slices_of_one_name_are_told_with_their_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with slices_package(tmp_path, {"cards": GOOD}) as own, slices_package(tmp_path, {"cards": GOOD}) as other:
        install(monkeypatch, point("cards", f"{other}.cards"))
        with pytest.raises(DiscoveryError) as refused:
            find_slices((own,))
    [fault] = refused.value.faults
    assert fault.detail.startswith("two slices have this name")
    assert {str(tmp_path / own / "cards"), str(tmp_path / other / "cards")} <= set(fault.detail.split())


@pytest.mark.parametrize("target", ["nowhere_to_be_found", "nowhere_to_be_found.cards"])
def test_an_entry_point_that_leads_nowhere_is_a_fault_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    with slices_package(tmp_path, {"own": GOOD}) as own:
        install(monkeypatch, point("cards", target))
        with pytest.raises(DiscoveryError) as refused:
            find_slices((own,))
    assert [fault.slice_name for fault in refused.value.faults] == ["cards"]


def test_made_up_slices_leave_nothing_behind(tmp_path: Path) -> None:
    found(tmp_path, {"cards": GOOD})
    assert not [name for name in sys.modules if name.startswith("made_up_")]
