"""What people do on the pages, done with a real browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.server import Server, serving, tree_with_notes
from tests.support import ADMIN_KEY, has_slice, needs

HAS_LINKS = has_slice("links")
HAS_ACTIVITY = has_slice("activity")
HAS_CARDS = has_slice("slices")

_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
_PATHS = (
    *("/", "/docs", "/app/notes", "/app/notes/new"),
    *(["/app/events", "/app/events/notes.created"] if has_slice("events") else []),
    *(["/slices#notes"] if HAS_CARDS else []),
    *(["/app/links", "/app/links/shown"] if HAS_LINKS else []),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this tree with the slice that the README adds: what has no page of its own is shown by that."""
    with serving(root=tree_with_notes(tmp_path_factory.mktemp("tree"))) as server:
        yield server


@pytest.fixture
def page(newcomer: Page) -> Page:
    return newcomer


def _delete(page: Page) -> None:
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("alertdialog").get_by_role("button", name=re.compile("Delete")).click()


def test_a_wrong_key_is_told_and_the_right_one_signs_in(stranger: Page) -> None:
    stranger.goto("/app/notes")
    stranger.get_by_label("API key").fill("not-the-key-of-this-service")
    stranger.get_by_role("button", name="Sign in").click()
    expect(stranger.get_by_text(re.compile("not known"))).to_be_visible()
    stranger.get_by_label("API key").fill(ADMIN_KEY)
    stranger.get_by_role("button", name="Sign in").click()
    expect(stranger.get_by_role("heading", name="Notes", level=1)).to_be_visible()
    assert stranger.url.endswith("/app/notes")


def test_the_printed_address_signs_in_and_hides_the_key(page: Page) -> None:
    assert "key" not in page.url
    cookies = page.context.cookies()
    assert [(each["name"], each["httpOnly"], each["sameSite"]) for each in cookies] == [
        ("slice_session", True, "Strict")
    ]


def test_signing_out_ends_the_session(page: Page) -> None:
    page.get_by_role("button", name="Sign out").first.click()
    expect(page.get_by_label("API key")).to_be_visible()
    assert page.context.cookies() == []


@needs("links")
def test_a_link_is_made_shown_with_its_qr_code_visited_and_deleted(page: Page, server: Server) -> None:
    page.goto("/app/links")
    page.get_by_label("URL").first.fill("https://docs.python.org/3.11/library/")
    page.get_by_text("Slug, password, rules").click()
    page.get_by_label("Slug").fill("journey")
    page.get_by_role("button", name="Shorten").click()
    page.get_by_role("link", name="QR code and details").click()
    picture = page.get_by_role("img", name=re.compile("QR code of"))
    expect(picture).to_be_visible()
    expect(picture).not_to_have_js_property("naturalWidth", 0)
    expect(page.locator("dd", has_text=re.compile(r"^0$")).first).to_be_visible()
    visit = httpx.get(f"{server.url}/journey", headers={"User-Agent": _AGENT})
    assert visit.headers["Location"] == "https://docs.python.org/3.11/library/"
    if not HAS_ACTIVITY:
        page.wait_for_timeout(500)  # without the feed a page shows what there was when it was opened
        page.reload()
    expect(page.locator("dd", has_text=re.compile(r"^1$")).first).to_be_visible()
    _delete(page)
    expect(page.get_by_role("heading", name="Short links", level=1)).to_be_visible()
    assert httpx.get(f"{server.url}/journey").status_code == 404


@needs("links")
def test_what_is_wrong_with_a_form_stands_at_its_field(page: Page) -> None:
    page.goto("/app/links")
    page.get_by_label("URL").first.fill("javascript:alert(1)")
    page.get_by_role("button", name="Shorten").click()
    field = page.get_by_label("URL").first
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()


