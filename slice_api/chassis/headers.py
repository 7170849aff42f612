"""The headers of a request, gone through once."""

from collections.abc import Mapping, Sequence

Headers = Sequence[tuple[bytes, bytes]]
"""As ASGI has them: names in lower case."""

HeaderMap = Mapping[bytes, bytes]


def by_name(headers: Headers) -> HeaderMap:
    """Each header's value, several of one name joined by commas (RFC 9110, section 5.3)."""
    found = dict(headers)
    if len(found) == len(headers):
        return found
    joined: dict[bytes, bytes] = {}
    for name, value in headers:
        joined[name] = b", ".join((joined[name], value)) if name in joined else value
    return joined


def header(headers: HeaderMap, name: bytes) -> str | None:
    """The value of a header as text; None when it is not there."""
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")
