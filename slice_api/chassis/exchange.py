"""What is known of the request in hand; it lies in the ASGI scope and goes with it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field
from starlette.types import Scope

from slice_api.chassis.addresses import base_url, is_sane_host
from slice_api.chassis.headers import HeaderMap, header
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


@dataclass(slots=True)
class Exchange:
    """One request and its answer, from the first byte to the log line."""

    chassis: "Chassis"
    scope: Scope
    request_id: str
    started: float
    given: HeaderMap
    """The headers of the request."""
    client: str
    """The address of the client, behind trusted proxies."""
    origin: Origin
    target: "Target | None" = None
    """The route that answers, once it is known."""
    caller: Principal | None = None
    is_session: bool = False
    is_admitted: bool = False
    """Whether it has passed all that its route asks of a request before it runs."""
    value: Any = NO_BODY
    """What the JSON body holds, where the route reads one and it has been read."""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    """More headers for the answer, such as RateLimit."""

    @property
    def base_url(self) -> str:
        """Scheme and host the client used, such as https://example.org."""
        public_url, host = self.chassis.settings.public_url, header(self.given, b"host")
        own = host if host and is_sane_host(host) else "localhost"
        return public_url or base_url(self.scope, self.given, own, self.chassis.trusted_proxies)


def exchange_of(scope: Any) -> Exchange:
    """The exchange of a request's ASGI scope."""
    found: Exchange = scope[SCOPE_KEY]
    return found
