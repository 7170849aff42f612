"""Target URLs: what may be one, whether it leads back here, and how it is written into a Location header.

A URL is kept byte for byte as it was typed, so nothing here goes through a parser that rewrites what it reads.
"""

import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple
from urllib.parse import quote, unquote, unquote_to_bytes

import idna

DANGEROUS_SCHEMES: Final = frozenset({"javascript", "data", "vbscript", "file", "blob", "about", "filesystem"})
"""What runs or reads something in the visitor's browser instead of leading anywhere."""

WEB_SCHEMES: Final = ("http", "https")

# What most links lead to: a host by its name, without a port, and nothing but printable ASCII.
_ORDINARY = re.compile(r"https?://([a-z0-9.-]+)(?:[/?#][!-\[\]-~]*)?")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?://([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]*\]|[^:\[\]@]*)(?::(\d*))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
_SPACES_AND_CONTROLS = frozenset({"Cc", "Cs", "Zs", "Zl", "Zp"})
# Bidirectional formatting characters must not stand in an IRI (RFC 3987, section 4.1); the isolates came later.
_BIDI = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_PRINTABLE: Final = "".join(map(chr, range(0x21, 0x7F)))
# What may stand in a query as it is (RFC 3986, section 3.4), and "%", which the visitor's escapes begin with.
_QUERY: Final = "!$&'()*+,;=:@/?%"
# Most links lead to a few hosts, and each is held against our own.
_REMEMBERED: Final = 1024
_DEFAULT_PORTS: Final = ("", "80", "443")


class UrlParts(NamedTuple):
    """A URL cut at its delimiters, nothing decoded; `query` and `fragment` with their `?` and `#`."""

    scheme: str
    authority: str | None
    path: str
    query: str
    fragment: str


def split_url(url: str) -> UrlParts:
    """Cut a URL as RFC 3986, appendix B does; raises ValueError when it has no scheme."""
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError("must be absolute, such as https://example.org/")
    scheme, authority, path, query, fragment = found.groups()
    return UrlParts(scheme, authority, path, query or "", fragment or "")


def join_url(parts: UrlParts) -> str:
    """The URL that `split_url` was given."""
    authority = "" if parts.authority is None else f"//{parts.authority}"
    return f"{parts.scheme}:{authority}{parts.path}{parts.query}{parts.fragment}"


def scheme_of(url: str) -> str:
    return url.partition(":")[0].lower()


def check_url(url: str) -> str:
    """The URL itself, when a link may lead to it; raises ValueError with what is wrong otherwise.

    Which schemes are allowed besides http and https is for the settings to say, not for this.
    """
    ordinary = _ORDINARY.fullmatch(url)
    if ordinary is not None:  # as most are: of all that follows only the host can be wrong
        ascii_host(ordinary[1])
        return url
    _check_characters(url)
    parts = split_url(url)
    scheme = parts.scheme.lower()
    if scheme in DANGEROUS_SCHEMES:
        raise ValueError(f"must not be a {scheme}: URL")
    if "@" in (parts.authority or ""):
        raise ValueError("must not hold credentials or another @ before the host")
    if scheme in WEB_SCHEMES:
        _check_authority(parts)
    elif not (parts.authority or parts.path):
        raise ValueError(f"must have something behind {scheme}:")
    return url


def _check_characters(url: str) -> None:
    if url.isascii() and url.isprintable() and " " not in url and "\\" not in url:
        return
    for char in url:
        if unicodedata.category(char) in _SPACES_AND_CONTROLS:
            raise ValueError(f"must not hold spaces or control characters; {char!r} is one")
        if char == "\\" or char in _BIDI:
            raise ValueError(f"must not hold {char!r}")


def _check_authority(parts: UrlParts) -> None:
    if not parts.authority:
        raise ValueError(f"must have two slashes and a host: {parts.scheme}://example.org/")
    host, port = _host_and_port(parts.authority)
    ascii_host(host)
    if port and int(port) > 65_535:
        raise ValueError("must have a port of at most 65535")


def _host_and_port(authority: str) -> tuple[str, str]:
    found = _AUTHORITY.fullmatch(authority)
    if found is None or len(found[2] or "") > 5:
        raise ValueError("must have a valid host, and behind it at most a colon and a port")
    return found[1], found[2] or ""


