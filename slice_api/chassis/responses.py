"""Responses of few steps, for routes that answer thousands of times a second."""

from collections.abc import Iterable

from starlette.responses import Response


class RawResponse(Response):
    """A response whose headers are given as they are sent: names in lower case, Content-Length added."""

    def __init__(self, status_code: int, headers: Iterable[tuple[bytes, bytes]], body: bytes = b"") -> None:
        self.status_code, self.body, self.background = status_code, body, None
        self.raw_headers = [*headers, (b"content-length", b"%d" % len(body))]