def test_a_slice_without_a_page_of_its_own_is_served_by_the_general_one(page: Page) -> None:
    page.goto("/app/notes")
    page.get_by_role("link", name=re.compile("New")).first.click()
    page.get_by_label("Title").fill("Groceries")
    page.get_by_label("Text").fill("Milk\nBread")
    page.get_by_role("button", name=re.compile("Create|Save|Make")).click()
    expect(page.get_by_role("heading", name="Groceries", level=1)).to_be_visible()
    page.goto("/app/notes")
    page.get_by_role("link", name="Groceries").click()
    _delete(page)
    expect(page.get_by_role("heading", name="Notes", level=1)).to_be_visible()
    expect(page.get_by_role("link", name="Groceries")).to_have_count(0)


@needs("slices")
def test_the_report_cards_unfold_and_name_what_is_missing(page: Page, server: Server) -> None:
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Slices").click()
    expect(page.get_by_role("heading", name="Slices", level=1)).to_be_visible()
    row = page.get_by_role("row").filter(has=page.get_by_role("button", name="Notes notes"))
    expect(row).to_contain_text("loaded")
    expect(row).to_contain_text("7 of 7")
    button = row.get_by_role("button")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_text("/api/notes/{id}", exact=True).first).to_be_visible()
    expect(page.get_by_text("notes:read", exact=True)).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text("notes:read", exact=True)).to_be_hidden()
    page.goto("/slices#notes")
    page.reload()
    expect(page.get_by_text("notes:read", exact=True)).to_be_visible()


@needs("slices")
def test_a_mark_that_is_missed_shows_with_its_cure(page: Page) -> None:
    def miss(route: Route) -> None:
        body = route.fetch().json()
        for card in body["items"]:
            card["marks"][0] |= {
                "state": "failed",
                "misses": [{"where": "router.py:7", "what": "GET / has no summary", "cure": "give it a docstring"}],
            }
        route.fulfill(json=body)

    page.route("**/api/slices?*", miss)
    page.goto("/slices#notes")
    expect(page.get_by_role("row").filter(has_text="6 of 7").first).to_be_visible()
    expect(page.get_by_text("router.py:7")).to_be_visible()
    expect(page.get_by_text("Cure: give it a docstring")).to_be_visible()
    expect(page.get_by_text(re.compile("marks missed"))).to_be_visible()


def test_the_docs_open_without_signing_in(stranger: Page) -> None:
    stranger.goto("/docs")
    expect(stranger.get_by_text("/api/notes", exact=True).first).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_nothing_scrolls_sideways(browser: Browser, server: Server, tmp_path: Path, width: int, scheme: str) -> None:
    """And every page can be drawn; the pictures stay in the folder of the test run."""
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {ADMIN_KEY}"}) as client:
        client.post("/api/notes", json={"title": "A note with a title that is rather long " * 4, "text": "x" * 400})
        client.post("/api/links", json={"url": f"https://example.org/{'long/' * 60}", "slug": "shown"})
    context = browser.new_context(
        base_url=server.url,
        viewport={"width": width, "height": 860},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    page.goto(f"/#key={ADMIN_KEY}")
    page.get_by_role("heading", name="Home", level=1).wait_for()
    for path in _PATHS:
        page.goto(path)
        page.get_by_role("heading", level=1).first.wait_for()
        page.screenshot(path=tmp_path / f"{path.strip('/').replace('/', '-') or 'home'}.png")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    context.close()


@needs("events")
def test_an_event_is_found_and_its_example_copied(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/app/events")
    row = page.get_by_role("row").filter(has_text="notes.created")
    expect(row).to_contain_text("A note was kept.")
    row.get_by_role("link").click()
    expect(page.get_by_role("region", name="Data schema")).to_contain_text('"$ref": "#/$defs/Note"')
    page.get_by_role("button", name="Copy Example").click()
    expect(page.get_by_text("Copied")).to_be_attached()
    assert '"type": "notes.created"' in page.evaluate("navigator.clipboard.readText()")
