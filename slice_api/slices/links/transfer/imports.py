"""Making links from a file: row by row as it comes in, many in one transaction, each held against every rule."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import closing, suppress
from datetime import datetime
from time import perf_counter, thread_time
from typing import Any, Final, NamedTuple

from pydantic import SecretStr, ValidationError

from slice_api.chassis import Database, Principal, Problem, Taken, Tx, new_id
from slice_api.slices.links import store
from slice_api.slices.links.handlers import made_up_slug
from slice_api.slices.links.sameness import behaviour_of, same_live_link
from slice_api.slices.links.schemas import FailedRow, ImportReport, LinksImported, StoredLink
from slice_api.slices.links.site import Site, check_fit
from slice_api.slices.links.transfer.records import FileFormat
from slice_api.slices.links.transfer.rehearsal import Rehearsal, behaviours_there
from slice_api.slices.links.transfer.rows import ImportedLink, rows_of
from slice_api.slices.links.transfer.sources import last_segment

MOST_FAILED: Final = 10_000
_MOST_TOGETHER: Final = 200
_LEAST_TOGETHER: Final = 20
_HOLD_SECONDS: Final = 0.01
_BREATH_SECONDS: Final = 0.005
_LONGEST_DETAIL: Final = 500
_TOLD: Final = frozenset({"has_password", "is_banned", "short_url"})
"""What a row tells of a link that is no part of it."""

Outcome = bool | str
"""What became of a row: True made, False there already, or what is wrong with it."""

Keep = Callable[[Sequence[StoredLink]], Awaitable[Sequence[Outcome]]]
"""Makes links out of those, whose slug is empty where one is to be made up, or says what would become of them."""


Hash = Callable[[SecretStr | None], Awaitable[str | None]]
"""A password as it is kept; None for none."""


class Maker(NamedTuple):
    """By whom, when and where links are made, and how their passwords are kept."""

    caller: Principal
    now: datetime
    site: Site
    hash: Hash


class Tally(NamedTuple):
    """What has become of the rows so far."""

    counts: Counter[str]
    failed: list[FailedRow]


async def import_links(
    chunks: AsyncIterator[bytes], file_format: FileFormat, db: Database, maker: Maker
) -> ImportReport:
    """Make links of the rows of a file; what was written stays, whatever comes afterwards.

    Raises 422 when nothing in the file can be read, and what ends the file or storage before its time, with what has
    been done until then.
    """
    tally = Tally(Counter(), [])

    async def keep(links: Sequence[StoredLink]) -> Sequence[Outcome]:
        return await db.afresh().transact(keep_links, links, maker.site)

    try:
        await _go_through(chunks, file_format, maker, keep, tally)
    except Problem as problem:
        raise _told_how_far(problem, tally) from problem
    finally:
        if tally.counts["created"]:
            with suppress(Problem):  # storage is away: what was made is there all the same
                await db.transact(_tell, tally.counts)
    return _report_of(tally, is_dry_run=False)


async def rehearse_import(
    chunks: AsyncIterator[bytes], file_format: FileFormat, db: Database, maker: Maker
) -> ImportReport:
    """The report of an import that is not done."""
    tally = Tally(Counter(), [])
    with closing(Rehearsal()) as rehearsal:

        async def keep(links: Sequence[StoredLink]) -> Sequence[Outcome]:
            there = await db.afresh().transact(behaviours_there, links)
            pairs = zip(links, there, strict=True)
            return [_rehearsed(rehearsal, link, held, maker.now) for link, held in pairs]

        await _go_through(chunks, file_format, maker._replace(hash=_rehearsed_hash), keep, tally)
    return _report_of(tally, is_dry_run=True)


async def _rehearsed_hash(_: SecretStr | None) -> str:
    """Like a hash, another each time; a real one takes long to make."""
    return new_id("password")


def _note(tally: Tally, line: int, outcome: Outcome) -> None:
    if not isinstance(outcome, str):
        tally.counts["created" if outcome else "skipped"] += 1
        return
    tally.counts["failed"] += 1
    if len(tally.failed) < MOST_FAILED:
        tally.failed.append(FailedRow(line=line, detail=outcome[:_LONGEST_DETAIL]))


def _report_of(tally: Tally, *, is_dry_run: bool) -> ImportReport:
    counts = tally.counts
    return ImportReport(
        created=counts["created"],
        skipped=counts["skipped"],
        failed=tally.failed,
        failed_count=counts["failed"],
        is_dry_run=is_dry_run,
    )


def _tell(tx: Tx, counts: Mapping[str, int]) -> None:
    tx.emit(LinksImported(created=counts["created"], skipped=counts["skipped"], failed=counts["failed"]))


def _told_how_far(problem: Problem, tally: Tally) -> Problem:
    """The same problem, with what its reader can do about the part that is done."""
    if not tally.counts["created"]:
        return problem
    told = f"{tally.counts['created']:,} links were made before; of a file that is sent again, those are skipped."
    return Problem(problem.kind, f"{problem.detail} {told}", errors=problem.errors, headers=problem.headers)


# Row by row


async def _go_through(
    chunks: AsyncIterator[bytes], file_format: FileFormat, maker: Maker, keep: Keep, tally: Tally
) -> None:
    """Keep rows together: as many as take a moment, or those that are there while the next are yet to come in."""
    breathe, together = _breather(), _MOST_TOGETHER
    batch: list[tuple[int, StoredLink | str]] = []
    async for row in rows_of(chunks, file_format):
        if row is not None:
            batch.append((row.line, await _checked(row.fields, maker)))
            await breathe()
        if batch and (row is None or len(batch) >= together):
            together = _paced(together, await _keep_batch(batch, keep, tally))
            batch = []
    await _keep_batch(batch, keep, tally)


async def _keep_batch(batch: Sequence[tuple[int, StoredLink | str]], keep: Keep, tally: Tally) -> float:
    """Keep what can be kept, and note what became of each; gives the seconds of work that it took for each row."""
    links = [link for _, link in batch if not isinstance(link, str)]
    started = thread_time()
    outcomes = iter(await keep(links) if links else ())
    seconds = thread_time() - started
    for line, link in batch:
        _note(tally, line, link if isinstance(link, str) else next(outcomes))
    await asyncio.sleep(0)
    return seconds / max(1, len(links))


def _paced(together: int, seconds: float) -> int:
    """How many rows to keep together, so that nobody else on this thread waits long for them."""
    wanted = _HOLD_SECONDS / seconds if seconds else together
    return int(min(_MOST_TOGETHER, max(_LEAST_TOGETHER, wanted)))


def _breather() -> Callable[[], Awaitable[None]]:
    """What lets others have their turn, now and then."""
    since = perf_counter()

    async def breathe() -> None:
        nonlocal since
        if perf_counter() - since > _BREATH_SECONDS:
            await asyncio.sleep(0)
            since = perf_counter()

    return breathe


async def _checked(fields: Mapping[str, Any] | str, maker: Maker) -> StoredLink | str:
    """The link that a row tells of, with an empty slug where it names none; or what is wrong with the row."""
    if isinstance(fields, str):
        return fields
    fault = _kept_back(fields)
    if fault:
        return fault
    try:
        row = ImportedLink.model_validate(_decided(fields))
        check_fit(maker.site, slug=row.slug, url=row.url, expired_url=row.expired_url, rules=row.rules)
    except ValidationError as error:
        return "; ".join(_fault_in_words(each["loc"], each["msg"]) for each in error.errors(include_url=False))
    except Problem as problem:
        return "; ".join(_fault_in_words((each.pointer[2:],), each.detail) for each in problem.errors or ())
    known = {name: value for name, value in row if value is not None}
    password = known.pop("password", None)
    if password is None:
        return _link_of(known, maker)
    if "password_hash" in known:
        return "password: there is a password_hash too; leave one of them out"
    return _link_of({**known, "password_hash": await maker.hash(password)}, maker)


def _decided(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields that a link is made of, its slug taken from the short URL when there is nothing else."""
    given = {name: value for name, value in fields.items() if name not in _TOLD}
    return {"slug": last_segment(fields.get("short_url")), **given}


