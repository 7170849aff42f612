"""What the OpenAPI document says of the calls."""

from collections.abc import Mapping
from typing import Any, Final

from slice_api.chassis import described
from slice_api.slices.heartbeats.management.fields import UNIQUE
from slice_api.slices.heartbeats.schedules import LEAST_SECONDS, MOST_SECONDS

Answers = dict[int | str, dict[str, Any]]

_JSON: Final = "application/json"
_ID: Final = "0c8983c9-9d73-446f-adb5-0641fdacc9d4"
_URL: Final = f"https://example.org/api/v3/checks/{_ID}"
_BADGE: Final = "https://example.org/badge/4f0e2d6c-8a60-4f9d-9ef5-a7d35a1e3c1e/Qx1hTm0z"
_OPTIONAL: Final = (
    "uuid",
    "ping_url",
    "update_url",
    "pause_url",
    "resume_url",
    "channels",
    "timeout",
    "unique_key",
    "schedule",
    "tz",
    "last_duration",
    "duration",
)
_NULLABLE: Final = ("last_ping", "next_ping", "rid", "body_url")
_KINDS: Final[Mapping[type, str]] = {str: "string", bool: "boolean", int: "integer", float: "number"}

_CHECK: Final = {
    "name": "Nightly backup",
    "slug": "nightly-backup",
    "tags": "prod backup",
    "desc": "Dumps the database to the other site",
    "grace": 3600,
    "n_pings": 42,
    "status": "up",
    "started": False,
    "last_ping": "2026-01-31T02:30:04+00:00",
    "next_ping": "2026-02-01T02:30:04+00:00",
    "manual_resume": False,
    "methods": "",
    "subject": "",
    "subject_fail": "",
    "start_kw": "",
    "success_kw": "",
    "failure_kw": "",
    "filter_subject": False,
    "filter_body": False,
    "filter_http_body": False,
    "filter_default_fail": False,
    "badge_url": "https://example.org/b/2/5a1e3c1e-2a1f-4f0e-8a60-1f9d9ef5a7d3.svg",
    "uuid": _ID,
    "ping_url": f"https://example.org/ping/{_ID}",
    "update_url": _URL,
    "pause_url": f"{_URL}/pause",
    "resume_url": f"{_URL}/resume",
    "channels": "",
    "timeout": 86400,
}
_PING: Final = {
    "type": "success",
    "date": "2026-01-31T02:30:04.120934+00:00",
    "n": 42,
    "scheme": "https",
    "remote_addr": "192.0.2.7",
    "method": "POST",
    "ua": "curl/8.9.1",
    "rid": "123e4567-e89b-12d3-a456-426614174000",
    "body_url": f"{_URL}/pings/42/body",
    "duration": 4.2,
}
_FLIP: Final = {"timestamp": "2026-02-01T03:30:00+00:00", "up": 0}
_BADGES: Final = {
    "svg": f"{_BADGE}-2/prod.svg",
    "svg3": f"{_BADGE}/prod.svg",
    "json": f"{_BADGE}-2/prod.json",
    "json3": f"{_BADGE}/prod.json",
    "shields": f"{_BADGE}-2/prod.shields",
    "shields3": f"{_BADGE}/prod.shields",
}
_FIGURES: Final = {"ts": 1769850000, "max_ping_id": 4200, "max_notification_id": 310, "num_unprocessed_flips": 0}
_NEW: Final = {
    "name": "Nightly backup",
    "tags": "prod backup",
    "timeout": 86400,
    "grace": 3600,
    "unique": ["name"],
}


