"""Status pages as they come in, go out and are kept, and what everybody may read on them."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from slice_api.chassis import Change, Date, Line, Schema, Text, Time
from slice_api.slices.heartbeats.schemas import CheckTags, State, StateCounts
from slice_api.slices.heartbeats.states import Reason

Overall = Literal["up", "grace", "down", "new", "paused"]


PageName = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[a-z0-9-]+$")]


class StatusPageFields(Schema):
    """What people decide about a status page."""

    title: Line | None = Field(default=None, examples=["Acme backups"])
    """Its heading; by default the name."""
    description: Text = Field(default="", examples=["Our jobs of every night."])
    """Text above the checks, for everybody."""
    tags: CheckTags = Field(default=[])
    """A check stands on the page when it has all of these; empty: every check does."""
    is_listed: Annotated[bool, Field(strict=True)] = True
    """Whether `/status` lists it; one that is not listed opens for whoever knows its name."""
    has_history: Annotated[bool, Field(strict=True)] = True
    """Whether it shows the uptime of 90 days and the downtimes."""


class NewStatusPage(StatusPageFields):
    """A status page to be made."""

    name: PageName = Field(examples=["backups"])
    """Its name in its address: a-z, 0-9 and `-`."""


class StatusPageChange(Change, StatusPageFields):
    """What to change of a status page: what is left out stays, null clears."""


class StoredStatusPage(NewStatusPage):
    """A status page as it is kept."""

    created_at: Time
    updated_at: Time


class StatusPage(NewStatusPage):
    """A status page."""

    url: str = Field(examples=["https://example.org/status/backups"])
    """Where everybody can read it."""
    created_at: Time = Field(examples=["2026-01-30T10:00:00Z"])
    updated_at: Time = Field(examples=["2026-01-30T10:00:00Z"])
    """When it was last changed."""


class Outage(Schema):
    """A time in which a check was down, as everybody may know it."""

    began_at: Time = Field(examples=["2026-01-31T03:30:00Z"])
    ended_at: Time | None = Field(examples=["2026-01-31T04:10:00Z"])
    """When it ended; null while it goes on."""
    reason: Reason | None = Field(examples=["timeout"])
    """Why it went down."""


class CheckStatus(Schema):
    """A check, as everybody may know it."""

    name: str = Field(examples=["Nightly backup"])
    state: State = Field(examples=["up"])
    """`new`: nothing was heard yet; `up`; `grace`: it is late; `down`; `paused`; `running`: a run has begun."""
    since: Time = Field(examples=["2026-01-30T02:30:04Z"])
    """Since when it is in that state."""
    last_ping_at: Time | None = Field(examples=["2026-01-31T02:30:04Z"])
    """When it last succeeded or failed."""
    next_due_at: Time | None = Field(examples=["2026-02-01T02:30:00Z"])
    """When it is expected next, or was where it is late; null where nothing is expected, and while it runs."""
    uptime: float | None = Field(examples=[0.9989])
    """The part of the known time of 90 days in which it was up, 0 to 1; null where nothing is known."""
    days: list[float | None] = Field(examples=[[1.0, 0.9722, None]])
    """The same of each day of UTC from `first_day` to today; empty on a page without history."""
    downtimes: list[Outage]
    """The last ten in 90 days, newest first; empty on a page without history."""
    n_downtimes: int = Field(examples=[1])
    """How many there were in 90 days."""


class StatusOverview(Schema):
    """A status page in a few words."""

    name: str = Field(examples=["backups"])
    title: str = Field(examples=["Acme backups"])
    url: str = Field(examples=["https://example.org/status/backups"])
    state: Overall = Field(examples=["up"])
    """`down` where any check is, else `grace` where any is late; `up`; `new` and `paused` where all checks are."""
    summary: str = Field(examples=["All systems operational"])
    """The same in words."""
    counts: StateCounts = Field(examples=[{"up": 12, "total": 12}])


class StatusDocument(StatusOverview):
    """What a status page shows; nothing of it is secret."""

    description: str = Field(examples=["Our jobs of every night."])
    first_day: Date | None = Field(examples=["2025-11-03"])
    """The first of the 90 days of each check; null on a page without history."""
    checks: list[CheckStatus]
    """By name, 200 at most: `counts.total` says how many there are."""
