"""The OpenAPI document: FastAPI's own, with scopes, the errors that every route can give, and an example everywhere."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from slice_api.chassis.assembly import Chassis
from slice_api.chassis.examples import example_of
from slice_api.chassis.policies import Target
from slice_api.chassis.problems import MEDIA_TYPE, ProblemDetails, described
from slice_api.chassis.web_files import WebFile, as_web_file

_MERGE_PATCH = "application/merge-patch+json"
_SCHEMES: Mapping[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key as `Authorization: Bearer <key>`."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
    "session": {"type": "apiKey", "in": "cookie", "name": "slice_session", "description": "The web page's session."},
}
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Makes a repeated request harmless: the first answer is given again for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_NOT_NEEDED = {"description": "Not looked at here: a repeated request does no harm by itself."}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The ETag you have read: the request is refused with 412 when the object has changed since.",
    "schema": {"type": "string"},
}


def _statuses(target: Target) -> list[int]:
    """The errors that the chassis can answer this route with."""
    has_parameters = "{" in target.path
    found = {
        401: not target.is_public,
        403: not target.is_public,
        404: has_parameters,
        406: target.is_json,
        409: target.method == "POST" and target.is_api,
        412: target.method in ("PUT", "PATCH", "DELETE"),
        429: target.limit is not None,
        400: True,
        408: target.takes_json or target.takes_stream,
        413: target.takes_json or target.takes_stream,
        415: target.takes_json or target.takes_stream,
        422: True,
        500: True,
        503: True,
    }
    return sorted(status for status, can_happen in found.items() if can_happen)


def _improve_operation(operation: dict[str, Any], target: Target, schemas: Mapping[str, Any]) -> None:
    _speak_3_1(operation)
    title, _, rest = operation.get("description", "").partition("\n")
    if title:
        operation["summary"] = title.rstrip(".")
        operation["description"] = rest.strip() or title
    responses = operation.setdefault("responses", {})
    for status, response in described(*_statuses(target)).items():
        key = str(status)
        if key not in responses or "HTTPValidationError" in str(responses[key]):
            responses[key] = response
    if not target.is_public:
        operation["security"] = [{"bearer": []}, {"header": []}, {"session": []}]
        operation["x-required-scope"] = target.scope
    if target.is_api and not target.is_public:
        parameters = operation.setdefault("parameters", [])
        if target.method == "POST":
            parameters.append({**_IDEMPOTENCY, **(_NOT_NEEDED if target.takes_stream else {})})
        parameters += [_IF_MATCH] if target.method in ("PUT", "PATCH", "DELETE") else []
    _add_examples(operation, schemas)
    content = operation.get("requestBody", {}).get("content", {})
    if target.method == "PATCH" and "application/json" in content:
        content[_MERGE_PATCH] = content["application/json"]


def _speak_3_1(operation: dict[str, Any]) -> None:
    """FastAPI tells the items of a stream by a keyword of OpenAPI 3.2; in 3.1 a stream is text."""
    for response in operation.get("responses", {}).values():
        for media in response.get("content", {}).values():
            if media.pop("itemSchema", None) is not None:
                media["schema"] = {"type": "string"}


def _add_examples(operation: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    bodies = [operation.get("requestBody", {}), *operation.get("responses", {}).values()]
    for body in bodies:
        for kind, media in body.get("content", {}).items():
            if (
                kind in ("application/json", MEDIA_TYPE)
                and not media.keys() & {"example", "examples"}
                and "schema" in media
            ):
                media["example"] = example_of(media["schema"], schemas, status=_status_of(operation, body))


def _status_of(operation: Mapping[str, Any], body: Any) -> int | None:
    return next((int(key) for key, value in operation["responses"].items() if value is body and key.isdecimal()), None)


def _improve(document: dict[str, Any], targets: Iterable[Target]) -> dict[str, Any]:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    problem = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update({**problem.pop("$defs", {}), "ProblemDetails": problem})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    components["securitySchemes"] = dict(_SCHEMES)
    for target in targets:
        operation = document["paths"].get(target.path, {}).get(target.method.lower())
        if operation is not None:
            _improve_operation(operation, target, schemas)
    components["schemas"] = dict(sorted(schemas.items()))
    return document


def _tags(chassis: Chassis) -> list[dict[str, Any]]:
    return [
        {"name": each.name, "description": "\n\n".join(filter(None, (each.title, each.description)))}
        for each in chassis.slices
    ]


def install_openapi(app: FastAPI, chassis: Chassis) -> None:
    """Let `app.openapi()` give the better document; it is made once, at the first call."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=_tags(chassis),
            )
            app.openapi_schema = _improve(document, chassis.table.targets)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def operation_id(route: APIRoute) -> str:
    """The name of an operation in generated clients: slice and function, such as `links_create_link`."""
    return "_".join([*map(str, route.tags[:1]), route.name])


async def openapi_file(app: FastAPI) -> WebFile:
    """The document as it is sent. It is made once, and in a thread, since everybody else would wait for it."""
    chassis: Chassis = app.state.chassis
    if chassis.openapi_file is None:
        chassis.openapi_file = await asyncio.to_thread(_written, app)
    return chassis.openapi_file


def _written(app: FastAPI) -> WebFile:
    file = as_web_file(orjson.dumps(app.openapi()), "application/json")
    _ = file.compressed  # made here too, since it takes as long as many requests
    return file
