"""Running the app under uvicorn, in one process or several: people are told where to go, and a stop lets work finish.

Several processes are a parent and its workers. The parent opens the sockets, sees to storage once and starts again what
ends; the workers answer. Each worker has a line to its parent: there it says that it is ready, and it ends when the
line does. Uvicorn's own supervisor will not do: its workers know neither of the stop nor of their parent's end.
"""

import asyncio
import errno
import gc
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Thread
from types import FrameType
from typing import NamedTuple, NoReturn

import uvicorn
from fastapi import FastAPI

from slice_api.chassis.assembly import Chassis, prepare
from slice_api.chassis.credentials import NewKey
from slice_api.chassis.signals import wait_for
from slice_api.connections import Connections, protocol_for

_EVERY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104 - shown, not bound
_NO_SUCH_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_FAILED_START = 3
_READY = b"r"
_STEADY_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 30.0
_LAST_SECONDS = 10.0
"""What a process has after SLICE_SHUTDOWN_SECONDS, to write what is buffered."""

_OPEN_FILES = 65_536
_NEW_OBJECTS = 5_000
"""How many objects more there must be before garbage is looked for; Python's own number is 700."""


def _shown_host(host: str) -> str:
    if host in _EVERY_ADDRESS:
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _greet(chassis: Chassis, host: str, listeners: Sequence[socket.socket], made: NewKey | None) -> None:
    base = chassis.settings.public_url or f"http://{_shown_host(host)}:{listeners[0].getsockname()[1]}"
    _say(f"Slice API is ready: {base}/")
    if made is None:
        _say("Sign in with the admin key (SLICE_ADMIN_KEY, or the one that was shown at first start).")
        return
    _say(f"Admin key, shown only now: {made.text}")
    _say(f"Open the page, signed in: {base}/#key={made.text}")


def _end_failed_start(made: NewKey | None) -> NoReturn:
    """A key that was made and kept is shown all the same: the next start makes no other."""
    if made is not None:
        _say(f"Admin key, shown only now: {made.text}")
    sys.exit(_FAILED_START)


def _listeners(host: str, port: int) -> list[socket.socket]:
    """A socket for each address of a host, all on one port; one that this machine lacks (IPv6) is passed over."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listeners: list[socket.socket] = []
    lacking: OSError | None = None
    for family, address in dict.fromkeys((each[0], each[4]) for each in found):
        try:
            listener = socket.create_server((address[0], port, *address[2:]), family=family)
        except OSError as error:
            if error.errno not in _NO_SUCH_ADDRESS:
                raise
            lacking = error
        else:
            port = listener.getsockname()[1]
            listeners.append(listener)
    if lacking and not listeners:
        raise lacking
    return listeners


def _listen(host: str, port: int) -> list[socket.socket]:
    """Listen, or end the process in words.

    This comes before storage is opened: a start that cannot be must not make an admin key, for it would show nobody.
    """
    try:
        return _listeners(host, port)
    except OSError as error:
        sys.exit(f"Cannot listen on {host}:{port}: {error.strerror or error}")


def let_many_connect() -> None:
    """Open as many files as the system lets us, for each connection is one; shells and systemd begin with 1,024."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if most == resource.RLIM_INFINITY else min(most, _OPEN_FILES)
    with suppress(ValueError, OSError):  # a system that has another bound besides
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, wanted), most))