@lru_cache(maxsize=_REMEMBERED)
def ascii_host(host: str) -> str:
    """A host as it is looked up: lower-case, international names as punycode; raises ValueError for what is no host."""
    if host.startswith("["):
        return f"[{IPv6Address(host[1:-1]).compressed}]"
    if len(host) > 253:
        raise ValueError("must have a host of at most 253 characters")
    try:
        name = host.lower() if host.isascii() else idna.encode(host, uts46=True).decode("ascii")
    except UnicodeError as error:
        raise ValueError(f"must have a valid host: {error}") from error
    _check_name(name.removesuffix("."))
    return name


def _check_name(name: str) -> None:
    labels = name.split(".")
    if len(name) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("must have a valid host name: letters, digits and hyphens between dots")
    for label in labels:
        if label.startswith("xn--"):
            _check_punycode(label[4:])
    # Browsers read a name that ends in a number as an IPv4 address, whatever its form (0x7f.1 is 127.0.0.1).
    if _NUMBER.fullmatch(labels[-1]):
        IPv4Address(name)


def _check_punycode(text: str) -> None:
    try:
        text.encode("ascii").decode("punycode")
    except UnicodeError as error:
        raise ValueError("must have a valid host: its xn-- part is not punycode") from error


def to_location(url: str) -> str:
    """A URL as a Location header carries it: printable ASCII and nothing else, whatever comes in.

    An international host is written as punycode and the rest as percent-encoded UTF-8 (RFC 3987, section 3.1). What is
    ASCII stays as it is.
    """
    if url.isascii() and url.isprintable() and " " not in url:
        return url
    parts = split_url(url)
    authority = None if parts.authority is None else _ascii_authority(parts.authority)
    path, query, fragment = (quote(part, safe=_PRINTABLE) for part in (parts.path, parts.query, parts.fragment))
    return join_url(UrlParts(parts.scheme, authority, path, query, fragment))


def _ascii_authority(authority: str) -> str:
    if authority.isascii():
        return quote(authority, safe=_PRINTABLE)
    try:
        host, port = _host_and_port(authority)
        return ascii_host(host) + (f":{port}" if port else "")
    except ValueError:
        # Only another scheme than http can have such a host.
        return quote(authority, safe=_PRINTABLE)


def with_query(url: str, visitor_query: bytes) -> str:
    """The URL with a visitor's query merged in: for a name that both have, the visitor's values stand alone.

    Names are compared decoded. Scheme, host, path and fragment stay, and so does every URL without a host: a visitor
    has no say in whom a mailto: URL writes to.
    """
    parts = split_url(url)
    given = [pair for pair in quote(visitor_query, safe=_QUERY).split("&") if pair]
    if not given or parts.authority is None:
        return url
    names = {_name(pair) for pair in given}
    kept = [pair for pair in parts.query[1:].split("&") if pair and _name(pair) not in names]
    return join_url(parts._replace(query="?" + "&".join([*kept, *given])))


def _name(pair: str) -> bytes:
    return unquote_to_bytes(pair.partition("=")[0].replace("+", " "))


def leads_back(url: str, base_url: str, reserved: Collection[str]) -> bool:
    """Whether a URL is one of this service's own short links, so that following it would redirect again.

    `reserved` are the first path segments that belong to something else here.
    """
    ordinary = _ORDINARY.fullmatch(url)
    if ordinary is not None and _site(ordinary[1]) != _own_site(base_url):
        return False
    parts = split_url(url)
    if parts.scheme.lower() not in WEB_SCHEMES or _site(parts.authority or "") != _own_site(base_url):
        return False
    segments = _segments(parts.path)
    return len(segments) == 1 and segments[0] not in reserved and not segments[0].endswith("+")


@lru_cache(maxsize=_REMEMBERED)
def _site(authority: str) -> tuple[str, str]:
    """Host and port; the two default ports count as one, since http is commonly sent on to https."""
    try:
        host, port = _host_and_port(authority)
        return ascii_host(host).removesuffix("."), "" if port in _DEFAULT_PORTS else port
    except ValueError:
        return authority.lower(), ""


@lru_cache(maxsize=_REMEMBERED)
def _own_site(base_url: str) -> tuple[str, str]:
    return _site(split_url(base_url).authority or "")


def _segments(path: str) -> list[str]:
    """The segments of a path as a browser would ask for them, without dots and empty ones."""
    segments: list[str] = []
    for segment in map(unquote, path.split("/")):
        if segment == "..":
            segments = segments[:-1]
        elif segment not in ("", "."):
            segments.append(segment)
    return segments
