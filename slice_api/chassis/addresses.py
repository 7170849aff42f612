"""Who asks and under which name, behind proxies that are trusted and no others."""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from slice_api.chassis.headers import HeaderMap, header

_HOST = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(?::\d{1,5})?", re.IGNORECASE
)
# Most requests come from a few addresses, to one host.
_REMEMBERED: Final = 1024

Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


def parse_networks(values: Sequence[str]) -> Networks:
    """Networks from settings; `*` is every address."""
    texts = [text for value in values for text in (("0.0.0.0/0", "::/0") if value == "*" else (value,))]
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


@lru_cache(maxsize=_REMEMBERED)
def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address; an IPv4 one in IPv6 clothes (::ffff:192.0.2.1, as a dual-stack socket gives it) as itself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def is_in(address: str, networks: Networks) -> bool:
    """Whether an address is in one of the networks."""
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in networks)


@lru_cache(maxsize=_REMEMBERED)
def normal_address(address: str) -> str:
    """The address in its customary form; what is none as it is."""
    return str(_parsed(address) or address)


def client_address(peer: str, forwarded_for: str | None, trusted: Networks) -> str:
    """The client: the peer, or behind trusted proxies the last address in X-Forwarded-For that is not one of them."""
    peer = normal_address(peer)
    if not forwarded_for or not trusted or not is_in(peer, trusted):
        return peer
    hops = [_parsed(hop.strip()) for hop in forwarded_for.split(",")]
    for hop in reversed(hops):
        if hop is None:
            return peer
        if not is_in(str(hop), trusted):
            return str(hop)
    return str(hops[0])


def address_group(address: str) -> str:
    """The address as limits count it: one for IPv4, the /64 for IPv6, where a single customer has a whole network."""
    parsed = _parsed(address)
    if parsed is None or parsed.version == 4:
        return str(parsed or address)
    return str(ipaddress.ip_network((str(parsed), 64), strict=False))


@lru_cache(maxsize=_REMEMBERED)
def is_sane_host(host: str) -> bool:
    """Whether a Host header is a host name or address with an optional port, and nothing else."""
    return len(host) <= 255 and _HOST.fullmatch(host) is not None


def is_allowed_host(host: str, allowed: Sequence[str]) -> bool:
    """Whether the name in a Host header is one of those that the settings allow (`*.example.org`: any below it)."""
    if "*" in allowed:
        return True
    name = re.sub(r":\d+$", "", host.lower()).rstrip(".")
    return any(name == each or (each.startswith("*.") and name.endswith(each[1:])) for each in map(str.lower, allowed))


@lru_cache(maxsize=_REMEMBERED)
def base_url(scheme: str, host: bytes) -> str:
    """Scheme and host as the client used them; the Host header is known to name us, or is not there."""
    return f"{scheme}://{host.decode('latin-1') or 'localhost'}"


def base_url_by_proxy(scope: Any, headers: HeaderMap, trusted: Networks) -> str:
    """The same behind a proxy, where it is one of those trusted."""
    scheme, host = scope.get("scheme", "http"), headers.get(b"host", b"")
    if not is_in((scope.get("client") or ("", 0))[0], trusted):
        return base_url(scheme, host)
    forwarded = header(headers, b"x-forwarded-proto") or ""
    named = header(headers, b"x-forwarded-host") or ""
    return base_url(
        forwarded if forwarded in ("http", "https") else scheme,
        headers[b"x-forwarded-host"] if is_sane_host(named) else host,
    )
