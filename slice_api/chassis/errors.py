"""Turning whatever a route raises into a problem response."""

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from slice_api.chassis.exchange import exchange_of
from slice_api.chassis.problems import (
    Problem,
    as_problem,
    conflict,
    from_validation,
    internal,
    malformed_body,
    problem_response,
)
from slice_api.chassis.storage.tx import Taken

_KNOWN = (HTTPException, RequestValidationError, Taken)


def known_problem(error: Any) -> Problem | None:
    """What a route or the framework raised, as a Problem; None for what nobody expected."""
    if isinstance(error, RequestValidationError):
        return from_validation(list(error.errors()))
    if isinstance(error, Taken):
        return conflict(f"{str(error)[:1].upper()}{str(error)[1:]}.")
    if isinstance(error, HTTPException):
        return as_problem(error)
    if isinstance(error, ClientDisconnect):
        return malformed_body("The body broke off.")
    return None


async def _answer(request: Request, error: Any) -> Response:
    path, request_id = request.scope["path"], exchange_of(request.scope).request_id
    return problem_response(known_problem(error) or internal(), instance=path, request_id=request_id)


def install_error_handlers(app: FastAPI) -> None:
    """Problems for the framework's errors and ours; anything unexpected is the edge's to answer."""
    for kind in _KNOWN:
        app.add_exception_handler(kind, _answer)
