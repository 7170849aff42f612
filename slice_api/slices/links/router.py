"""Short links over HTTP: under `/api/links` to keep them, at the root to follow them."""

from functools import partial

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from slice_api.chassis import (
    BaseUrl,
    Caller,
    ClientAddress,
    Db,
    InHand,
    Later,
    Now,
    Page,
    Paging,
    Problem,
    ReservedSegments,
    address_group,
    reads_stream,
)
from slice_api.slices.links import handlers
from slice_api.slices.links.following import answers
from slice_api.slices.links.following.opening import open_door
from slice_api.slices.links.following.redirects import follow
from slice_api.slices.links.lookup import fetch_link
from slice_api.slices.links.parameters import (
    DryRun,
    Filter,
    FindExisting,
    Given,
    Hand,
    Hashing,
    Here,
    Options,
    Range,
    Style,
    Wanted,
)
from slice_api.slices.links.schemas import Availability, ImportReport, Link, LinkChange, NewLink, Visit
from slice_api.slices.links.site import as_shown
from slice_api.slices.links.stats import reading
from slice_api.slices.links.stats.schemas import AllVisitStats, VisitStats
from slice_api.slices.links.transfer import files
from slice_api.slices.links.visits.noting import visits_batch
from slice_api.slices.links.visits.orphans import note_stray

router = APIRouter()
root_router = APIRouter(lifespan=answers.with_passwords)


@router.post(
    "",
    status_code=201,
    response_model=Link,
    responses={200: {"model": Link, "description": "An identical link was there"}},
)
async def create_link(
    new: NewLink,
    db: Db,
    caller: Caller,
    site: Here,
    passwords: Hashing,
    find_existing: FindExisting = False,
) -> Link | Response:
    """Make a short link."""
    kept = await passwords.hash(new.password)
    link, is_new = await db.transact(
        handlers.create_link, new, caller, site, password_hash=kept, is_reusing=find_existing
    )
    return link if is_new else Response(link.model_dump_json(), media_type="application/json")


@router.get("")
async def list_links(db: Db, wanted: Filter, page: Paging, site: Here) -> Page[Link]:
    """List the links, newest first unless asked otherwise."""
    return await db.transact(handlers.list_links, wanted, page, site)


# Before those of one link, whose slug would take these names in.
@router.get("/export", response_class=Response, responses=files.EXPORT)
async def export_links(request: Request, db: Db, caller: Caller, format: Wanted = "ndjson") -> Response:
    """Export all links as a file, in the order of their slugs.

    Hashes of passwords are in it for keys that may write links, so that an import makes the very same links of it.
    """
    return await files.export(request, db, caller, format)


@router.post("/import", responses=files.IMPORT, openapi_extra=files.IMPORT_BODY, max_body_size=files.MOST_BYTES)
@reads_stream
async def import_links(
    request: Request, db: Db, maker: Hand, format: Given = None, dry_run: DryRun = False
) -> ImportReport:
    """Import links from a file: an export of this service, of YOURLS, Kutt, Bitly or Shlink, or a table of your own.

    Rows are written as they come in, and what was written stays; of a file that is sent again, the links that are there
    are skipped. An Idempotency-Key is not needed for that, and not looked at.
    """
    return await files.take_in(request, db, maker, format, is_dry_run=dry_run)


@router.get("/stats")
async def read_all_stats(db: Db, wanted: Range) -> AllVisitStats:
    """Count the visits of all links in a range of time, and those to slugs that no link has.

    Ranges and their defaults are those of a link's own statistics.
    """
    return await db.transact(reading.all_stats, wanted)


@router.get("/{slug}")
async def read_link(slug: str, db: Db, base_url: BaseUrl) -> Link:
    """Read a link with its counts."""
    return as_shown(await fetch_link(db, slug), base_url)


@router.patch("/{slug}")
async def update_link(slug: str, change: LinkChange, db: Db, later: Later, site: Here, passwords: Hashing) -> Link:
    """Change a link; what is left out stays, null clears."""
    kept = await passwords.hash(change.password)
    await later.flush()  # so that a new max_visits is held against every visit before it
    return await db.transact(handlers.update_link, slug, change, site, kept)


