"""What the README says, done word by word."""

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.server import ROOT, readme_blocks, serving, tree_with_notes
from tests.support import ADMIN_KEY, has_slice

README = (ROOT / "README.md").read_text()
BLOCKS = readme_blocks()
FILES = {name: text for (kind, name), text in BLOCKS.items() if kind == "file"}

needs_links = pytest.mark.skipif(not has_slice("links"), reason="the links folder was removed")
needs_keys = pytest.mark.skipif(not has_slice("keys"), reason="the keys folder was removed")


def _run(name: str, url: str, folder: Path) -> str:
    """Run a block of commands as a user would, against this server; gives what they print."""
    setup = f'export API={url} SLICE_ADMIN_KEY={ADMIN_KEY}\nauth="Authorization: Bearer $SLICE_ADMIN_KEY"\n'
    setup += 'json="Content-Type: application/json"\n'
    commands = re.sub(r"^export API=.*$", "", BLOCKS["test", name], flags=re.MULTILINE)
    done = subprocess.run(
        ["bash", "-euc", setup + commands.replace("curl -sS", "curl -sS --fail-with-body")],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_links
def test_the_link_commands_work(tmp_path: Path) -> None:
    with serving() as server:
        said = _run("links", server.url, tmp_path)
        assert httpx.get(f"{server.url}/py").status_code == 404
    assert "302 https://docs.python.org/3.11/" in said
    assert '"max_visits":100' in said
    assert (tmp_path / "py.svg").read_bytes().startswith(b"<")
    assert (tmp_path / "py.png").read_bytes().startswith(b"\x89PNG")


@needs_keys
@needs_links
def test_the_key_commands_work(tmp_path: Path) -> None:
    with serving() as server:
        assert '"key":"slice_' in _run("keys", server.url, tmp_path)


def test_every_make_target_exists() -> None:
    told = set(re.findall(r"^make (\w+)", README, re.MULTILINE))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert told
    assert told <= targets


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree_with_notes(tmp_path_factory.mktemp("tree"))


def _python(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=root, capture_output=True, text=True, check=False)


def test_the_feature_is_four_files_of_sixty_lines() -> None:
    assert set(FILES) == {"__init__.py", "schemas.py", "handlers.py", "router.py"}
    assert sum(len(text.splitlines()) for text in FILES.values()) <= 60


def test_the_feature_passes_the_linters(tree: Path) -> None:
    for arguments in (("ruff", "check"), ("ruff", "format", "--check")):
        done = _python(tree, "-m", *arguments, "slice_api/slices/notes")
        assert done.returncode == 0, done.stdout
    done = _python(tree, "-m", "mypy", "slice_api/slices/notes")
    assert done.returncode == 0, done.stdout


def test_the_feature_passes_the_conformance_tests(tree: Path) -> None:
    done = _python(tree, "-m", "pytest", "tests/conformance", "-k", "notes", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d+ passed", done.stdout)


def test_the_feature_works(tree: Path) -> None:
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    with serving(root=tree) as server, httpx.Client(base_url=server.url, headers=headers) as client:
        made = client.post("/api/notes", json={"title": "Groceries", "text": "Milk"})
        assert made.status_code == 201
        assert client.get(made.headers["Location"]).json() == made.json()
        client.post("/api/notes", json={"title": "Later"})
        assert [note["title"] for note in client.get("/api/notes").json()["items"]] == ["Later", "Groceries"]
        rows = {row["name"]: row for row in client.get("/api").json()["items"]}
        assert rows["notes"]["page_url"] == "/app/notes"
        assert rows["notes"]["events"] == ["notes.created"]
        document = client.get("/openapi.json").json()
        assert document["paths"]["/api/notes"]["get"]["tags"] == ["notes"]
        assert 'slice="notes"' in client.get("/metrics").text
        assert client.delete(made.headers["Location"]).status_code == 204
        assert client.get(made.headers["Location"]).status_code == 404
        if "activity" in rows:
            told = client.get("/api/activity?slice=notes").json()["items"]
            assert [event["type"] for event in told] == ["notes.created", "notes.created"]
