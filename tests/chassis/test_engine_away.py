"""The engine goes away while the service runs: requests are told so in time, and all is well once it is back."""

import os
import resource
import socket
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Condition, Thread
from typing import NamedTuple

import asyncpg
import httpx
import psutil
import pytest

from slice_api.chassis.clock import system_clock
from slice_api.chassis.ids import new_id
from slice_api.chassis.storage.engines import make_storage
from slice_api.settings import SettingsError
from tests.chassis.examples import problem
from tests.postgres import LOCALHOST, PrivatePostgres, postgres_server
from tests.server import END_SECONDS, PRODUCT, Server, environment, served
from tests.support import ADMIN_KEY, needs

EVERY_SLICE = (
    "-c",
    "from slice_api.main import create_app\n"
    "from slice_api.serving import serve\n"
    "packages = ('slice_api.slices', 'tests.chassis.example_slices')\n"
    "serve(lambda: create_app(packages=packages), host='127.0.0.1', port=0)",
)
"""The product with the example slices, so that no slice of its own is needed but the one that tells how it is."""

SEVERAL = ("-m", "tests.chassis.example_workers")
"""The example slices in two processes."""

ANSWER_SECONDS = 2.0
BACK_SECONDS = 5.0
SLACK_SECONDS = 1.0
"""What a busy machine may take on top of either; a single request may be much unluckier than most of them."""
LONGEST_SLACK_SECONDS = 5.0

SHARED_MEMORY_BYTES = 32 * 1024
"""The smallest file that SQLite needs to read in write-ahead mode; all its others are larger here."""


AT_ONCE = 30
IN_A_ROW = 3
PASSWORD = "not-this-one-either"

pytestmark = [
    pytest.mark.timeout(300),
    needs("platform"),
]


# A service and what it is asked


class Timed(NamedTuple):
    """An answer, and how many seconds it took."""

    answer: httpx.Response
    seconds: float


class Service:
    """A running service and its client, which remembers what was acknowledged."""

    def __init__(self, server: Server, client: httpx.Client) -> None:
        self.server, self.client = server, client
        self.acknowledged: dict[str, str] = {}
        """The ids of the things that were made, and their titles."""

    def make(self) -> Timed:
        """Ask for a new thing."""
        title = new_id("title")
        made = self.get_timed("POST", "/api/things", json={"title": title})
        if made.answer.status_code == 201:
            self.acknowledged[made.answer.json()["id"]] = title
        return made

    def read(self) -> Timed:
        """Ask for something that is there."""
        return self.get_timed("GET", f"/api/things/{next(iter(self.acknowledged))}")

    def get_timed(self, method: str, path: str, *, json: object = None) -> Timed:
        began = time.monotonic()
        answer = self.client.request(method, path, json=json)
        return Timed(answer, time.monotonic() - began)

    def must_make(self, amount: int = 1) -> None:
        for _ in range(amount):
            assert self.make().answer.status_code == 201

    def must_hold_all(self) -> None:
        """Everything that was acknowledged is there."""
        for thing_id, title in self.acknowledged.items():
            assert self.client.get(f"/api/things/{thing_id}").json()["title"] == title

    def must_be_alive_but_not_ready(self) -> None:
        alive = [self.get_timed("GET", "/livez") for _ in range(3)]
        assert [each.answer.status_code for each in alive] == [200] * 3
        must_be_in_time(alive)
        unready = self.get_timed("GET", "/readyz")
        assert unready.answer.status_code == 503
        assert unready.answer.json()["failing"] == ["storage"]
        assert int(unready.answer.headers["retry-after"]) >= 1
        must_be_in_time([unready])
        assert self.server.process.poll() is None

    def must_come_back(self) -> None:
        """Writes are taken and the service is ready again, soon, and by themselves."""
        until(lambda: self.make().answer.status_code == 201, BACK_SECONDS + LONGEST_SLACK_SECONDS)
        until(lambda: self.client.get("/readyz").status_code == 200, END_SECONDS)


def until(is_so: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.02)


def must_be_unavailable(found: Sequence[Timed]) -> None:
    """All of them were told, in time, that storage is away, and when to try again."""
    for each in found:
        problem(each.answer, 503, "unavailable")
        assert 1 <= int(each.answer.headers["retry-after"]) <= 60
    must_be_in_time(found)


def must_be_in_time(found: Sequence[Timed]) -> None:
    seconds = [each.seconds for each in found]
    assert statistics.median(seconds) <= ANSWER_SECONDS + SLACK_SECONDS, seconds
    assert max(seconds) <= ANSWER_SECONDS + LONGEST_SLACK_SECONDS, seconds


