"""A real Chromium, and a real server for it to open; shared by the tests of a module.

Not by all tests: while Playwright is there, its event loop runs in this thread, and no other can.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.server import ROOT, Server, serving, tree_with_notes
from tests.support import ADMIN_KEY

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_KEPT_PATH = ROOT / ".tools/chromium-path"
_FLAGS = (
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str:
    """The browser's path: $CHROMIUM, what `make test` found, or one on PATH; fails with the line that installs it."""
    kept = _KEPT_PATH.read_text().strip() if _KEPT_PATH.exists() else ""
    named = [os.environ.get("CHROMIUM", ""), kept, *(shutil.which(name) or "" for name in _NAMES)]
    found = next((path for path in named if path and Path(path).exists()), None)
    if found is None:
        pytest.fail("There is no Chromium. Install one with `apt-get install chromium`, or set CHROMIUM to its path.")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    flags = [*_FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this tree with the slice that the README adds: what has no page of its own is shown by that."""
    with serving(root=tree_with_notes(tmp_path_factory.mktemp("tree"))) as server:
        yield server


@contextmanager
def without_complaints(page: Page) -> Iterator[Page]:
    """What a page says on its console as a warning or error fails the test."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.set_default_timeout(10_000)
    yield page
    page.close()
    # The browser itself reports answers such as 401 and 422; those are what some tests are about.
    assert [each for each in complaints if "Failed to load resource" not in each] == []


@pytest.fixture
def stranger(browser: Browser, server: Server) -> Iterator[Page]:
    """A page before signing in."""
    context = browser.new_context(base_url=server.url, viewport={"width": 1280, "height": 860})
    with without_complaints(context.new_page()) as page:
        yield page
    context.close()


@pytest.fixture
def page(stranger: Page) -> Page:
    """A page that is signed in with the admin key."""
    stranger.goto(f"/#key={ADMIN_KEY}")
    stranger.get_by_role("heading", name="Home", level=1).wait_for()
    return stranger
