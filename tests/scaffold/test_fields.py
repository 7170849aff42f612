"""Field lists: what is offered, and what is refused in one line that says what would be right."""

import pytest

from slice_api.scaffold.fields import KINDS, Refused, parse_fields


def test_every_type_is_the_chassis_own_with_an_example() -> None:
    lines = [each.line for each in parse_fields("question:str votes:int closes_at:datetime? tags:tags?")]
    assert lines == [
        'question: Line = Field(examples=["Question"])',
        "votes: Integer = Field(strict=True, examples=[3])",
        'closes_at: Time | None = Field(default=None, examples=["2026-01-31T09:00:00Z"])',
        'tags: Tags | None = Field(default=None, examples=[["docs", "spring"]])',
    ]


@pytest.mark.parametrize("text", ["", "   "])
def test_without_a_list_there_are_a_title_and_a_text(text: str) -> None:
    assert [(each.name, each.is_optional) for each in parse_fields(text)] == [("title", False), ("text", True)]


REFUSED = {
    "votes": "votes: has no type that is offered: str, text, int,",
    "votes:": "votes: has no type that is offered: str, text, int,",
    "votes:number": "votes:number has no type that is offered: str, text, int, float, bool, datetime, date, url, tags",
    "at:datetme": "at:datetme has no type that is offered: did you mean datetime? There are str,",
    "votes:int??": "votes:int?? has no type that is offered: did you mean int?",
    "Votes:int": "'Votes' is no name of a field: lower-case letters, digits and single underscores",
    "_votes:int": "'_votes' is no name of a field",
    "a__b:int": "'a__b' is no name of a field",
    "votes-count:int": "'votes-count' is no name of a field",
    "größe:int": "'größe' is no name of a field",
    ":int": "'' is no name of a field",
    "x" * 41 + ":int": "at most 40",
    "class:str": "class is a word of Python's own; choose another, such as class_value",
    "id:str": "the field id is kept for the service to fill in (created_at, created_by, id, updated_at are)",
    "created_at:datetime": "the field created_at is kept for the service",
    "copy:str": "every model has a copy already; choose another, such as copy_value",
    "model_config:str": "every model has a model_config already",
    "bool:bool": "bool is a word of Python's own",
    "items:tags": "items is what lists are made of",
    "a:str a:int": "the field a is there 2 times; name it once",
    "closes_at:str": "closes_at:str: a name that ends in _at is a moment: write closes_at:datetime, or rename it",
    "a:b c:d": "a:b has no type",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_does_not_fit_is_told_in_one_line(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_fields(text)
    assert REFUSED[text] in str(refused.value)
    assert "\n" not in str(refused.value)


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(Refused) as refused:
        parse_fields("a:b Class:str id:int")
    assert len(str(refused.value).split("; ")) == 3


def test_examples_and_other_values_differ() -> None:
    assert all(kind.example != kind.other for kind in KINDS.values())
