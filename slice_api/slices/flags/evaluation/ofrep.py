"""OpenFeature's remote protocol (OFREP): bodies in, answers out, all in the protocol's own shapes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import orjson
from fastapi import Response

from slice_api.chassis import Exchange, Problem, is_unchanged, read_body
from slice_api.slices.flags.evaluation.evaluating import Context
from slice_api.slices.flags.evaluation.sets import Answer, LiveSet, Metadata, failed

_JSON: Final = "application/json"
_JSON_TYPE: Final = (b"content-type", _JSON.encode())
_INACTIVITY_SECONDS: Final = 120
_NOT_JSON: Final = "The body is not valid JSON"


class StreamUrls(NamedTuple):
    """The address of the stream that tells when to ask again, and the one given out before, which is still good."""

    now: str
    before: str


class Refusal(Exception):  # noqa: N818 - it reads as what it says
    """A body that no flag can be evaluated with."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(details)
        self.code, self.details = code, details


async def context_of(asked: Exchange) -> Context:
    """The context in the body; an empty one where none is sent. Raises Refusal."""
    try:
        body = await read_body(asked.receive)
    except Problem as problem:
        if problem.kind != "malformed-body":
            raise
        raise Refusal("PARSE_ERROR", str(problem.detail)) from problem
    if not body:
        return {}
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal("PARSE_ERROR", f"{_NOT_JSON}: {error}.") from error
    if not isinstance(document, dict):
        raise Refusal("INVALID_CONTEXT", 'The body must be an object, such as {"context": {"targetingKey": "anna"}}.')
    context = document.get("context")
    if context is not None and not isinstance(context, dict):
        raise Refusal("INVALID_CONTEXT", 'The context must be an object, such as {"targetingKey": "anna"}.')
    return context or {}


def wanted_set(asked: Exchange) -> str | None:
    """The flag set that the header Flagd-Selector names, the first one; None without it."""
    if b"flagd-selector" not in asked.given:
        return None
    value = next(value for name, value in asked.scope["headers"] if name == b"flagd-selector")
    return _selected(_as_text(value))


def _selected(selector: str) -> str:
    name, between, value = selector.strip().partition("=")
    return value.strip() if between and name.strip() == "flagSetId" else name + between + value


def _as_text(header: bytes) -> str:
    """A header in UTF-8, as nearly all clients mean it, or else in Latin-1."""
    try:
        return header.decode("utf-8")
    except UnicodeDecodeError:
        return header.decode("latin-1")


class SingleAnswer(Response):
    """The answer to who asks for one flag: of all that a Response looks at, nothing is open here."""

    media_type = _JSON

    def __init__(self, answer: Answer) -> None:
        self.status_code, self.body, self.background = answer.status, answer.body, None
        self.raw_headers = [(b"content-length", b"%d" % len(answer.body)), _JSON_TYPE]


def refused(refusal: Refusal, metadata: Metadata, key: str | None = None) -> Response:
    """400 with what is wrong with a body."""
    return Response(failed(key, metadata, refusal.code, refusal.details).body, 400, media_type=_JSON)


def bulk(asked: Exchange, live: LiveSet | None, answers: Sequence[Answer], streams: StreamUrls) -> Response:
    """The answers to who asks for all flags; 304 when they are those that the client has.

    The ETag is made of what was evaluated, so that it is another one for a context that is answered otherwise. Its
    second part tells which stream the client was sent to: 304 has no body to name another in, so that a client whose
    address has ended must not be given one.
    """
    flags = b",".join([answer.body for answer in answers])
    metadata = orjson.dumps(live.metadata if live else {})
    digest = blake2b(flags, digest_size=16, key=_digest(metadata)).hexdigest()
    tags = [f'"{digest}.{_digest(url.encode()).hex()[:8]}"' for url in streams]
    held = asked.given.get(b"if-none-match", b"").decode("latin-1")
    known = next((tag for tag in tags if is_unchanged(tag, held)), None)
    headers = {"ETag": known or tags[0], "Cache-Control": "private, no-cache"}
    if known is not None:
        return Response(status_code=304, headers=headers)
    told = orjson.dumps([{"type": "sse", "url": streams.now, "inactivityDelaySec": _INACTIVITY_SECONDS}])
    body = b'{"flags":[%b],"metadata":%b,"eventStreams":%b}' % (flags, metadata, told)
    return Response(body, headers=headers, media_type=_JSON)


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


