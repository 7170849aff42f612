"""Problem details (RFC 9457): every error of every path, made by the factories below.

A `type` is the address of a page that tells what the error means and what to do; the pages are made from PROBLEM_TYPES.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import orjson
from fastapi import HTTPException
from fastapi.responses import Response
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException

MEDIA_TYPE = "application/problem+json"


class ProblemType(NamedTuple):
    """A kind of error: its status, its title, and for the page, what it means and what to do."""

    status: int
    title: str
    meaning: str
    cure: str


PROBLEM_TYPES: Mapping[str, ProblemType] = {
    "malformed-body": ProblemType(
        400,
        "The body cannot be read",
        "The body is not complete, valid JSON in UTF-8 (NaN, Infinity and lone surrogates are not JSON).",
        "Check the body with a JSON tool; `detail` says what was wrong and where.",
    ),
    "malformed-request": ProblemType(
        400,
        "The request cannot be read",
        "A part of the request outside its body breaks the rules of HTTP.",
        "Look at `detail`; it names the header or the part.",
    ),
    "unauthenticated": ProblemType(
        401,
        "A key or a password is needed",
        "There is no API key in the request, or it is wrong, expired or revoked; or it is a password that is missing.",
        "Send `Authorization: Bearer <key>` or `X-API-Key: <key>`. Somebody with the admin key can make one. How to "
        "send a password, `detail` says.",
    ),
    "missing-scope": ProblemType(
        403,
        "The key may not do this",
        "The key is valid, but lacks the scope that `detail` names.",
        "Use another key, or ask for one with that scope.",
    ),
    "forbidden": ProblemType(
        403,
        "This is not allowed",
        "The request is understood and refused; `detail` says why.",
        "Another key does not help; follow `detail`.",
    ),
    "not-found": ProblemType(
        404,
        "Nothing is here",
        "No object or path of that name exists.",
        "Check the spelling (names are case-sensitive) or list the collection.",
    ),
    "method-not-allowed": ProblemType(
        405,
        "The method is not offered here",
        "The path exists, but not for this method.",
        "The `Allow` header lists the methods that work.",
    ),
    "not-acceptable": ProblemType(
        406,
        "No acceptable representation",
        "The `Accept` header excludes everything that this path can answer with.",
        "Ask for `application/json` or `*/*`, or leave the header out.",
    ),
    "request-timeout": ProblemType(
        408,
        "The request took too long to arrive",
        "The head of the request, or its body, was not complete in time.",
        "Send it again over a steadier connection.",
    ),
    "conflict": ProblemType(
        409,
        "Clashes with what is there",
        "The name is taken, or the object's state does not allow the change.",
        "Choose another name or look at the object first.",
    ),
    "idempotency-in-progress": ProblemType(
        409,
        "The first request is still running",
        "A request with the same `Idempotency-Key` has not been answered yet.",
        "Wait a moment and send the same request again.",
    ),
    "gone": ProblemType(
        410,
        "It was here, and is no more",
        "The object has expired, was used up or was taken away.",
        "Ask whoever gave you the address for a new one.",
    ),
    "precondition-failed": ProblemType(
        412,
        "It has changed in the meantime",
        "The object's ETag is none of those in `If-Match`: somebody changed it since you read it.",
        "Read it again, apply your change to what you get, and send the new ETag.",
    ),
    "too-large": ProblemType(
        413,
        "The body is too large",
        "The body is over the limit of this path, which `detail` names.",
        "Send less at a time.",
    ),
    "unsupported-media-type": ProblemType(
        415,
        "The content type is not taken",
        "The path does not take bodies of this `Content-Type`.",
        "The `Accept` (or `Accept-Patch`) header of the answer lists the types it takes.",
    ),
    "invalid": ProblemType(
        422,
        "The request does not fit",
        "Something in the body, the path or the query breaks a rule; `errors` lists every fault with its place.",
        "Mend each of `errors`: `pointer` says where, `detail` says what is expected.",
    ),
    "idempotency-mismatch": ProblemType(
        422,
        "The Idempotency-Key belongs to another request",
        "The same `Idempotency-Key` was used before with another body.",
        "Use a new key for a new request.",
    ),
    "head-too-large": ProblemType(
        431,
        "The head of the request is too large",
        "The address and the headers together, or what follows the body, are over the limit, which `detail` names.",
        "Send fewer or shorter headers; cookies that nobody needs are often the cause.",
    ),
    "rate-limited": ProblemType(
        429,
        "Too many requests",
        "The key (or, without one, the address) has used up its share for now.",
        "Wait as many seconds as `Retry-After` says. `RateLimit` tells how much is left.",
    ),
    "internal": ProblemType(
        500,
        "Something went wrong on our side",
        "An error in the service. Nothing of the request was kept.",
        "Try again; if it stays, give the `request_id` to whoever runs the service: the log has the details.",
    ),
    "unavailable": ProblemType(
        503,
        "Not available at the moment",
        "An engine that the service stands on is away, or the service is shutting down.",
        "Try again after as many seconds as `Retry-After` says.",
    ),
}


class Fault(BaseModel):
    """One fault of a request and its place."""

    pointer: str = Field(examples=["#/url"])
    """`#/…` is a JSON pointer into the body; else `query/…`, `path/…` or `header/…` with the name."""
    detail: str = Field(examples=["Field required"])
    """What is wrong, or what was expected."""


class ProblemDetails(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(examples=["/problems/not-found"])
    """The kind of error, as the address of a page on it."""
    title: str = Field(examples=["Nothing is here"])
    """The kind of error in words."""
    status: int = Field(examples=[404])
    """The HTTP status."""
    detail: str = Field(examples=["There is no link 'docs'."])
    """What happened this time."""
    instance: str = Field(examples=["/api/links/docs"])
    """The path that was asked for."""
    request_id: str = Field(examples=["b3f1c0de5a7e4d21"])
    """The id of the request, as in the header X-Request-ID and in the log."""
    errors: list[Fault] | None = None
    """Every fault at once, when the request does not fit."""


class Problem(HTTPException):
    """An error on its way to the client; raise what the factories below give."""

    def __init__(
        self, kind: str, detail: str, *, errors: list[Fault] | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(PROBLEM_TYPES[kind].status, detail, dict(headers) if headers else None)
        self.kind = kind
        self.errors = errors


def malformed_body(detail: str) -> Problem:
    return Problem("malformed-body", detail)


def malformed_request(detail: str) -> Problem:
    return Problem("malformed-request", detail)


def unauthenticated(detail: str = "This needs an API key.") -> Problem:
    return Problem("unauthenticated", detail, headers={"WWW-Authenticate": "Bearer"})


def missing_scope(scope: str) -> Problem:
    return Problem("missing-scope", f"The key lacks the scope {scope}.")


def forbidden(detail: str) -> Problem:
    return Problem("forbidden", detail)


def not_found(noun: str, key: str) -> Problem:
    """404: there is no `noun` called `key`."""
    return Problem("not-found", f"There is no {noun} {key!r}.")


def nothing_here(path: str) -> Problem:
    """404: no route owns this path."""
    return Problem("not-found", f"Nothing is at {path}.")


def method_not_allowed(method: str, allow: str) -> Problem:
    return Problem("method-not-allowed", f"{method} is not offered here; {allow} are.", headers={"Allow": allow})


def not_acceptable(offered: str) -> Problem:
    return Problem("not-acceptable", f"This path answers with {offered}.")


def conflict(detail: str) -> Problem:
    return Problem("conflict", detail)


def gone(detail: str) -> Problem:
    return Problem("gone", detail)


def precondition_failed() -> Problem:
    errors = [Fault(pointer="header/If-Match", detail="is not the object's ETag any more")]
    return Problem("precondition-failed", "The object has changed since you read it.", errors=errors)


def too_large(limit: int) -> Problem:
    return Problem("too-large", f"The body may have at most {limit:,} bytes.", headers={"Connection": "close"})


def head_too_large(limit: int) -> Problem:
    return Problem("head-too-large", f"The head may have at most {limit:,} bytes, and so may what follows the body.")


def request_timeout(detail: str) -> Problem:
    return Problem("request-timeout", detail, headers={"Connection": "close"})


def unsupported_media_type(given: str, *, taken: str, is_patch: bool) -> Problem:
    detail = (
        f"A body of type {given!r} is not taken; {taken} is." if given else f"The body needs a Content-Type: {taken}."
    )
    return Problem("unsupported-media-type", detail, headers={"Accept-Patch" if is_patch else "Accept": taken})


def invalid(pointer: str, detail: str) -> Problem:
    """422 with one fault, for rules that a schema cannot tell; `pointer` as in Fault."""
    return all_invalid([Fault(pointer=pointer, detail=detail)])


def all_invalid(errors: list[Fault]) -> Problem:
    told = "; ".join(f"{fault.pointer} {fault.detail}" for fault in errors[:3])
    return Problem("invalid", told + ("; …" if len(errors) > 3 else ""), errors=errors)


def rate_limited(retry_after: int) -> Problem:
    detail = f"Too many requests; try again in {retry_after} s."
    return Problem("rate-limited", detail, headers={"Retry-After": str(retry_after)})


def too_many_connections(limit: int) -> Problem:
    """429: the address has as many connections as it may have."""
    detail = f"This address has {limit:,} connections open, and may have no more; close one first."
    return Problem("rate-limited", detail, headers={"Retry-After": "2"})


def internal() -> Problem:
    return Problem("internal", "The service met an error it did not expect. Its log knows more under the request_id.")


def unavailable(detail: str, retry_after: int = 2) -> Problem:
    return Problem("unavailable", detail, headers={"Retry-After": str(retry_after)})


_KIND_OF_STATUS = {400: "malformed-request"} | {
    kind.status: name for name, kind in reversed(list(PROBLEM_TYPES.items())) if kind.status != 400
}


def as_problem(error: StarletteHTTPException) -> Problem:
    """Any HTTPException, the framework's own too, as a Problem."""
    if isinstance(error, Problem):
        return error
    kind = _KIND_OF_STATUS.get(error.status_code, "internal" if error.status_code >= 500 else "malformed-request")
    if error.status_code == 400 and "body" in str(error.detail):
        kind = "malformed-body"
    return Problem(kind, str(error.detail), headers=error.headers)


