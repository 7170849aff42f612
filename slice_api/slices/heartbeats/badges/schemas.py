"""The addresses of badges, as the slice's own API tells them."""

from pydantic import Field

from slice_api.chassis import Schema

_START = "https://example.org/badge/4f0e2d6c-8a60-4f9d-9ef5-a7d35a1e3c1e/Qx1hTm0z"


class BadgeAddresses(Schema):
    """Where the badges of a tag are, or those of all checks; everybody who knows an address may look."""

    tag: str | None = Field(examples=["prod"])
    """The tag; null for all checks."""
    svg: str = Field(examples=[f"{_START}-2/prod.svg"])
    """A picture: up or down."""
    svg3: str = Field(examples=[f"{_START}/prod.svg"])
    """A picture: up, late or down."""
    json_: str = Field(alias="json", examples=[f"{_START}-2/prod.json"])
    """How many there are, are late and are down: up or down together."""
    json3: str = Field(examples=[f"{_START}/prod.json"])
    """The same: up, late or down."""
    shields: str = Field(examples=[f"{_START}-2/prod.shields"])
    """For shields.io: up or down."""
    shields3: str = Field(examples=[f"{_START}/prod.shields"])
    """For shields.io: up, late or down."""
