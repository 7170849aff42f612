"""The clients of Healthchecks on PyPI, unmodified, against a running server: `make test-clients`."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.server import ROOT

from .asking import Check, Place

PYTHON = ROOT / ".tools/clients/heartbeats/python/bin/python"
PROGRAMS = Path(__file__).parent / "programs"
PATIENCE_SECONDS = 60
GOOD_RUN = [("GET", "start"), ("POST", "success")]
BAD_RUN = [("GET", "start"), ("POST", "fail")]

of_both_kinds = pytest.mark.parametrize("kind", ["sync", "async"])


@pytest.fixture
def check(place: Place) -> Check:
    return place.make_check()


def run(program: str, *arguments: str) -> str:
    """What a program tells."""
    if not (PYTHON.parent.parent / "requirements.txt").exists():
        pytest.fail("The packages of the clients are not there. Type `make test-clients`.")
    done = subprocess.run(
        [str(PYTHON), str(PROGRAMS / program), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def test_the_decorator_tells_of_a_run_and_of_what_it_gave(check: Check) -> None:
    run("decorated.py", check.ping_url, "good")
    assert check.heard() == GOOD_RUN
    assert check.body() == b"files=3&greeting=Gr%C3%BC%C3%9Fe"


def test_the_decorator_tells_of_a_failure(check: Check) -> None:
    run("decorated.py", check.ping_url, "bad")
    assert check.heard() == [("GET", "start"), ("GET", "fail")]
    assert check.shown()["state"] == "down"


def test_the_decorator_makes_a_check_by_its_slug(place: Place) -> None:
    run("decorated.py", f"{place.url}/ping/{place.ping_key()}/decorated?create=1", "good")
    [made] = place.admin.get("/api/heartbeats", params={"slug": "decorated"}).json()["items"]
    assert (made["state"], made["n_pings"]) == ("up", 2)


def test_the_wrapper_tells_of_a_run(check: Check) -> None:
    run("wrapped.py", check.ping_url, "good")
    assert check.heard() == [("GET", "start"), ("GET", "success")] * 2


def test_the_wrapper_tells_of_a_failure_and_where_it_was(check: Check) -> None:
    run("wrapped.py", check.ping_url, "bad")
    assert check.heard() == BAD_RUN * 2
    assert b"RuntimeError: the disk is full" in check.body()


@pytest.mark.parametrize("end", ["", "/"])
@pytest.mark.parametrize(("how", "kind"), [("good", "success"), ("bad", "fail")])
def test_runchecked_tells_what_programs_said(check: Check, end: str, how: str, kind: str) -> None:
    run("checked.py", check.ping_url + end, how)
    assert check.heard() == [("POST", kind)]
    assert "3 files, Grüße" in check.body().decode()


@of_both_kinds
def test_the_trap_tells_of_a_run_and_what_it_logged(place: Place, check: Check, kind: str) -> None:
    run("trapped.py", kind, "good", place.url, check.id)
    assert check.heard() == [("POST", "start"), ("POST", "success")]
    assert check.body().decode() == "3 files\nGrüße"
    assert check.pings()[-1]["duration_seconds"] is not None


@of_both_kinds
def test_the_trap_tells_of_a_failure(place: Place, check: Check, kind: str) -> None:
    run("trapped.py", kind, "bad", place.url, check.id)
    assert check.heard() == [("POST", "start"), ("POST", "fail")]
    assert check.body().decode().startswith("3 files\nGrüße\nthe disk is full\n<traceback object")


@of_both_kinds
def test_healthchecks_io_pings(place: Place, check: Check, kind: str) -> None:
    named = place.make_check(name="Named", slug=f"named-{kind}")
    for _ in range(2):
        place.make_check(name="Shared", slug=f"shared-{kind}")
    told = json.loads(run("pinging.py", kind, place.url, place.ping_key(), check.id, f"named-{kind}", f"shared-{kind}"))
    good = {name: [True, "OK"] for name in ("start", "success", "fail", "exit", "good_exit")}
    errors = {
        "unknown": "CheckNotFoundError",
        "unknown_slug": "CheckNotFoundError",
        "shared_slug": "NonUniqueSlugError",
        "wrong_slug": "BadAPIRequestError",
    }
    assert told == good | errors
    assert check.heard() == [("POST", "start"), ("POST", "success"), ("POST", "fail")]
    assert named.heard() == [("POST", "fail"), ("POST", "success")]
    assert [ping["exit_status"] for ping in (*check.pings(), *named.pings())] == [None, None, 7, None, 0]
    assert check.body(2).decode() == "3 files, Grüße"
    assert named.body(1) == b"the disk is full"
