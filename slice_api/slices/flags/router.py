"""Feature flags over HTTP: under `/api/flags` to keep them, under `/ofrep` to evaluate them."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from slice_api.chassis import (
    BaseUrl,
    Caller,
    Db,
    EventStream,
    InHand,
    Later,
    Mirrors,
    Now,
    Page,
    Paging,
    described,
    requires,
)
from slice_api.slices.flags import handlers
from slice_api.slices.flags.documents import http as documents
from slice_api.slices.flags.documents.handlers import delete_set
from slice_api.slices.flags.documents.schemas import DocumentReport
from slice_api.slices.flags.evaluation import ofrep, playground
from slice_api.slices.flags.evaluation.answering import StreamPlace, evaluate_key, evaluate_set
from slice_api.slices.flags.evaluation.schemas import Explanation, Question
from slice_api.slices.flags.evaluation.sets import FLAG_SETS
from slice_api.slices.flags.evaluation.streams import changes
from slice_api.slices.flags.evaluation.tokens import with_tokens
from slice_api.slices.flags.parameters import ExposedIn, Filter, ImportHand, Opened, Options, Signing, Strict, WantedSet
from slice_api.slices.flags.schedule import handlers as schedule
from slice_api.slices.flags.schemas import (
    Exposures,
    Flag,
    FlagChange,
    FlagSetInfo,
    NewFlag,
    NewScheduledChange,
    Revision,
    Rollback,
    ScheduledChange,
)

__all__ = ["FLAG_SETS", "root_router", "router"]

router = APIRouter()
root_router = APIRouter(lifespan=with_tokens)


@router.post("", status_code=201)
async def create_flag(
    new: NewFlag, response: Response, db: Db, caller: Caller, options: Options, set_name: WantedSet = None
) -> Flag:
    """Make a flag."""
    flag = await db.transact(handlers.create_flag, new, set_name, caller.key_id, options.keep_revisions)
    response.headers["Location"] = handlers.address_of(flag)
    return flag


@router.get("")
async def list_flags(db: Db, wanted: Filter, page: Paging) -> Page[Flag]:
    """List the flags of a set, by key unless asked otherwise."""
    if wanted.is_stale is None:
        return await db.transact(handlers.list_flags, wanted, page)
    found = await db.transact(handlers.flags_by_staleness, wanted)
    return db.page_of(found, page, name="flags_by_staleness", key=lambda flag: flag.key)


# Before those of one flag, whose key would take these names in.
@router.get("/sets")
async def list_sets(db: Db, page: Paging) -> Page[FlagSetInfo]:
    """List the flag sets, by name."""
    return db.page_of(await db.transact(handlers.list_sets), page, name="flag_sets", key=lambda each: each.name)


@router.post("/evaluate")
@requires("flags:read")
async def explain_flags(question: Question, db: Db, set_name: WantedSet = None) -> Explanation:
    """Try flags out: what they are in a context, and why; nothing of it is counted."""
    return await db.transact(playground.explain_flags, question, set_name)


@router.get("/document", response_class=Response, responses=documents.EXPORT)
async def read_document(db: Db, set_name: WantedSet = None) -> Response:
    """Give out a whole flag set as a document in flagd's format.

    What was imported comes out the same. With its ETag a flagd can have it as a sync source over HTTP.
    """
    return await documents.export(db, set_name)


@router.put(
    "/document",
    responses=documents.IMPORT,
    openapi_extra=documents.IMPORT_BODY,
    max_body_size=documents.MOST_BYTES,
)
async def replace_document(
    request: Request, db: Db, hand: ImportHand, set_name: WantedSet = None, strict: Strict = False
) -> DocumentReport:
    """Replace a whole flag set by a document in flagd's format, all of it or nothing.

    Flags that are the same keep their versions. Which set that is, `?set=` says or `metadata.flagSetId`; without
    either it is the one without a name. What breaks the format is told as a warning, unless it could not be evaluated
    at all.
    """
    return await documents.take_in(request, db, set_name, hand, is_strict=strict)


@router.delete("/document", status_code=204, responses=described(404))
async def delete_document(db: Db, set_name: WantedSet = None) -> None:
    """Delete a whole flag set with the histories of its flags."""
    await db.transact(delete_set, set_name)


@router.get("/{key:path}/history")
async def list_revisions(key: str, db: Db, page: Paging, set_name: WantedSet = None) -> Page[Revision]:
    """List the versions of a flag, newest first: who changed what and when."""
    return await db.transact(handlers.list_revisions, key, set_name, page)


@router.get("/{key:path}/exposures")
async def read_exposures(key: str, db: Db, within: ExposedIn, set_name: WantedSet = None) -> Exposures:
    """Count a flag's evaluations in a range of time, by variant; hours are kept for 35 days, days for 400."""
    return await db.transact(handlers.read_exposures, key, set_name, within)


