"""What an echo is, and the little that it reads of things."""

from slice_api.chassis import Event, Schema


class Echo(Schema):
    id: str
    text: str


class ThingHead(Schema):
    """The part of a thing that is read; there is more."""

    title: str


class ThingSeen(Schema):
    thing: ThingHead


class EchoHeard(Event):
    """An echo was heard."""

    topic = "echoes.heard"
    text: str
