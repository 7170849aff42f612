"""A real Chromium, shared by the tests of this folder, and a real server for it to open, shared by those of a module.

Not by all tests: while Playwright is there, its event loop runs in this thread, and no other can.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright

from tests.server import ROOT, Server, serving
from tests.support import ADMIN_KEY

PATIENCE_SECONDS = 20
"""Longer than a busy machine takes to show anything."""

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_VIEWPORT: ViewportSize = {"width": 1280, "height": 860}
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


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    flags = [*_FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of this tree."""
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def api(server: Server) -> Iterator[httpx.Client]:
    """What is asked of the server without a browser, with the admin key."""
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {ADMIN_KEY}"}) as client:
        yield client


@contextmanager
def without_complaints(page: Page) -> Iterator[Page]:
    """What a page says on its console as a warning or error fails the test."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.set_default_timeout(PATIENCE_SECONDS * 1000)
    yield page
    page.close()
    # The browser itself reports answers such as 401 and 422; those are what some tests are about.
    assert [each for each in complaints if "Failed to load resource" not in each] == []


def sign_in(page: Page) -> None:
    """Open the address that the server prints, with the admin key in it."""
    page.goto(f"/#key={ADMIN_KEY}")
    page.get_by_role("heading", name="Home", level=1).wait_for()


@pytest.fixture(scope="module")
def signed_in(browser: Browser, server: Server) -> Iterator[BrowserContext]:
    """Signed in once for all tests of a module; each has a page of its own."""
    context = browser.new_context(base_url=server.url, viewport=_VIEWPORT)
    page = context.new_page()
    sign_in(page)
    page.close()
    yield context
    context.close()


@pytest.fixture
def page(signed_in: BrowserContext) -> Iterator[Page]:
    """A page that is signed in, as those of the tests around it are."""
    with without_complaints(signed_in.new_page()) as page:
        yield page


@pytest.fixture
def stranger(browser: Browser, server: Server) -> Iterator[Page]:
    """A page before signing in, which shares nothing with any other."""
    context = browser.new_context(base_url=server.url, viewport=_VIEWPORT)
    with without_complaints(context.new_page()) as page:
        yield page
    context.close()


@pytest.fixture
def newcomer(stranger: Page) -> Page:
    """A page that has just signed in, for tests that would leave something in a shared one."""
    sign_in(stranger)
    return stranger
