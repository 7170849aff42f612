"""What the app is compared with: an object out of a dict as JSON, as others would write it.

`raw ASGI`, `Starlette` and `Litestar` check a key and its scope, look the object up and answer with nine fields.
`bare FastAPI` has a response model, and neither key nor scope; `plain text` has no object either. `plain FastAPI, POST`
checks a key and takes a body in.
The `common set-up` is FastAPI with what services gather around it. `python -m tests.load.peers NAME` serves one.
"""

import logging
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from tempfile import TemporaryFile
from time import perf_counter
from typing import Annotated, Any, Final, cast
from uuid import uuid4

import structlog
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import PlainTextResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from litestar import Litestar, get
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, NotFoundException
from litestar.handlers import BaseRouteHandler
from msgspec import Struct
from pydantic import BaseModel, HttpUrl
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response as StarletteResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.load.benched import RATE
from tests.support import ADMIN_KEY

PATH: Final = "/items/guide"
ITEMS_PATH: Final = "/items"
_SCOPE: Final = "items:read"
_BEARER: Final = "Bearer "


class NewItem(BaseModel):
    """What an object is made of."""

    url: HttpUrl
    title: str | None = None
    tags: list[str] = []


class Item(BaseModel):
    """An object of nine fields."""

    id: str
    slug: str
    url: str
    title: str | None
    tags: list[str]
    visit_count: int
    created_at: datetime
    updated_at: datetime
    created_by: str


def _item() -> Item:
    now = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
    return Item(
        id="item_7hKq2mXa",
        slug="guide",
        url="https://example.org/guide?lang=en",
        title="The guide",
        tags=["docs", "spring"],
        visit_count=17,
        created_at=now,
        updated_at=now,
        created_by="7hKq2mXa",
    )


def _scopes_by_hash() -> dict[str, frozenset[str]]:
    return {sha256(ADMIN_KEY.encode()).hexdigest(): frozenset({_SCOPE, "items:write"})}


def _may(scopes: Mapping[str, frozenset[str]], header: str) -> bool:
    """Whether the key in a header has the scope."""
    if not header.startswith(_BEARER):
        return False
    return _SCOPE in scopes.get(sha256(header.removeprefix(_BEARER).encode()).hexdigest(), ())


# Those that check a key


def raw_asgi() -> ASGIApp:
    items, scopes = {"guide": _item()}, _scopes_by_hash()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        header = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        item = items.get(scope["path"].rpartition("/")[2])
        status = 200 if item and _may(scopes, header.decode("latin-1")) else 404
        body = item.model_dump_json().encode() if item and status == 200 else b"{}"
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def starlette() -> ASGIApp:
    items, scopes = {"guide": _item()}, _scopes_by_hash()

    async def read_item(request: StarletteRequest) -> StarletteResponse:
        if not _may(scopes, request.headers.get("authorization", "")):
            return StarletteResponse(status_code=401)
        item = items.get(request.path_params["slug"])
        if item is None:
            return StarletteResponse(status_code=404)
        return StarletteResponse(item.model_dump_json(), media_type="application/json")

    return Starlette(routes=[Route("/items/{slug}", read_item)])


class ItemStruct(Struct):
    """The same nine fields in the form that Litestar writes quickest."""

    id: str
    slug: str
    url: str
    title: str | None
    tags: list[str]
    visit_count: int
    created_at: datetime
    updated_at: datetime
    created_by: str