@contextmanager
def service_on(url: str, folder: Path, arguments: Sequence[str] = EVERY_SLICE) -> Iterator[Service]:
    """A service on a storage, in a folder of its own."""
    limits = httpx.Limits(max_connections=None)
    with (
        served(
            folder, arguments, SLICE_STORAGE_URL=url, SLICE_ADMIN_KEY=ADMIN_KEY, SLICE_RATE_LIMIT="1000000/hour"
        ) as server,
        httpx.Client(
            base_url=server.url,
            headers={"X-API-Key": ADMIN_KEY},
            timeout=END_SECONDS,
            limits=limits,
            trust_env=False,
        ) as client,
    ):
        yield Service(server, client)


# A PostgreSQL that is stopped or frozen


class Outage(NamedTuple):
    """How a server goes away and how it comes back."""

    begin: Callable[[PrivatePostgres], None]
    end: Callable[[PrivatePostgres], None]


OUTAGES = {
    "stopped": Outage(PrivatePostgres.stop_immediately, PrivatePostgres.start),
    "frozen": Outage(PrivatePostgres.freeze, PrivatePostgres.thaw),
}


@pytest.fixture(scope="module")
def postgres() -> Iterator[PrivatePostgres]:
    with postgres_server(is_durable=True) as server:
        yield server


@pytest.fixture(params=OUTAGES)
def outage(request: pytest.FixtureRequest) -> Outage:
    return OUTAGES[request.param]


@contextmanager
def away(server: PrivatePostgres, outage: Outage) -> Iterator[None]:
    """A time without the server."""
    outage.begin(server)
    try:
        yield
    finally:
        outage.end(server)


def test_requests_are_told_in_time_that_postgres_is_away(
    postgres: PrivatePostgres, outage: Outage, tmp_path: Path
) -> None:
    """One by one, and many at once; these find connections in the pool that look alive."""
    with service_on(postgres.create_database(), tmp_path) as service, ThreadPoolExecutor(AT_ONCE) as threads:

        def ask_all(*asks: Callable[[], Timed], meanwhile: Callable[[], None] = lambda: None) -> list[Timed]:
            asked = [threads.submit(ask) for ask in asks]
            meanwhile()
            return [each.result() for each in asked]

        asks = [service.make, service.read] * (AT_ONCE // 2)
        service.must_make(3)
        with away(postgres, outage):
            must_be_unavailable([ask() for ask in asks[:IN_A_ROW]])
            must_be_unavailable(ask_all(*asks, meanwhile=service.must_be_alive_but_not_ready))
        service.must_come_back()
        assert {each.answer.status_code for each in ask_all(*[service.make] * AT_ONCE)} == {201}
        with away(postgres, outage):
            makes = [service.make] * AT_ONCE
            must_be_unavailable(ask_all(*makes, meanwhile=service.must_be_alive_but_not_ready))
        service.must_come_back()
        service.must_hold_all()


# Live streams


class Reader(Thread):
    """Follows a live stream as a browser does: where it ends it is opened again, behind the last event seen."""

    def __init__(self, service: Service) -> None:
        super().__init__(daemon=True)
        self._url, self._headers = f"{service.server.url}/api/echoes/stream", dict(service.client.headers)
        self._last_id: str | None = None
        self._news, self._has_ended = Condition(), False
        self.is_open = False
        self.titles: list[str] = []
        self.is_reset = False
        self.broken: Exception | None = None

    def run(self) -> None:
        with suppress(httpx.ConnectError), httpx.Client(timeout=None, trust_env=False) as client:
            while not self._has_ended:
                self._follow_once(client)
                time.sleep(0.05)

    def _follow_once(self, client: httpx.Client) -> None:
        headers = self._headers | ({"Last-Event-ID": self._last_id} if self._last_id else {})
        with client.stream("GET", self._url, headers=headers) as answer:
            if answer.status_code == 503:
                return
            try:
                for line in answer.iter_lines():
                    self._take(line)
                    if self._has_ended:
                        return
            except httpx.TransportError as error:  # an answer that was not ended as it should be
                self.broken = error

    def _take(self, line: str) -> None:
        name, _, value = line.partition(": ")
        with self._news:
            self.is_open = True
            if name == "id":
                self._last_id = value
            elif line == "event: reset":
                self.is_reset = True
            elif name == "data" and '"things.created"' in value:
                self.titles.append(value.partition('"title":"')[2].partition('"')[0])
            self._news.notify_all()

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for something that is to come."""
        with self._news:
            assert self._news.wait_for(is_so, END_SECONDS), "it never came"

    def end(self) -> None:
        """Stop with the next line that comes."""
        self._has_ended = True


def test_a_stream_that_was_open_when_postgres_went_misses_nothing(
    postgres: PrivatePostgres, outage: Outage, tmp_path: Path
) -> None:
    with service_on(postgres.create_database(), tmp_path) as service:
        reader = Reader(service)
        reader.start()
        reader.until(lambda: reader.is_open)
        for _ in range(2):
            service.must_make(5)
            with away(postgres, outage):
                must_be_unavailable([service.make()])
            service.must_come_back()
            service.must_make(5)
        last = list(service.acknowledged.values())[-1]
        reader.until(lambda: last in reader.titles)
        reader.end()
        service.must_make()  # a line to end with
        reader.join(END_SECONDS)
    assert reader.broken is None
    assert not reader.is_reset
    assert len(set(reader.titles)) == len(reader.titles)
    made = list(service.acknowledged.values())
    assert [title for title in reader.titles if title in set(made)] == made[: made.index(last) + 1]


# A SQLite file that cannot be written


def file_in(folder: Path) -> Path:
    """The file of a service, in a folder that is not its own."""
    (folder / "kept").mkdir()
    return folder / "kept" / "data.db"


def file_must_be_sound(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@contextmanager
def files_no_larger_than(pid: int, size: int) -> Iterator[None]:
    """A disk with no more room, as far as one process is concerned."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux changes the limits of another process")
