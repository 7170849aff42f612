"""What a thing is."""

from pydantic import Field

from slice_api.chassis import Event, Integer, Schema, Time


class NewThing(Schema):
    title: str = Field(min_length=1, max_length=100)
    count: Integer = 0


class ThingChange(Schema):
    title: str | None = Field(default=None, min_length=1, max_length=100)
    count: Integer | None = None


class Thing(NewThing):
    id: str
    created_at: Time


class ThingCreated(Event):
    """A thing was made."""

    topic = "things.created"
    thing: Thing


class ThingDeleted(Event):
    """A thing was thrown away."""

    topic = "things.deleted"
    id: str
