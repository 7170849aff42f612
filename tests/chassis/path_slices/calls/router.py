"""Routes that are given much and little, and that answer with a Response of their own, a model or nothing."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Header, Query, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import Field
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException

from slice_api.chassis import Integer, Line, Page, Schema, Time, public

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


class Part(Schema):
    """What comes in."""

    name: Line
    size: Integer = 1
    tags: list[str] = Field(default=[])
    at: Time | None = None


class Whole(Part):
    """What goes out."""

    id: str = Field(serialization_alias="number")
    weight: float | None = Field(default=None, exclude_if=lambda weight: weight == 0)


def whole(word: str, **more: Any) -> Whole:
    return Whole(id=word, name="wheel", at=datetime(2026, 1, 31, 9, tzinfo=UTC), **more)


Times = Annotated[int, Query(ge=1, le=9)]


@router.get("/model/{word}", status_code=203)
@public
async def model(word: str) -> Whole:
    return whole(word, weight=0)


@router.get("/sparse/{word}", response_model_exclude_unset=True, response_model_by_alias=False)
@public
async def sparse(word: str) -> Whole:
    return whole(word)


@router.get("/brief/{word}", response_model_exclude_none=True, response_model_exclude={"size"})
@public
async def brief(word: str) -> Whole:
    return whole(word)


@router.get("/larger/{word}")
@public
async def larger(word: str) -> Part:
    return whole(word)


@router.get("/loose/{word}")
@public
async def loose(word: str) -> Whole:
    made: Any = {"id": word, "name": "wheel"}
    return made  # type: ignore[no-any-return]


@router.get("/many/{word}")
@public
async def many(word: str) -> Page[Whole]:
    return Page(items=[whole(word), whole("other")], next=None)


@router.get("/either/{word}")
@public
async def either(word: str) -> Whole:
    answer: Any = PlainTextResponse("not that") if word == "word" else whole(word)
    return answer  # type: ignore[no-any-return]


@router.delete("/gone/{word}", status_code=204)
@public
async def gone(word: str, count: Count, response: Response) -> None:
    response.headers["X-Count"] = str(count)


@router.get("/often/{word}")
@public
async def often(word: str, times: Times = 2) -> Whole:
    return whole(word * times)


@router.post("/take/{word}", status_code=201)
@public
async def take(part: Part, word: str, response: Response, count: Count) -> Whole:
    response.headers["X-Count"] = str(count)
    response.status_code = 202 if part.size > 1 else 201
    return Whole(id=word, **dict(part))


# What a plan does not have


@router.post("/two/{word}")
@public
async def two(one: Part, other: Part, word: str) -> Part:
    return one if word == "word" else other


@router.post("/partly/{word}")
@public
async def partly(name: Annotated[str, Body(embed=True)], word: str) -> Whole:
    return whole(name + word)


@router.get("/told/{word}")
@public
async def told(word: str, agent: Annotated[str, Header()] = "none") -> Whole:
    return whole(word + agent)


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
