"""What is known of the request in hand; it lies in the ASGI scope and goes with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field
from starlette.requests import Request
from starlette.types import Receive, Scope

from slice_api.chassis.addresses import base_url, base_url_by_proxy
from slice_api.chassis.headers import HeaderMap
from slice_api.chassis.schemas import Schema
from slice_api.chassis.storage.tx import Origin

if TYPE_CHECKING:
    from slice_api.chassis.assembly import Chassis
    from slice_api.chassis.policies import Target

SCOPE_KEY = "slice_api"
SEND_WHOLE: Final = "slice_api.send_whole"
"""In the scope, where the server can do so: sends a whole answer at once, or gives False where it cannot."""

NO_BODY: Final[Any] = object()
"""Stands where a request has no body that its route would read."""


class Principal(Schema):
    """Who asks: a key, and what it may do."""

    key_id: str
    """The id of the key; never the key itself."""
    name: str
    """What the key was called when it was made."""
    scopes: tuple[str, ...]
    """What it may do: `links:read`, `links:write`, …, or `admin` for everything."""
    until: datetime | None = Field(default=None, exclude=True)
    """When the key expires."""

    def has_scope(self, scope: str) -> bool:
        return scope in self.scopes or "admin" in self.scopes


@dataclass
class Exchange:
    """One request and its answer, from the first byte to the log line."""

    chassis: "Chassis"
    scope: Scope
    receive: Receive
    """Gives the body; within its limits once the request is admitted."""
    request_id: str
    started: float
    given: HeaderMap
    """The headers of the request."""
    client: str
    """The address of the client, behind trusted proxies."""
    origin: Origin
    target: "Target | None" = field(default=None, init=False)
    """The route that answers, once it is known."""
    caller: Principal | None = field(default=None, init=False)
    is_session: bool = field(default=False, init=False)
    is_admitted: bool = field(default=False, init=False)
    """Whether it has passed all that its route asks of a request before it runs."""
    value: Any = field(default=NO_BODY, init=False)
    """What the JSON body holds, where the route reads one and it has been read."""
    headers: Sequence[tuple[bytes, bytes]] = field(default=(), init=False)
    """More headers for the answer, such as RateLimit."""
    status: int = field(default=0, init=False)
    """What is answered; 0 while nothing is."""
    sent_bytes: int = field(default=0, init=False)
    is_muted: bool = field(default=False, init=False)
    """Whether the answer, whose head is complete, goes without its body."""
    has_started: bool = field(default=False, init=False)
    """Whether some of the answer has been sent, so that it can be no other any more."""

    @property
    def request(self) -> Request:
        """The same as Starlette has it, such as for its body piece by piece."""
        return Request(self.scope, self.receive)

    @property
    def base_url(self) -> str:
        """Scheme and host the client used, such as https://example.org."""
        chassis, scope, given = self.chassis, self.scope, self.given
        if chassis.trusted_proxies and not chassis.settings.public_url:
            return base_url_by_proxy(scope, given, chassis.trusted_proxies)
        return chassis.settings.public_url or base_url(scope.get("scheme", "http"), given.get(b"host", b""))


def exchange_of(scope: Any) -> Exchange:
    """The exchange of a request's ASGI scope."""
    found: Exchange = scope[SCOPE_KEY]
    return found
