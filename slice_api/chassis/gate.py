"""What every request passes before its route runs: key, scope, limits, Accept, Content-Type, body, Idempotency-Key."""

from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from slice_api.chassis.addresses import address_group
from slice_api.chassis.authentication import authenticate, known_caller
from slice_api.chassis.bodies import check_json, limited, read_body, replayed
from slice_api.chassis.conditional import expected_versions
from slice_api.chassis.exchange import Exchange, Principal
from slice_api.chassis.headers import HeaderMap, header
from slice_api.chassis.idempotency import run_once
from slice_api.chassis.negotiation import accepts
from slice_api.chassis.policies import Target
from slice_api.chassis.problems import (
    Fault,
    Problem,
    all_invalid,
    missing_scope,
    not_acceptable,
    rate_limited,
    unavailable,
    unsupported_media_type,
)
from slice_api.chassis.rate_limits import Limit, MemoryRateLimiter, rate_headers
from slice_api.chassis.storage.faults import StorageAway

JSON_TYPE = "application/json"
PATCH_TYPES = ("application/merge-patch+json", JSON_TYPE)


async def admit(target: Target, exchange: Exchange, scope: Scope, receive: Receive) -> Receive:
    """Let a request in to its route, or raise the Problem that stops it; strangers are told as little as may be.

    Gives the receiving side for the route.
    """
    headers, method, needed = exchange.given, scope["method"], target.scope
    caller: Principal | None = None
    if needed is not None:
        caller = exchange.caller = known_caller(exchange) or await _identify(target, exchange, scope)
        exchange.origin.by = caller.key_id
    if target.limit is not None:
        await _spend(target, exchange, target.limit)
    if needed and caller is not None and not caller.has_scope(needed):
        raise missing_scope(needed)
    if b"accept" in headers and target.is_json:
        _check_accept(headers)
    if headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers:
        receive = await _receiving(target, exchange, receive)
    if scope["query_string"] and target.is_api:
        _refuse_nul(scope["query_string"])
    # The transactions of this request are told which object the path names, and which versions of it are expected.
    exchange.origin.keys = tuple(map(str, scope["path_params"].values()))
    if b"if-match" in headers and method in ("PUT", "PATCH", "DELETE"):
        exchange.origin.expected = expected_versions(header(headers, b"if-match") or "")
    if method not in ("GET", "HEAD") and exchange.chassis.closing.is_set():
        raise unavailable("The service is shutting down.")
    exchange.is_admitted, exchange.receive = True, receive
    return receive


async def _receiving(target: Target, exchange: Exchange, receive: Receive) -> Receive:
    """The receiving side of a body: within its limit, and where the route reads JSON held against its rules."""
    receive = limited(receive, exchange.given, target.max_body_bytes, exchange.chassis.settings.body_seconds)
    if not target.takes_json:
        return receive
    _check_content_type(target, exchange.given)
    body = await read_body(receive)
    exchange.value = check_json(body)
    return replayed(body, receive)


async def run(target: Target, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
    """Run the route of a request that was let in, as FastAPI runs it; a POST that has an Idempotency-Key, once."""
    if has_repeat_key(target, exchange):
        key = exchange.given[b"idempotency-key"].decode("latin-1")
        await run_once(key, target, exchange, scope, receive, send)
        return
    await target.app(scope, receive, send)


def has_repeat_key(target: Target, exchange: Exchange) -> bool:
    """Whether the request comes with an Idempotency-Key that its route heeds."""
    may_be_repeated = target.method == "POST" and target.is_api and not target.takes_stream
    return may_be_repeated and b"idempotency-key" in exchange.given


async def _identify(target: Target, exchange: Exchange, scope: Scope) -> Principal:
    """Find out who asks. On public routes nobody does that: a key that is wrong does no harm there."""
    try:
        return await authenticate(exchange, scope)
    except StorageAway:
        raise
    except Problem:
        if target.limit is not None:
            await _spend(target, exchange, target.limit)
        raise


async def _spend(target: Target, exchange: Exchange, limit: Limit) -> None:
    share, caller = target.limit_share, exchange.caller
    name = f"{share}:key:{caller.key_id}" if caller else f"{share}:address:{address_group(exchange.client)}"
    limiter = exchange.chassis.rate_limiter
    if limiter.__class__ is MemoryRateLimiter:
        allowance = limiter.count(name, limit)
    else:
        allowance = await limiter.hit(name, limit)
    told = rate_headers(allowance, limit)
    if exchange.headers:
        told = [*(each for each in exchange.headers if not each[0].startswith(b"ratelimit")), *told]
    exchange.headers = told
    if allowance.is_exceeded:
        raise rate_limited(allowance.retry_seconds)


def _check_accept(headers: HeaderMap) -> None:
    accept = header(headers, b"accept")
    if accept is None or accepts(accept, JSON_TYPE):
        return
    raise not_acceptable(JSON_TYPE)


def _check_content_type(target: Target, headers: HeaderMap) -> None:
    given = header(headers, b"content-type") or ""
    is_patch = target.method == "PATCH"
    taken = PATCH_TYPES if is_patch else (JSON_TYPE,)
    if given.partition(";")[0].strip().lower() not in taken:
        raise unsupported_media_type(given, taken=", ".join(taken), is_patch=is_patch)


def _refuse_nul(query: bytes) -> None:
    if b"%00" not in query:
        return
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    names = [name for name, value in pairs if "\0" in name + value]
    raise all_invalid(
        [
            Fault(pointer=f"query/{name.replace(chr(0), '')}", detail="must not hold the character NUL")
            for name in dict.fromkeys(names)
        ]
    )
