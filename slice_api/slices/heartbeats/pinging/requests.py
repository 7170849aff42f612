"""What a ping says: read from its path, query and body."""

import re
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs

from pydantic import TypeAdapter, ValidationError

from slice_api.chassis import Exchange
from slice_api.slices.heartbeats.recording import MOST_AGENT, MOST_BODY_BYTES
from slice_api.slices.heartbeats.schedules import Schedule
from slice_api.slices.heartbeats.schemas import HeartbeatFields, Kind

CANONICAL: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SLUG: Final = re.compile(r"[-a-zA-Z0-9_]+", re.ASCII)
_STATUS: Final = re.compile(r"[0-9]+", re.ASCII)
_HIGHEST_STATUS: Final = 255
_LONGEST: Final = 100

BAD_URL: Final = "invalid url format"
BAD_RID: Final = "invalid uuid format"
NOT_FOUND: Final = "not found"


class RefusalError(Exception):
    """A ping that is answered with an error, in the words of the protocol."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class Action(NamedTuple):
    """What the path says after the name of a check."""

    kind: Kind
    exit_status: int | None = None


_ACTIONS: Final = {"": Action("success"), "start": Action("start"), "fail": Action("fail"), "log": Action("log")}


def is_action(text: str) -> bool:
    """Whether a step of a path says what a ping means, rather than being the slug of a check."""
    return text in _ACTIONS or _STATUS.fullmatch(text) is not None


def action_of(text: str) -> Action:
    """The action of a path; raises RefusalError."""
    if text in _ACTIONS:
        return _ACTIONS[text]
    if _STATUS.fullmatch(text) is None:
        raise RefusalError(404, NOT_FOUND)
    if len(text) > _LONGEST or int(text) > _HIGHEST_STATUS:
        raise RefusalError(400, BAD_URL)
    return Action("fail" if int(text) else "success", int(text))


def check_slug(slug: str) -> None:
    """Raise RefusalError for what no check can be called."""
    if _SLUG.fullmatch(slug) is None or len(slug) > _LONGEST:
        raise RefusalError(404, NOT_FOUND)
    if slug != slug.lower():
        raise RefusalError(400, BAD_URL)


class Asked(NamedTuple):
    """What the query of a ping asks for."""

    rid: str | None = None
    new: HeartbeatFields | None = None
    """The check to be made where there is none."""


_NOTHING: Final = Asked()


def asked_of(query: bytes, slug: str | None = None) -> Asked:
    """What a query asks for; checks are made by their slug alone. Raises RefusalError."""
    if not query:
        return _NOTHING
    given = {name: values[0] for name, values in parse_qs(query.decode("latin-1"), keep_blank_values=True).items()}
    rid = given.get("rid")
    if rid is not None and CANONICAL.fullmatch(rid.lower()) is None:
        raise RefusalError(400, BAD_RID)
    wants_new = slug is not None and given.get("create") == "1"
    return Asked(rid.lower() if rid else None, _new_check(slug or "", given) if wants_new else None)


_WHOLE: Final = TypeAdapter(int)


def _new_check(slug: str, given: dict[str, str]) -> HeartbeatFields:
    try:
        return HeartbeatFields(
            name=slug,
            slug=slug,
            schedule=_schedule(given),
            tags=re.split(r"[\s,]+", given["tags"].strip(" ,")) if given.get("tags", "").strip(" ,") else [],
            grace_seconds=_number(given.get("grace", "3600"), "grace"),
        )
    except ValidationError as error:
        fault = error.errors()[0]
        place = "schedule" if fault["loc"] and fault["loc"][0] in ("cron", "on_calendar") else _place(fault)
        raise RefusalError(400, f"invalid {place}: {fault['msg'].removeprefix('Value error, ')}") from error


def _place(fault: Any) -> str:
    names = {"grace_seconds": "grace", "every_seconds": "timeout", "timezone": "tz"}
    name = str(fault["loc"][0]) if fault["loc"] else "query"
    return names.get(name, name)


def _schedule(given: dict[str, str]) -> Schedule:
    """The schedule that a query gives: `schedule` with `tz`, or else `timeout`."""
    text = given.get("schedule", "").strip()
    if text:
        kind = "cron" if len(text.split()) == 5 and "\n" not in text else "on_calendar"
        return Schedule.model_validate({kind: text, "timezone": given.get("tz", "UTC")})
    return Schedule(every_seconds=_number(given.get("timeout", "86400"), "timeout"))


def _number(text: str, name: str) -> int:
    if _STATUS.fullmatch(text) is None or len(text) > 12:
        raise RefusalError(400, f"invalid {name}: must be a number of seconds")
    return int(text)


async def body_of(asked: Exchange) -> bytes:
    """The first bytes of a body; the rest is let go of as it comes."""
    kept = b""
    async for piece in asked.request.stream():
        if len(kept) < MOST_BODY_BYTES:
            kept = (kept + piece)[:MOST_BODY_BYTES]
    return kept


def agent_of(asked: Exchange) -> str:
    """The first characters of the user agent."""
    return asked.given.get(b"user-agent", b"")[:MOST_AGENT].decode("latin-1")
