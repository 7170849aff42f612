"""The catalogue, the health report, and how fast the service answers."""

from pydantic import Field

from slice_api.chassis import Schema, Time


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


class Figures(Schema):
    """How many requests were answered in some time, and how long that took.

    Percentiles are up to 5 % more than is true, never less; they are null where nothing was timed.
    """

    count: int = Field(examples=[1200])
    """Requests answered."""
    per_second: float = Field(examples=[4.0])
    client_error_count: int = Field(examples=[3])
    """Those answered with 4xx, and those given up by the client."""
    server_error_count: int = Field(examples=[0])
    """Those answered with 5xx."""
    p50_ms: float | None = Field(examples=[0.512])
    """What half of them took at most, in milliseconds until the answer was sent."""
    p95_ms: float | None = Field(examples=[1.944])
    p99_ms: float | None = Field(examples=[4.06])
    max_ms: float | None = Field(examples=[18.207])
    """What the slowest took."""


class IntervalFigures(Figures):
    """The figures of some seconds."""

    start: Time = Field(examples=["2026-01-31T09:00:00Z"])
    seconds: int = Field(examples=[10])
    """How many; fewer than usual for those that are not over."""


class Both(Schema):
    """Figures of the last minutes, and of all the time since the process began."""

    recent: Figures
    total: Figures


class SliceMetrics(Both):
    """How fast a slice answers."""

    slice: str = Field(examples=["links"])
    """Empty for requests that no route is for."""


class RouteMetrics(Both):
    """How fast one method of a route answers."""

    slice: str = Field(examples=["links"])
    route: str = Field(examples=["/api/links/{slug}"])
    """The template; empty for requests that no route is for."""
    method: str = Field(examples=["GET"])
    is_stream: bool = Field(examples=[False])
    """Whether it is a live stream. Those are counted here alone and not timed: they last while somebody listens."""


class ServiceMetrics(Both):
    """How fast the process that answers does so; with several workers each counts its own requests.

    All of it is brought up to date every two seconds.
    """

    process_id: int = Field(examples=[4242])
    began_at: Time = Field(examples=["2026-01-31T08:00:00Z"])
    counted_until: Time = Field(examples=["2026-01-31T09:00:06Z"])
    recent_seconds: int = Field(examples=[296])
    """How long `recent` goes back: five minutes, once there are so many."""
    running_count: int = Field(examples=[2])
    """Requests being answered now, besides this one and open streams."""
    stream_count: int = Field(examples=[1])
    """Live streams being read now."""
    series: list[IntervalFigures]
    """The last 15 minutes in intervals of 10 seconds, oldest first."""
    slices: list[SliceMetrics]
    """Each slice that was asked for anything."""
    routes: list[RouteMetrics]
