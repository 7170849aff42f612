"""What a route may ask for in its signature: each a dependency, none of them a global."""

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query, Request

from slice_api.chassis.assembly import Chassis
from slice_api.chassis.authentication import caller_of_key
from slice_api.chassis.batches import Batches
from slice_api.chassis.caches import Caches
from slice_api.chassis.exchange import Exchange, Principal, exchange_of
from slice_api.chassis.logs import Logger as _Logger
from slice_api.chassis.mirrors import Mirrors as _Mirrors
from slice_api.chassis.plans import FINDS
from slice_api.chassis.problems import Problem, unauthenticated
from slice_api.chassis.storage.database import Database
from slice_api.chassis.storage.faults import StorageAway
from slice_api.chassis.storage.pages import PageQuery
from slice_api.chassis.storage.tx import Tx
from slice_api.chassis.streams import Feed as _Feed

T = TypeVar("T")


def _given(find: Callable[[Exchange], T]) -> Callable[[Request], Coroutine[Any, Any, T]]:
    """A dependency out of what lies with the exchange: a prepared call finds that without a coroutine."""

    async def give(request: Request) -> T:
        return find(exchange_of(request.scope))

    setattr(give, FINDS, find)
    return give


_in_hand = _given(lambda exchange: exchange)
_chassis = _given(lambda exchange: exchange.chassis)
_db = _given(lambda exchange: exchange.chassis.db.on_behalf_of(exchange.origin))
_base_url = _given(lambda exchange: exchange.base_url)
_client = _given(lambda exchange: exchange.client)
_now = _given(lambda exchange: exchange.chassis.clock())
_batches = _given(lambda exchange: exchange.chassis.batches)
_caches = _given(lambda exchange: exchange.chassis.caches)
_mirrors = _given(lambda exchange: exchange.chassis.mirrors)
_reserved = _given(lambda exchange: exchange.chassis.reserved_segments)


def from_app(name: str) -> Callable[[Request], Coroutine[Any, Any, Any]]:
    """A dependency out of what a slice's lifespan has left in `app.state` under a name that begins with its own:
    `Annotated[Passwords, Depends(from_app("links_passwords"))]`.
    """
    return _given(lambda exchange: getattr(exchange.scope["app"].state, name))


@_given
def _principal(exchange: Exchange) -> Principal:
    if exchange.caller is None:
        raise unauthenticated()
    return exchange.caller


@_given
def own_settings(exchange: Exchange) -> Any:
    """The settings of the slice that the route belongs to: `Annotated[LinksSettings, Depends(own_settings)]`."""
    return exchange.target.settings if exchange.target else None


async def _page_query(
    limit: Annotated[int, Query(ge=1, le=200, description="How many items to give at most.")] = 50,
    after: Annotated[
        str | None, Query(max_length=4096, description="A cursor: the `next` of the page before.", examples=[None])
    ] = None,
) -> PageQuery:
    return PageQuery(limit=limit, after=after)


async def _feed(request: Request) -> _Feed:
    exchange = exchange_of(request.scope)
    caller, target, keys = exchange.caller, exchange.target, exchange.chassis.keys
    if caller is None or target is None:
        return exchange.chassis.feed

    def is_welcome(tx: Tx) -> bool:
        now = keys.recall(tx, caller.key_id)
        return now is not None and (not target.scope or now.has_scope(target.scope))

    return exchange.chassis.feed.for_reader(is_welcome)


async def _logger(request: Request) -> _Logger:
    exchange = exchange_of(request.scope)
    target = exchange.target
    return exchange.chassis.log.bind(slice=target.slice_name) if target else exchange.chassis.log


def caller_of(request: Request) -> Principal | None:
    """Who asks, on a route that a setting may open to everybody; None for everybody."""
    return exchange_of(request.scope).caller


async def caller_by_key(request: Request, key: str) -> Principal | None:
    """Whose key this is, for a protocol that carries keys in a way of its own; None where it is nobody's.

    What the request does from then on is done by them.
    """
    exchange = exchange_of(request.scope)
    try:
        exchange.caller = await caller_of_key(exchange, key)
    except StorageAway:
        raise
    except Problem:
        return None
    exchange.origin.by = exchange.caller.key_id
    return exchange.caller


Service = Annotated[Chassis, Depends(_chassis)]
"""Everything the app stands on; for slices that show the service itself."""

InHand = Annotated[Exchange, Depends(_in_hand)]
"""The request in hand and all that is known of it, where FastAPI's Request would be made for little."""

Db = Annotated[Database, Depends(_db)]
"""Storage, on behalf of this request."""

Caller = Annotated[Principal, Depends(_principal)]
"""Who asks; 401 where nobody does."""

Paging = Annotated[PageQuery, Depends(_page_query)]
"""`limit` and `after` of a list."""

BaseUrl = Annotated[str, Depends(_base_url)]
"""Scheme and host that people reach the service by, such as https://example.org."""

ClientAddress = Annotated[str, Depends(_client)]
"""The client's address, behind trusted proxies."""

Now = Annotated[datetime, Depends(_now)]
"""This moment."""

Later = Annotated[Batches, Depends(_batches)]
"""For what may be written a moment after the answer."""

Near = Annotated[Caches, Depends(_caches)]
"""What is kept near: `await near.get(CACHED, key)`, for a `Cached` of the slice."""

Mirrors = Annotated[_Mirrors, Depends(_mirrors)]
"""What is held in memory whole: `await mirrors.get(MIRROR)`, for a `Mirror` of the slice."""

Feed = Annotated[_Feed, Depends(_feed)]
"""Events as they happen."""

Logger = Annotated[_Logger, Depends(_logger)]
"""Writes lines that carry the request id and the slice."""

ReservedSegments = Annotated[frozenset[str], Depends(_reserved)]
"""First path segments that some slice or the service itself owns."""
