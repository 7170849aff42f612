"""A short link that asks for a password, in a real browser: its rules for forms reach past the form's own address."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.server import Server
from tests.support import ADMIN_KEY, needs

pytestmark = needs("links")


class _Target(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"<!doctype html><title>Target</title><h1>Arrived at {self.path}</h1>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    """Another site, at another port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Target) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{site.server_port}"
        site.shutdown()


def test_a_wrong_password_is_told_and_the_right_one_leads_to_another_site(
    stranger: Page, server: Server, target: str
) -> None:
    link = {"url": f"{target}/hall?a=0", "slug": "closed", "password": "open sesame", "is_query_forwarded": True}
    made = httpx.post(f"{server.url}/api/links", json=link, headers={"X-API-Key": ADMIN_KEY})
    assert made.status_code == 201
    stranger.goto("/closed?a=1")
    expect(stranger.get_by_label("Password")).to_be_focused()
    assert stranger.locator("body").evaluate("body => getComputedStyle(body).display") == "grid", "it has our look"
    stranger.keyboard.type("open sesam")
    stranger.keyboard.press("Enter")
    expect(stranger.get_by_role("alert")).to_have_text("This is not the password. Upper and lower case count.")
    expect(stranger.get_by_label("Password")).to_be_focused()
    expect(stranger.get_by_label("Password")).to_have_value("")
    stranger.keyboard.type("open sesame")
    stranger.get_by_role("button", name="Open").click()
    expect(stranger.get_by_role("heading", name="Arrived at /hall?a=1")).to_be_visible()
    assert stranger.url == f"{target}/hall?a=1"
