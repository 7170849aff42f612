"""The front end's paths: one page under several addresses, and what it is made of."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from slice_api.chassis import Service, described, not_found
from slice_api.chassis.assembly import Chassis
from slice_api.chassis.delivery import ASK_AGAIN, FOREVER, deliver
from slice_api.chassis.web_files import HTML_CSP, LATEST

root_router = APIRouter(include_in_schema=False)


def _page(request: Request, chassis: Chassis) -> Response:
    file = chassis.web.files.get("index.html")
    if file is None:
        raise not_found("page", "index.html")
    return deliver(request, file, cache_control=ASK_AGAIN, headers={"Content-Security-Policy": HTML_CSP})


@root_router.get("/", response_class=HTMLResponse)
async def read_home(request: Request, service: Service) -> Response:
    """The front end."""
    return _page(request, service)


@root_router.get("/app/{path:path}", response_class=HTMLResponse)
async def read_page(path: str, request: Request, service: Service) -> Response:
    """The front end, at the address of one of its pages."""
    return _page(request, service)


@root_router.get("/docs", response_class=HTMLResponse)
async def read_docs(request: Request, service: Service) -> Response:
    """The API documentation, as a page of the front end."""
    return _page(request, service)


@root_router.get("/slices", response_class=HTMLResponse)
async def read_slices(request: Request, service: Service) -> Response:
    """The report cards of the slices, as a page of the front end."""
    return _page(request, service)


@root_router.get("/assets/{digest}/{name:path}", responses=described(404))
async def read_asset(digest: str, name: str, request: Request, service: Service) -> Response:
    """A file of the front end: to be kept for ever under its digest, to be asked for again as `latest`."""
    file = service.web.files.get(name)
    if file is None or digest not in (LATEST, service.web.digest):
        raise not_found("asset", name)
    return deliver(request, file, cache_control=ASK_AGAIN if digest == LATEST else FOREVER)


@root_router.get("/favicon.ico")
async def read_favicon() -> Response:
    """The icon, for those that ask for it by its old name."""
    return RedirectResponse(f"/assets/{LATEST}/favicon.svg", 307)