def litestar() -> ASGIApp:
    items, scopes = {"guide": ItemStruct(**_item().model_dump())}, _scopes_by_hash()

    async def check_key(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        if not _may(scopes, connection.headers.get("authorization", "")):
            raise NotAuthorizedException

    @get("/items/{slug:str}", guards=[check_key])
    async def read_item(slug: str) -> ItemStruct:
        if slug not in items:
            raise NotFoundException
        return items[slug]

    return cast("ASGIApp", Litestar([read_item], openapi_config=None, logging_config=None))


# FastAPI


def bare_fastapi() -> ASGIApp:
    app, items = FastAPI(), {"guide": _item()}

    @app.get("/items/{slug}")
    async def read_item(slug: str) -> Item:
        return items[slug]

    return app


def plain_text() -> ASGIApp:
    """The cheapest answer, and nothing stored: what one would write first for jobs that say that they have run."""
    app = FastAPI()

    @app.get("/ping/{uuid}", response_class=PlainTextResponse)
    async def ping(uuid: str) -> str:
        return "OK"

    return app


def _key_check() -> Callable[..., Awaitable[str]]:
    scopes = _scopes_by_hash()

    async def check_key(given: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> str:
        digest = sha256(given.credentials.encode()).hexdigest()
        if _SCOPE not in scopes.get(digest, ()):
            raise HTTPException(403)
        return digest

    return check_key


def plain_fastapi() -> ASGIApp:
    """Takes in what is kept, for those whose key may write."""
    app, items, numbers = FastAPI(), dict[str, Item](), count()

    @app.post("/items", status_code=201)
    async def create_item(new: NewItem, key: Annotated[str, Depends(_key_check())]) -> Item:
        slug, now = f"s{next(numbers)}", datetime.now(UTC)
        items[slug] = Item(
            id=slug,
            slug=slug,
            url=str(new.url),
            title=new.title,
            tags=new.tags,
            visit_count=0,
            created_at=now,
            updated_at=now,
            created_by=key[:8],
        )
        return items[slug]

    return app


# The common set-up

_REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
Next = Callable[[Request], Awaitable[Response]]


async def _add_request_id(request: Request, call_next: Next) -> Response:
    request_id = request.headers.get("x-request-id") or str(uuid4())
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)
    response = await call_next(request)
    response.headers["X-Request-ID"] = request_id
    return response


def _logging(log: Any) -> Callable[[Request, Next], Awaitable[Response]]:
    async def log_request(request: Request, call_next: Next) -> Response:
        started = perf_counter()
        response = await call_next(request)
        taken = round((perf_counter() - started) * 1000, 3)
        client = request.client.host if request.client else ""
        log.info(
            "request",
            method=request.method,
            path=request.url.path,
            status=response.status_code,
            duration_ms=taken,
            client=client,
        )
        response.headers["X-Process-Time"] = str(taken)
        return response

    return log_request


async def _add_security_headers(request: Request, call_next: Next) -> Response:
    response = await call_next(request)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    response.headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
    return response


def _common_logger() -> Any:
    """Structlog over the standard library, as JSON into a file, as its documentation shows it."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(TemporaryFile("w"))  # noqa: SIM115 - it is gone with the process
    removing = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[removing, structlog.processors.JSONRenderer()]
        )
    )
    logger = logging.getLogger("common")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
    return structlog.get_logger("common")


def _limit() -> Callable[[Request], Awaitable[None]]:
    limiter, limit = FixedWindowRateLimiter(MemoryStorage()), parse(RATE)

    async def check_rate(request: Request) -> None:
        if not limiter.hit(limit, request.client.host if request.client else ""):
            raise HTTPException(429)

    return check_rate


def common() -> ASGIApp:
    """Three BaseHTTPMiddleware, structlog, CORS, GZip and a rate limit around a route that checks a key."""
    items = {"guide": _item()}
    log = _common_logger()
    app = FastAPI(dependencies=[Depends(_limit())])
    app.add_middleware(GZipMiddleware, minimum_size=1000)
    app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.org"], allow_methods=["*"])
    app.add_middleware(BaseHTTPMiddleware, dispatch=_add_security_headers)
    app.add_middleware(BaseHTTPMiddleware, dispatch=_logging(log))
    app.add_middleware(BaseHTTPMiddleware, dispatch=_add_request_id)

    async def items_kept() -> dict[str, Item]:
        return items

    @app.get("/items/{slug}", dependencies=[Depends(_key_check())])
    async def read_item(slug: str, kept: Annotated[dict[str, Item], Depends(items_kept)]) -> Item:
        if slug not in kept:
            raise HTTPException(404)
        return kept[slug]

    return app


RAW, STARLETTE, LITESTAR = "raw ASGI", "Starlette", "Litestar"
BARE, TEXT, PLAIN, COMMON = "bare FastAPI", "plain text", "plain FastAPI, POST", "common set-up"
PEERS: Final[Mapping[str, Callable[[], ASGIApp]]] = {
    RAW: raw_asgi,
    STARLETTE: starlette,
    LITESTAR: litestar,
    BARE: bare_fastapi,
    TEXT: plain_text,
    PLAIN: plain_fastapi,
    COMMON: common,
}


class _Server(uvicorn.Server):
    """Says where it is once it answers, as the app's own server does."""

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        sys.stderr.write(f"{__name__} is ready: http://127.0.0.1:{port}/\n")
        sys.stderr.flush()


def main(name: str) -> None:
    """Serve a peer as the app is served, until the process is ended."""
    app = PEERS[name]()
    config = uvicorn.Config(
        app, port=0, access_log=False, log_config=None, server_header=False, proxy_headers=False, lifespan="auto"
    )
    _Server(config).run()


if __name__ == "__main__":
    main(sys.argv[1])
