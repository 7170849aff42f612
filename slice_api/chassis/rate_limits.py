"""Rate limits: a bucket for each key or address, with the RateLimit fields that tell what is left of it.

Fields as in draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy: "default";q=100;w=60` and
`RateLimit: "default";r=42;t=17`.
"""

from collections.abc import Callable
from math import ceil
from time import monotonic
from typing import NamedTuple, Protocol

Seconds = Callable[[], float]

_SWEEP_FROM = 10_000


class Allowance(NamedTuple):
    """What is left of a limit after one more request."""

    is_exceeded: bool
    remaining: int
    reset_seconds: int
    """Until the whole quota is there again."""
    retry_seconds: int
    """Until the next request is welcome; 0 when it is now."""


class RateLimiter(Protocol):
    """Counts requests by name, in this process or for many."""

    async def hit(self, name: str, quota: int, window_seconds: int) -> Allowance: ...


class MemoryRateLimiter:
    """Token buckets in this process: `quota` at once, refilled evenly over the window."""

    def __init__(self, seconds: Seconds = monotonic) -> None:
        self._seconds = seconds
        self._buckets: dict[str, tuple[float, float, float]] = {}
        self._sweep_at = _SWEEP_FROM

    async def hit(self, name: str, quota: int, window_seconds: int) -> Allowance:
        now = self._seconds()
        per_second = quota / window_seconds
        held, since, _ = self._buckets.get(name, (float(quota), now, 0.0))
        tokens = min(quota, held + (now - since) * per_second)
        is_exceeded = tokens < 1
        tokens -= 0 if is_exceeded else 1
        full_in = (quota - tokens) / per_second
        self._buckets[name] = (tokens, now, now + full_in)
        self._sweep(now)
        retry = ceil((1 - tokens) / per_second) if is_exceeded else 0
        return Allowance(is_exceeded, int(tokens), ceil(full_in), retry)

    def _sweep(self, now: float) -> None:
        """Forget full buckets, now and then, so that many addresses never fill the memory."""
        if len(self._buckets) < self._sweep_at:
            return
        self._buckets = {name: bucket for name, bucket in self._buckets.items() if bucket[2] > now}
        self._sweep_at = max(_SWEEP_FROM, 2 * len(self._buckets))


def rate_headers(allowance: Allowance, quota: int, window_seconds: int) -> list[tuple[bytes, bytes]]:
    """The two fields that every limited answer carries."""
    return [
        (b"ratelimit-policy", b'"default";q=%d;w=%d' % (quota, window_seconds)),
        (b"ratelimit", b'"default";r=%d;t=%d' % (allowance.remaining, allowance.reset_seconds)),
    ]
