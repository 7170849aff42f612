"""What a check can be given: each field with what it may be, in the order in which they are looked at."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from slice_api.slices.heartbeats.management.refusals import RefusalError
from slice_api.slices.heartbeats.management.zones import renamed
from slice_api.slices.heartbeats.schedules import LEAST_SECONDS, MOST_SECONDS, CalendarText, CronText, Schedule, Zone
from slice_api.slices.heartbeats.schemas import MOST_NAME, MOST_TAGS_TEXT, HeartbeatFields
from slice_api.slices.heartbeats.slugs import slug_of

Given = Mapping[str, Any]
"""The fields of a request that are known here, each as it may be."""

UNIQUE: Final = ("name", "slug", "tags", "timeout", "grace")

_MOST_TEXT: Final = 10_000
_MOST_KEYWORDS: Final = 200
_MOST_TAG: Final = 100
_SLUG: Final = re.compile(r"[a-z0-9_-]*", re.ASCII)
_ZONE: Final[TypeAdapter[str]] = TypeAdapter(Zone)
_CRON: Final[TypeAdapter[str]] = TypeAdapter(CronText)
_CALENDAR: Final[TypeAdapter[str]] = TypeAdapter(CalendarText)

Fault = Callable[[str, Any], str | None]
"""Tells what is wrong with the value of a field; None where nothing is."""


def _text(most: int, name: str, value: Any) -> str | None:
    if not isinstance(value, str):
        return f"{name} is not a string"
    if len(value) > most:
        return f"{name} is too long"
    return f"{name} holds the character NUL" if "\0" in value else None


def _slug(name: str, value: Any) -> str | None:
    return _text(MOST_NAME, name, value) or (None if _SLUG.fullmatch(value) else f"{name} does not match pattern")


def _tags(name: str, value: Any) -> str | None:
    is_too_long = isinstance(value, str) and any(len(tag) > _MOST_TAG for tag in value.split())
    return _text(MOST_TAGS_TEXT, name, value) or (f"{name} is too long" if is_too_long else None)


def _seconds(name: str, value: Any) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return f"{name} is not a number"
    if value < LEAST_SECONDS:
        return f"{name} is too small"
    return f"{name} is too large" if value > MOST_SECONDS else None


def _switch(name: str, value: Any) -> str | None:
    return None if isinstance(value, bool) else f"{name} is not a boolean"


def _methods(name: str, value: Any) -> str | None:
    return None if isinstance(value, str) and value in ("", "POST") else f"{name} has unexpected value"


def _schedule(name: str, value: Any) -> str | None:
    fault = _text(MOST_NAME, name, value)
    if fault:
        return fault
    kind = _CRON if kind_of(value) == "cron" else _CALENDAR
    return None if _fits(kind, value) else f"{name} is not a valid cron or OnCalendar expression"


def _zone(name: str, value: Any) -> str | None:
    if not isinstance(value, str):
        return f"{name} is not a string"
    return None if _fits(_ZONE, renamed(value)) else f"{name} is not a valid timezone"


def _unique(name: str, value: Any) -> str | None:
    if not isinstance(value, list):
        return f"{name} is not an array"
    is_known = all(isinstance(each, str) and each in UNIQUE for each in value)
    return None if is_known else f"an item in '{name}' has unexpected value"


def _fits(kind: TypeAdapter[str], value: str) -> bool:
    try:
        kind.validate_python(value)
    except ValidationError:
        return False
    return True


_long_text = partial(_text, _MOST_TEXT)
_keywords = partial(_text, _MOST_KEYWORDS)

FIELDS: Final[Mapping[str, Fault]] = {
    "channels": _long_text,
    "desc": _long_text,
    "failure_kw": _keywords,
    "filter_body": _switch,
    "filter_default_fail": _switch,
    "filter_http_body": _switch,
    "filter_subject": _switch,
    "grace": _seconds,
    "manual_resume": _switch,
    "methods": _methods,
    "name": partial(_text, MOST_NAME),
    "schedule": _schedule,
    "slug": _slug,
    "start_kw": _keywords,
    "subject": _keywords,
    "subject_fail": _keywords,
    "success_kw": _keywords,
    "tags": _tags,
    "timeout": _seconds,
    "tz": _zone,
    "unique": _unique,
}
_SAME: Final[Mapping[str, str]] = {
    "desc": "description",
    "failure_kw": "failure_kw",
    "filter_body": "filter_body",
    "filter_default_fail": "filter_default_fail",
    "filter_http_body": "filter_http_body",
    "filter_subject": "filter_subject",
    "grace": "grace_seconds",
    "manual_resume": "is_manual_resume",
    "methods": "methods",
    "slug": "slug",
    "start_kw": "start_kw",
    "success_kw": "success_kw",
}
"""Fields that only have another name here."""


def kind_of(schedule: str) -> str:
    """What an expression is meant to be: five words on one line are cron."""
    return "cron" if "\n" not in schedule.strip() and len(schedule.split()) == 5 else "on_calendar"


def given_in(document: Mapping[str, Any]) -> Given:
    """The known fields of a request; raises RefusalError with the first fault."""
    for name, fault in FIELDS.items():
        if name in document and (why := fault(name, document[name])):
            raise RefusalError(400, f"json validation error: {why}")
    return {name: document[name] for name in FIELDS if name in document}


def check_channels(given: Given) -> None:
    """Raise RefusalError for channels, since there are none: who wants to be told listens to events."""
    for name in given.get("channels", "*").split(",") if given.get("channels") else ():
        if not name:
            raise RefusalError(400, "empty channel identifier")
        if given["channels"] != "*":
            raise RefusalError(400, f"invalid channel identifier: {name}")


def tags_in(given: Given) -> list[str]:
    """The tags of a request, each once."""
    return list(dict.fromkeys(given["tags"].split()))


def changes_of(held: HeartbeatFields, given: Given, version: int) -> dict[str, Any]:
    """What becomes of a check by a request; before version 3 a name brings its slug along."""
    found = _named(held, given, version) | _subjects(held, given)
    found |= {"tags": tags_in(given)} if "tags" in given else {}
    found |= {ours: given[theirs] for theirs, ours in _SAME.items() if theirs in given}
    return {**found, "schedule": _schedule_after(held.schedule, given)}


def _named(held: HeartbeatFields, given: Given, version: int) -> dict[str, Any]:
    name = given.get("name", held.name).strip()
    if name == held.name:
        return {}
    return {"name": name, "slug": slug_of(name)} if version < 3 else {"name": name}


def _subjects(held: HeartbeatFields, given: Given) -> dict[str, Any]:
    """The keywords by the names that they had when e-mails alone were looked at."""
    if "subject" not in given and "subject_fail" not in given:
        return {}
    success, failure = given.get("subject", held.success_kw), given.get("subject_fail", held.failure_kw)
    return {"success_kw": success, "failure_kw": failure, "filter_subject": bool(success or failure)}


def _schedule_after(held: Schedule, given: Given) -> Schedule:
    """The schedule after a request: an expression counts before a timeout, and a zone alone changes no kind."""
    zone = renamed(given["tz"]) if "tz" in given else held.timezone
    if "schedule" in given:
        return Schedule.model_validate({kind_of(given["schedule"]): given["schedule"], "timezone": zone})
    if "timeout" in given:
        return Schedule(every_seconds=given["timeout"])
    return held if held.every_seconds is not None else held.model_copy(update={"timezone": zone})
