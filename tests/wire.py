"""Requests byte by byte, for clients that no library would be."""

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import httpx

from tests.server import END_SECONDS, Server


@contextmanager
def wire(server: Server, *, receive_buffer: int = 0) -> Iterator[socket.socket]:
    """A connection to a server; `receive_buffer` is how many bytes the system may keep for one that does not read."""
    url = httpx.URL(server.url)
    with socket.socket() as line:
        line.settimeout(END_SECONDS)
        if receive_buffer:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        line.connect((url.host, url.port))
        yield line


def heard(line: socket.socket) -> bytes:
    """Everything that comes until the server closes the connection."""
    pieces = []
    with suppress(ConnectionResetError):
        while piece := line.recv(65_536):
            pieces.append(piece)
    return b"".join(pieces)


def answers(raw: bytes) -> list[httpx.Response]:
    """The answers in what was heard, one behind the other."""
    found = []
    while raw:
        head, _, rest = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        length = int(headers.get("content-length", "0"))
        found.append(httpx.Response(int(first.split()[1]), headers=headers, content=rest[:length]))
        raw = rest[length:]
    return found


def answered(server: Server, *pieces: bytes) -> list[httpx.Response]:
    """The answers to what is sent on one connection, once the server has closed it."""
    with wire(server) as line:
        for piece in pieces:
            line.sendall(piece)
        return answers(heard(line))


def heard_by_drips(server: Server, begin: bytes, drips: Iterable[bytes]) -> list[httpx.Response]:
    """The answers to what is sent in drips, each after a moment without a word, until the server has closed."""
    with wire(server) as line:
        line.sendall(begin)
        line.settimeout(0.02)
        raw = b""
        with suppress(ConnectionError):
            for drip in drips:
                with suppress(TimeoutError):
                    while True:
                        piece = line.recv(65_536)
                        if not piece:
                            return answers(raw)
                        raw += piece
                line.sendall(drip)
        return answers(raw)
