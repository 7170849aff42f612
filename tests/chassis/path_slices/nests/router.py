"""A router within a router within a router."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from slice_api.chassis import public


async def ask(response: Response, word: str) -> None:
    """What is asked for by whoever includes a router."""
    response.headers["X-Asked"] = word


async def depth() -> int:
    """What an override changes."""
    return 1


inner = APIRouter(prefix="/inner")
outer = APIRouter()
router = APIRouter()


@inner.get("/{word}")
@public
async def read_word(word: str, depth: Annotated[int, Depends(depth)]) -> dict[str, int]:
    """Read a word."""
    return {word: depth}


@outer.get("/{word}/depth")
@public
async def read_depth(word: str, depth: Annotated[int, Depends(depth)]) -> dict[str, int]:
    """Read a depth."""
    return {word: depth}


outer.include_router(inner, prefix="/more", dependencies=[Depends(ask)])
router.include_router(outer, prefix="/outer")