class Server(uvicorn.Server):
    """Uvicorn's server, which tells when it is up, and tells the app as soon as it is to stop."""

    def __init__(self, app: FastAPI, when_started: Callable[[], None]) -> None:
        self._chassis: Chassis = app.state.chassis
        self._when_started = when_started
        self._connections = Connections(self._chassis)
        self._is_to_stop = asyncio.Event()
        super().__init__(_config(app, protocol_for(self._connections)))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            let_many_connect()
            self._watching = asyncio.create_task(self._connections.watch(self.server_state.connections))
            spare_garbage_collector()
            self._when_started()

    async def main_loop(self) -> None:
        """Bring the header Date up to date as each second begins, until told to stop; uvicorn looks every 0.1 s."""
        while not await self.on_tick(0):
            await wait_for(self._is_to_stop, 1 - time.time() % 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().shutdown(sockets=sockets)
        finally:
            self._watching.cancel()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._chassis.begin_shutdown()
        super().handle_exit(sig, frame)
        self._is_to_stop.set()


def spare_garbage_collector() -> None:
    """Look for garbage only among what is made from now on, and less often: what the start has made stays anyhow.

    Going through all of it again and again took 5 % of the time of a redirect. Nor is it gone through once: that took
    4 % of the time of a start, and found nothing to speak of.
    """
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
    gc.enable()


def _config(app: FastAPI, protocol: type[asyncio.Protocol]) -> uvicorn.Config:
    chassis: Chassis = app.state.chassis
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=chassis.settings.shutdown_seconds,
        lifespan="on",
    )


def serve(make_app: Callable[[], FastAPI], *, host: str, port: int) -> None:
    """Serve in this process until told to stop; ends it with status 3 when the start fails."""
    gc.disable()  # until it has started; see `spare_garbage_collector`
    app = make_app()
    chassis: Chassis = app.state.chassis
    listeners = _listen(host, port)
    if chassis.storage.is_shared:  # so that what is wrong with it is told in words; memory would forget it was open
        asyncio.run(prepare(chassis))
    made = chassis.new_admin_key
    server = Server(app, lambda: _greet(chassis, host, listeners, made or chassis.new_admin_key))
    # Uvicorn raises SystemExit for a lifespan that cannot start.
    with suppress(KeyboardInterrupt, SystemExit):
        server.run(listeners)
    if not server.started:
        _end_failed_start(made)


def work(make_app: Callable[[], FastAPI], *, listening: Sequence[int], line: int) -> None:
    """Serve in a worker process, on the sockets and with the line that the parent has opened (by file descriptor)."""
    gc.disable()
    app = make_app()
    chassis: Chassis = app.state.chassis
    parent = socket.socket(fileno=line)
    Thread(target=_end_with, args=(parent, chassis.settings.shutdown_seconds), daemon=True).start()
    server = Server(app, lambda: _tell_ready(parent))
    with suppress(KeyboardInterrupt):
        server.run([socket.socket(fileno=number) for number in listening])


def _tell_ready(parent: socket.socket) -> None:
    with suppress(OSError):  # the parent has just ended; the thread below sees it too
        parent.sendall(_READY)


