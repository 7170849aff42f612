"""What is known of the request in hand; it lies in the ASGI scope and goes with it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slice_api.chassis.headers import HeaderMap
from slice_api.chassis.schemas import Schema
from slice_api.chassis.storage.tx import Origin

if TYPE_CHECKING:
    from slice_api.chassis.assembly import Chassis
    from slice_api.chassis.policies import Target

SCOPE_KEY = "slice_api"


class Principal(Schema):
    """Who asks: a key, and what it may do."""

    key_id: str
    """The id of the key; never the key itself."""
    name: str
    """What the key was called when it was made."""
    scopes: tuple[str, ...]
    """What it may do: `links:read`, `links:write`, …, or `admin` for everything."""

    def has_scope(self, scope: str) -> bool:
        return scope in self.scopes or "admin" in self.scopes


@dataclass(slots=True)
class Exchange:
    """One request and its answer, from the first byte to the log line."""

    chassis: "Chassis"
    request_id: str
    started: float
    given: HeaderMap
    """The headers of the request."""
    client: str
    """The address of the client, behind trusted proxies."""
    base_url: str
    """Scheme and host the client used, such as https://example.org."""
    target: "Target | None" = None
    """The route that answers, once it is known."""
    caller: Principal | None = None
    is_session: bool = False
    origin: Origin = field(default_factory=Origin)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    """More headers for the answer, such as RateLimit."""


def exchange_of(scope: Any) -> Exchange:
    """The exchange of a request's ASGI scope."""
    found: Exchange = scope[SCOPE_KEY]
    return found
