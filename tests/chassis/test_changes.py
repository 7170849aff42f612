"""Merge patches: what is left out stays, null clears, and what must be there cannot be cleared."""

from typing import Any

import pytest
from pydantic import Field, ValidationError

from slice_api.chassis import Change, Integer, Line, Schema, Tags, Text, merged, replaced


class NewCard(Schema):
    title: Line
    """What it is called."""
    note: Line | None = None
    text: Text = ""
    tags: Tags = Field(default=[])
    stars: Integer = 3
    is_open: bool = True


class CardChange(Change, NewCard):
    """What to change of a card."""


class Card(NewCard):
    id: str


CARD = Card(id="one", title="A", note="B", text="C", tags=["d"], stars=5, is_open=False)


def changed(**fields: Any) -> dict[str, Any]:
    """What becomes different on the card."""
    after = merged(CARD, CardChange.model_validate(fields)).model_dump()
    return {name: value for name, value in after.items() if value != getattr(CARD, name)}


def test_what_is_named_changes_and_the_rest_stays() -> None:
    assert changed(title="X", tags=["Y"]) == {"title": "X", "tags": ["y"]}


def test_null_clears_to_what_is_empty() -> None:
    assert changed(note=None, text=None, tags=None) == {"note": None, "text": "", "tags": []}


@pytest.mark.parametrize("name", ["title", "stars", "is_open"])
def test_what_is_never_empty_cannot_be_cleared(name: str) -> None:
    with pytest.raises(ValidationError) as refused:
        CardChange.model_validate({name: None})
    assert [fault["loc"] for fault in refused.value.errors()] == [(name,)]


def test_a_change_is_held_against_the_rules_of_the_fields() -> None:
    with pytest.raises(ValidationError) as refused:
        CardChange.model_validate({"title": "", "tags": ["x" * 41], "id": "two"})
    assert {fault["loc"][0] for fault in refused.value.errors()} == {"title", "tags", "id"}


def test_what_changes_nothing_gives_the_same_object() -> None:
    assert merged(CARD, CardChange.model_validate({})) is CARD
    assert merged(CARD, CardChange.model_validate({"title": "A", "tags": ["D"]})) is CARD


def test_the_schema_needs_nothing_and_has_no_defaults_for_clients_to_send() -> None:
    schema = CardChange.model_json_schema()
    assert "required" not in schema
    assert all("default" not in field for field in schema["properties"].values())
    assert schema["properties"]["title"]["description"] == "What it is called."
    nullable = {name for name, field in schema["properties"].items() if {"type": "null"} in field.get("anyOf", ())}
    assert nullable == {"note", "text", "tags"}


def test_the_model_it_is_made_from_stays_as_it_was() -> None:
    assert NewCard.model_json_schema()["required"] == ["title"]
    with pytest.raises(ValidationError):
        NewCard.model_validate({"title": "A", "tags": None})


def test_what_is_replaced_is_another_document_of_the_same_kind() -> None:
    after = replaced(CARD, {"title": "X", "stars": 1})
    assert after == Card.model_validate({**CARD.model_dump(), "title": "X", "stars": 1})
    assert (CARD.title, CARD.stars) == ("A", 5)
    assert after.model_dump_json() == CARD.model_copy(update={"title": "X", "stars": 1}).model_dump_json()


def test_what_is_replaced_counts_as_given() -> None:
    card = Card(id="one", title="A")
    assert replaced(card, {"stars": 1}).model_fields_set == {"id", "title", "stars"}
    assert card.model_fields_set == {"id", "title"}
    assert replaced(card, {"title": "B"}).model_copy(update={"note": "C"}).model_fields_set == {"id", "title", "note"}
