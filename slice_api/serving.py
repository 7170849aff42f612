"""Running the app under uvicorn: the address to open is told, and a stop lets requests and streams finish."""

import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from slice_api.chassis.assembly import Chassis

_EVERY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104 - shown, not bound


def _shown_host(host: str) -> str:
    if host in _EVERY_ADDRESS:
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class Server(uvicorn.Server):
    """Uvicorn's server, which tells people where to go, and the app as soon as it is to stop."""

    def __init__(self, config: uvicorn.Config, chassis: Chassis) -> None:
        super().__init__(config)
        self._chassis = chassis

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._greet()

    def _greet(self) -> None:
        port = self.servers[0].sockets[0].getsockname()[1] if self.servers else self.config.port
        settings = self._chassis.settings
        base = settings.public_url or f"http://{_shown_host(self.config.host)}:{port}"
        made = self._chassis.new_admin_key
        _say(f"Slice API is ready: {base}/")
        if made is None:
            _say("Sign in with the admin key (SLICE_ADMIN_KEY, or the one that was shown at first start).")
            return
        _say(f"Admin key, shown only now: {made.text}")
        _say(f"Open the page, signed in: {base}/#key={made.text}")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._chassis.begin_shutdown()
        super().handle_exit(sig, frame)


def _config(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    chassis: Chassis = app.state.chassis
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=chassis.settings.shutdown_seconds,
        lifespan="on",
    )


def serve(make_app: Callable[[], FastAPI], *, host: str, port: int) -> None:
    """Serve until told to stop; ends the process with status 3 when the start fails."""
    app = make_app()
    server = Server(_config(app, host, port), app.state.chassis)
    try:
        server.run()
    except KeyboardInterrupt:
        return
    if not server.started:
        sys.exit(3)
