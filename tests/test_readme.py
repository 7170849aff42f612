"""What the README says, done word by word."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.postgres import shared_postgres
from tests.server import MYPY_CACHE, ROOT, Server, environment, readme_blocks, served, serving, tree_with_notes
from tests.support import (
    ADMIN_KEY,
    FrozenClock,
    chassis_of,
    client_of,
    has_slice,
    make_app,
    needs,
    running,
    slices_package,
)

README = (ROOT / "README.md").read_text()
BLOCKS = readme_blocks()
MORE = {name: text for (kind, name), text in BLOCKS.items() if kind == "more"}
FILES = {name: text for (kind, name), text in BLOCKS.items() if kind == "file" and not name.startswith("test_")}

PLACE = "postgresql://user:password@host/database"
PREPARING = (
    "export SLICE_ADMIN_KEY=",
    "pip install ",
    "npm install ",
    "npx openapi-typescript ",
    "openapi-python-client ",
)
"""What fetches tools, or makes clients with them as tests/clients does."""


def _bash(commands: str, folder: Path) -> str:
    """Run commands with our Python first on PATH; gives what they print."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", commands],
        cwd=folder,
        env=environment(PATH=path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _run(name: str, url: str, folder: Path) -> str:
    """Run a block of commands as a user would, against this server; gives what they print."""
    setup = f'export API={url} SLICE_ADMIN_KEY={ADMIN_KEY}\nauth="Authorization: Bearer $SLICE_ADMIN_KEY"\n'
    setup += 'json="Content-Type: application/json"\n'
    commands = re.sub(r"^export API=.*$", "", BLOCKS["test", name], flags=re.MULTILINE)
    return _bash(setup + commands.replace("curl -sS", "curl -sS --fail-with-body"), folder)


@pytest.fixture
def database() -> Iterator[str]:
    """The address of an empty database of PostgreSQL, for the one that the README names."""
    server = shared_postgres()
    url = server.create_database()
    yield url
    server.drop_database(url)


def _with(database: str, name: str) -> str:
    assert PLACE in BLOCKS["test", name]
    return BLOCKS["test", name].replace(PLACE, database)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One for all commands that a service is asked with: what one block leaves is nothing to the others."""
    with serving() as server:
        yield server


@needs("links")
@needs("search")
def test_the_link_commands_work(server: Server, tmp_path: Path) -> None:
    said = _run("links", server.url, tmp_path)
    assert httpx.get(f"{server.url}/py").status_code == 404
    assert "302 https://docs.python.org/3.11/" in said
    assert "303 https://example.org/" in said
    assert '"max_visits":100' in said
    assert (tmp_path / "py.svg").read_bytes().startswith(b"<")
    assert (tmp_path / "py.png").read_bytes().startswith(b"\x89PNG")


@needs("flags")
def test_the_flag_commands_work(server: Server, tmp_path: Path) -> None:
    said = _run("flags", server.url, tmp_path)
    assert '"reason":"TARGETING_MATCH","variant":"on","value":true' in said
    assert "The rule gives the variant 'on'." in said
    assert '"unchanged":1' in said


@needs("heartbeats")
def test_the_heartbeat_commands_work(server: Server, tmp_path: Path) -> None:
    said = _run("heartbeats", server.url, tmp_path)
    assert "02:30 CE" in said
    assert said.count("OK") >= 2
    assert "42 tables" in said
    assert '"name":"cleanup"' in said
    assert '"snoozed_until":"2099-01-31T06:00:00Z"' in said
    assert '"failures_before_alert":3' in said
    assert '"title":"Production"' in said


@needs("keys")
@needs("links")
def test_the_key_commands_work(server: Server, tmp_path: Path) -> None:
    assert '"key":"slice_' in _run("keys", server.url, tmp_path)


def test_the_storage_commands_work(tmp_path: Path, database: str) -> None:
    with served(tmp_path, SLICE_STORAGE_URL="sqlite:///data.db", SLICE_ADMIN_KEY=ADMIN_KEY):
        pass
    said = _bash(_with(database, "storage"), tmp_path)
    assert "Everything fits." in said
    assert "Every index column was made anew." in said
    assert re.search(r"^Copied \d+ rows from sqlite:///.* to postgresql://", said, re.MULTILINE)
    assert (tmp_path / "backup.db").exists()


def test_the_service_is_deployed_as_told(tmp_path: Path, database: str) -> None:
    *settings, start = _with(database, "deploy").strip().splitlines()
    given = dict(part.split("=", 1) for line in settings for part in line.removeprefix("export ").split())
    making = {name: value for name, value in environment().items() if not name.startswith("MAKE")}
    done = subprocess.run(
        [*shlex.split(start.replace("PORT=8000 WORKERS=4", "PORT=0 WORKERS=2")), "--dry-run"],
        cwd=ROOT,
        env=making,
        capture_output=True,
        text=True,
        check=True,
    )
    arguments = shlex.split(done.stdout.splitlines()[-1])
    assert arguments[:4] == ["exec", ".venv/bin/python", "-m", "slice_api"]
    with served(tmp_path, arguments[2:], root=ROOT, SLICE_ADMIN_KEY=ADMIN_KEY, **given) as server:
        assert server.said[0] == "Slice API is ready: https://s.example.org/"


@needs("platform")
def test_the_commands_of_an_operator_work(server: Server, tmp_path: Path) -> None:
    said = _run("operate", server.url, tmp_path)
    assert '{"status":"ok"}' in said
    assert "slice_requests" in said
    assert '"recent_seconds":' in said


def test_every_block_of_commands_is_known_to_a_test() -> None:
    """A new one is run by a test of its own, or has nothing but commands of make that are there."""
    run = {"links", "flags", "heartbeats", "keys", "storage", "deploy", "operate"}
    assert {name for kind, name in BLOCKS if kind == "test"} == run
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for block in re.findall(r"(?<!-->)\n```sh\n(.*?)```", README, re.DOTALL):
        for line in block.strip().splitlines():
            is_known = line.startswith(PREPARING) or re.match(r"make (\w+)", line)
            assert is_known, f"no test runs {line!r}"
    assert not re.findall(r"(?<!-->)\n```(?:python|ts)\n", README), "a program that no test runs"
    told = set(re.findall(r"^make (\w+)", README, re.MULTILINE))
    assert told
    assert told <= targets


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree_with_notes(tmp_path_factory.mktemp("tree"))


def _python(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "MYPY_CACHE_DIR": str(MYPY_CACHE)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=root, env=variables, capture_output=True, text=True, check=False)


def test_the_feature_is_four_files_of_sixty_lines() -> None:
    assert set(FILES) == {"__init__.py", "schemas.py", "handlers.py", "router.py"}
    assert sum(len(text.splitlines()) for text in FILES.values()) <= 60


def test_the_feature_passes_the_conformance_tests_and_its_own(tree: Path) -> None:
    chosen = ("-k", "notes and not sqlite and not postgresql and not generated", "-p", "no:cacheprovider")
    done = _python(tree, "-m", "pytest", "tests/conformance", "tests/slices/notes", *chosen)
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d+ passed", done.stdout)


@pytest.fixture(scope="module")
def full_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree with every optional file of the README in the feature."""
    return tree_with_notes(tmp_path_factory.mktemp("full"), "file", "more")


def test_all_its_files_pass_the_linters_and_the_checks_of_folders(full_tree: Path) -> None:
    assert set(MORE) == {"search.py", "settings.py", "jobs.py", "events.py", "health.py", "web/page.js"}
    for arguments in (
        ("ruff", "check", "slice_api/slices/notes", "tests/slices/notes"),
        ("ruff", "format", "--check", "slice_api/slices/notes", "tests/slices/notes"),
        ("mypy", "slice_api/slices/notes", "tests/slices/notes"),
        ("pytest", "tests/conformance/test_folders.py", "-k", "notes", "-p", "no:cacheprovider"),
    ):
        done = _python(full_tree, "-m", *arguments)
        assert done.returncode == 0, done.stdout


@needs("platform", "front")
def test_a_served_feature_is_found_configured_and_has_its_page(full_tree: Path) -> None:
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    with serving(root=full_tree) as server, httpx.Client(base_url=server.url, headers=headers) as client:
        made = client.post("/api/notes", json={"title": "Groceries", "text": "Milk"})
        rows = {row["name"]: row for row in client.get("/api").json()["items"]}
        if "search" in rows:
            [group] = client.get("/api/search?q=milk").json()["groups"]
            assert group["items"][0]["page_url"] == f"/app/notes/{made.json()['id']}"
        page = client.get(rows["notes"]["page_script"])
        assert page.text == MORE["web/page.js"]
        assert 'slice_healthy{part="notes"} 1.0' in _after_readiness(client)
    done = _python(full_tree, "-m", "slice_api", "env")
    assert "# Notes (notes)\n# For how many days a note is kept.\nSLICE_NOTES_KEEP_DAYS=365\n" in done.stdout


def _after_readiness(client: httpx.Client) -> str:
    """The figures once readiness was asked for."""
    assert client.get("/readyz").status_code == 200
    return client.get("/metrics").text


async def test_the_optional_files_do_what_is_said_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLICE_NOTES_KEEP_DAYS", "2")
    files = {name: _relative(text) for name, text in {**FILES, **MORE}.items() if name.endswith(".py")}
    clock = FrozenClock()
    with slices_package(tmp_path, {"notes": files}) as package:
        app = make_app(packages=("slice_api.slices", package), clock=clock)
        async with running(app), client_of(app) as client:
            await client.post("/api/notes", json={"title": "Old"})
            clock.advance(days=1, seconds=1)
            await client.post("/api/notes", json={"title": "New"})
            clock.advance(days=1)
            await chassis_of(app).jobs.run_due()
            assert [note["title"] for note in (await client.get("/api/notes")).json()["items"]] == ["New"]
            if has_slice("keys"):
                made = await client.post("/api/keys", json={"name": "laptop", "scopes": ["notes:read"]})
                await chassis_of(app).settle()
                titles = [note["title"] for note in (await client.get("/api/notes")).json()["items"]]
                assert titles == [f"Key {made.json()['id']} was made", "New"]


def _relative(text: str) -> str:
    """The same file for a package of another name."""
    return text.replace("from slice_api.slices.notes.", "from .")


def _assert_is_told_of(client: httpx.Client) -> None:
    [row] = [row for row in client.get("/api").json()["items"] if row["name"] == "notes"]
    assert row["page_url"] == "/app/notes"
    assert row["events"] == ["notes.created"]
    document = client.get("/openapi.json").json()
    assert document["paths"]["/api/notes"]["get"]["tags"] == ["notes"]
    assert 'slice="notes"' in client.get("/metrics").text


def test_the_feature_works(tree: Path) -> None:
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    with serving(root=tree) as server, httpx.Client(base_url=server.url, headers=headers) as client:
        made = client.post("/api/notes", json={"title": "Groceries", "text": "Milk"})
        assert made.status_code == 201
        assert client.get(made.headers["Location"]).json() == made.json()
        client.post("/api/notes", json={"title": "Later"})
        assert [note["title"] for note in client.get("/api/notes").json()["items"]] == ["Later", "Groceries"]
        if has_slice("platform"):
            _assert_is_told_of(client)
        assert client.delete(made.headers["Location"]).status_code == 204
        assert client.get(made.headers["Location"]).status_code == 404
        if has_slice("activity"):
            told = client.get("/api/activity?slice=notes").json()["items"]
            assert [event["type"] for event in told] == ["notes.created", "notes.created"]