def seconds_of(now: datetime) -> int:
    """A moment as rules are given it: in seconds since 1970."""
    return int(now.timestamp())


# For the OpenAPI document

_CONTEXT_EXAMPLE: Final = {"context": {"targetingKey": "anna", "email": "anna@example.org"}}
_METADATA: Final = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}
_EVALUATION: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["key", "reason", "variant"],
    "properties": {
        "key": {"type": "string"},
        "reason": {"type": "string", "enum": ["STATIC", "TARGETING_MATCH", "DEFAULT", "DISABLED"]},
        "variant": {"type": "string", "description": "Empty where the default in the code of who asks is right."},
        "value": {"description": "The variant's value; left out where there is none."},
        "metadata": _METADATA,
    },
}
_FAILURE: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["errorCode"],
    "properties": {
        "key": {"type": "string"},
        "errorCode": {"type": "string", "enum": ["PARSE_ERROR", "INVALID_CONTEXT", "GENERAL", "FLAG_NOT_FOUND"]},
        "errorDetails": {"type": "string"},
        "metadata": _METADATA,
    },
}
_STREAM: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "type": {"const": "sse"},
        "url": {"type": "string"},
        "inactivityDelaySec": {"type": "integer"},
    },
}
_BULK: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["flags"],
    "properties": {
        "flags": {"type": "array", "items": {"anyOf": [_EVALUATION, _FAILURE]}},
        "metadata": _METADATA,
        "eventStreams": {"type": "array", "items": _STREAM},
    },
}
_EVALUATED_EXAMPLE: Final = {"key": "checkout", "reason": "TARGETING_MATCH", "variant": "on", "value": True}
_FAILURE_EXAMPLE: Final = {
    "key": "checkout",
    "errorCode": "GENERAL",
    "errorDetails": "The rule gives 'maybe', which is no variant.",
}
_BULK_EXAMPLE: Final = {
    "flags": [_EVALUATED_EXAMPLE],
    "metadata": {"flagSetId": "web"},
    "eventStreams": [
        {"type": "sse", "url": "https://s.example.org/ofrep/v1/stream/…", "inactivityDelaySec": _INACTIVITY_SECONDS}
    ],
}


def _answer(description: str, schema: Mapping[str, Any], example: Any) -> dict[str, Any]:
    return {"description": description, "content": {_JSON: {"schema": schema, "example": example}}}


BODY: Final = {
    "requestBody": {
        "required": False,
        "content": {
            _JSON: {
                "schema": {"type": "object", "properties": {"context": {"type": "object"}}},
                "example": _CONTEXT_EXAMPLE,
            }
        },
    }
}
SINGLE: Final[dict[int | str, dict[str, Any]]] = {
    200: _answer("The flag's value", _EVALUATION, _EVALUATED_EXAMPLE),
    400: _answer("What is wrong with the body or with the flag", _FAILURE, _FAILURE_EXAMPLE),
    404: _answer("There is no such flag", _FAILURE, {**_FAILURE_EXAMPLE, "errorCode": "FLAG_NOT_FOUND"}),
}
ALL: Final[dict[int | str, dict[str, Any]]] = {
    200: _answer("The values of all flags", _BULK, _BULK_EXAMPLE),
    304: {"description": "They are those that the client has"},
    400: _answer("What is wrong with the body", _FAILURE, {"errorCode": "INVALID_CONTEXT"}),
}
