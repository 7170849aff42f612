"""What is told about a topic."""

from typing import Any

from pydantic import Field

from slice_api.chassis import Schema

JsonSchema = dict[str, Any]

_DATA = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
_RECORD = {
    "type": "object",
    "properties": {"type": {"const": "notes.deleted"}, "data": _DATA},
    "required": ["type", "data"],
}
_EXAMPLE = {
    "id": "evt_4rTq8ZbW1nXc",
    "type": "notes.deleted",
    "slice": "notes",
    "subject": "note_1",
    "at": "2026-01-31T09:00:00Z",
    "by": "7hKq2mXa",
    "data": {"id": "note_1"},
}


class Topic(Schema):
    """One kind of event."""

    topic: str = Field(examples=["notes.deleted"])
    """Its name: the slice and what happened there."""
    slice: str = Field(examples=["notes"])
    """The slice that tells it."""
    description: str = Field(examples=["A note was thrown away."])
    """What it means."""
    is_published: bool
    """Whether the slice is here; when it is not, somebody waits for it in vain."""
    listeners: list[str] = Field(examples=[["search.forget_note"]])
    """Who reacts to it inside this service, as `slice.function`."""
    example: dict[str, Any] | None = Field(examples=[_EXAMPLE])
    """A whole event as it is sent."""
    data_schema: JsonSchema | None = Field(examples=[_DATA])
    """JSON Schema of what the slice tells: the event's `data`."""
    record_schema: JsonSchema | None = Field(examples=[_RECORD])
    """JSON Schema of the whole event as feeds and webhooks carry it, `data` included."""