@pytest.mark.parametrize("room", ["some", "none"])
def test_a_full_disk_refuses_writes_and_nothing_else(tmp_path: Path, room: str) -> None:
    file = file_in(tmp_path)
    with service_on(f"sqlite:///{file}", tmp_path) as service:
        service.must_make(20)
        with files_no_larger_than(service.server.process.pid, SHARED_MEMORY_BYTES if room == "some" else 1):
            until(lambda: service.make().answer.status_code != 201, END_SECONDS)
            for _ in range(IN_A_ROW):
                must_be_unavailable([service.make()])
                read = service.read()
                assert read.answer.status_code == 200, read.answer.text
                must_be_in_time([read])
            service.must_be_alive_but_not_ready()
            service.must_hold_all()
        service.must_come_back()
        service.must_hold_all()
        service.server.stop()
    file_must_be_sound(file)


def test_a_file_that_is_moved_away_is_not_written_until_it_is_back(tmp_path: Path) -> None:
    file = file_in(tmp_path)
    with service_on(f"sqlite:///{file}", tmp_path) as service:
        service.must_make(3)
        for _ in range(2):
            file.rename(tmp_path / "elsewhere.db")
            must_be_unavailable([service.make() for _ in range(IN_A_ROW)])
            service.must_be_alive_but_not_ready()
            assert not file.exists()
            (tmp_path / "elsewhere.db").rename(file)
            service.must_come_back()
            service.must_hold_all()
        service.server.stop()
    file_must_be_sound(file)


def test_a_worker_that_starts_while_the_file_is_away_makes_no_empty_one(tmp_path: Path) -> None:
    """It would be taken for the file, and everything in that for gone."""
    file, elsewhere = file_in(tmp_path), tmp_path / "elsewhere.db"
    with service_on(f"sqlite:///{file}", tmp_path, SEVERAL) as service:
        service.must_make(3)
        file.rename(elsewhere)
        psutil.Process(service.server.process.pid).children()[0].kill()
        until(lambda: "data.db is gone, but" in service.server.heard(), END_SECONDS)
        assert not file.exists()
        elsewhere.rename(file)
        until(lambda: service.make().answer.status_code == 201, END_SECONDS)
        service.must_hold_all()
        service.server.stop()
    file_must_be_sound(file)


def test_a_file_that_is_replaced_by_a_copy_is_written_on(tmp_path: Path) -> None:
    """As when a backup is put back while the service runs: what comes after goes into the file that is there now."""
    file, copy = file_in(tmp_path), tmp_path / "copy.db"
    with service_on(f"sqlite:///{file}", tmp_path) as service:
        service.must_make(3)
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
        copy.rename(file)
        service.must_come_back()
        service.must_make(3)
        service.must_hold_all()
        service.server.stop()
    file_must_be_sound(file)
    with service_on(f"sqlite:///{file}", tmp_path) as service_after:
        service_after.acknowledged = service.acknowledged
        service_after.must_hold_all()


# Starts that cannot be


