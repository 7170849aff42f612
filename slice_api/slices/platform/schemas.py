"""The catalogue and the health report."""

from pydantic import Field

from slice_api.chassis import Schema


class RouteCounts(Schema):
    """How many operations a slice offers."""

    total: int = Field(examples=[9])
    public: int = Field(examples=[3])
    """Those that need no key."""
    read: int = Field(examples=[4])
    """Those that need the scope `<slice>:read`."""
    write: int = Field(examples=[2])
    """Those that need the scope `<slice>:write`."""


class SliceRow(Schema):
    """One slice in the catalogue."""

    name: str = Field(examples=["links"])
    title: str = Field(examples=["Short links"])
    description: str
    routes: RouteCounts
    scopes: list[str] = Field(examples=[["links:read", "links:write"]])
    """What a key can be allowed to do here."""
    events: list[str] = Field(examples=[["links.created"]])
    """What it publishes."""
    api_url: str | None = Field(examples=["/api/links"])
    docs_url: str = Field(examples=["/docs#links"])
    page_url: str | None = Field(examples=["/app/links"])
    """Its page in the web front end; null for a slice without a list."""
    page_script: str | None
    """The script of its own page; null where the general page serves it."""


class Catalogue(Schema):
    """Everything that this service offers."""

    name: str = Field(examples=["Slice API"])
    version: str = Field(examples=["0.1.0"])
    items: list[SliceRow]
    next: None = None
    """Always null: the catalogue is one page."""


class Health(Schema):
    """Whether the service works."""

    status: str = Field(examples=["ok"])
    failing: list[str] | None = Field(default=None, examples=[["storage"]])
    """The parts that do not, when it does not."""
