"""What is found in a document, and what an import answers."""

from typing import Any, NamedTuple

from pydantic import Field

from slice_api.chassis import Fault, Schema


class Finding(NamedTuple):
    """Something in a document that breaks a rule; a fatal one keeps it from being imported at all."""

    pointer: str
    """Where, as a JSON pointer into the document (RFC 6901), `#` before it."""
    detail: str
    is_fatal: bool = False


class FlagInDocument(NamedTuple):
    """A flag as it stands in a document."""

    key: str
    source: dict[str, Any]
    pointer: str


class Document(NamedTuple):
    """A whole set as it came in."""

    envelope: dict[str, Any]
    """All fields of the document in their order; null in the place of `flags`."""
    flags: list[FlagInDocument]
    is_array: bool

    @property
    def set_name(self) -> str | None:
        """The set that the document says it is; None when it says nothing."""
        metadata = self.envelope.get("metadata")
        name = metadata.get("flagSetId") if isinstance(metadata, dict) else None
        return name if isinstance(name, str) else None


class Counts(NamedTuple):
    """What became of the flags of a set."""

    created: int
    updated: int
    deleted: int
    unchanged: int


class DocumentReport(Schema):
    """What came of an import, or what would."""

    imported: int = Field(examples=[1])
    """How many flags the document has."""
    created: int = Field(examples=[1])
    """How many of them were not there before."""
    updated: int = Field(examples=[0])
    """How many have another definition now: a version of their own."""
    deleted: int = Field(examples=[0])
    """How many flags were there that the document has not."""
    unchanged: int = Field(examples=[0])
    """How many are as they were, their versions too."""
    warnings: list[Fault] = Field(examples=[[{"pointer": "#/flags/checkout/state", "detail": "is missing"}]])
    """What breaks the format and was imported as it is; `strict` refuses it."""
