"""Paths at the root, one of which catches all that is left."""

from fastapi import APIRouter

root_router = APIRouter()


@root_router.get("/")
async def read_front() -> dict[str, str]:
    return {"at": "front"}


@root_router.get("/walls/{wall}")
async def read_wall(wall: str) -> dict[str, str]:
    return {"wall": wall}


@root_router.get("/walls/north")
async def read_north() -> dict[str, str]:
    return {"wall": "the north one"}


@root_router.post("/walls/{wall}/paint")
async def paint_wall(wall: str) -> dict[str, str]:
    return {"painted": wall}


@root_router.get("/{picture}")
async def read_picture(picture: str) -> dict[str, str]:
    return {"picture": picture}
