"""The clients of Healthchecks on PyPI, unmodified, against a running server: `make test-clients`."""

import json
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import httpx
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


class Managed(NamedTuple):
    """What a client was asked as, and what it told."""

    version: int
    tag: str
    told: dict[str, Any]


@pytest.fixture(scope="module", params=[(kind, version) for kind in ("sync", "async") for version in (1, 2, 3)])
def managed(place: Place, request: pytest.FixtureRequest) -> Managed:
    """What healthchecks-io tells that keeps two checks with a tag of their own, and deletes the first."""
    kind, version = request.param
    tag = f"{kind}-v{version}"
    keys = place.make_key("heartbeats:read", "heartbeats:write"), place.make_key("heartbeats:read")
    return Managed(version, tag, json.loads(run("managing.py", kind, str(version), place.url, *keys, tag)))


def test_healthchecks_io_makes_and_changes_checks(place: Place, managed: Managed) -> None:
    version, tag, told = managed
    simple, cron, updated = told["simple"], told["cron"], told["updated"]
    assert (simple["timeout"], simple["grace"], simple["desc"], simple["status"]) == (3600, 600, "Grüße", "new")
    assert simple["slug"] == ("" if version == 3 else f"nightly-{tag}")
    assert simple["ping_url"] == f"{place.url}/ping/{simple['uuid']}"
    assert (told["upserted"]["uuid"], told["upserted"]["timeout"]) == (simple["uuid"], 7200)
    assert (updated["name"], updated["grace"], updated["methods"]) == (f"Renamed {tag}", 900, "POST")
    assert (updated["timeout"], updated["tags"]) == (7200, f"{tag} db")
    kept = place.check(cron["uuid"]).shown()
    assert kept["schedule"] == {"cron": "30 2 * * 1", "timezone": "Europe/Vienna"}
    assert (cron["manual_resume"], kept["is_manual_resume"]) == (True, True)


def test_healthchecks_io_finds_checks(managed: Managed) -> None:
    told = managed.told
    ids = {told["simple"]["uuid"], told["cron"]["uuid"]}
    assert told["one"] == told["updated"]
    assert ids <= {check["uuid"] for check in told["all"]}
    assert {check["uuid"] for check in told["tagged"]} == ids
    assert [check["uuid"] for check in told["twice_tagged"]] == [told["simple"]["uuid"]]


def test_healthchecks_io_follows_a_check_to_its_end(managed: Managed) -> None:
    told, pings = managed.told, managed.told["pings"]
    assert told["states"] == ["started" if managed.version == 1 else "new", "up", "down", "paused", "up"]
    assert [ping["type"] for ping in pings] == ["success", "fail", "success", "start"]
    assert [ping["number_of_pings"] for ping in pings] == [4, 3, 2, 1]
    assert {(ping["method"], ping["scheme"], ping["remote_addr"]) for ping in pings} == {("POST", "http", "127.0.0.1")}
    assert [ping["duration"] is not None for ping in pings] == [False, False, True, False]
    assert all(ping["user_agent"].startswith("py-healthchecks.io") for ping in pings)
    assert (told["deleted"]["uuid"], told["gone"]) == (told["simple"]["uuid"], "CheckNotFoundError")


def test_healthchecks_io_is_given_badges_and_integrations(managed: Managed) -> None:
    badges = managed.told["badges"]
    assert isinstance(managed.told["integrations"], list)
    assert {managed.tag, "db", "*"} <= badges.keys()
    for badge in (badges[managed.tag], badges["*"]):
        for name in ("svg", "svg3", "json_url", "json3_url", "shields", "shields3"):
            assert httpx.get(badge[name]).status_code == 200, badge[name]
    assert "<svg" in httpx.get(badges[managed.tag]["svg"]).text
    assert httpx.get(badges[managed.tag]["json_url"]).json()["total"] == 1


def test_healthchecks_io_only_reads_with_a_key_for_that(managed: Managed) -> None:
    told = managed.told
    assert told["read"] == told["read_again"]
    assert (told["read"]["name"], told["read"]["uuid"], told["read"]["ping_url"]) == (told["cron"]["name"], None, None)
    assert told["cannot_write"] == "HCAPIAuthError"


def test_healthchecks_io_names_errors(managed: Managed) -> None:
    told = managed.told
    assert (told["wrong_key"], told["wrong_value"]) == ("HCAPIAuthError", "BadAPIRequestError")
    assert told["unknown"] == told["unknown_paused"] == "CheckNotFoundError"
