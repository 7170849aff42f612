"""The app: settings, logging, storage, discovery and the layer around it; the rest is the chassis and the slices."""

from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from slice_api import __version__
from slice_api.chassis.assembly import Chassis, lifespan
from slice_api.chassis.clock import Clock, system_clock
from slice_api.chassis.discovery import survey
from slice_api.chassis.edge import Edge
from slice_api.chassis.errors import install_error_handlers
from slice_api.chassis.logs import Write, make_logger, make_request_teller, write_to_stderr
from slice_api.chassis.mounting import mount_slices
from slice_api.chassis.openapi import install_openapi, operation_id
from slice_api.chassis.storage.engines import make_storage
from slice_api.chassis.web_files import page_names, read_web_files
from slice_api.settings import Settings

WEB_FOLDER = Path(__file__).parent.parent / "web"


def _has_telemetry() -> bool:
    """Whether OpenTelemetry's SDK is there: without it nobody can listen, and no request need ask who does."""
    return find_spec("opentelemetry.sdk") is not None


def _telemetry() -> TelemetryConfig:
    """OpenTelemetry as FastAPI has it."""
    if _has_telemetry():
        return {"operation_spans": False}
    return {"tracing": False, "metrics": False, "logs": False}


class SliceApp(FastAPI):
    """FastAPI whose requests go to the edge at once: what it does before that is for its telemetry alone."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stack = self.middleware_stack
        if stack is None or scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        scope["app"] = self
        await stack(scope, receive, send)


def _within_edge(app: FastAPI, build: Callable[[], ASGIApp]) -> ASGIApp:
    """All that FastAPI puts around its routes, and in place of what catches errors outside of that, the edge."""
    stack = build()
    inner = stack.app if isinstance(stack, ServerErrorMiddleware) else stack
    has_others = _has_telemetry() or bool(app.user_middleware)
    return Edge(inner, app.state.chassis, app.dependency_overrides, has_others=has_others)


def create_app(
    settings: Settings | None = None,
    *,
    packages: Sequence[str] = ("slice_api.slices",),
    clock: Clock = system_clock,
    write_log: Write = write_to_stderr,
) -> FastAPI:
    """Make an app that shares nothing with any other; raises DiscoveryError or SettingsError when it cannot."""
    settings = settings or Settings()
    found = survey(packages, settings.disabled, pages=page_names(WEB_FOLDER))
    chassis = Chassis(
        settings=settings,
        found=found,
        storage=make_storage(settings.storage_url, clock),
        clock=clock,
        log=make_logger(settings, write_log),
        tell_request=make_request_teller(settings, write_log),
        web=read_web_files(WEB_FOLDER, {each.name: each.folder for each in found if each.slice}),
    )
    make = FastAPI if _has_telemetry() else SliceApp
    app = make(
        title="Slice API",
        version=__version__,
        description="A self-hosted toolbox for small teams.",
        lifespan=lifespan,
        openapi_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        telemetry=_telemetry(),
    )
    app.state.chassis = chassis
    mount_slices(app, chassis)
    install_openapi(app, chassis)
    install_error_handlers(app)
    app.build_middleware_stack = partial(_within_edge, app, app.build_middleware_stack)  # type: ignore[method-assign]
    return app
