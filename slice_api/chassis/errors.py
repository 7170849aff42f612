"""Turning whatever a route raises into a problem response."""

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from slice_api.chassis.exchange import exchange_of
from slice_api.chassis.problems import as_problem, conflict, from_validation, problem_response
from slice_api.chassis.storage.tx import Taken


async def _answer(request: Request, error: Any) -> Response:
    if isinstance(error, RequestValidationError):
        error = from_validation(list(error.errors()))
    elif isinstance(error, Taken):
        error = conflict(f"{str(error)[:1].upper()}{str(error)[1:]}.")
    path, request_id = request.scope["path"], exchange_of(request.scope).request_id
    return problem_response(as_problem(error), instance=path, request_id=request_id)


def install_error_handlers(app: FastAPI) -> None:
    """Problems for the framework's errors and ours; anything unexpected is the edge's to answer."""
    for kind in (HTTPException, RequestValidationError, Taken):
        app.add_exception_handler(kind, _answer)
