"""The statistics of visits as they are kept and as they go out."""

from pydantic import Field

from slice_api.chassis import Schema, Time

Counts = dict[str, int]
"""Visits by name; "" stands for what was not told, OTHER for what there was no room for."""
Names = dict[str, Counts]
"""Counts by kind: `referrer`, `browser`, `os`, `device`, `language`; `link` of all links, `slug` of orphans."""

QuarterNames = dict[str, dict[str, dict[int, int]]]
"""The same by quarter of the day (0 to 95): each name stands once, however long it is."""

OTHER = "(other)"
"""No host, browser, language or slug can be called so."""


class DayOfVisits(Schema):
    """What was counted in a scope on a day in UTC: by quarter of an hour, and for the whole day by name."""

    key: str
    """`<scope>/2026-01-31`; the scope is a link's inner id, `all` or `orphans`."""
    people: dict[int, int] = Field(default_factory=dict)
    """Visits by people, by quarter of the day (0 to 95)."""
    bots: dict[int, int] = Field(default_factory=dict)
    people_names: Names = Field(default_factory=dict)
    bot_names: Names = Field(default_factory=dict)


class QuartersOfVisits(Schema):
    """The names of six hours by quarter of an hour: for days that a range cuts through."""

    key: str
    """`<scope>/2026-01-31/2`, from 0 to 3."""
    people: QuarterNames = Field(default_factory=dict)
    """Visits by people."""
    bots: QuarterNames = Field(default_factory=dict)


class VisitsAt(Schema):
    """The visits of one interval."""

    start: Time
    """When the interval begins."""
    visits: int = Field(examples=[1])
    """How many visits there were in it."""


class VisitsBy(Schema):
    """The visits of one name."""

    name: str | None = Field(examples=["news.example.com"])
    """The name; null: it was not told; `(other)`: names that there were too many of to keep each."""
    visits: int = Field(examples=[2])
    """How many visits there were."""


class VisitStats(Schema):
    """How often links were visited in a range of time, and by whom. Each list of names adds up to the total."""

    total: int = Field(examples=[3])
    """How many visits there were."""
    series: list[VisitsAt]
    """Each interval that the range touches, those without a visit too."""
    referrers: list[VisitsBy]
    """Hosts that visitors came from, most visits first; null: directly."""
    browsers: list[VisitsBy]
    """Browser families, most visits first."""
    oses: list[VisitsBy]
    """Families of operating systems, most visits first."""
    devices: list[VisitsBy]
    """`desktop`, `mobile` and `tablet`, most visits first."""
    languages: list[VisitsBy]
    """The languages that browsers want most, most visits first."""


class LinkVisits(Schema):
    """The visits of one of the links visited most."""

    slug: str = Field(examples=["guide"])
    """Its name in the short URL."""
    title: str | None = Field(examples=["The guide"])
    """What it is called now."""
    visits: int = Field(examples=[2])
    """How many visits there were."""


class OrphanStats(Schema):
    """Visits to slugs that no link had then."""

    total: int = Field(examples=[1])
    """How many visits there were."""
    series: list[VisitsAt]
    """Each interval that the range touches, those without a visit too."""
    slugs: list[VisitsBy]
    """The slugs that were asked for, most visits first."""


class AllVisitStats(VisitStats):
    """How often all links together were visited in a range of time, deleted ones too."""

    links: list[LinkVisits]
    """The ten links visited most, of those that are still there."""
    orphans: OrphanStats
    """Visits to slugs that no link had."""
