"""Several worker processes on one port: all answer, what dies comes back, and all of them end with their parent."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.server import END_SECONDS, PRODUCT, ROOT, Server, environment, served
from tests.support import ADMIN_KEY

SEVERAL = (*PRODUCT, "--workers", "2")
EXAMPLE = ("-m", "tests.chassis.example_workers")
BROKEN = """
import sys
from slice_api.main import create_app
from slice_api.serving import supervise
command = (sys.executable, "-c", "import sys; sys.exit('no such worker')")
supervise(create_app, host="127.0.0.1", port=0, workers=2, worker_command=command)
"""
PATIENCE_SECONDS = 3 * END_SECONDS
"""For what takes several starts."""
REPLACED = "a worker ended, and is replaced"

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the processes are looked up in /proc")


def storage_in(folder: Path) -> str:
    return f"sqlite:///{folder}/slice.db"


@contextmanager
def several(folder: Path, arguments: Sequence[str] = SEVERAL, **variables: str) -> Iterator[Server]:
    """A server of two workers with the tests' admin key."""
    given = {"SLICE_STORAGE_URL": storage_in(folder), "SLICE_ADMIN_KEY": ADMIN_KEY, "SLICE_RATE_LIMIT": "off"}
    with served(folder, arguments, root=ROOT, **{**given, **variables}) as server:
        yield server


def refused(folder: Path, *arguments: str, **variables: str) -> list[str]:
    """The lines that are said of a start that cannot be."""
    finished = subprocess.run(
        (sys.executable, *SEVERAL, *arguments),
        cwd=folder,
        env=environment(ROOT, **{"SLICE_STORAGE_URL": storage_in(folder), "SLICE_ADMIN_KEY": ADMIN_KEY, **variables}),
        capture_output=True,
        text=True,
        timeout=END_SECONDS,
        check=False,
    )
    assert finished.returncode == 1
    return finished.stderr.splitlines()


# Processes


def stat_of(pid: int) -> tuple[str, int]:
    """A process's state and its parent; Z where there is none, or none any more."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return "Z", 0
    return state, int(parent)


def is_alive(pid: int) -> bool:
    return stat_of(pid)[0] not in "ZX"


def workers_of(server: Server) -> set[int]:
    every = (int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal())
    return {pid for pid in every if stat_of(pid)[1] == server.process.pid and is_alive(pid)}


def until(is_so: Callable[[], bool], pause: float = 0.02) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(pause)


def until_replaced(server: Server, gone: int) -> set[int]:
    until(lambda: len(workers_of(server) - {gone}) == 2)
    return workers_of(server)


# Requests


def inode_of(server_port: int, client_port: int) -> str | None:
    """The server's end of a connection, as the kernel names it; None when it was closed, as idle ones are."""
    ends = [f"0100007F:{port:04X}" for port in (server_port, client_port)]
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines())
    return next((row[9] for row in rows if row[1:3] == ends), None)


