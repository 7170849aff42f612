"""What stands under a field describes it, wherever its class is."""

from contextlib import nullcontext
from typing import Annotated

import pytest
from pydantic import BaseModel, Field, create_model

from slice_api.chassis import Change, Page, Schema


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


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Plain, _OF_PLAIN),
        (Plain.Within, {"name": "Inside another."}),
        (Later, {"other": "What is defined only below."}),
        (Other, {"name": "The other."}),
        (Kept, {**_OF_PLAIN, "kept": "Only here."} | {"size": ""}),
        (PlainChange, _OF_PLAIN),
        (Page[Plain], {"items": "The objects of this page.", "next": Page.model_fields["next"].description}),
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