def pointer_step(name: object) -> str:
    """One step of a JSON pointer (RFC 6901, section 3); what cannot be sent in UTF-8 is replaced."""
    return str(name).replace("~", "~0").replace("/", "~1").encode("utf-8", "replace").decode()


def fault_of(error: Mapping[str, Any]) -> Fault:
    """One of Pydantic's errors as a Fault; the input is left out, since it may be secret or impossible to send back."""
    place, *path = error["loc"] or ("body",)
    message = str(error["msg"]).removeprefix("Value error, ").encode("utf-8", "replace").decode()
    if place == "body":
        return Fault(pointer="#" + "".join(f"/{pointer_step(step)}" for step in path), detail=message)
    if not path:
        return Fault(pointer=str(place), detail=message)
    name = str(path[0]).title() if place == "header" else str(path[0])
    return Fault(pointer=f"{place}/{name}", detail=message)


def from_validation(errors: list[Any]) -> Problem:
    """What FastAPI's validation found, as a Problem: 400 when the body is no JSON, else 422 with every fault."""
    for error in errors:
        if error.get("type") == "json_invalid":
            return malformed_body("The body is not valid JSON.")
    return all_invalid([fault_of(error) for error in errors])


def invalid_at(error: ValidationError, *place: str) -> Problem:
    """422 with all that a model said of what stands at a place, such as `"body", "schedule"`, of the request."""
    return all_invalid([fault_of({**each, "loc": (*place, *each["loc"])}) for each in error.errors()])


def problem_body(problem: Problem, *, instance: str, request_id: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": f"/problems/{problem.kind}",
        "title": PROBLEM_TYPES[problem.kind].title,
        "status": problem.status_code,
        "detail": str(problem.detail).encode("utf-8", "replace").decode(),
        "instance": instance.encode("utf-8", "replace").decode(),
        "request_id": request_id,
    }
    if problem.errors:
        body["errors"] = [fault.model_dump() for fault in problem.errors]
    return body


def problem_response(problem: Problem, *, instance: str, request_id: str) -> Response:
    body = problem_body(problem, instance=instance, request_id=request_id)
    content = orjson.dumps(body, default=str)
    headers = {"Cache-Control": "no-store", **(problem.headers or {})}
    return Response(content, problem.status_code, headers, MEDIA_TYPE)


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Error responses for the OpenAPI document, by status."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
        }
        for status in statuses
    }
