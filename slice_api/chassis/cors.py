"""CORS for the origins that the settings name, and for no others."""

from collections.abc import Container, Sequence

from slice_api.chassis.headers import HeaderMap

_EXPOSED = (
    b"ETag, Link, Location, Retry-After, RateLimit, RateLimit-Policy, X-Request-ID, Idempotency-Replayed, Server-Timing"
)
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_ALLOWED = b"access-control-allow-origin"
_OFFERED = ("GET", "POST", "PUT", "PATCH", "DELETE")
_HEADERS = (
    b"Authorization, X-API-Key, Content-Type, Flagd-Selector, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, "
    b"X-Request-ID, traceparent"
)


def cors_headers(origin: str, allowed: Sequence[str]) -> list[tuple[bytes, bytes]]:
    """What an answer to this origin carries; no credentials, so the page's cookie never goes to another site."""
    vary = (b"vary", b"Origin")
    if "*" in allowed:
        return [(_ALLOWED, b"*"), (b"access-control-expose-headers", _EXPOSED)]
    if origin not in allowed:
        return [vary]
    return [
        (_ALLOWED, origin.encode("latin-1")),
        (b"access-control-expose-headers", _EXPOSED),
        vary,
    ]


def any_origin_headers(methods: Container[str], sends: Sequence[str]) -> list[tuple[bytes, bytes]]:
    """What every answer of a path carries that the pages of all sites may read."""
    offered = ", ".join([*(each for each in _OFFERED if each in methods), "OPTIONS"])
    return [
        (_ALLOWED, b"*"),
        *([(b"access-control-allow-headers", ", ".join(sends).encode())] if sends else []),
        (b"access-control-allow-methods", offered.encode()),
        (b"access-control-max-age", b"600"),
    ]


def is_let_in(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether an origin is answered; a path of its own rules may still answer one that the settings do not name."""
    return any(name == _ALLOWED for name, _ in headers)


def without_origin(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers without what they say of origins."""
    return [each for each in headers if not each[0].startswith(b"access-control-")]


def is_preflight(method: str, headers: HeaderMap) -> bool:
    return method == "OPTIONS" and b"access-control-request-method" in headers


def preflight_headers() -> list[tuple[bytes, bytes]]:
    return [
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", _HEADERS),
        (b"access-control-max-age", b"600"),
    ]
