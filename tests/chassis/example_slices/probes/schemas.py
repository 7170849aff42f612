"""What probes answer."""

from typing import Any

from slice_api.chassis import Schema


class Told(Schema):
    """What the chassis made of a request."""

    client: str
    base_url: str


class Anything(Schema):
    value: Any = None


class Shown(Schema):
    key: str
