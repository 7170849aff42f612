"""The lines by which Healthchecks' documentation pings, in the shell against a running server: `make test-clients`."""

import shutil
import subprocess
from pathlib import Path

import pytest

from .asking import Check, Place

RID = "123e4567-e89b-12d3-a456-426614174000"
CURL = "curl -fsS -m 10 --retry 5"
PATIENCE_SECONDS = 30
LARGE = 3_000_000
KEPT = 10_000


@pytest.fixture
def check(place: Place) -> Check:
    return place.make_check()


@pytest.fixture(autouse=True)
def _programs() -> None:
    for program in ("curl", "wget"):
        if shutil.which(program) is None:
            pytest.fail(f"{program} is not there. Type: sudo apt-get install {program}")


def shell(line: str, check: Check, folder: Path | None = None) -> str:
    """What a line says on its standard output; `URL` in it is where the check is pinged."""
    done = subprocess.run(
        ["/bin/sh", "-c", line.replace("URL", check.ping_url)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("line", "heard"),
    [
        (f"{CURL} URL", ("GET", "success")),
        (f"{CURL} -I URL", ("HEAD", "success")),
        (f"{CURL} URL/start", ("GET", "start")),
        (f"{CURL} URL/fail", ("GET", "fail")),
        (f"{CURL} URL/log", ("GET", "log")),
        (f'{CURL} -X POST --data "" URL', ("POST", "success")),
        ("wget URL -T 10 -t 5 -O -", ("GET", "success")),
        ("wget URL/start -T 10 -t 5 -O -", ("GET", "start")),
        ("wget URL/fail -T 10 -t 5 -O - --post-data=broken", ("POST", "fail")),
        ("wget URL -T 10 -t 5 -O - --method=HEAD", ("HEAD", "success")),
    ],
)
def test_a_line_pings(check: Check, line: str, heard: tuple[str, str]) -> None:
    said = shell(line, check)
    assert "200 OK" in said if "-I" in line else said in ("OK", "")
    assert check.heard() == [heard]


@pytest.mark.parametrize("line", [f"{CURL} -o /dev/null URL", "wget URL -T 10 -t 5 -O /dev/null"])
def test_a_line_of_a_crontab_says_nothing(check: Check, line: str) -> None:
    assert shell(line, check) == ""
    assert check.heard() == [("GET", "success")]


@pytest.mark.parametrize(("job", "status", "kind"), [("true", 0, "success"), ("(exit 7)", 7, "fail")])
def test_the_exit_status_of_a_job_is_told(check: Check, job: str, status: int, kind: str) -> None:
    shell(f"{job}; {CURL} URL/$?", check)
    assert [(ping["kind"], ping["exit_status"]) for ping in check.pings()] == [(kind, status)]


def test_the_output_of_a_job_is_told_with_its_exit_status(check: Check) -> None:
    shell(f'm=$(echo "3 files & Grüße"; exit 3); {CURL} --data-raw "$m" URL/$?', check)
    assert check.heard() == [("POST", "fail")]
    assert check.body() == "3 files & Grüße".encode()


def test_json_is_told_as_it_was_typed(check: Check) -> None:
    shell(f"""{CURL} --data '{{"files": 3}}' URL""", check)
    assert check.body() == b'{"files": 3}'


def test_a_run_is_told_by_its_id(check: Check) -> None:
    shell(f"{CURL} URL/start?rid={RID} && {CURL} URL?rid={RID}", check)
    start, end = check.pings()
    assert (start["rid"], end["rid"]) == (RID, RID)
    assert end["duration_seconds"] is not None


def test_a_check_is_made_by_its_first_ping(place: Place, check: Check) -> None:
    line = f'{CURL} "{place.url}/ping/{place.ping_key()}/made-by-curl?create=1"'
    assert (shell(line, check), shell(line, check)) == ("Created", "OK")
    [made] = place.admin.get("/api/heartbeats", params={"slug": "made-by-curl"}).json()["items"]
    assert (made["name"], made["n_pings"]) == ("made-by-curl", 2)


def test_a_large_file_is_taken_and_cut_and_the_connection_goes_on(check: Check, tmp_path: Path) -> None:
    content = bytes(range(256)) * (LARGE // 256)
    (tmp_path / "log").write_bytes(content)
    one = "-sS -w ' %{http_code} %{num_connects} ' URL"
    line = f"curl --data-binary @log {one} --next --data-binary @log {one} --next {one}"
    assert shell(line, check, tmp_path) == "OK 200 1 OK 200 0 OK 200 0 "
    assert check.heard() == [("POST", "success"), ("POST", "success"), ("GET", "success")]
    assert (check.body(1), check.body(2)) == (content[:KEPT], content[:KEPT])


@pytest.mark.parametrize(("path", "status"), [("/4711", 400), ("0", 404)])
def test_a_large_file_that_is_refused_does_not_spoil_the_next_ping(
    check: Check, tmp_path: Path, path: str, status: int
) -> None:
    (tmp_path / "log").write_bytes(b"x" * LARGE)
    numbers = "-w ' %{http_code} '"
    said = shell(f"curl -sS {numbers} --data-binary @log URL{path} --next -sS {numbers} URL", check, tmp_path)
    assert said.split()[-3:] == [str(status), "OK", "200"]
    assert check.heard() == [("GET", "success")]


def test_a_ping_that_is_refused_makes_the_line_fail(check: Check) -> None:
    said = shell(f"{CURL} URL?rid=junk; echo $?; wget -q URL?rid=junk -T 10 -t 1 -O /dev/null; echo $?", check)
    assert said.split() == ["22", "8"]
    assert check.pings() == []