def _end_with(parent: socket.socket, shutdown_seconds: float) -> None:
    """End this process when its parent ends, in whatever way that was: nobody else would stop it or free the port."""
    with suppress(OSError):
        parent.recv(1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(shutdown_seconds + _LAST_SECONDS)
    os._exit(_FAILED_START)


class _Worker(NamedTuple):
    process: asyncio.subprocess.Process
    line: socket.socket
    since: float

    def send(self, sig: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, sig)

    async def is_ready(self) -> bool:
        """Waits until the worker answers requests, or has ended without having done so."""
        return await asyncio.get_running_loop().sock_recv(self.line, 1) == _READY

    async def ended(self) -> int:
        """Waits for the worker's end; gives its exit status, or less than 0 for the signal that ended it."""
        status = await self.process.wait()
        self.line.close()
        return status

    def has_been_steady(self) -> bool:
        return time.monotonic() - self.since >= _STEADY_SECONDS


class Workers:
    """The worker processes of this parent, which it keeps running until it is told to stop."""

    def __init__(self, chassis: Chassis, command: Sequence[str], listeners: Sequence[socket.socket]) -> None:
        self._log, self._shutdown_seconds = chassis.log, chassis.settings.shutdown_seconds
        self._command, self._listeners = command, listeners
        self._running: set[_Worker] = set()
        self._stopping = asyncio.Event()

    async def run(self, count: int, when_started: Callable[[], None]) -> bool:
        """Run that many until told to stop; gives False, with none of them left, when the first start fails."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stop)
        loop.add_signal_handler(signal.SIGINT, self._stop_or_kill)
        workers = await asyncio.gather(*(self._start() for _ in range(count)))
        are_ready = all(await asyncio.gather(*(worker.is_ready() for worker in workers)))
        is_told_to_stop = self._stopping.is_set()
        if are_ready and not is_told_to_stop:
            when_started()
        if not are_ready:
            self.stop()
        await asyncio.gather(*(self._keep(worker) for worker in workers))
        return are_ready or is_told_to_stop

    def stop(self) -> None:
        """Let every worker finish what it does, and end."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        for listener in self._listeners:
            listener.close()
        self._send_all(signal.SIGTERM)
        asyncio.get_running_loop().call_later(self._shutdown_seconds + _LAST_SECONDS, self._kill)

    def _stop_or_kill(self) -> None:
        """Ctrl-C, and Ctrl-C again for those who do not want to wait, as uvicorn has it."""
        if self._stopping.is_set():
            self._kill()
            return
        self.stop()

    def _kill(self) -> None:
        self._log.warning("workers that did not end are killed", pids=[each.process.pid for each in self._running])
        self._send_all(signal.SIGKILL)

    def _send_all(self, sig: signal.Signals) -> None:
        for worker in self._running:
            worker.send(sig)

    async def _start(self) -> _Worker:
        own, line = socket.socketpair()
        own.setblocking(False)
        numbers = [listener.fileno() for listener in self._listeners]
        with line:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                f"--line={line.fileno()}",
                *(f"--listening={number}" for number in numbers),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(line.fileno(), *numbers),
                process_group=0,  # a terminal's Ctrl-C reaches the parent alone, which passes it on once
            )
        worker = _Worker(process, own, time.monotonic())
        self._running.add(worker)
        if self._stopping.is_set():
            worker.send(signal.SIGTERM)
        return worker

    async def _keep(self, worker: _Worker) -> None:
        """Replace a worker whenever it ends: at once, but after longer and longer pauses when it soon ends again."""
        hasty = 0
        while True:
            status = await worker.ended()
            self._running.discard(worker)
            if self._stopping.is_set():
                return
            hasty = 0 if worker.has_been_steady() else hasty + 1
            pause = min(2.0 ** (hasty - 2), _LONGEST_PAUSE_SECONDS) if hasty > 1 else 0.0
            self._log.error("a worker ended, and is replaced", pid=worker.process.pid, status=status, pause=pause)
            other = await self._start_after(pause)
            if other is None:
                return
            worker = other

    async def _start_after(self, seconds: float) -> _Worker | None:
        """Another worker, or None when told to stop; a machine without memory for one is asked again later."""
        while not await self._is_stopped_within(seconds):
            try:
                return await self._start()
            except OSError as error:
                seconds = _LONGEST_PAUSE_SECONDS
                self._log.error("a worker cannot be started", why=str(error), pause=seconds)
        return None

    async def _is_stopped_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return self._stopping.is_set()


def supervise(
    make_app: Callable[[], FastAPI], *, host: str, port: int, workers: int, worker_command: Sequence[str]
) -> None:
    """Serve in several processes until told to stop; ends this one with status 3 when the start fails.

    `make_app` makes the app that the parent sees to storage with; `worker_command` starts a process that calls `work`.
    """
    chassis: Chassis = make_app().state.chassis
    listeners = _listen(host, port)

    async def run() -> bool:
        await prepare(chassis)
        parent = Workers(chassis, worker_command, listeners)
        return await parent.run(workers, lambda: _greet(chassis, host, listeners, chassis.new_admin_key))

    if not asyncio.run(run()):
        _end_failed_start(chassis.new_admin_key)
