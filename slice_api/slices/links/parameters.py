"""What the routes of links are given besides bodies: settings, the site, and the parameters of queries."""

from typing import Annotated

from fastapi import Depends, Query

from slice_api.chassis import BaseUrl, Caller, Now, ReservedSegments, Tag, from_app, own_settings
from slice_api.slices.links.following.passwords import Passwords
from slice_api.slices.links.qr import ColorText, ErrorCorrection, Format, QrStyle, check_readable
from slice_api.slices.links.schemas import LinkFilter, Order, State
from slice_api.slices.links.settings import LinksSettings
from slice_api.slices.links.site import Site
from slice_api.slices.links.stats.intervals import Interval, zone_of
from slice_api.slices.links.stats.reading import Bound, Zone, range_of
from slice_api.slices.links.stats.store import StatsRange
from slice_api.slices.links.transfer.imports import Maker
from slice_api.slices.links.transfer.records import FileFormat

Options = Annotated[LinksSettings, Depends(own_settings)]


async def _site(base_url: BaseUrl, reserved: ReservedSegments, options: Options) -> Site:
    return Site(base_url, reserved, options.schemes, options.slug_length)


async def _filter(
    search: Annotated[str | None, Query(max_length=200, description="Text in slug, URL or title.")] = None,
    tag: Annotated[list[Tag] | None, Query(description="A tag the link has; several: all of them.")] = None,
    state: Annotated[State | None, Query(description="`expired` are used up ones too.")] = None,
    order: Annotated[Order, Query(description="What to sort by; `-` for descending.")] = "-created_at",
) -> LinkFilter:
    return LinkFilter(search=search, tags=tuple(tag or ()), state=state, order=order)


async def _qr_style(
    format: Annotated[Format, Query(description="The kind of picture.")] = "svg",
    size: Annotated[int, Query(ge=64, le=2000, description="Width and height in pixels.")] = 300,
    margin: Annotated[int, Query(ge=0, le=20, description="The quiet zone around the code, in modules.")] = 4,
    error_correction: Annotated[ErrorCorrection, Query(description="How much damage it bears, from L to H.")] = "M",
    color: Annotated[ColorText, Query(description="Of the modules: `#336699`, `336699` or a name.")] = "#000000",
    background: Annotated[ColorText, Query(description="Of the ground, lighter than the modules.")] = "#ffffff",
) -> QrStyle:
    style = QrStyle(
        format=format, size=size, margin=margin, error_correction=error_correction, color=color, background=background
    )
    check_readable(style)
    return style


async def _stats_range(
    now: Now,
    interval: Annotated[Interval, Query(description="What `series` counts by; weeks begin on Monday.")] = "day",
    from_: Annotated[
        Bound | None,
        Query(alias="from", description="The first moment, or with a date the day from its beginning in `tz`."),
    ] = None,
    to: Annotated[
        Bound | None, Query(description="The moment before which to end, or with a date the last day.")
    ] = None,
    tz: Annotated[Zone, Query(description="The time zone of days, weeks and months, by its IANA name.")] = "UTC",
    include_bots: Annotated[bool, Query(description="Whether bots and prefetches count too.")] = False,
) -> StatsRange:
    return range_of(interval, zone_of(tz), from_, to, now, has_bots=include_bots)


Here = Annotated[Site, Depends(_site)]
Hashing = Annotated[Passwords, Depends(from_app("links_passwords"))]


async def _maker(caller: Caller, now: Now, site: Here, passwords: Hashing) -> Maker:
    return Maker(caller, now, site, passwords.hash)


Filter = Annotated[LinkFilter, Depends(_filter)]
Style = Annotated[QrStyle, Depends(_qr_style)]
Hand = Annotated[Maker, Depends(_maker)]
Wanted = Annotated[FileFormat, Query(description="The format of the file.")]
Given = Annotated[FileFormat | None, Query(description="The format of the file, if its Content-Type does not say.")]
DryRun = Annotated[bool, Query(description="Report what would happen, and write nothing.")]
Range = Annotated[StatsRange, Depends(_stats_range)]
FindExisting = Annotated[bool, Query(description="Give back an identical live link, if there is one, instead.")]
