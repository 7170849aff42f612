"""The management API over HTTP: version 3 as routes, its other spellings and the older versions by what they are."""

import re
from typing import Final

from fastapi import APIRouter, Response

from slice_api.chassis import any_origin
from slice_api.slices.heartbeats.management import answers, described
from slice_api.slices.heartbeats.management.answers import answered
from slice_api.slices.heartbeats.management.calls import call
from slice_api.slices.heartbeats.management.requests import Given

router = APIRouter(default_response_class=Response)

readable = any_origin("X-Api-Key")
_VERSION: Final = re.compile(r"/api/v(\d)/")


@router.get("/api/v3/checks/", responses=described.LIST, openapi_extra=described.FILTERED)
@readable
async def list_checks(given: Given) -> Response:
    """List checks, the oldest first."""
    return await answered(answers.list_checks(given))


@router.post("/api/v3/checks/", responses=described.CREATED, openapi_extra=described.NEW)
@readable
async def put_check(given: Given) -> Response:
    """Make a check, or change the one that has what `unique` names.

    JSON is taken under any content type. Fields that are not known are ignored.
    """
    return await answered(answers.put_check(given))


@router.get("/api/v3/checks/{name}", responses=described.READ, openapi_extra=described.KEY)
@readable
async def read_check(name: str, given: Given) -> Response:
    """Read a check by its id or by its unique key."""
    return await answered(answers.read_check(given, name))


@router.post("/api/v3/checks/{name}", responses=described.UPDATED, openapi_extra=described.CHANGE)
@readable
async def change_check(name: str, given: Given) -> Response:
    """Change a check; what is left out stays."""
    return await answered(answers.update_check(given, name))


@router.delete("/api/v3/checks/{name}", responses=described.DELETED, openapi_extra=described.KEY)
@readable
async def drop_check(name: str, given: Given) -> Response:
    """Delete a check with its pings; the answer is what it was."""
    return await answered(answers.delete_check(given, name))


@router.post("/api/v3/checks/{name}/pause", responses=described.PAUSED, openapi_extra=described.KEY)
@readable
async def pause_check(name: str, given: Given) -> Response:
    """Expect nothing of a check until it is resumed or heard of."""
    return await answered(answers.pause_check(given, name))


@router.post("/api/v3/checks/{name}/resume", responses=described.RESUMED, openapi_extra=described.KEY)
@readable
async def resume_check(name: str, given: Given) -> Response:
    """Take a paused check up again, as a new one."""
    return await answered(answers.resume_check(given, name))


@router.get("/api/v3/checks/{name}/pings/", responses=described.PINGS, openapi_extra=described.KEY)
@readable
async def list_check_pings(name: str, given: Given) -> Response:
    """List the pings of a check that are kept, 1,000 at most, newest first."""
    return await answered(answers.list_pings(given, name))


@router.get("/api/v3/checks/{name}/pings/{n}/body", responses=described.BODY, openapi_extra=described.KEY)
@readable
async def read_ping_body(name: str, n: str, given: Given) -> Response:
    """Read what a ping of a check carried."""
    return await answered(answers.read_ping_body(given, name, n))


@router.get("/api/v3/checks/{name}/flips/", responses=described.FLIPS, openapi_extra=described.SPAN)
@readable
async def list_check_flips(name: str, given: Given) -> Response:
    """List the changes of state of a check, by its id or its unique key, newest first."""
    return await answered(answers.list_flips(given, name))


@router.get("/api/v3/channels/", responses=described.CHANNELS, openapi_extra=described.KEY)
@readable
async def list_channels(given: Given) -> Response:
    """List who is told of changes of state: nobody, since they are told by events."""
    return await answered(answers.list_channels(given))


@router.get("/api/v3/badges/", responses=described.BADGES, openapi_extra=described.KEY)
@readable
async def list_badge_addresses(given: Given) -> Response:
    """Tell the addresses of the badges of each tag, and of all checks together."""
    return await answered(answers.list_badges(given))


@router.get("/api/v3/status/", responses=described.STATUS)
@readable
async def check_service(given: Given) -> Response:
    """Tell that storage answers."""
    return await answered(answers.read_status(given))


@router.get("/api/v3/metrics/", responses=described.FIGURES, openapi_extra=described.METRICS_KEY)
@readable
async def read_figures(given: Given) -> Response:
    """Tell how many pings and events there were, and how many deadlines wait to be noticed."""
    return await answered(answers.read_figures(given))


@router.get("/api/v1/{path:path}", include_in_schema=False)
@router.post("/api/v1/{path:path}", include_in_schema=False)
@router.delete("/api/v1/{path:path}", include_in_schema=False)
@router.get("/api/v2/{path:path}", include_in_schema=False)
@router.post("/api/v2/{path:path}", include_in_schema=False)
@router.delete("/api/v2/{path:path}", include_in_schema=False)
@router.get("/api/v3/{path:path}", include_in_schema=False)
@router.post("/api/v3/{path:path}", include_in_schema=False)
@router.delete("/api/v3/{path:path}", include_in_schema=False)
@readable
async def answer_call(path: str, given: Given) -> Response:
    """Answer a call in an older version, or one that is written with a slash or without."""
    found = _VERSION.search(given.request.scope["route"].path)
    version = int(found[1]) if found else given.version
    return await answered(call(given._replace(version=version), path))