def refusal(folder: Path, url: str) -> str:
    """The one line that is said of a storage that cannot be used."""
    finished = subprocess.run(
        (sys.executable, *PRODUCT),
        cwd=folder,
        env=environment(SLICE_STORAGE_URL=url, SLICE_ADMIN_KEY=ADMIN_KEY),
        capture_output=True,
        text=True,
        timeout=END_SECONDS,
        check=False,
    )
    assert finished.returncode == 1, finished.stderr
    assert "Traceback" not in finished.stderr, finished.stderr
    [line] = finished.stderr.splitlines()
    assert "SLICE_STORAGE_URL" in line
    assert not finished.stdout
    return line


async def said_of(url: str) -> str:
    """What opening a storage says that cannot be."""
    with pytest.raises(SettingsError) as raised:
        await make_storage(url, system_clock).open(())
    line = str(raised.value)
    assert line.startswith("SLICE_STORAGE_URL")
    assert "\n" not in line
    assert PASSWORD not in line
    return line


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://somebody@localhost/data", "mysql"),
        ("data.db", "data.db"),
        ("sqlite:", "sqlite:///data.db"),
        ("sqlite://data.db", "sqlite:///data.db"),
        ("sqlite:///:memory:", "sqlite:///data.db"),
        ("sqlite:///data.db?mode=ro", "synchronous"),
        ("postgresql:", "postgresql://"),
        ("postgresql://localhost:many/data", "postgresql://"),
        (f"postgresql://somebody:p@rt:{PASSWORD}@localhost/data", "postgresql://"),
        ("postgresql://localhost/data?pool_size=0", "pool_size"),
        ("postgresql://localhost/data?pool_size=many", "pool_size"),
    ],
)
async def test_a_url_that_names_no_storage_is_told_in_a_line(url: str, told: str) -> None:
    assert told in await said_of(url)


async def test_a_file_that_cannot_be_opened_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database " * 100)
    (tmp_path / "folder.db").mkdir()
    for name in ("no_such_folder/data.db", "text.db", "folder.db"):
        assert name in await said_of(f"sqlite:///{tmp_path}/{name}")
    assert (tmp_path / "text.db").read_text() == "no database " * 100


def test_a_start_without_storage_says_one_line_and_ends(tmp_path: Path) -> None:
    """What is said of other storages, the tests around this one ask the engines themselves."""
    assert "no_such_folder" in refusal(tmp_path, f"sqlite:///{tmp_path}/no_such_folder/data.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_a_file_that_may_not_be_written_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    assert "data.db" in await said_of(f"sqlite:///{tmp_path}/closed/data.db")


async def test_a_postgres_that_nobody_answers_for_is_told_in_a_line() -> None:
    with closing(socket.socket()) as held:
        held.bind((LOCALHOST, 0))
        port = held.getsockname()[1]
        assert str(port) in await said_of(f"postgresql://somebody:{PASSWORD}@{LOCALHOST}:{port}/data")


async def test_a_postgres_that_hangs_is_told_in_a_line(
    postgres: PrivatePostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slice_api.chassis.storage.postgres._START_PATIENCE_SECONDS", 0.5)
    url = postgres.create_database()
    with away(postgres, OUTAGES["frozen"]):
        assert LOCALHOST in await said_of(url)


async def administer(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url, timeout=END_SECONDS)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def demand_passwords(url: str) -> None:
    """Ask everybody but the server's owner for a password from now on."""
    connection = await asyncpg.connect(url, timeout=END_SECONDS)
    try:
        file = await connection.fetchval("SHOW hba_file")
        rules = "('host all postgres 127.0.0.1/32 trust'), ('host all all 127.0.0.1/32 scram-sha-256')"
        await connection.execute(f"COPY (SELECT * FROM (VALUES {rules}) AS rules) TO '{file}'")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()


async def test_a_postgres_that_lets_nobody_in_is_told_in_a_line(postgres: PrivatePostgres) -> None:
    url = postgres.create_database()
    await administer(url, "CREATE ROLE keeper LOGIN PASSWORD 'the-right-one'")
    await demand_passwords(url)
    guarded = url.replace("postgres@", f"keeper:{PASSWORD}@")
    assert "keeper" in await said_of(guarded)
    assert "nobody" in await said_of(url.replace("postgres@", f"nobody:{PASSWORD}@"))
    # Let in, but allowed to make nothing.
    line = await said_of(guarded.replace(PASSWORD, "the-right-one"))
    assert "permission" in line
    assert "the-right-one" not in line


def test_a_database_that_is_not_there_is_told_in_a_line(postgres: PrivatePostgres, tmp_path: Path) -> None:
    assert "no_such_data" in refusal(tmp_path, postgres.url("no_such_data"))
