"""Search over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import StringConstraints

from slice_api.chassis import Caller, Service, requires
from slice_api.slices.search import handlers
from slice_api.slices.search.schemas import SearchAnswer

router = APIRouter()

Wanted = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=200),
    Query(alias="q", description="The text to look for; without it nothing is found.", examples=["docs"]),
]
Limit = Annotated[int, Query(ge=1, le=50, description="How many each slice gives at most.")]


@router.get("")
@requires()
async def search(service: Service, caller: Caller, text: Wanted = "", limit: Limit = 5) -> SearchAnswer:
    """Search every slice that the key may read."""
    return await handlers.search(service, caller, text, limit)
