"""CORS for the origins that the settings name, and for no others."""

from collections.abc import Sequence

from slice_api.chassis.headers import HeaderMap

_EXPOSED = (
    b"ETag, Link, Location, Retry-After, RateLimit, RateLimit-Policy, X-Request-ID, Idempotency-Replayed, Server-Timing"
)
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_HEADERS = (
    b"Authorization, X-API-Key, Content-Type, Flagd-Selector, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, "
    b"X-Request-ID, traceparent"
)


def cors_headers(origin: str, allowed: Sequence[str]) -> list[tuple[bytes, bytes]]:
    """What an answer to this origin carries; no credentials, so the page's cookie never goes to another site."""
    vary = (b"vary", b"Origin")
    if "*" in allowed:
        return [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", _EXPOSED)]
    if origin not in allowed:
        return [vary]
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-expose-headers", _EXPOSED),
        vary,
    ]


def is_preflight(method: str, headers: HeaderMap) -> bool:
    return method == "OPTIONS" and b"access-control-request-method" in headers


def preflight_headers() -> list[tuple[bytes, bytes]]:
    return [
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", _HEADERS),
        (b"access-control-max-age", b"600"),
    ]
