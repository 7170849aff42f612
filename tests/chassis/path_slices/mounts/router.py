"""A route beside a route of Starlette's."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from slice_api.chassis import public

router = APIRouter()


@router.get("/own/{name}")
@public
async def read_own(name: str) -> dict[str, str]:
    """Read what is here."""
    return {"name": name}


@public
async def read_plain(request: Request) -> PlainTextResponse:
    """Read what Starlette answers."""
    return PlainTextResponse(request.path_params["name"])


router.add_route("/plain/{name}", read_plain, methods=["GET"])
