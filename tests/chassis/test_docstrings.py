"""What stands under a field describes it, wherever its class is."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, Field, create_model

from slice_api.chassis import Change, Page, Schema
from tests.support import client_of, make_app, running, slices_package


class Plain(Schema):
    """Not the text of a field."""

    name: str
    """Who it is."""
    size: int = 3
    """How large it is,
    in metres.
    """
    told: str = Field(default="", description="Said by the field itself.")
    """Not said."""
    typed: Annotated[str, Field(description="Said by the type.")]
    """Not said either."""
    bare: int = 0
    url: Annotated[
        str,
        Field(max_length=20),
    ] = ""
    """Over several lines."""

    class Within(Schema):
        name: str
        """Inside another."""


class Later(Schema):
    other: "Other"
    """What is defined only below."""


class Other(Schema):
    name: str
    """The other."""


class Kept(Plain):
    size: int = 4
    kept: bool = True
    """Only here."""


class PlainChange(Change, Plain):
    """A change."""


class Renamed(Schema):
    told_as: str = Field(serialization_alias="told", alias="toldAs")
    """By another name."""
    from_: str = Field(validation_alias="from")
    """By another name, which the one who sends it gives."""


def descriptions(model: type[BaseModel]) -> dict[str, str]:
    properties = model.model_json_schema()["properties"]
    return {name: field["description"] for name, field in properties.items() if "description" in field}


_OF_PLAIN = {
    "name": "Who it is.",
    "size": "How large it is,\nin metres.",
    "told": "Said by the field itself.",
    "typed": "Said by the type.",
    "url": "Over several lines.",
}
_OF_NEXT = "The cursor of the next page, or null when this is the last."


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Plain, _OF_PLAIN),
        (Plain.Within, {"name": "Inside another."}),
        (Later, {"other": "What is defined only below."}),
        (Other, {"name": "The other."}),
        (Kept, {**_OF_PLAIN, "kept": "Only here."} | {"size": ""}),
        (PlainChange, _OF_PLAIN),
        (Page[Plain], {"items": "The objects of this page.", "next": _OF_NEXT}),
        (Renamed, {"toldAs": "By another name.", "from": "By another name, which the one who sends it gives."}),
    ],
)
def test_what_stands_under_a_field_describes_it(model: type[BaseModel], expected: dict[str, str]) -> None:
    assert descriptions(model) == {name: text for name, text in expected.items() if text}


def test_a_class_inside_a_function_is_described() -> None:
    with nullcontext():

        class Local(Schema):
            name: str
            """Found here too."""

    assert descriptions(Local) == {"name": "Found here too."}


def test_a_model_without_source_has_no_descriptions() -> None:
    found: dict[str, type[Schema]] = {}
    text = 'class Made(Schema):\n    name: str\n    """Nowhere to be read."""'
    exec(text, {"Schema": Schema, "__name__": "nowhere"}, found)
    assert descriptions(found["Made"]) == {}
    assert descriptions(create_model("Created", __base__=Schema, name=str)) == {}


ROUTER = """
from typing import Annotated
from fastapi import APIRouter, Depends, Query
from slice_api.chassis import Schema, public

router = APIRouter()

class Wanted(Schema):
    size: int = 3
    \'\'\'How large it is.\'\'\'

async def least(wanted: Annotated[Wanted, Query()]) -> int:
    return wanted.size

@router.get("")
@public
async def read_size(size: Annotated[int, Depends(least)]) -> dict[str, int]:
    return {"size": size}
"""


@pytest.fixture
def sizes(tmp_path: Path) -> Iterator[str]:
    with slices_package(tmp_path, {"sizes": {"__init__.py": '"""Sizes."""', "router.py": ROUTER}}) as package:
        yield package


async def test_parameters_are_described_in_the_document_even_after_a_request(sizes: str) -> None:
    async with running(make_app(packages=(sizes,))) as app, client_of(app, key=None) as client:
        assert (await client.get("/api/sizes", params={"size": 4})).json() == {"size": 4}
        (told,) = app.openapi()["paths"]["/api/sizes"]["get"]["parameters"]
        assert (told["name"], told["description"], told["schema"]["description"]) == ("size", *["How large it is."] * 2)
