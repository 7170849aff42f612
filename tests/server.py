"""The real server, as `make run` starts it, for what only sockets can show."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from tests.support import ADMIN_KEY

ROOT = Path(__file__).parent.parent
_READY = re.compile(r"Slice API is ready: (http://\S+?)/?$", re.MULTILINE)


class Server(NamedTuple):
    """A running server."""

    process: subprocess.Popen[str]
    url: str
    said: list[str]
    """The lines on standard error, the ones from before the start included; it grows as they come."""


def _environment(settings: dict[str, str]) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SLICE_")}
    return {**clean, "PYTHONUNBUFFERED": "1", **{f"SLICE_{name.upper()}": value for name, value in settings.items()}}


def _read_on(process: subprocess.Popen[str], said: list[str]) -> None:
    assert process.stderr is not None
    said.extend(iter(process.stderr.readline, ""))


@contextmanager
def serving(*, root: Path = ROOT, **settings: str) -> Iterator[Server]:
    """A server of the tree at `root` on a free port, with an admin key unless told otherwise; ended afterwards."""
    environment = _environment({"admin_key": ADMIN_KEY, "rate_limit": "off", **settings})
    command = [sys.executable, "-m", "slice_api", "--port", "0"]
    with subprocess.Popen(command, cwd=root, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            said: list[str] = []
            assert process.stderr is not None
            for line in process.stderr:
                said.append(line)
                if found := _READY.search(line):
                    break
            else:
                raise AssertionError("the server did not start:\n" + "".join(said))
            Thread(target=_read_on, args=(process, said), daemon=True).start()
            yield Server(process, found[1], said)
        finally:
            process.terminate()
            process.wait(timeout=30)


_BLOCK = re.compile(r"<!-- (test|file): (\S+) -->\n```\w+\n(.*?)```", re.DOTALL)
_NOT_COPIED = shutil.ignore_patterns("__pycache__", ".git", ".venv", ".tools", ".*_cache", ".hypothesis", "*.db")


def readme_blocks() -> dict[tuple[str, str], str]:
    """The README's commands ("test") and files ("file"), by kind and name."""
    text = (ROOT / "README.md").read_text()
    return {(kind, name): block for kind, name, block in _BLOCK.findall(text)}


def tree_with_notes(folder: Path) -> Path:
    """A copy of the repository with the feature added as the README says: one folder, nothing else."""
    root = folder / "copy"
    shutil.copytree(ROOT, root, ignore=_NOT_COPIED)
    notes = root / "slice_api/slices/notes"
    notes.mkdir()
    for (kind, name), text in readme_blocks().items():
        if kind == "file":
            (notes / name).write_text(text)
    return root