def _kept_back(fields: Mapping[str, Any]) -> str:
    """What a file tells of a link that cannot be made of it, since a part of it is kept back."""
    if fields.get("is_banned"):
        return "is banned where it comes from; make it by itself if it is to work here"
    if fields.get("has_password") not in (None, False) and not any(map(fields.get, ("password_hash", "password"))):
        return (
            "has_password: its password is not in this file, and without one it would be open to all; export it with "
            "a key that has links:write, or make it by itself"
        )
    return ""


def _fault_in_words(place: Sequence[int | str], detail: str) -> str:
    return f"{'/'.join(map(str, place))[:80]}: {detail.removeprefix('Value error, ')}"


def _link_of(known: Mapping[str, Any], maker: Maker) -> StoredLink:
    """A link with its past, as far as the row tells it; all fields were checked."""
    made_at = known.get("created_at", maker.now)
    past = {"created_at": made_at, "updated_at": made_at, "created_by": maker.caller.key_id, "slug": "", **known}
    return StoredLink.model_construct(**past, id=new_id("link"))


# In storage


def keep_links(tx: Tx, links: Sequence[StoredLink], site: Site) -> list[Outcome]:
    """Keep links, those without a slug under one that is made up; gives what became of each."""
    return [_keep(tx, link, site) for link in links]


def _keep(tx: Tx, link: StoredLink, site: Site) -> Outcome:
    if not link.slug and same_live_link(tx, link) is not None:
        return False
    named = link if link.slug else link.model_copy(update={"slug": made_up_slug(site)})
    try:
        tx.insert(store.LINKS, named)
    except Taken:
        if not link.slug:
            return _keep(tx, link, site)
        held = store.get_link(tx, named.slug)
        return _met(named.slug, behaviour_of(named), None if held is None else behaviour_of(held))
    return True


def _met(slug: str, behaviour: bytes, held: bytes | None) -> Outcome:
    """What becomes of a link whose slug another has."""
    return False if behaviour == held else f"slug: {slug!r} is taken"


def _rehearsed(rehearsal: Rehearsal, link: StoredLink, there: bytes | None, now: datetime) -> Outcome:
    behaviour = behaviour_of(link)
    held = there or rehearsal.behaviour(link.slug)
    if held is not None:
        return _met(link.slug, behaviour, held)
    if not link.slug and rehearsal.has_live(behaviour):
        return False
    rehearsal.add(link, behaviour, now)
    return True
