"""The platform's paths."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from slice_api.chassis import NOTICE_CSP, Service, described, not_found, requires
from slice_api.chassis.authentication import authenticate
from slice_api.chassis.delivery import ASK_AGAIN, deliver
from slice_api.chassis.exchange import exchange_of
from slice_api.chassis.metrics import CONTENT_TYPE
from slice_api.chassis.openapi import openapi_file
from slice_api.chassis.problems import PROBLEM_TYPES, missing_scope
from slice_api.slices.platform import counted, handlers
from slice_api.slices.platform.pages import problem_page
from slice_api.slices.platform.schemas import Catalogue, Health, ServiceMetrics

router = APIRouter()
root_router = APIRouter()

_METRICS_RESPONSES: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}}, **described(401, 403)}


@root_router.get("/api")
async def read_catalogue(request: Request, service: Service) -> Catalogue:
    """The catalogue: every slice that this service offers."""
    state = request.app.state
    if not hasattr(state, "platform_catalogue"):  # it stays the same as long as the service runs
        state.platform_catalogue = handlers.read_catalogue(service, request.app.title, request.app.version)
    catalogue: Catalogue = state.platform_catalogue
    return catalogue


@root_router.get("/openapi.json", responses={200: {"content": {"application/json": {}}}})
async def read_openapi(request: Request) -> Response:
    """This document: OpenAPI 3.1."""
    return deliver(request, await openapi_file(request.app), cache_control=ASK_AGAIN)


@root_router.get("/problems/{type}", response_class=HTMLResponse, responses=described(404))
async def read_problem_type(kind: Annotated[str, Path(alias="type", examples=["not-found"])]) -> Response:
    """What an error means and what to do about it, as a page."""
    if kind not in PROBLEM_TYPES:
        raise not_found("problem type", kind)
    headers = {"Content-Security-Policy": NOTICE_CSP, "Cache-Control": "public, max-age=3600"}
    return HTMLResponse(problem_page(kind, PROBLEM_TYPES[kind]), headers=headers)


@root_router.get("/livez", response_model_exclude_none=True)
async def read_liveness() -> Health:
    """Whether the process runs."""
    return Health(status="ok")


@root_router.get("/readyz", responses={503: {"model": Health, "description": "Some part is failing"}})
async def read_readiness(service: Service) -> Response:
    """Whether the service can do its work: 503 with the failing parts when it cannot, or is being stopped."""
    health = await handlers.read_health(service)
    headers = {"Retry-After": "2"} if health.failing else {}
    body = health.model_dump(exclude_none=True)
    return JSONResponse(body, 503 if health.failing else 200, {"Cache-Control": "no-store", **headers})


@router.get("/metrics")
@requires("admin")
async def read_service_metrics(
    service: Service,
    slice_name: Annotated[
        str | None, Query(alias="slice", description="Only the figures of this slice.", examples=["links"])
    ] = None,
) -> ServiceMetrics:
    """Response times, their percentiles and requests a second, by slice and route."""
    return counted.read_metrics(service.metrics, slice_name)


@root_router.get("/metrics", responses=_METRICS_RESPONSES)
async def read_metrics(request: Request, service: Service) -> Response:
    """Figures for Prometheus; needs the scope `admin` unless SLICE_METRICS_PUBLIC is set."""
    if not service.settings.metrics_public:
        caller = await authenticate(exchange_of(request.scope), request.scope)
        if not caller.has_scope("admin"):
            raise missing_scope("admin")
    return Response(service.metrics.text(), media_type=CONTENT_TYPE)
