"""Rate limits: a bucket for each key or address, with the RateLimit fields that tell what is left of it.

A bucket is one number, the *arrival time*: when all that was spent will be there again (the generic cell rate
algorithm, GCRA). It lets `quota` requests pass at once and gives one back every `window / quota`. Times are whole
microseconds, which Python, Lua and SQL count alike and without rounding, so that every limiter answers the same.

Fields as in draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy: "default";q=100;w=60` and
`RateLimit: "default";r=42;t=17`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, NamedTuple, Protocol

Seconds = Callable[[], float]

MICROSECONDS: Final = 1_000_000
"""In one second."""

_SWEEP_FROM = 10_000


@dataclass(frozen=True)
class Limit:
    """So many requests in so many seconds."""

    quota: int
    window_seconds: int
    interval: int = field(init=False, compare=False, repr=False)
    """Microseconds until one spent request is there again."""
    policy: tuple[bytes, bytes] = field(init=False, compare=False, repr=False)
    """The field that tells of the limit itself."""

    def __post_init__(self) -> None:
        told = b'"default";q=%d;w=%d' % (self.quota, self.window_seconds)
        object.__setattr__(self, "interval", self.window_seconds * MICROSECONDS // self.quota or 1)
        object.__setattr__(self, "policy", (b"ratelimit-policy", told))


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

    async def hit(self, name: str, limit: Limit) -> Allowance: ...


def allowance_of(arrival: int, now: int, limit: Limit, *, is_exceeded: bool) -> Allowance:
    """What to tell of a bucket by its arrival time; all times in microseconds."""
    quota, interval = limit.quota, limit.interval
    full_in = arrival - now if arrival > now else 0
    remaining = quota + -full_in // interval  # -(-a // b) is a / b, rounded up
    reset_in = -(-full_in // MICROSECONDS)
    if not is_exceeded:
        return Allowance(is_exceeded, remaining, reset_in, 0)
    retry_in = full_in + interval - quota * interval
    return Allowance(is_exceeded, max(0, remaining), reset_in, -(-retry_in // MICROSECONDS))


class MemoryRateLimiter:
    """Counts in this process."""

    def __init__(self, seconds: Seconds = monotonic) -> None:
        self._seconds = seconds
        self._arrivals: dict[str, int] = {}
        self._sweep_at = _SWEEP_FROM

    async def hit(self, name: str, limit: Limit) -> Allowance:
        return self.count(name, limit)

    def count(self, name: str, limit: Limit) -> Allowance:
        """The same at once, since nobody need be asked.

        A name that is not known has an arrival time of 0. Whoever does this in another language: a request fits as long
        as the new arrival time is at most `quota * interval` ahead of now, and one that does not fit changes nothing.
        Nobody is ever further ahead than an empty bucket: a clock set back, or a limit made smaller, locks nobody out
        for long.
        """
        now, interval, arrivals = int(self._seconds() * MICROSECONDS), limit.interval, self._arrivals
        arrival = arrivals.get(name, 0)
        furthest = now + limit.quota * interval
        arrival = now if arrival < now else min(furthest, arrival)
        is_exceeded = arrival + interval > furthest
        if not is_exceeded:
            arrivals[name] = arrival = arrival + interval
            if len(arrivals) >= self._sweep_at:
                self._sweep(now)
        return allowance_of(arrival, now, limit, is_exceeded=is_exceeded)

    def _sweep(self, now: int) -> None:
        """Forget full buckets, now and then, so that many addresses never fill the memory."""
        self._arrivals = {name: arrival for name, arrival in self._arrivals.items() if arrival > now}
        self._sweep_at = max(_SWEEP_FROM, 2 * len(self._arrivals))


def rate_headers(allowance: Allowance, limit: Limit) -> list[tuple[bytes, bytes]]:
    """The two fields that every limited answer carries."""
    told = b'"default";r=%d;t=%d' % (allowance.remaining, allowance.reset_seconds)
    return [limit.policy, (b"ratelimit", told)]
