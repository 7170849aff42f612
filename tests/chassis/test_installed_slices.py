"""A slice of an installed package is a slice like any other: all that a folder may hold works from there, too."""

import asyncio
import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from slice_api.chassis.discovery import DiscoveryError, find_slices
from slice_api.cli import environment_example, main, make_served_app
from tests.chassis.examples import parsed
from tests.engines import STORAGE_URLS
from tests.support import ADMIN_KEY, FrozenClock, chassis_of, client_of, has_slice, make_app, needs, running

CARDS: Mapping[str, str] = {
    "__init__.py": '"""Playing cards.\n\nFrom another package.\n"""\n',
    "schemas.py": """
from slice_api.chassis import Event, Line, Schema

class NewCard(Schema):
    name: Line

class Card(NewCard):
    id: str

class CardDealt(Event):
    \"\"\"A card was dealt.\"\"\"

    topic = "cards.dealt"
    card: Card
""",
    "settings.py": """
from pydantic import Field
from slice_api.chassis import SliceSettings

class CardsSettings(SliceSettings):
    deck: str = Field(default="french", description="Which deck is played with.")
""",
    "store.py": """
from slice_api.chassis import Collection, Log, Tx
from .schemas import Card

CARDS = Collection("cards", Card, indexes=("name",), search=("name",))
NOTED = Log("cards_noted", Card)

def note(tx: Tx, name: str) -> None:
    tx.append(NOTED, Card(id="noted", name=name))
""",
    "router.py": """
from typing import Annotated
from fastapi import APIRouter, Depends
from slice_api.chassis import Db, Page, Paging, Schema, Tx, new_id, own_settings
from .schemas import Card, CardDealt, NewCard
from .settings import CardsSettings
from .store import CARDS, NOTED

router = APIRouter()
root_router = APIRouter()

class Deck(Schema):
    name: str

def deal(tx: Tx, new: NewCard) -> Card:
    card = tx.insert(CARDS, Card(id=new_id("card"), name=new.name))
    tx.emit(CardDealt(card=card), subject=card.id)
    return card

@router.get("")
async def list_cards(db: Db, page: Paging) -> Page[Card]:
    \"\"\"List them.\"\"\"
    return await db.page(CARDS, page)

@router.post("", status_code=201)
async def post_card(new: NewCard, db: Db) -> Card:
    \"\"\"Deal one.\"\"\"
    return await db.transact(deal, new)

@router.get("/noted")
async def list_noted(db: Db, page: Paging) -> Page[Card]:
    \"\"\"What was noted.\"\"\"
    return await db.transact(lambda tx: tx.entries(NOTED, page))

@root_router.get("/deck")
async def read_deck(settings: Annotated[CardsSettings, Depends(own_settings)]) -> Deck:
    \"\"\"Which deck it is.\"\"\"
    return Deck(name=settings.deck)
""",
    "jobs.py": """
from slice_api.chassis import Tx, every
from .settings import CardsSettings
from .store import note

@every(seconds=3600)
def shuffle(tx: Tx, settings: CardsSettings) -> None:
    note(tx, f"shuffled the {settings.deck} deck")
""",
    "events.py": """
from slice_api.chassis import Tx, on
from .schemas import CardDealt
from .settings import CardsSettings
from .store import note

@on("cards.dealt")
def hear(tx: Tx, event: CardDealt, settings: CardsSettings) -> None:
    note(tx, f"{event.card.name} of the {settings.deck} deck")
""",
    "health.py": """
from slice_api.chassis import Db, equals
from .settings import CardsSettings
from .store import CARDS

async def check(db: Db, settings: CardsSettings) -> None:
    if await db.count(CARDS, equals("name", f"{settings.deck} joker")):
        raise RuntimeError("there is a joker in the deck")
""",
    "search.py": """
from slice_api.chassis import Found, PageQuery, Tx, matches
from .settings import CardsSettings
from .store import CARDS

def search(tx: Tx, text: str, limit: int, settings: CardsSettings) -> list[Found]:
    cards = tx.page(CARDS, PageQuery(limit=limit), where=[matches(text)]).items
    return [Found(key=card.id, title=card.name, detail=settings.deck) for card in cards]
""",
    "web/page.js": 'import { h } from "../../dom.js";\n\nexport default { columns: ["name"] };\n',
    "web/page.css": ".card { color: red; }\n",
}

