"""The catalogue of events: what is told, what it looks like, and who listens."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from fastapi import FastAPI

from slice_api.chassis import EVENTS, Tx
from tests.conftest import ClientWith
from tests.support import chassis_of, client_of, make_app, needs, running, slices_package

_SCHEMAS = '''
from slice_api.chassis import Event, Schema, Time

class Card(Schema):
    number: int
    note: str | None = None

class Dealt(Event):
    """A card was dealt.

    Once for each card.
    """

    topic = "cards.dealt"
    card: Card
    by_hand: bool = True
'''
_REACTIONS = """
from slice_api.chassis import EventRecord, Tx, on

@on("cards.dealt")
@on("cards.*")
def pay(tx: Tx, event: EventRecord) -> None: ...

@on("*")
def write_down(tx: Tx, event: EventRecord) -> None: ...

@on("dice.thrown")
@on("dice.*")
def count(tx: Tx, event: EventRecord) -> None: ...
"""
_ROUTER = """
from fastapi import APIRouter
from slice_api.chassis import Db, Tx
from .schemas import Card, Dealt

router = APIRouter()

def deal(tx: Tx, card: Card) -> None:
    tx.emit(Dealt(card=card), subject=str(card.number))

@router.post("", status_code=204)
async def post_card(card: Card, db: Db) -> None:
    \"\"\"Deal a card.\"\"\"
    await db.transact(deal, card)
"""
FOLDERS: Mapping[str, Mapping[str, str]] = {
    "cards": {"__init__.py": '"""Cards."""\n', "schemas.py": _SCHEMAS, "router.py": _ROUTER},
    "bets": {
        "__init__.py": '"""Bets."""\n',
        "events.py": _REACTIONS,
        "router.py": "from fastapi import APIRouter\n\nrouter = APIRouter()\n",
    },
}


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[FastAPI]:
    """A running app with two more slices."""
    with slices_package(tmp_path, FOLDERS) as package:
        async with running(make_app(packages=("slice_api.slices", package))) as app:
            yield app


async def _topics(client: httpx.AsyncClient, **query: Any) -> dict[str, dict[str, Any]]:
    answer = await client.get("/api/events", params={"limit": 200, **query})
    assert answer.status_code == 200, answer.text
    return {item["topic"]: item for item in answer.json()["items"]}


@needs("platform")
async def test_every_topic_of_every_slice_stands_there_by_name(client: httpx.AsyncClient) -> None:
    names = list(await _topics(client))
    told = [topic for row in (await client.get("/api")).json()["items"] for topic in row["events"]]
    assert names == sorted([*told, "dice.*", "dice.thrown"])


async def test_a_topic_tells_what_it_means_and_what_it_looks_like(client: httpx.AsyncClient) -> None:
    topic = (await client.get("/api/events/cards.dealt")).json()
    assert topic == (await _topics(client))["cards.dealt"]
    assert topic["slice"] == "cards"
    assert topic["description"] == "A card was dealt.\n\nOnce for each card."
    assert topic["is_published"] is True
    data = topic["data_schema"]
    assert data["properties"]["card"] == {"$ref": "#/$defs/Card"}
    assert data["$defs"]["Card"]["properties"]["number"]["type"] == "integer"
    assert data["required"] == ["card", "by_hand"], "what has a default is always told"
    assert data["$defs"]["Card"]["required"] == ["number", "note"]


async def test_every_example_fits_its_schemas(client: httpx.AsyncClient) -> None:
    published = [each for each in (await _topics(client)).values() if each["is_published"]]
    for each in published:
        jsonschema_rs.meta.validate(each["record_schema"])
        jsonschema_rs.validate(each["data_schema"], each["example"]["data"])
        jsonschema_rs.validate(each["record_schema"], each["example"])
        assert each["example"]["type"] == each["topic"]


async def test_the_schema_of_the_whole_takes_what_is_told_and_nothing_else(
    client: httpx.AsyncClient, app: FastAPI
) -> None:
    assert (await client.post("/api/cards", json={"number": 7})).status_code == 204
    [record] = (await chassis_of(app).db.transact(Tx.entries, EVENTS)).items
    schema = (await client.get("/api/events/cards.dealt")).json()["record_schema"]
    told = record.model_dump(mode="json")
    jsonschema_rs.validate(schema, told)
    changes: list[dict[str, Any]] = [
        {"type": "cards.shuffled"},
        {"slice": "bets"},
        {"data": {}},
        {"id": None},
        {"x": 1},
    ]
    for change in changes:
        assert not jsonschema_rs.is_valid(schema, told | change), change
    assert not jsonschema_rs.is_valid(schema, {name: each for name, each in told.items() if name != "by"})


async def test_who_listens_is_named_by_slice_and_function(client: httpx.AsyncClient) -> None:
    topics = await _topics(client)
    assert topics["cards.dealt"]["listeners"] == ["bets.pay", "bets.write_down"]
    assert topics["dice.thrown"]["listeners"] == ["bets.count", "bets.write_down"]


async def test_what_is_awaited_of_a_slice_that_is_not_here_is_shown_as_such(client: httpx.AsyncClient) -> None:
    topic = (await client.get("/api/events/dice.thrown")).json()
    assert topic["is_published"] is False
    assert "dice is not here" in topic["description"]
    assert (topic["example"], topic["data_schema"], topic["record_schema"]) == (None, None, None)


async def test_a_slice_that_is_left_out_leaves_its_listeners_waiting(tmp_path: Path) -> None:
    with slices_package(tmp_path, FOLDERS) as package:
        app = make_app(packages=("slice_api.slices", package), disabled=("cards",))
        async with running(app), client_of(app) as client:
            topics = await _topics(client, slice="cards")
    assert {name: each["listeners"] for name, each in topics.items()} == {
        "cards.*": ["bets.pay", "bets.write_down"],
        "cards.dealt": ["bets.pay", "bets.write_down"],
    }


async def test_the_topics_of_one_slice_alone(client: httpx.AsyncClient) -> None:
    assert list(await _topics(client, slice="cards")) == ["cards.dealt"]
    assert list(await _topics(client, slice="dice")) == ["dice.*", "dice.thrown"]
    assert await _topics(client, slice="bets") == {}


@pytest.mark.parametrize("name", ["cards", "cards.", "cards.shuffled", "*", "CARDS.DEALT", "dice.lost"])
async def test_what_is_no_topic_is_not_found(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/api/events/{name}")
    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/not-found"


async def test_a_key_needs_the_scope(client_with: ClientWith) -> None:
    assert (await client_with("events:read").get("/api/events")).status_code == 200
    assert (await client_with("activity:read").get("/api/events")).status_code == 403
