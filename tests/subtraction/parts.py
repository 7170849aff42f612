"""What is tried without a slice, in a copy of the tree that its folder is missing from.

Not the whole suite for each slice: its linters and its start, the conformance tests in memory, and every test file that
speaks of the slice or of one of its root paths, since nothing else can miss it.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from slice_api.chassis.discovery import Slice
from tests.server import MYPY_CACHE, ROOT, copied_tree, environment, serving

_CONFORMANCE = (
    "tests/conformance/test_access.py",
    "tests/conformance/test_answers.py",
    "tests/conformance/test_document.py",
    "tests/conformance/test_folders.py",
    "tests/conformance/test_idempotency.py",
    "tests/conformance/test_lists.py",
    "tests/conformance/test_objects.py",
    "tests/conformance/test_requests.py",
)
_LEFT_OUT = (
    "tests/conformance",
    "tests/browser",
    "tests/clients",
    "tests/load",
    "tests/subtraction",
    "tests/scaffold/test_made.py",
    "tests/chassis/test_engine_away.py",
    "tests/chassis/test_workers.py",
)
"""Chosen above, of the whole page, or of databases and trees of their own."""
_IN_MEMORY = "not sqlite and not postgresql and not feature_passes"
"""Databases, and linters in a tree of their own, see no difference."""


class Failure(NamedTuple):
    """What broke when a slice was taken away."""

    gone: str
    what: str
    said: str


def tree_without(gone: str, folder: Path) -> Path:
    """A copy of the repository without the slice's folder; its tests stay, and are passed over."""
    root = copied_tree(folder)
    if MYPY_CACHE.is_dir():  # a copy: what is found without the slice is of no use to anybody else
        shutil.copytree(MYPY_CACHE, root / MYPY_CACHE.name)
    shutil.rmtree(root / "slice_api/slices" / gone)
    return root


def _run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, *arguments)
    return subprocess.run(command, cwd=root, env=environment(root), capture_output=True, text=True, check=False)


def speaks_of(text: str, part: Slice) -> bool:
    """Whether a test file names the slice (in a path, a scope, a topic, an import) or one of its root paths."""
    fixed = {path.partition("{")[0] for path in part.root_paths} - {"/"}
    patterns = [re.escape(path) + ("" if path.endswith("/") else r"(?![\w/])") for path in fixed]
    return any(re.search(pattern, text) for pattern in (rf"""["'/.]{part.name}["'/.:?]""", *patterns))


def files_for(part: Slice) -> list[str]:
    """The test files that may miss the slice."""
    own = f"tests/slices/{part.name}"
    files = (path.relative_to(ROOT) for path in sorted((ROOT / "tests").rglob("test_*.py")))
    others = [file for file in files if not any(file.is_relative_to(folder) for folder in (*_LEFT_OUT, own))]
    return [*_CONFORMANCE, *(str(file) for file in others if speaks_of((ROOT / file).read_text(), part))]


def _lint(gone: str, root: Path) -> Iterator[Failure]:
    lint_imports = str(Path(sys.executable).parent / "lint-imports")
    steps: Sequence[tuple[str, ...]] = (
        ("-m", "ruff", "check"),
        (lint_imports, "--no-logo"),
        ("-m", "mypy", "--exclude", f"^tests/slices/{gone}/"),
    )
    for arguments in steps:
        done = _run(root, *arguments)
        if done.returncode:
            yield Failure(gone, " ".join(arguments[:3]), done.stdout + done.stderr)


def _start(gone: str, root: Path) -> Iterator[Failure]:
    try:
        with serving(root=root) as server:
            server.stop()
    except AssertionError as error:
        yield Failure(gone, "the start", str(error))


def failures_of(gone: str, done: subprocess.CompletedProcess[str]) -> Iterator[Failure]:
    """A failure for each test that pytest tells of, and one with all it said."""
    if done.returncode == 0:
        return
    for test in re.findall(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", done.stdout, re.MULTILINE):
        yield Failure(gone, test, "")
    yield Failure(gone, "the tests, in full", done.stdout + done.stderr)


def _test(part: Slice, root: Path) -> Iterator[Failure]:
    done = _run(root, "-m", "pytest", "-p", "no:cacheprovider", "-rfE", "-k", _IN_MEMORY, *files_for(part))
    yield from failures_of(part.name, done)


def failures_without(part: Slice, folder: Path) -> list[Failure]:
    """Everything that breaks without the slice."""
    root = tree_without(part.name, folder)
    return [*_lint(part.name, root), *_start(part.name, root), *_test(part, root)]
