"""The real server, as `make run` starts it, for what only sockets can show."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from tests.support import ADMIN_KEY

ROOT = Path(__file__).parent.parent
PRODUCT = ("-m", "slice_api", "--port", "0")
END_SECONDS = 30
"""Longer than any machine takes; only a server that hangs comes here."""


class Server:
    """A running server, what it said before it was ready, and where it is."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []
        self.url = ""
        self._rest: list[str] = []
        self._read_until_ready()
        # Read on: a pipe that nobody empties would bring the server to a halt.
        self._reader = Thread(target=self._read_on, daemon=True)
        self._reader.start()

    def _read_until_ready(self) -> None:
        for line in self.process.stderr or ():
            self.said.append(line.rstrip("\n"))
            if line.startswith("Slice API is ready: "):
                self.url = line.split()[-1].rstrip("/")
            if line.startswith(("Sign in with", "Open the page")):
                return
        raise AssertionError("the server did not start:\n" + "\n".join(self.said))

    def _read_on(self) -> None:
        self._rest.extend(self.process.stderr or ())

    def heard(self) -> str:
        """What it has said since it was ready, so far."""
        return "".join(self._rest)

    def close(self) -> None:
        """End it now; its output is read to the end before it is closed, which a reader would not survive."""
        self.process.kill()
        self._reader.join(END_SECONDS)

    def stop(self) -> tuple[int, str, str]:
        """Ask it to stop; gives its exit code and the rest of what it said on its two outputs."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> tuple[int, str, str]:
        """Wait for its end; gives the same as `stop`."""
        out = self.process.stdout.read() if self.process.stdout else ""
        code = self.process.wait(END_SECONDS)
        self._reader.join(END_SECONDS)
        return code, out, self.heard()


def environment(root: Path = ROOT, **variables: str) -> dict[str, str]:
    """This machine's environment without any setting of ours, and with the tree at `root` to import from."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SLICE_")}
    return {**kept, "PYTHONPATH": str(root), **variables}


@contextmanager
def served(
    folder: Path, arguments: Sequence[str] = PRODUCT, *, root: Path = ROOT, **variables: str
) -> Iterator[Server]:
    """A server started in a folder of its own, so that no .env is read; ended afterwards."""
    process = subprocess.Popen(
        (sys.executable, *arguments),
        cwd=folder,
        env=environment(root, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            with closing(Server(process)) as server:
                yield server
        finally:
            process.kill()


@contextmanager
def serving(*, root: Path = ROOT) -> Iterator[Server]:
    """The server of the tree at `root` with the tests' admin key and no rate limit."""
    with (
        TemporaryDirectory() as folder,
        served(Path(folder), root=root, SLICE_ADMIN_KEY=ADMIN_KEY, SLICE_RATE_LIMIT="off") as server,
    ):
        yield server


_BLOCK = re.compile(r"<!-- (test|file|more|client): (\S+) -->\n```\w+\n(.*?)```", re.DOTALL)
MYPY_CACHE = ROOT / ".mypy_cache"
"""What mypy knows of this tree; it finds it again in a copy, by paths within the tree and times of files."""
_NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".tools", ".*_cache", ".hypothesis", "*.db", "*.pyc.*")


def readme_blocks() -> dict[tuple[str, str], str]:
    """What the README has to run, by kind and name: commands, files of a slice (some optional: more), programs."""
    text = (ROOT / "README.md").read_text()
    return {(kind, name): block for kind, name, block in _BLOCK.findall(text)}


def copied_tree(folder: Path) -> Path:
    """A copy of the repository, without what make has made; but with what was compiled, which takes long to do again.

    What is being compiled by other processes is left to them.
    """
    root = folder / "copy"
    shutil.copytree(ROOT, root, ignore=_NOT_COPIED)
    return root


def tree_with_notes(folder: Path, *kinds: str) -> Path:
    """A copy of the repository with the feature added as the README says: one folder and its tests, nothing else.

    `kinds` are the blocks that it is made of: "file" alone unless others are named.
    """
    root = copied_tree(folder)
    notes, tests = root / "slice_api/slices/notes", root / "tests/slices/notes"
    for (kind, name), text in readme_blocks().items():
        if kind in (kinds or ("file",)):
            place = (tests if name.startswith("test_") else notes) / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
    return root
