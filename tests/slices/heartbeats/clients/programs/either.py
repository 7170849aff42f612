"""The two clients of healthchecks-io as one, since both are asked in the same words."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from inspect import isawaitable
from typing import Any

from healthchecks_io import AsyncClient, Client, HCAPIError


@asynccontextmanager
async def client_of(kind: str, **options: Any) -> AsyncIterator[Client | AsyncClient]:
    """One of the two, closed afterwards."""
    if kind == "sync":
        with Client(**options) as client:
            yield client
    else:
        async with AsyncClient(**options) as client:
            yield client


async def outcome(done: Awaitable[Any] | Any) -> Any:
    """What the one gives at once, and the other when it is awaited."""
    return await done if isawaitable(done) else done


async def error_of(ask: Callable[[], Any]) -> str:
    """The name of the error that asking ends in."""
    try:
        await outcome(ask())
    except HCAPIError as error:
        return type(error).__name__
    return ""
