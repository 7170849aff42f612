"""The search of everything: from every page, with the keyboard alone, in every state."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.server import Server, serving, tree_with_notes
from tests.support import ADMIN_KEY, needs

pytestmark = needs("search")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this tree with the README's slice and all its optional files, and some notes in it."""
    tree = tree_with_notes(tmp_path_factory.mktemp("tree"), "file", "more")
    with serving(root=tree) as server:
        headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
        with httpx.Client(base_url=server.url, headers=headers) as client:
            for title in ("Milk", "Bread", *(f"Errand {at}" for at in range(7))):
                client.post("/api/notes", json={"title": title, "text": f"{title} from the market"})
        yield server


@pytest.fixture
def page(newcomer: Page) -> Page:
    return newcomer


def _open(page: Page) -> None:
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Search everything")).to_be_focused()


def _chosen(page: Page) -> str:
    """What Enter would go to."""
    return page.locator("[role=option][aria-selected=true] .option-title").inner_text()


def test_what_is_found_is_reached_with_the_keyboard_alone(page: Page) -> None:
    _open(page)
    page.keyboard.type("errand")
    expect(page.get_by_role("dialog").get_by_role("status")).to_have_text("5 results")
    group = page.get_by_role("group", name="Notes")
    expect(group.get_by_role("option")).to_have_count(6)
    titles = group.locator(".option-title").all_inner_texts()
    assert titles == [*(f"Errand {at}" for at in (6, 5, 4, 3, 2)), "More in Notes…"]
    assert _chosen(page) == "Errand 6"
    field = page.get_by_role("combobox")
    assert field.get_attribute("aria-activedescendant") == group.get_by_role("option").first.get_attribute("id")
    for key, chosen in (("ArrowDown", "Errand 5"), ("ArrowUp", "Errand 6"), ("ArrowUp", "More in Notes…")):
        page.keyboard.press(key)
        assert _chosen(page) == chosen
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Errand 6", level=1)).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_pages_are_found_too_and_stand_there_before_anything_is_typed(page: Page) -> None:
    _open(page)
    expect(page.get_by_role("group", name="Go to").get_by_role("option", name="Notes")).to_be_visible()
    page.keyboard.type("api docs")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/docs$"))


def test_it_opens_from_every_page_and_escape_closes_it(page: Page) -> None:
    for path in ("/", "/docs", "/app/notes", "/app/notes/new"):
        page.goto(path)
        button = page.get_by_role("button", name="Search")
        button.wait_for()
        button.focus()
        _open(page)
        page.keyboard.type("mil")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(button).to_be_focused()


def test_the_slash_searches_everything_where_the_page_has_no_search_of_its_own(page: Page) -> None:
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Search everything")).to_be_focused()
    assert page.get_by_role("combobox").input_value() == ""


@needs("links")
def test_the_slash_searches_the_list_where_there_is_one(page: Page) -> None:
    page.goto("/app/links")
    field = page.get_by_role("searchbox")
    field.wait_for()
    page.keyboard.press("/")
    expect(field).to_be_focused()
    _open(page)


def test_the_list_of_keys_names_both(page: Page) -> None:
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(keys.get_by_text("Search this page, or everything")).to_be_visible()
    expect(keys.get_by_text("Search everything", exact=True)).to_be_visible()


def test_nothing_found_is_told_with_where_it_was_looked_for(page: Page) -> None:
    _open(page)
    page.keyboard.type("no such thing")
    told = page.get_by_role("dialog").get_by_role("status")
    expect(told).to_have_text(re.compile("Nothing found for “no such thing” in .*Notes"))
    expect(page.get_by_role("listbox")).to_have_count(0)
    expect(page.get_by_role("combobox")).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()