@router.delete("/{slug}", status_code=204)
async def delete_link(slug: str, db: Db) -> None:
    """Delete a link and its visits; its slug is free again."""
    await db.transact(handlers.delete_link, slug)


@router.get("/{slug}/visits")
async def list_visits(slug: str, db: Db, page: Paging) -> Page[Visit]:
    """List a link's visits, newest first."""
    return await db.transact(handlers.list_visits, slug, page)


@router.get("/{slug}/availability")
async def check_availability(slug: str, db: Db, site: Here) -> Availability:
    """Tell whether a slug is free, and what is wrong with it otherwise.

    The answer is 200 for every slug, also for one that no link may have.
    """
    return await db.transact(handlers.check_availability, slug, site)


@router.get("/{slug}/stats")
async def read_stats(slug: str, db: Db, wanted: Range) -> VisitStats:
    """Count a link's visits in a range of time, by interval and by who came.

    By default the last 48 hours, 30 days, 12 weeks or 12 months, the present one included. A range is exact to the
    quarter of an hour: its ends are moved outwards to the next one. It may have 10,000 intervals.
    """
    return await db.transact(reading.link_stats, slug, wanted)


@root_router.get("/robots.txt", response_class=PlainTextResponse, responses=answers.ROBOTS)
async def read_robots(options: Options) -> str:
    """What crawlers may follow: no short link, unless the settings say so."""
    return answers.robots(is_crawlable=options.crawlable)


# Before the redirect, whose slug would take the "+" in.
@root_router.get("/{slug}+", response_class=Response, responses=answers.PREVIEWS | answers.REFUSALS)
async def preview_link(slug: str, asked: InHand, db: Db, base_url: BaseUrl) -> Response:
    """Show where a link leads, without a visit: as a page, or as JSON when that is asked for."""
    try:
        return answers.preview(asked, await db.transact(handlers.preview_link, slug, base_url))
    except Problem as problem:
        return answers.refusal(asked, problem)


@root_router.get("/{slug}/qr", response_class=Response, responses=answers.PICTURES)
async def draw_qr(slug: str, request: Request, db: Db, base_url: BaseUrl, style: Style, options: Options) -> Response:
    """Draw the QR code of a link's short URL."""
    text = await db.transact(handlers.read_short_url, slug, base_url)
    return await answers.picture(request, text, style, max_age=options.qr_cache_seconds)


@root_router.get(
    "/{slug}",
    status_code=302,
    response_class=Response,
    responses=answers.REDIRECTS | answers.DOORS | answers.REFUSALS,
)
async def follow_link(
    slug: str, asked: InHand, db: Db, later: Later, now: Now, options: Options, reserved: ReservedSegments
) -> Response:
    """Follow a link: a GET is a visit, a HEAD is none. One that has a password asks for it first."""
    try:
        found = await follow(db, slug, answers.visitor_of(asked), now, options)
    except Problem as problem:
        note_stray(later, problem, slug, answers.visitor_of(asked), now, reserved)
        return answers.refusal(asked, problem, options.schemes)
    if found.arrival is not None:
        later.add(visits_batch(options.keep_visits), found.arrival)
    return answers.redirect(found)


@root_router.post(
    "/{slug}",
    status_code=303,
    response_class=Response,
    responses=answers.OPENINGS | answers.REFUSALS,
    openapi_extra=answers.PASSWORD_BODY,
    max_body_size=answers.MAX_PASSWORD_BYTES,
)
async def open_link(
    slug: str,
    request: Request,
    asked: InHand,
    db: Db,
    later: Later,
    now: Now,
    options: Options,
    passwords: Hashing,
    client: ClientAddress,
) -> Response:
    """Follow a link that has a password: with the right one this is a visit.

    After too many wrong ones from one address it is shut to that for a while, whatever the password.
    """
    read, address, most = partial(answers.password_in, request), address_group(client), options.password_tries
    try:
        opened_by = await open_door(db, slug, read, address=address, passwords=passwords, most_tries=most)
        found = await follow(db, slug, answers.visitor_of(asked), now, options, opened_by)
    except Problem as problem:
        return answers.refusal(asked, problem, options.schemes)
    if found.arrival is not None:
        later.add(visits_batch(options.keep_visits), found.arrival)
    return answers.redirect_after_form(found)