def link_of(descriptor: Path) -> str:
    """What an open file is; nothing when it has just been closed, or its process has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return os.readlink(descriptor)
    return ""


def holds(pid: int, link: str) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return link in {link_of(each) for each in Path(f"/proc/{pid}/fd").iterdir()}
    return False


def answerer(server: Server, answer: httpx.Response) -> int | None:
    """The worker that holds the connection an answer has come over; None when nobody does any more."""
    client_port = answer.extensions["network_stream"].get_extra_info("client_addr")[1]
    link = f"socket:[{inode_of(port_of(server), client_port)}]"
    return next((pid for pid in workers_of(server) if holds(pid, link)), None)


@contextmanager
def opened(server: Server, path: str, key: str = ADMIN_KEY) -> Iterator[httpx.Response]:
    """An answer that has begun, over a connection of its own."""
    headers = {"X-API-Key": key}
    with (
        httpx.Client(base_url=server.url, headers=headers, timeout=END_SECONDS, trust_env=False) as client,
        client.stream("GET", path) as answer,
    ):
        assert answer.status_code == 200
        yield answer


def port_of(server: Server) -> int:
    return int(server.url.rpartition(":")[2])


def opened_by_all(
    server: Server, stack: ExitStack, workers: set[int], path: str, key: str = ADMIN_KEY
) -> list[httpx.Response]:
    """Answers that have begun, at least one by each of the workers: whoever is quickest takes a connection."""
    answers: list[httpx.Response] = []
    seen: set[int | None] = set()

    def have_all_a_part() -> bool:
        # Several at once, so that one worker is not quick enough for all of them.
        with ThreadPoolExecutor(8) as pool:
            latest = list(pool.map(stack.enter_context, [opened(server, path, key) for _ in range(8)]))
        answers.extend(latest)
        seen.update(answerer(server, each) for each in latest)
        return seen >= workers

    until(have_all_a_part, pause=0.1)  # a worker that is starting needs the processor more than we do
    return answers


def until_answered_by(server: Server, workers: set[int], path: str = "/livez", key: str = ADMIN_KEY) -> None:
    with ExitStack() as stack:
        opened_by_all(server, stack, workers, path, key)


def lines_of(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


# Serving


def test_every_worker_answers_and_people_are_greeted_and_warned_once(tmp_path: Path) -> None:
    with several(tmp_path, SLICE_RATELIMIT="off") as server:
        workers = workers_of(server)
        assert len(workers) == 2
        until_answered_by(server, workers)
        code, _, rest = server.stop()
    assert code == 0
    assert len([line for line in server.said if line.startswith("Slice API is ready")]) == 1
    assert "Slice API is ready" not in rest
    assert ("\n".join(server.said) + rest).count("no setting reads SLICE_RATELIMIT") == 1
    assert lines_of(rest)


def test_a_first_start_makes_one_key_that_every_worker_knows_unless_its_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        [line] = refused(tmp_path, "--port", port, SLICE_ADMIN_KEY="")
    assert port in line
    assert "in use" in line
    with several(tmp_path, SLICE_ADMIN_KEY="") as server:
        [key] = re.findall(r"slice_\w+", server.said[-2])
        assert server.said[-1].endswith(f"{server.url}/#key={key}")
        until_answered_by(server, workers_of(server), "/metrics", key)
        assert key not in server.stop()[2]
    with several(tmp_path, SLICE_ADMIN_KEY="") as server:
        assert server.said[-1].startswith("Sign in with the admin key")
        until_answered_by(server, workers_of(server), "/metrics", key)


def test_a_killed_worker_comes_back_and_one_that_cannot_start_is_tried_again_after_pauses(tmp_path: Path) -> None:
    with several(tmp_path) as server:
        first, other = workers_of(server)
        os.kill(first, signal.SIGKILL)
        until_answered_by(server, {other})
        until_answered_by(server, until_replaced(server, first))
        [killed] = workers_of(server) - {other}
        (tmp_path / ".env").write_text("SLICE_EVENTS_KEEP=many\n")
        os.kill(killed, signal.SIGKILL)
        until(lambda: '"status":1,' in server.heard())
        until_answered_by(server, {other})
        (tmp_path / ".env").unlink()
        until(lambda: len(workers_of(server)) == 2)
        until_answered_by(server, workers_of(server))
        code, _, rest = server.stop()
    assert code == 0
    assert "SLICE_EVENTS_KEEP" in rest
    assert "Traceback" not in rest
    ends = [json.loads(line) for line in rest.splitlines() if REPLACED in line]
    assert [line["pid"] for line in ends][:2] == [first, killed]
    assert [line["status"] for line in ends][:3] == [-signal.SIGKILL, -signal.SIGKILL, 1]
    assert [line["pause"] for line in ends][1:] == sorted(line["pause"] for line in ends[1:])


# Stopping


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_finishes_requests_and_ends_streams_of_every_worker(tmp_path: Path, sig: signal.Signals) -> None:
    with several(tmp_path, EXAMPLE, SLICE_SHUTDOWN_SECONDS="60") as server, ExitStack() as stack:
        workers = workers_of(server)
        requests = opened_by_all(server, stack, workers, "/api/probes/until-the-end")
        streams = opened_by_all(server, stack, workers, "/api/echoes/stream")
        pieces, events = [each.iter_text() for each in requests], [each.iter_text() for each in streams]
        assert {next(each) for each in pieces} == {"begun\n"}
        assert {next(each).strip() for each in events} == {": open"}
        server.process.send_signal(sig)
        assert {"".join(each) for each in pieces} == {"finished\n"}
        assert {"".join(each).strip() for each in events} == {""}
        code, _, rest = server.ended()
    assert code == 0
    assert not [pid for pid in workers if is_alive(pid)]
    assert {line.get("status") for line in lines_of(rest) if line["event"] == "request"} == {200}
    assert not [line for line in lines_of(rest) if "killed" in str(line["event"])]


def test_no_worker_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    with several(tmp_path, EXAMPLE) as server, opened(server, "/api/echoes/stream") as answer:
        workers, events = workers_of(server), answer.iter_text()
        assert next(events).startswith(": open")
        server.process.kill()
        assert "".join(events).strip() == ""
        until(lambda: not [pid for pid in workers if is_alive(pid)])
        with socket.create_server(("127.0.0.1", port_of(server))):
            pass


# Starts that cannot be


def test_a_wrong_setting_is_told_once(tmp_path: Path) -> None:
    first, line = refused(tmp_path, SLICE_EVENTS_KEEP="many")
    assert first == "The settings do not fit:"
    assert "SLICE_EVENTS_KEEP" in line


def test_a_storage_that_cannot_be_opened_is_told_in_a_line(tmp_path: Path) -> None:
    [line] = refused(tmp_path, SLICE_STORAGE_URL=storage_in(tmp_path / "no_such_folder"))
    assert "no_such_folder" in line


def test_workers_that_cannot_start_end_the_start(tmp_path: Path) -> None:
    """The key that the parent has made is shown all the same: the next start makes none."""
    told = subprocess.run(
        (sys.executable, "-c", BROKEN),
        cwd=tmp_path,
        env=environment(SLICE_STORAGE_URL=storage_in(tmp_path)),
        capture_output=True,
        text=True,
        timeout=END_SECONDS,
        check=False,
    )
    assert told.returncode == 3
    assert told.stderr.count("no such worker") == 2
    assert "Slice API is ready" not in told.stderr
    assert len(re.findall("Admin key, shown only now: slice_", told.stderr)) == 1