LOCKS: Mapping[str, str] = {
    "__init__.py": '"""Locks."""\n',
    "router.py": """
from fastapi import APIRouter
from slice_api.chassis import Caller, Principal

router = APIRouter()

@router.get("")
async def read_caller(caller: Caller) -> Principal:
    \"\"\"Whoever asks.\"\"\"
    return caller
""",
    "auth.py": """
from slice_api.chassis import Principal, Tx

def identify(tx: Tx, key_hash: str) -> Principal | None:
    return Principal(key_id="lock", name="whoever", scopes=("locks:read",))

def recall(tx: Tx, key_id: str) -> Principal | None:
    return identify(tx, "")

def has_admin(tx: Tx) -> bool:
    return True

def adopt(tx: Tx, key_id: str, key_hash: str, *, is_configured: bool) -> None: ...

def forget_configured(tx: Tx) -> None: ...
""",
}


@contextmanager
def installed(site: Path, points: Mapping[str, str], **folders: Mapping[str, str]) -> Iterator[Path]:
    """A distribution `team-tools` with slices in its package, as an installer leaves it: folders and their metadata."""
    package, metadata = site / "team_tools", site / "team_tools-1.0.dist-info"
    for path, text in {
        package / "__init__.py": "",
        metadata / "METADATA": "Metadata-Version: 2.1\nName: team-tools\nVersion: 1.0\n",
        metadata / "entry_points.txt": "[slice_api.slices]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()),
        **{package / name / file: text for name, files in folders.items() for file, text in files.items()},
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    sys.path.insert(0, str(site))
    importlib.invalidate_caches()
    try:
        yield site
    finally:
        sys.path.remove(str(site))
        for module in [each for each in sys.modules if each.split(".")[0] == "team_tools"]:
            del sys.modules[module]


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The cards are installed; no .env is near."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    with installed(tmp_path / "site", {"cards": "team_tools.cards"}, cards=CARDS) as site:
        yield site


def refused(*disabled: str) -> list[str]:
    """Why a start is refused, as `slice: detail`."""
    with pytest.raises(DiscoveryError) as refusal:
        make_app(disabled=disabled)
    return [f"{fault.slice_name}: {fault.detail}" for fault in refusal.value.faults]


@needs("platform", "front")
@pytest.mark.parametrize("engine", STORAGE_URLS)
async def test_everything_that_a_folder_may_hold_works(
    cards: Path, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLICE_CARDS_DECK", "tarot")
    app = make_app(clock=FrozenClock(), storage_url=STORAGE_URLS[engine](tmp_path))
    async with running(app), client_of(app) as client:
        row = next(row for row in (await client.get("/api")).json()["items"] if row["name"] == "cards")
        assert (row["title"], row["description"]) == ("Playing cards", "From another package.")
        assert (row["events"], row["scopes"]) == (["cards.dealt"], ["cards:read", "cards:write"])
        made = (await client.post("/api/cards", json={"name": "Ace"})).json()
        await chassis_of(app).settle()
        await chassis_of(app).jobs.run_due()
        noted = [card["name"] for card in (await client.get("/api/cards/noted")).json()["items"]]
        assert noted == ["shuffled the tarot deck", "Ace of the tarot deck"]
        assert (await client.get("/deck")).json() == {"name": "tarot"}
        if has_slice("search"):
            [group] = (await client.get("/api/search?q=ACE")).json()["groups"]
            assert group["items"] == [
                {"title": "Ace", "detail": "tarot", "key": made["id"], "page_url": f"/app/cards/{made['id']}"}
            ]
        page = await client.get(row["page_script"])
        assert (page.text, page.headers["content-type"]) == (CARDS["web/page.js"], "text/javascript; charset=utf-8")
        assert (await client.get(row["page_script"].replace(".js", ".css"))).text == CARDS["web/page.css"]
        assert "immutable" in page.headers["cache-control"]
        assert (await client.get("/readyz")).status_code == 200
        await client.post("/api/cards", json={"name": "tarot joker"})
        assert (await client.get("/readyz")).json() == {"status": "failing", "failing": ["cards"]}


async def test_a_provider_of_keys_may_be_installed(tmp_path: Path) -> None:
    with installed(tmp_path, {"locks": "team_tools.locks"}, locks=LOCKS):
        app = make_app(disabled=("keys",))
        async with running(app), client_of(app, key="any-key-at-all") as client:
            assert (await client.get("/api/locks")).json()["name"] == "whoever"


@needs("platform")
async def test_an_installed_slice_may_be_left_out(cards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app(disabled=("cards",))
    async with running(app), client_of(app) as client:
        assert "cards" not in [row["name"] for row in (await client.get("/api")).json()["items"]]
        assert (await client.get("/deck")).status_code == 404


def test_leaving_it_out_and_its_variables_are_no_typing_errors(
    cards: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLICE_ADMIN_KEY", ADMIN_KEY)
    monkeypatch.setenv("SLICE_CARDS_DECK", "tarot")
    make_served_app()
    assert capfd.readouterr().err == ""
    monkeypatch.delenv("SLICE_CARDS_DECK")
    monkeypatch.setenv("SLICE_CARDS_DEKC", "tarot")
    make_served_app()
    [line] = parsed(capfd.readouterr().err.encode().splitlines())
    assert line["event"] == "no setting reads SLICE_CARDS_DEKC; did you mean SLICE_CARDS_DECK?"
    monkeypatch.delenv("SLICE_CARDS_DEKC")
    monkeypatch.setenv("SLICE_DISABLED", "cards")
    make_served_app()
    assert capfd.readouterr().err == ""


def test_its_settings_are_listed(cards: Path) -> None:
    told = "\n\n# Playing cards (cards)\n# Which deck is played with.\nSLICE_CARDS_DECK=french\n"
    assert told in environment_example()


def test_it_has_a_report_card(cards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["slices", "cards"])
    said = capsys.readouterr().out
    assert said.startswith("Playing cards (cards): loaded, site/team_tools/cards, ")
    for told in ("GET    /deck", "cards.dealt", "cards.shuffle", "cards_noted", "SLICE_CARDS_DECK=french"):
        assert told in said


def test_what_it_keeps_is_looked_after(cards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path}/data.db"

    async def deal() -> None:
        app = make_app(storage_url=url)
        async with running(app), client_of(app) as client:
            assert (await client.post("/api/cards", json={"name": "Ace"})).status_code == 201

    asyncio.run(deal())
    with pytest.raises(SystemExit) as ended:
        main(["storage", "check", url])
    said = capsys.readouterr().out
    assert (ended.value.code, "Everything fits." in said) == (0, True), said
    assert "cards: 1" in said
    with pytest.raises(SystemExit) as ended:
        main(["storage", "copy", url, f"sqlite:///{tmp_path}/copy.db"])
    assert ended.value.code == 0
    assert "cards: 1\n" in capsys.readouterr().out


# What is wrong


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("team_tools.nowhere", "is its package installed whole?"),
        ("not_there.at_all", "No module named 'not_there'"),
        ("team_tools.cards:router", "it names something inside a module"),
        ("team_tools.single", "is a single module"),
        ("team_tools.broken.slice", "ZeroDivisionError"),
    ],
)
def test_an_entry_point_that_leads_nowhere_is_told_with_what_is_there(tmp_path: Path, target: str, told: str) -> None:
    with installed(tmp_path, {"cards": target}, cards=CARDS, broken={"__init__.py": "1 / 0"}) as site:
        (site / "team_tools" / "single.py").write_text("")
        [fault] = refused()
        assert fault.startswith(f"cards: the entry point {target} leads nowhere (")
        assert fault.endswith("; it must name a package, a folder with an __init__.py")
        assert told in fault
        assert refused("links") == [fault]
        assert [each.name for each in find_slices(("slice_api.slices",), ("cards",)) if each.name == "cards"] == []


def test_an_entry_point_to_a_folder_without_an_init_is_told(tmp_path: Path) -> None:
    bare = {name: text for name, text in CARDS.items() if name != "__init__.py"}
    with installed(tmp_path, {"cards": "team_tools.cards"}, cards=bare):
        assert refused() == ["cards: there is no __init__.py; it holds the docstring that names the slice"]


def test_every_fault_of_an_installed_slice_is_told(tmp_path: Path) -> None:
    wrong = {**CARDS, "health.py": "", "search.py": "def search(tx, text): ..."} | {"web/page.js": "1;"}
    with installed(tmp_path, {"cards": "team_tools.cards"}, cards=wrong) as site:
        (site / "team_tools" / "cards" / "web" / "page.js").unlink()
        assert refused() == [
            "cards: health.py must hold `def check(tx)` or `async def check(db)`; there is no check in it",
            "cards: search.py must hold `def search(tx, text, limit)` or `async def search(db, text, limit)`; "
            "it holds search(tx, text)",
            "cards: web/ has no page.js; it is the module that the slice's page begins with",
        ]
