"""Paths below `/api`: static, patterns, convertors, several methods, the same path in several routes."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import PlainTextResponse

from slice_api.chassis import public

router = APIRouter()


async def depth() -> int:
    return 3


@router.get("")
@public
async def list_shapes(limit: Annotated[int, Query(ge=1, le=5)] = 2, tag: str | None = None) -> dict[str, object]:
    return {"limit": limit, "tag": tag}


@router.post("", status_code=201)
@public
async def create_shape(size: Annotated[int, Query(ge=0)]) -> dict[str, int]:
    return {"size": size}


@router.get("/export")
@public
async def export_shapes() -> PlainTextResponse:
    return PlainTextResponse("square\n", headers={"X-Rows": "1"})


@router.get("/by-number/{number:int}")
@public
async def read_by_number(number: int) -> dict[str, int]:
    return {"number": number}


@router.get("/by-number/{name}")
@public
async def read_by_number_word(name: str) -> dict[str, str]:
    return {"word": name}


@router.delete("/by-number/{word}", status_code=204)
@public
async def delete_by_number(word: str) -> None: ...


@router.post("/files/{path:path}/lines")
@public
async def count_lines(path: str) -> dict[str, str]:
    return {"lines": path}


@router.get("/files/{path:path}")
@public
async def read_file(path: str) -> dict[str, str]:
    return {"path": path}


@router.get("/float/{value:float}")
@public
async def read_float(value: float) -> dict[str, float]:
    return {"value": value}


@router.get("/{slug}")
@public
async def read_shape(slug: str, found: Annotated[int, Depends(depth)]) -> dict[str, object]:
    return {"slug": slug, "depth": found}


@router.put("/{slug}")
@public
async def put_shape(slug: str) -> dict[str, str]:
    return {"put": slug}


@router.delete("/{slug}", status_code=204)
@public
async def delete_shape(slug: str) -> None: ...


@router.get("/{slug}/sides/{side:int}")
@public
async def read_side(slug: str, side: int, request: Request) -> dict[str, object]:
    return {"slug": slug, "side": side, "converted": request.path_params["side"]}


@router.get("/{slug}.svg")
@public
async def draw_shape(slug: str) -> dict[str, str]:
    return {"drawn": slug}


@router.api_route("/{slug}/any", methods=["GET", "POST", "PATCH"])
@public
async def touch_shape(slug: str) -> dict[str, str]:
    return {"any": slug}
