"""Probes over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse

from slice_api.chassis import (
    BaseUrl,
    Caller,
    ClientAddress,
    Logger,
    own_settings,
    public,
    reads_stream,
    requires,
    unavailable,
)
from slice_api.chassis.credentials import make_key

from .schemas import Anything, Shown, Told
from .settings import ProbesSettings

router = APIRouter()
root_router = APIRouter()


@root_router.get("/probe")
async def tell(client: ClientAddress, base_url: BaseUrl) -> Told:
    """What the chassis made of the request."""
    return Told(client=client, base_url=base_url)


@root_router.get("/probe/text")
async def read_text() -> Response:
    """Plain text with headers of its own."""
    return PlainTextResponse("text", headers={"Cache-Control": "max-age=5", "Content-Security-Policy": "sandbox"})


@root_router.get("/probe/pieces")
async def read_pieces() -> Response:
    """JSON that comes in pieces."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"[1"
        yield b"]"

    return StreamingResponse(pieces(), media_type="application/json")


@root_router.get("/probe/boom")
async def explode() -> None:
    """An error that nobody expects."""
    raise RuntimeError("the vault is under the stairs")


@root_router.get("/probe/boom/late")
async def explode_late() -> Response:
    """An error in the middle of the answer."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        raise RuntimeError("the vault is under the stairs")

    return StreamingResponse(pieces(), media_type="text/plain")


@root_router.get("/probe/flood")
async def flood(log: Logger) -> Response:
    """An answer without end; how many bytes were made of it, the log tells."""

    async def pieces() -> AsyncIterator[bytes]:
        given = 0
        try:
            while True:
                yield b"x" * 65_536
                given += 65_536
                await asyncio.sleep(0)
        finally:
            log.info("the flood is over", given=given)

    return StreamingResponse(pieces(), media_type="text/plain")


@root_router.post("/probe/size")
async def measure(request: Request) -> JSONResponse:
    """How many bytes came, read piece by piece."""
    size = 0
    async for piece in request.stream():
        size += len(piece)
    return JSONResponse({"size": size})


@root_router.post("/hook/{token}")
async def knock(token: str) -> None:
    """A path that carries a secret."""


@root_router.post("/hook/{token}/boom")
async def knock_down(token: str) -> None:
    """A path that carries a secret, and breaks."""
    raise RuntimeError("knocked down")


@router.get("")
@requires("admin")
async def read_alone(caller: Caller) -> Shown:
    """For admins."""
    return Shown(key=caller.key_id)


@router.get("/any")
@requires()
async def read_with_any_key(caller: Caller) -> Shown:
    """For any key."""
    return Shown(key=caller.key_id)


@router.get("/open")
@public
async def read_open() -> Shown:
    """For everybody."""
    return Shown(key="")


@router.get("/settings")
async def read_settings(settings: Annotated[ProbesSettings, Depends(own_settings)], log: Logger) -> Anything:
    """The slice's own settings."""
    log.info("a line of the slice", password="hunter2", note="plain")
    return Anything(value=settings.depth)


@router.post("")
async def take(body: Anything) -> Anything:
    """Any JSON there and back."""
    return body


@router.patch("")
async def patch(body: Anything) -> Anything:
    """Any JSON there and back."""
    return body


@router.post("/empty", status_code=204)
async def take_nothing() -> None:
    """No body there, none back."""


@router.post("/secret", status_code=201)
async def make_secret(body: Anything) -> Shown:
    """A secret that is shown once."""
    return Shown(key=make_key().text)


@router.post("/cookie")
async def make_cookie(response: Response) -> None:
    """A secret in a cookie."""
    response.set_cookie("biscuit", "oat-and-raisin")


@router.post("/stream", max_body_size=3000)
@reads_stream
async def take_stream(request: Request) -> Anything:
    """How many bytes came, and how many of them with the first piece."""
    sizes = [len(piece) async for piece in request.stream() if piece]
    return Anything(value=[sum(sizes), *sizes[:1]])


@router.post("/wait")
async def wait(request: Request) -> Shown:
    """An answer that takes until the test says so."""
    request.app.state.has_begun.set()
    await request.app.state.may_end.wait()
    return Shown(key=make_key().text)


@router.post("/boom")
async def boom(request: Request) -> None:
    """An error that nobody expects, each time it is asked for."""
    request.app.state.booms = getattr(request.app.state, "booms", 0) + 1
    raise RuntimeError("boom")


@router.post("/away")
async def be_away(request: Request) -> None:
    """An engine that is away, each time it is asked for."""
    request.app.state.booms = getattr(request.app.state, "booms", 0) + 1
    raise unavailable("An engine is away.")


@router.get("/until-the-end")
@public
async def read_until_the_end(request: Request) -> Response:
    """An answer that is begun, and finished when the service is told to stop."""
    closing: asyncio.Event = request.app.state.chassis.closing

    async def pieces() -> AsyncIterator[bytes]:
        yield b"begun\n"
        await closing.wait()
        yield b"finished\n"

    return StreamingResponse(pieces(), media_type="text/plain")
