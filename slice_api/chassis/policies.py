"""What a route asks of a request before it runs: declared beside the route, or taken from the slice's name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from slice_api.chassis.plans import Call
from slice_api.chassis.rate_limits import Limit
from slice_api.settings import SliceSettings

F = TypeVar("F", bound=Callable[..., Any])

PUBLIC = None
ANY_KEY = ""

_MARK = "__slice_scope__"
_UNLESS_MARK = "__slice_scope_unless__"
_STREAM_MARK = "__slice_reads_stream__"
_ORIGIN_MARK = "__slice_any_origin__"


def public(endpoint: F) -> F:
    """Mark a route under `/api` as open to everybody."""
    setattr(endpoint, _MARK, PUBLIC)
    return endpoint


def requires(scope: str = ANY_KEY, *, unless: str = "") -> Callable[[F], F]:
    """Mark a route as needing this scope instead of `<slice>:read` or `:write`; without one, any valid key does.

    `unless` names a setting of the slice that opens the route to everybody when it is true.
    """

    def mark(endpoint: F) -> F:
        setattr(endpoint, _MARK, scope)
        setattr(endpoint, _UNLESS_MARK, unless)
        return endpoint

    return mark


def reads_stream(endpoint: F) -> F:
    """Mark a route that reads its body while that comes in, however long it is: nothing may hold it as a whole.

    An Idempotency-Key is not looked at, since telling one body from another would need that: the route itself must do
    no harm when it is sent the same twice.
    """
    setattr(endpoint, _STREAM_MARK, True)
    return endpoint


def is_reading_stream(endpoint: Any) -> bool:
    """Whether the route reads its body while that comes in."""
    return bool(getattr(endpoint, _STREAM_MARK, False))


def any_origin(*headers: str) -> Callable[[F], F]:
    """Mark a route whose answers the pages of every site may read, whatever SLICE_CORS_ORIGINS says.

    For protocols that say so of themselves. `headers` are what such pages may send along; no cookie opens the route.
    """

    def mark(endpoint: F) -> F:
        setattr(endpoint, _ORIGIN_MARK, headers)
        return endpoint

    return mark


def any_origin_sends(endpoint: Any) -> tuple[str, ...] | None:
    """The headers that pages of every site may send to the route; None where they may not read its answers."""
    sends: tuple[str, ...] | None = getattr(endpoint, _ORIGIN_MARK, None)
    return sends


def scope_of(endpoint: Any, slice_name: str, method: str, settings: SliceSettings, *, is_root: bool) -> str | None:
    """The scope a route needs: None for public, "" for any key."""
    unless = getattr(endpoint, _UNLESS_MARK, "")
    if unless and getattr(settings, unless):
        return PUBLIC
    if hasattr(endpoint, _MARK):
        scope: str | None = getattr(endpoint, _MARK)
        return scope
    if is_root:
        return PUBLIC
    return f"{slice_name}:{'read' if method in ('GET', 'HEAD') else 'write'}"


@dataclass(frozen=True, slots=True)
class Target:
    """One method of one route, with all that is asked of a request to it."""

    app: Any
    """FastAPI's own ASGI application that runs it."""
    route: Any
    """FastAPI's own route, for `request.scope["route"]`."""
    endpoint: Any
    slice_name: str
    settings: SliceSettings
    """Those of its slice."""
    method: str
    path: str
    """The template, such as `/api/links/{slug}`."""
    scope: str | None
    """The scope it needs: None for public, "" for any key."""
    call: Call | None
    """Its prepared call, which needs nothing of what FastAPI puts around its routes; None where it is not simple."""
    is_json: bool
    """Whether it answers with JSON, so that an Accept header can exclude it."""
    takes_json: bool
    """Whether it reads a JSON body."""
    takes_stream: bool
    """Whether it reads its body while that comes in."""
    max_body_bytes: int
    limit: Limit | None
    """How many requests it takes; None for no limit."""
    limit_share: str
    """With which other routes it shares the limit: those of its slice, or `*` for all that have none of their own."""
    has_secret_path: bool
    """Whether the path carries a secret (a token, a ping key), so that only its template is logged."""

    any_origin_sends: tuple[str, ...] | None
    """What pages of every site may send along, which may read the answers; None where they may not."""

    @property
    def is_public(self) -> bool:
        return self.scope is None

    @property
    def is_api(self) -> bool:
        """Whether it lies under the slice's own `/api/<name>`; what it has elsewhere may be a protocol of others."""
        return self.path == "/api" or f"{self.path}/".startswith(f"/api/{self.slice_name}/")