@router.post("/{key:path}/rollback")
async def roll_back_flag(
    key: str, wanted: Rollback, db: Db, caller: Caller, options: Options, set_name: WantedSet = None
) -> Flag:
    """Go back to an earlier version of a flag: what it was then becomes its newest version."""
    return await db.transact(handlers.roll_back, key, wanted.revision, set_name, caller.key_id, options.keep_revisions)


@router.post("/{key:path}/schedule", status_code=201)
async def plan_change(
    key: str, new: NewScheduledChange, db: Db, caller: Caller, set_name: WantedSet = None
) -> ScheduledChange:
    """Plan a change that happens by itself, once."""
    return await db.transact(schedule.plan_change, key, new, set_name, caller.key_id)


@router.get("/{key:path}/schedule")
async def list_changes(key: str, db: Db, page: Paging, set_name: WantedSet = None) -> Page[ScheduledChange]:
    """List the planned changes of a flag, the next one first; what has happened stands in the history."""
    return await db.transact(schedule.list_changes, key, set_name, page)


@router.delete("/{key:path}/schedule", status_code=204)
async def call_all_changes_off(key: str, db: Db, set_name: WantedSet = None) -> None:
    """Call off all planned changes of a flag."""
    await db.transact(schedule.call_all_off, key, set_name)


@router.get("/{key:path}/schedule/{change_id}")
async def read_change(key: str, change_id: str, db: Db, set_name: WantedSet = None) -> ScheduledChange:
    """Read a planned change."""
    return await db.transact(schedule.read_change, key, change_id, set_name)


@router.delete("/{key:path}/schedule/{change_id}", status_code=204)
async def call_change_off(key: str, change_id: str, db: Db, set_name: WantedSet = None) -> None:
    """Call off a planned change."""
    await db.transact(schedule.call_off, key, change_id, set_name)


# Last, since a key may have slashes in it.
@router.get("/{key:path}")
async def read_flag(key: str, db: Db, set_name: WantedSet = None) -> Flag:
    """Read a flag."""
    return await db.transact(handlers.read_flag, key, set_name)


@router.patch("/{key:path}")
async def update_flag(
    key: str, change: FlagChange, db: Db, caller: Caller, options: Options, set_name: WantedSet = None
) -> Flag:
    """Change a flag; what is left out stays, null clears. Programs that stream hear of it at once."""
    return await db.transact(handlers.update_flag, key, change, set_name, caller.key_id, options.keep_revisions)


@router.delete("/{key:path}", status_code=204)
async def delete_flag(key: str, db: Db, set_name: WantedSet = None) -> None:
    """Delete a flag with its history; programs that ask for it use the default in their own code."""
    await db.transact(handlers.delete_flag, key, set_name)


@root_router.post("/ofrep/v1/evaluate/flags", response_class=Response, responses=ofrep.ALL, openapi_extra=ofrep.BODY)
@root_router.post("/ofrep/v1/evaluate/flags/", response_class=Response, include_in_schema=False)
@requires("flags:evaluate", unless="evaluation_public")
async def evaluate_flags(
    asked: InHand, mirrors: Mirrors, later: Later, now: Now, tokens: Signing, options: Options, base_url: BaseUrl
) -> Response:
    """Evaluate all flags of a set (OpenFeature's remote protocol).

    The ETag is that of what was evaluated; `eventStreams` names a stream that tells when to ask again.
    """
    return await evaluate_set(asked, mirrors, later, now, StreamPlace(tokens, options, base_url))


@root_router.post(
    "/ofrep/v1/evaluate/flags/{key:path}", response_class=Response, responses=ofrep.SINGLE, openapi_extra=ofrep.BODY
)
@requires("flags:evaluate", unless="evaluation_public")
async def evaluate_flag(key: str, asked: InHand, mirrors: Mirrors, later: Later, now: Now) -> Response:
    """Evaluate a flag (OpenFeature's remote protocol)."""
    return await evaluate_key(key, asked, mirrors, later, now)


@root_router.get("/ofrep/v1/stream/{token}", response_class=EventStream)  # noqa: FAST003 - the dependency takes it
async def stream_changes(
    listening: Opened,
    mirrors: Mirrors,
    last_event_id: Annotated[str | None, Header(description="The id of the last message that was read.")] = None,
) -> EventStream:
    """Be told when a flag set has changed, as Server-Sent Events; `eventStreams` of an evaluation has the address."""
    return EventStream(changes(listening, mirrors, last_event_id))