def _object(example: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object like the example; some fields are there at times."""
    properties = {name: {"type": _kind(name, value)} for name, value in example.items()}
    return {
        "type": "object",
        "required": [name for name in example if name not in _OPTIONAL],
        "properties": properties,
    }


def _kind(name: str, value: Any) -> Any:
    kind = _KINDS.get(type(value), "string")
    return [kind, "null"] if name in _NULLABLE else kind


def _answer(description: str, schema: Mapping[str, Any], example: Any) -> dict[str, Any]:
    return {"description": description, "content": {_JSON: {"schema": schema, "example": example}}}


def _list(description: str, name: str, example: Mapping[str, Any]) -> dict[str, Any]:
    items = {"type": "array", "items": _object(example)}
    schema = {"type": "object", "required": [name], "properties": {name: items}}
    return _answer(description, schema, {name: [example]})


def _error(description: str, message: str) -> dict[str, Any]:
    schema = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
    return _answer(description, schema, {"error": message})


def _text(description: str, example: str) -> dict[str, Any]:
    return {"description": description, "content": {"text/plain": {"schema": {"type": "string"}, "example": example}}}


_KEY: Final[Answers] = {401: _error("No key, or a wrong one", "wrong api key")}
_BODY_FAULTS: Final[Answers] = {
    400: _error("What is wrong with the body", "json validation error: timeout is too small"),
    **described(413),
}
_NAMED: Final[Answers] = {404: _error("There is no such check", "not found")}
_NAMED[404]["content"] |= described(404)[404]["content"]
_SINGLE: Final[Answers] = {200: _answer("The check", _object(_CHECK), _CHECK)}

LIST: Final[Answers] = {200: _list("The checks", "checks", _CHECK), **_KEY}
CREATED: Final[Answers] = {
    200: _answer("The check that was there, changed", _object(_CHECK), _CHECK),
    201: _answer("The check that was made", _object(_CHECK), _CHECK),
    **_BODY_FAULTS,
    **_KEY,
}
READ: Final[Answers] = {**_SINGLE, **_KEY, **_NAMED}
UPDATED: Final[Answers] = {
    **READ,
    **_BODY_FAULTS,
    405: _error("By its unique key it is only read", "method not allowed"),
}
DELETED: Final[Answers] = {**READ, 405: UPDATED[405]}
PAUSED: Final[Answers] = {**READ, **_BODY_FAULTS}
RESUMED: Final[Answers] = {**PAUSED, 409: _text("It is not paused", "check is not paused")}
PINGS: Final[Answers] = {200: _list("The pings, newest first", "pings", _PING), **_KEY, **_NAMED}
BODY: Final[Answers] = {200: _text("What it carried, byte for byte", "done"), **_KEY, **_NAMED}
FLIPS: Final[Answers] = {
    200: _list("The changes of state, newest first", "flips", _FLIP),
    400: {"description": "A part of the query is wrong"},
    **_KEY,
    **_NAMED,
}
CHANNELS: Final[Answers] = {
    200: _list("None: what happens is told by events", "channels", {"id": "", "name": "", "kind": ""}),
    **_KEY,
}
CHANNELS[200]["content"][_JSON]["example"] = {"channels": []}
BADGES: Final[Answers] = {
    200: _answer(
        "The addresses of badges by tag, `*` for all checks",
        {
            "type": "object",
            "required": ["badges"],
            "properties": {"badges": {"type": "object", "additionalProperties": _object(_BADGES)}},
        },
        {"badges": {"prod": _BADGES}},
    ),
    **_KEY,
}
STATUS: Final[Answers] = {200: _text("Storage answers", "OK")}
FIGURES: Final[Answers] = {
    200: _answer("The figures", _object(_FIGURES), _FIGURES),
    403: {"description": "The key is no admin's"},
}


def _field(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, **more}


_WORDS: Final = _field("string", maxLength=200)
_SECONDS: Final = _field("integer", minimum=LEAST_SECONDS, maximum=MOST_SECONDS)
_FIELDS: Final[Mapping[str, Any]] = {
    "api_key": _field("string", description="In place of the header X-Api-Key."),
    "channels": _field("string", description="Empty or `*`: there are none."),
    "desc": _field("string", maxLength=10_000),
    "failure_kw": _WORDS,
    "filter_body": _field("boolean"),
    "filter_default_fail": _field("boolean"),
    "filter_http_body": _field("boolean"),
    "filter_subject": _field("boolean"),
    "grace": _SECONDS,
    "manual_resume": _field("boolean"),
    "methods": _field("string", enum=["", "POST"]),
    "name": _field("string", maxLength=100),
    "schedule": _field("string", maxLength=100, description="Cron, or OnCalendar of systemd."),
    "slug": _field("string", maxLength=100, pattern="^[a-z0-9_-]*$"),
    "start_kw": _WORDS,
    "subject": _WORDS,
    "subject_fail": _WORDS,
    "success_kw": _WORDS,
    "tags": _field("string", maxLength=500, description="With spaces between them."),
    "timeout": _SECONDS,
    "tz": _field("string"),
}


def _body(properties: Mapping[str, Any], example: Mapping[str, Any]) -> dict[str, Any]:
    content = {_JSON: {"schema": {"type": "object", "properties": properties}, "example": example}}
    return {"requestBody": {"required": False, "content": content}}


def _parameter(place: str, name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "required": False, "description": description, "schema": schema}


def _asks(*parameters: Mapping[str, Any]) -> dict[str, Any]:
    key = _parameter("header", "X-Api-Key", "A key with `heartbeats:write`; to read, `heartbeats:read`.", type="string")
    return {"parameters": [key, *parameters]}


_SINCE: Final = {"type": "integer", "minimum": 0, "maximum": 10_000_000_000}

KEY: Final = _asks()
FILTERED: Final = _asks(
    _parameter("query", "slug", "The slug that they have.", type="string"),
    _parameter("query", "tag", "A tag that they have; several: all of them.", type="array", items={"type": "string"}),
)
SPAN: Final = _asks(
    _parameter("query", "seconds", "Only those of the last so many seconds.", **{**_SINCE, "maximum": MOST_SECONDS}),
    _parameter("query", "start", "Only those from this second since 1970 on.", **_SINCE),
    _parameter("query", "end", "Only those before this second since 1970.", **_SINCE),
)
NEW: Final = {
    **KEY,
    **_body({**_FIELDS, "unique": _field("array", items=_field("string", enum=list(UNIQUE)))}, _NEW),
}
CHANGE: Final = {**KEY, **_body(_FIELDS, {"timeout": 3600})}
METRICS_KEY: Final = {
    "parameters": [_parameter("header", "X-Metrics-Key", "A key with the scope `admin`.", type="string")]
}
