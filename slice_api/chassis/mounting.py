"""How slices become routes of an app: FastAPI's own, filed in the table that finds them."""

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts, request_response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from slice_api.chassis.assembly import Chassis
from slice_api.chassis.discovery import Slice
from slice_api.chassis.docstrings import describe_parameters
from slice_api.chassis.plans import Call, prepared
from slice_api.chassis.policies import Target, any_origin_sends, is_reading_stream, scope_of
from slice_api.chassis.rate_limits import Limit
from slice_api.settings import parse_rate

_SECRET_PARAMETERS: Final = frozenset({"token", "ping_key", "secret"})


class _Facts(NamedTuple):
    """What a route says of itself, whatever app it is in."""

    path: str
    pattern: re.Pattern[str]
    convertors: Mapping[str, Any]
    methods: tuple[str, ...]
    call: Call | None
    answers_json: bool
    takes_json: bool
    takes_stream: bool
    gives_stream: bool
    max_body_bytes: int | None
    """Its own bound; None where it has none."""
    any_origin_sends: tuple[str, ...] | None
    has_secret_path: bool


def mount_slices(app: FastAPI, chassis: Chassis) -> None:
    """Make the slices' routers routes of the app; the table that answers stands first."""
    for each in chassis.slices:
        for router, prefix, is_root in ((each.router, f"/api/{each.name}", False), (each.root_router, "", True)):
            if router is None:
                continue
            # Each include nests one more lifespan around the app's; hundreds of them overflow the stack. They are
            # entered one after another in the app's own lifespan instead.
            own_lifespan = app.router.lifespan_context
            app.include_router(router, prefix=prefix, tags=[each.name])
            app.router.lifespan_context = own_lifespan
            contexts = _contexts(app, router, prefix, app.router.routes[-1])
            _file_routes(chassis, each, contexts, is_root=is_root)
    app.router.routes.insert(0, chassis.table)


def _contexts(app: FastAPI, router: APIRouter, prefix: str, included: Any) -> Iterable[Any]:
    """The routes of a router as they are in the app.

    FastAPI would analyse each of them once more, which took an eighth of the time of a start, and find the same: by
    including it a router is given nothing but its place. For the OpenAPI document it does so, when that is asked for.
    """
    contexts = list(iter_route_contexts(router.routes))
    if not all(isinstance(each.original_route, APIRoute) for each in contexts):
        return iter_route_contexts([included])
    own = {id(each) for each in router.routes}
    placed = [_placed(app, each, prefix, is_own=id(each.original_route) in own) for each in contexts]
    return iter_route_contexts(placed)


def _placed(app: FastAPI, context: Any, prefix: str, *, is_own: bool) -> APIRoute:
    """A route of a router, below a prefix and answering for this app; one that is not its own may be changed by it."""
    placed: APIRoute = copy.copy(context.original_route)
    if not is_own:
        for name, value in vars(placed).items():
            setattr(placed, name, getattr(context, name, value))
    placed.path = f"{prefix}{context.path}"
    placed.path_regex, placed.path_format, placed.param_convertors = compile_path(placed.path)
    placed.dependency_overrides_provider = app
    placed.app = _app_of(placed)
    return placed


def _app_of(route: APIRoute) -> ASGIApp:
    """FastAPI's own application of a route, made for its first request: most are answered by their prepared call."""
    made: ASGIApp | None = None

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal made
        made = made or request_response(route.get_route_handler())
        await made(scope, receive, send)

    return app


def _file_routes(chassis: Chassis, each: Slice, contexts: Iterable[Any], *, is_root: bool) -> None:
    """Put the routes of one router into the table, each with what it asks of a request."""
    limit, settings = _limit(chassis, each, is_root=is_root), each.settings
    for context in contexts:
        facts = _facts_of(context)
        # What a route says of itself alone is more telling than what a setting says of them all.
        bounds = (facts.max_body_bytes, settings.max_body_bytes, chassis.settings.max_body_bytes)
        for method in facts.methods:
            target = Target(
                app=context.app,
                route=context.original_route,
                endpoint=context.endpoint,
                slice_name=each.name,
                settings=settings,
                method=method,
                path=facts.path,
                scope=scope_of(context.endpoint, each.name, method, settings, is_root=is_root),
                call=facts.call,
                is_json=facts.answers_json and (not is_root or facts.path == "/api"),
                takes_json=facts.takes_json,
                takes_stream=facts.takes_stream,
                max_body_bytes=next(bound for bound in bounds if bound is not None),
                limit=limit,
                limit_share=each.name if settings.rate_limit else "*",
                any_origin_sends=facts.any_origin_sends,
                has_secret_path=facts.has_secret_path,
            )
            chassis.table.add(target, facts.pattern, facts.convertors)
            if facts.gives_stream:
                chassis.metrics.answers.streams.add((each.name, facts.path, method))


def _limit(chassis: Chassis, each: Slice, *, is_root: bool) -> Limit | None:
    """How many requests a slice takes; paths at the root have a limit only where the slice's own settings give one."""
    text = each.settings.rate_limit or ("off" if is_root else chassis.settings.rate_limit)
    return None if text == "off" else Limit(*parse_rate(text))


def _facts_of(context: Any) -> _Facts:
    endpoint, is_api_route = context.endpoint, getattr(context, "body_field", ...) is not ...
    kind = _media_type(context) if is_api_route else ""
    if is_api_route:
        describe_parameters(context.dependant)
    return _Facts(
        path=context.path_format or context.path or "",
        pattern=context.path_regex,
        convertors=context.param_convertors,
        methods=tuple(context.methods or ()),
        call=prepared(context),
        answers_json=is_api_route and context.response_field is not None and kind == "application/json",
        takes_json=is_api_route and _reads_json(context.body_field),
        takes_stream=is_reading_stream(endpoint),
        gives_stream=kind == "text/event-stream",
        max_body_bytes=context.max_body_size if is_api_route else None,
        any_origin_sends=any_origin_sends(endpoint),
        has_secret_path=not _SECRET_PARAMETERS.isdisjoint(context.param_convertors),
    )


def _media_type(context: Any) -> str:
    kind = getattr(context.response_class, "value", context.response_class)
    return getattr(kind, "media_type", "") or ""


def _reads_json(body_field: Any) -> bool:
    return body_field is not None and getattr(body_field.field_info, "media_type", "") == "application/json"
