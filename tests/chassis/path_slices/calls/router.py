"""Routes that are given much and little, most of which answer with a Response of their own."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException

from slice_api.chassis import public

router = APIRouter()


async def count_of(request: Request) -> int:
    """How often it has been asked within one request."""
    request.state.asked = getattr(request.state, "asked", 0) + 1
    return int(request.state.asked)


async def shout_of(word: str, count: Annotated[int, Depends(count_of)]) -> str:
    return f"{word.upper()} {count}"


async def refusal() -> None:
    raise HTTPException(409, "not now")


async def lent() -> AsyncIterator[str]:
    yield "lent"


def made() -> str:
    return "made"


Count = Annotated[int, Depends(count_of)]


@router.get("/plain/{word}", status_code=202)
@public
async def plain(word: str) -> PlainTextResponse:
    return PlainTextResponse(word, headers={"X-Word": "1"})


@router.get("/nested/{word}/{other}")
@public
async def nested(
    count: Count, other: str, shout: Annotated[str, Depends(shout_of)], request: Request, word: str, again: Count
) -> Response:
    return PlainTextResponse(f"{word} {other} {shout} {count} {again} {request.url.query}")


@router.get("/unused/{word}")  # noqa: FAST003 - which is what it is about
@public
async def unused() -> Response:
    return PlainTextResponse("whatever the word")


@router.get("/refused/{word}")
@public
async def refused(word: str, nothing: Annotated[None, Depends(refusal)]) -> Response:
    return PlainTextResponse("never")


@router.get("/after/{word}")
@public
async def after(word: str, request: Request) -> Response:
    async def note() -> None:
        request.app.state.noted = word

    return PlainTextResponse("noted soon", background=BackgroundTask(note))


# What a plan does not have


@router.get("/query/{word}")
@public
async def query(word: str, times: int = 2) -> Response:
    return PlainTextResponse(word * times)


@router.get("/lent/{word}")
@public
async def borrowed(word: str, what: Annotated[str, Depends(lent)]) -> Response:
    return PlainTextResponse(what)


@router.get("/made/{word}")
@public
async def threaded(word: str, what: Annotated[str, Depends(made)]) -> Response:
    return PlainTextResponse(what)


@router.get("/fresh/{word}")
@public
async def fresh(
    word: str, count: Count, again: Annotated[int, Depends(count_of, use_cache=False)]
) -> PlainTextResponse:
    return PlainTextResponse(f"{count} {again}")


@router.get("/number/{word}")
@public
async def number(word: int) -> Response:
    return PlainTextResponse(str(word))


@router.get("/guarded/{word}", dependencies=[Depends(refusal)])
@public
async def guarded(word: str) -> Response:
    return PlainTextResponse("never")


@router.get("/json/{word}")
@public
async def as_json(word: str) -> dict[str, str]:
    return {"word": word}
