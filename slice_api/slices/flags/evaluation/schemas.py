"""What is asked of the playground, and what it answers."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from slice_api.chassis import Schema
from slice_api.slices.flags.rules.explanation import Why

Reason = Literal["STATIC", "TARGETING_MATCH", "DEFAULT", "DISABLED", "ERROR"]


class Question(Schema):
    """Which flags to try, and for whom."""

    context: dict[str, Any] = Field(default={}, examples=[{"targetingKey": "anna", "email": "anna@example.org"}])
    """What is known of whoever asks; `targetingKey` tells one from another."""
    keys: Annotated[list[Annotated[str, Field(max_length=512)]], Field(max_length=1000)] | None = Field(
        default=None, examples=[["checkout"]]
    )
    """The flags; null: all of the set."""


class Explained(Schema):
    """What a flag is in a context, and why."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    key: str = Field(examples=["checkout"])
    """The flag."""
    value: Any = Field(examples=[True])
    """Its value; null where the default in the code is right, and for an error."""
    variant: str | None = Field(examples=["on"])
    """The variant's name; null without one."""
    reason: Reason = Field(examples=["TARGETING_MATCH"])
    """What decided."""
    error_code: str | None = Field(default=None, examples=[None])
    """OFREP's error code; null when nothing is wrong."""
    error_details: str | None = Field(default=None, examples=[None])
    """What is wrong, in words."""
    told: str = Field(examples=["The rule gives the variant 'on'."])
    """The reason in words."""
    why: Why | None = Field(default=None, examples=[None])
    """What the rule asked, and what each of its conditions came to; null where no rule was asked."""


class Explanation(Schema):
    """What flags are in a context, and why."""

    set: str = Field(examples=[""])
    """The flag set; empty for the one without a name."""
    flags: list[Explained]
    """The flags, in the order that they were asked for."""