def test_an_error_is_told_and_can_be_tried_again(page: Page) -> None:
    page.route(
        "**/api/search*", lambda route: route.fulfill(status=503, json={"title": "Not available", "status": 503})
    )
    _open(page)
    page.keyboard.type("milk")
    expect(page.get_by_role("alert")).to_contain_text("Not available")
    page.unroute("**/api/search*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("option", name="Milk")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_tool_that_fails_is_named_beside_what_the_others_found(page: Page) -> None:
    groups = [
        {"slice": "a", "title": "Slow ones", "items": [], "has_more": False, "failure": "timeout"},
        {"slice": "b", "title": "Broken ones", "items": [], "has_more": False, "failure": "error"},
        {
            "slice": "c",
            "title": "Good ones",
            "items": [{"title": "Good", "detail": "", "key": None, "page_url": None}],
            "has_more": False,
            "failure": None,
        },
    ]
    page.route("**/api/search*", lambda route: route.fulfill(json={"searched": [], "groups": groups}))
    _open(page)
    page.keyboard.type("x")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Slow ones took too long to answer.")).to_be_visible()
    expect(dialog.get_by_text("Broken ones could not be searched.")).to_be_visible()
    expect(dialog.get_by_role("option", name="Good")).to_be_visible()


def _hold(page: Page, *texts: str) -> list[Route]:
    """Ask for one text after the other, and let no answer through."""
    held: list[Route] = []
    page.route("**/api/search*", lambda route: held.append(route))
    _open(page)
    for text in texts:
        with page.expect_request(f"**/api/search?q={text}"):
            page.get_by_role("combobox").fill(text)
    while len(held) < len(texts):  # the request is told of before it is handed over
        page.evaluate("null")
    return held


def test_an_answer_that_comes_too_late_is_dropped(page: Page) -> None:
    milk, bread = _hold(page, "milk", "bread")
    bread.continue_()
    expect(page.get_by_role("option", name="Bread")).to_be_visible()
    group = {"slice": "x", "title": "Late ones", "items": [], "has_more": False, "failure": "error"}
    milk.fulfill(json={"searched": [], "groups": [group]})
    page.evaluate("fetch('/api').then((answer) => answer.text())")
    expect(page.get_by_role("option", name="Bread")).to_be_visible()
    expect(page.get_by_text("Late ones")).to_have_count(0)


def test_enter_waits_for_the_answer_to_what_was_typed(page: Page) -> None:
    [bread] = _hold(page, "bread")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    bread.continue_()
    expect(page.get_by_role("heading", name="Bread", level=1)).to_be_visible()


def test_nothing_is_loaded_for_it_before_it_is_opened(stranger: Page) -> None:
    asked: list[str] = []
    stranger.on("request", lambda request: asked.append(request.url))
    stranger.goto(f"/#key={ADMIN_KEY}")
    stranger.get_by_role("heading", name="Home", level=1).wait_for()
    assert not [url for url in asked if "search" in url]
    _open(stranger)
    stranger.get_by_role("option").first.wait_for()
    assert [url.rpartition("/")[2] for url in asked if "search" in url] == ["search.js"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_narrow_screen(browser: Browser, server: Server, scheme: str) -> None:
    context = browser.new_context(
        base_url=server.url,
        viewport={"width": 390, "height": 700},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    page.goto(f"/#key={ADMIN_KEY}")
    page.get_by_role("navigation", name="Quick navigation").get_by_role("button", name="Search").click()
    page.get_by_role("combobox").fill("market")
    page.get_by_role("option", name="Errand 6").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("dialog").evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("combobox")).to_be_in_viewport()
    expect(page.get_by_role("option", name="More in Notes")).to_be_in_viewport()
    context.close()


def test_a_slice_brings_a_page_of_its_own_in_its_folder(page: Page) -> None:
    page.goto("/app/notes")
    expect(page.locator("table.data strong").get_by_text("Milk", exact=True)).to_be_visible()
    headings = page.get_by_role("columnheader").all_inner_texts()
    assert headings[0].strip() == "Title"
