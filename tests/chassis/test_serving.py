"""The real server, as people start and stop it."""

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from tests.server import END_SECONDS, PRODUCT, environment, served
from tests.support import ADMIN_KEY, needs

EXAMPLE = ("-m", "tests.chassis.example_server")


def is_clean_end(code: int) -> bool:
    return code in (0, -signal.SIGTERM)


@needs("platform")
def test_a_first_start_shows_one_key_that_works_and_a_page_to_open_with_it(tmp_path: Path) -> None:
    with served(tmp_path, PRODUCT) as server:
        [key] = re.findall(r"slice_\w+", server.said[-2])
        assert server.said[-1].endswith(f"{server.url}/#key={key}")
        with httpx.Client(base_url=server.url, trust_env=False) as client:
            assert client.get("/metrics").status_code == 401
            answer = client.get("/metrics", headers={"Authorization": f"Bearer {key}"})
            assert answer.status_code == 200
            assert "server" not in answer.headers
            client.get(f"/{key}", headers={"X-API-Key": key})
        code, _, rest = server.stop()
    assert is_clean_end(code)
    assert key not in rest
    lines = [json.loads(line) for line in rest.splitlines()]
    assert [line["status"] for line in lines if line["event"] == "request"] == [401, 200, 404]


@needs("platform")
def test_a_configured_key_works_and_none_is_shown(tmp_path: Path) -> None:
    with served(tmp_path, PRODUCT, SLICE_ADMIN_KEY=ADMIN_KEY) as server:
        assert not [line for line in server.said if "slice_" in line or ADMIN_KEY in line]
        assert httpx.get(f"{server.url}/metrics", headers={"X-API-Key": ADMIN_KEY}, trust_env=False).status_code == 200
        code, _, rest = server.stop()
    assert is_clean_end(code)
    assert ADMIN_KEY not in rest


def test_a_stop_finishes_requests_ends_streams_and_writes_what_is_in_line(tmp_path: Path) -> None:
    with served(tmp_path, EXAMPLE, SLICE_ADMIN_KEY=ADMIN_KEY, SLICE_SHUTDOWN_SECONDS="60") as server:
        headers = {"X-API-Key": ADMIN_KEY}
        with (
            httpx.Client(base_url=server.url, headers=headers, timeout=END_SECONDS, trust_env=False) as client,
            client.stream("GET", "/api/probes/until-the-end") as request,
            client.stream("GET", "/api/echoes/stream") as stream,
        ):
            pieces, events = request.iter_text(), stream.iter_text()
            assert next(pieces) == "begun\n"
            assert next(events).startswith(": open")
            client.post("/api/echoes", json={"id": "1", "text": "last words"})
            server.process.send_signal(signal.SIGTERM)
            assert "".join(pieces) == "finished\n"
            assert "".join(events).strip() == ""
        code, out, rest = server.ended()
    assert is_clean_end(code)
    assert out == "written: ['last words']\n"
    lines = [json.loads(line) for line in rest.splitlines()]
    assert sorted(line["status"] for line in lines) == [200, 200, 202]
    assert {line["event"] for line in lines} == {"request"}


def test_a_start_that_cannot_be_is_told_in_words(tmp_path: Path) -> None:
    finished = subprocess.run(
        (sys.executable, *PRODUCT),
        cwd=tmp_path,
        env=environment(SLICE_RATE_LIMIT="often", SLICE_ADMIN_KEY="short"),
        capture_output=True,
        text=True,
        timeout=END_SECONDS,
        check=False,
    )
    assert finished.returncode == 1
    assert "SLICE_RATE_LIMIT" in finished.stderr
    assert "SLICE_ADMIN_KEY" in finished.stderr
    assert len(finished.stderr.splitlines()) == 3


def test_a_port_that_is_taken_is_told_without_a_traceback(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        finished = subprocess.run(
            (sys.executable, "-m", "slice_api", "--port", port),
            cwd=tmp_path,
            env=environment(SLICE_ADMIN_KEY=ADMIN_KEY),
            capture_output=True,
            text=True,
            timeout=END_SECONDS,
            check=False,
        )
    assert finished.returncode not in (0, -signal.SIGTERM)
    assert port in finished.stderr
    assert "Traceback" not in finished.stderr
