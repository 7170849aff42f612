"""What people do with short links on their page, with a real browser and a real server."""

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.server import Server
from tests.support import ADMIN_KEY, needs

pytestmark = needs("links")

_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
_STATS = re.compile(r"/api/links/[^/]+/stats\?")
_MOST_TABS = 60


def _made(api: httpx.Client, **fields: Any) -> str:
    """A new link of a slug that no other test has."""
    link = api.post("/api/links", json={"url": "https://example.org/target", **fields})
    assert link.status_code == 201, link.text
    return str(link.json()["slug"])


def _visit(server: Server, slug: str, count: int = 1, *, agent: str = _AGENT, language: str = "de-AT") -> None:
    headers = {"User-Agent": agent, "Accept-Language": language, "Referer": "https://news.example.com/today"}
    for _ in range(count):
        httpx.get(f"{server.url}/{slug}", headers=headers)


def _chart(page: Page) -> Locator:
    return page.get_by_role("group", name=re.compile("^Visits: "))


def _tab_to(page: Page, target: Locator) -> None:
    """Press Tab until it has the focus."""
    for _ in range(_MOST_TABS):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {target}")


def _open_fields(page: Page) -> None:
    page.goto("/app/links")
    page.get_by_text("Slug, password, rules").click()


# ---- making and changing ---------------------------------------------------


def test_a_link_is_made_with_a_rule_and_a_password_and_shows_both(page: Page, api: httpx.Client) -> None:
    _open_fields(page)
    page.get_by_label("URL").first.fill("https://example.org/all")
    page.get_by_label("Slug").fill("ruled")
    page.get_by_label("Password", exact=True).fill("open sesame")
    page.get_by_role("button", name="Add a rule").click()
    rule = page.get_by_role("group", name="Rule 1 of 1")
    rule.get_by_role("button", name="Add a condition").click()
    rule.get_by_role("button", name="Device", exact=True).click()
    rule.get_by_label("Device", exact=True).select_option("ios")
    rule.get_by_label("Leads to").fill("https://example.org/app")
    expect(rule).to_contain_text("On an iPhone or iPad: to example.org/app")
    page.get_by_role("button", name="Shorten").click()
    row = page.get_by_role("row").filter(has_text="ruled")
    expect(row).to_contain_text("Asks for a password")
    expect(row).to_contain_text("Has 1 redirect rule")
    kept = api.get("/api/links/ruled").json()
    assert kept["has_password"]
    assert [(rule["when"]["device"], rule["url"]) for rule in kept["rules"]] == [("ios", "https://example.org/app")]
    page.get_by_role("link", name="QR code and details").click()
    expect(page.locator("dd", has_text="On an iPhone or iPad: to")).to_contain_text("Everybody else")
    expect(page.locator("dd", has_text="Visitors are asked for it")).to_be_visible()


def test_rules_are_made_ordered_and_removed_with_the_keyboard_alone(page: Page, api: httpx.Client) -> None:
    page.goto("/app/links")
    page.get_by_label("URL").first.wait_for()
    page.keyboard.press("n")
    page.keyboard.type("https://example.org/all")
    _tab_to(page, page.get_by_text("Slug, password, rules"))
    page.keyboard.press("Enter")
    _tab_to(page, page.get_by_label("Slug"))
    page.keyboard.type("by-keys")
    _tab_to(page, page.get_by_role("button", name="Add a rule"))
    page.keyboard.press("Enter")
    first = page.get_by_role("group", name="Rule 1")
    expect(first.get_by_role("button", name="Add a condition")).to_be_focused()
    for key in ("Enter", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(first.get_by_label("Language", exact=True)).to_be_focused()
    page.keyboard.type("de")
    _tab_to(page, first.get_by_label("Leads to"))
    page.keyboard.type("https://example.org/de")
    _tab_to(page, page.get_by_role("button", name="Add a rule"))
    page.keyboard.press("Enter")
    second = page.get_by_role("group", name="Rule 2")
    for key in ("Enter", "ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    page.keyboard.type("from")
    page.keyboard.press("Tab")
    page.keyboard.type("flyer")
    _tab_to(page, second.get_by_label("Leads to"))
    page.keyboard.type("https://example.org/flyer")
    up = second.get_by_role("button", name="Move up rule 2")
    up.focus()
    page.keyboard.press("Enter")
    expect(first).to_contain_text("When from is flyer: to example.org/flyer")
    expect(first.get_by_role("button", name="Move down rule 1")).to_be_focused()
    page.get_by_role("group", name="Rule 2").get_by_role("button", name="Remove rule 2").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="Rule 2")).to_have_count(0)
    page.get_by_label("URL").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("row").filter(has_text="by-keys").wait_for()
    [rule] = api.get("/api/links/by-keys").json()["rules"]
    assert (rule["when"]["query"], rule["url"]) == ({"from": "flyer"}, "https://example.org/flyer")


def test_what_is_wrong_with_a_rule_stands_at_that_rule(page: Page, api: httpx.Client) -> None:
    good = {"when": {"device": "ios"}, "url": "https://example.org/app"}
    bad = {"when": {"language": "de"}, "url": "https://example.org/de"}
    slug = _made(api, rules=[good, bad])
    page.goto(f"/app/links/{slug}?edit")
    rule = page.get_by_role("group", name="Rule 2")
    rule.get_by_label("Leads to").fill("javascript:alert(1)")
    page.get_by_role("button", name="Save").click()
    field = rule.get_by_label("Leads to")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    expect(page.get_by_role("group", name="Rule 1").get_by_label("Leads to")).not_to_have_attribute(
        "aria-invalid", "true"
    )
    field.fill("https://example.org/de")
    rule.get_by_label("Language", exact=True).fill("not a language")
    page.get_by_role("button", name="Save").click()
    expect(rule.get_by_label("Language", exact=True)).to_be_focused()
    rule.get_by_role("button", name="Remove: Language").click()
    page.get_by_role("button", name="Save").click()
    expect(rule.get_by_text("Add a condition, or remove this rule.")).to_be_visible()


def test_a_password_is_kept_replaced_and_removed(page: Page, api: httpx.Client) -> None:
    slug = _made(api, password="first word")

    def save(choice: str) -> dict[str, Any]:
        page.get_by_role("button", name="Edit").click()
        if choice:
            page.get_by_role("radio", name=choice).check(force=True)
        if choice == "Set new":
            page.get_by_label("New password").fill("second word")
        page.get_by_label("Title").fill(f"After {choice}")
        with page.expect_request(lambda request: request.method == "PATCH") as sent:
            page.get_by_role("button", name="Save").click()
        page.get_by_role("button", name="Edit").wait_for()
        return dict(sent.value.post_data_json or {})

    page.goto(f"/app/links/{slug}")
    assert "password" not in save("")
    assert save("Set new")["password"] == "second word"
    assert api.get(f"/api/links/{slug}").json()["has_password"]
    assert save("Remove")["password"] is None
    assert not api.get(f"/api/links/{slug}").json()["has_password"]


def test_a_slug_is_checked_while_it_is_typed(page: Page, api: httpx.Client) -> None:
    api.post("/api/links", json={"url": "https://example.org/", "slug": "taken-one"})
    _open_fields(page)
    told = page.locator(".availability")
    expect(told).to_have_attribute("aria-live", "polite")
    for slug, said in (
        ("free-one", "“free-one” is available."),
        ("taken-one", "“taken-one” is taken."),
        ("api", "reserved"),
        ("a b", "must be letters"),
        ("a/b", "cannot be a slug"),
    ):
        page.get_by_label("Slug").press_sequentially(slug)
        expect(told).to_contain_text(said)
        page.get_by_label("Slug").fill("")
        expect(told).to_be_empty()


# ---- the list ----------------------------------------------------------------


def test_a_tag_in_the_list_shows_what_else_has_it(page: Page, api: httpx.Client) -> None:
    tag = uuid4().hex[:8]
    tagged, other = _made(api, tags=[tag, "more"]), _made(api)
    page.goto("/app/links")
    page.get_by_role("row").filter(has_text=other).wait_for()
    page.get_by_role("link", name=tag).first.click()
    expect(page).to_have_url(re.compile(f"tag={tag}"))
    expect(page.get_by_role("row").filter(has_text=tagged)).to_be_visible()
    expect(page.get_by_role("row").filter(has_text=other)).to_have_count(0)


def test_nothing_is_loaded_before_it_is_shown(page: Page, api: httpx.Client) -> None:
    slug = _made(api)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.goto("/app/links")
    page.get_by_role("row").filter(has_text=slug).wait_for()
    assert not {"chart.js", "stats.js", "rules.js", "import.js", "qr.js"} & set(asked)
    page.get_by_text("Slug, password, rules").click()
    page.get_by_role("button", name="Add a rule").wait_for()
    page.get_by_text("Statistics of all links").click()
    _chart(page).wait_for()
    assert {"chart.js", "stats.js", "rules.js"} <= set(asked)


# ---- statistics -------------------------------------------------------------


def test_the_chart_tells_the_visits_by_pointer_keyboard_and_table(
    page: Page, server: Server, api: httpx.Client
) -> None:
    slug = _made(api)
    page.goto(f"/app/links/{slug}")
    page.get_by_text("No visits yet").first.wait_for()
    expect(page.get_by_role("region", name="Statistics").get_by_role("link", name=slug)).to_be_visible()
    _visit(server, slug, 3)
    _visit(server, slug, agent="Googlebot/2.1 (+http://www.google.com/bot.html)")
    page.goto(f"/app/links/{slug}?range=24h")
    statistics = page.get_by_role("region", name="Statistics")
    expect(statistics).to_contain_text("3 visits in the last 24 hours")
    for name in ("news.example.com", "Chrome", "Linux", "Desktop", "Austrian German"):
        expect(statistics).to_contain_text(name)
    last = page.locator(".chart .bar").last
    last.hover()
    tip = page.locator(".chart-tip")
    expect(tip).to_contain_text("3 visits")
    _tab_to(page, _chart(page))
    page.keyboard.press("ArrowLeft")
    expect(tip).to_contain_text("0 visits")
    page.keyboard.press("End")
    expect(tip).to_contain_text("3 visits")
    page.get_by_text("Show numbers").click()
    numbers = page.get_by_role("region", name="Numbers: Visits")
    expect(numbers.get_by_role("row")).to_have_count(25)
    expect(numbers.get_by_role("row").last).to_contain_text("3")
    page.get_by_label("Count bots, too").check()
    expect(statistics).to_contain_text("4 visits")


def test_what_is_chosen_of_the_statistics_survives_a_reload(page: Page, server: Server, api: httpx.Client) -> None:
    slug = _made(api)
    _visit(server, slug)
    page.goto(f"/app/links/{slug}?range=7d")
    expect(page.locator(".chart .bar")).to_have_count(7)
    page.get_by_role("radio", name="12 months").check(force=True)
    expect(page.locator(".chart .bar")).to_have_count(12)
    page.get_by_label("Count bots, too").check()
    expect(page).to_have_url(re.compile(r"\?range=12m&bots=yes$"))
    page.reload()
    expect(page.locator(".chart .bar")).to_have_count(12)
    expect(page.get_by_role("radio", name="12 months")).to_be_checked()
    expect(page.get_by_label("Count bots, too")).to_be_checked()
    page.get_by_role("radio", name="Other").check(force=True)
    page.get_by_label("From", exact=True).fill("2026-01-05")
    page.get_by_label("To", exact=True).fill("2026-01-01")
    expect(page.get_by_text("The first day comes after the last.")).to_be_visible()
    page.get_by_label("To", exact=True).fill("2026-01-14")
    expect(page.locator(".chart .bar")).to_have_count(10)
    page.reload()
    expect(page.locator(".chart .bar")).to_have_count(10)


@needs("activity")
def test_visits_show_up_while_one_looks(page: Page, server: Server, api: httpx.Client) -> None:
    slug = _made(api)
    with page.expect_response("**/api/activity/stream"):
        page.goto(f"/app/links/{slug}")
    page.get_by_text("No visits yet").first.wait_for()
    _visit(server, slug, 2)
    expect(page.get_by_role("region", name="Statistics")).to_contain_text("2 visits in the last 30 days")


def test_statistics_that_cannot_be_had_are_told_and_tried_again(page: Page, server: Server, api: httpx.Client) -> None:
    slug = _made(api)
    _visit(server, slug)
    problem = {"title": "Not available", "status": 503, "detail": "The storage is away."}
    page.route(_STATS, lambda route: route.fulfill(status=503, json=problem))
    page.goto(f"/app/links/{slug}")
    expect(page.get_by_role("alert").filter(has_text="The storage is away.")).to_be_visible()
    page.unroute(_STATS)
    page.get_by_role("button", name="Try again").click()
    expect(_chart(page)).to_be_visible()


def test_an_address_that_no_link_has_becomes_one(page: Page, server: Server, api: httpx.Client) -> None:
    _visit(server, _made(api, title="The one link"), 2)
    _visit(server, "not-made-yet", 4)
    page.goto("/app/links")
    page.get_by_text("Statistics of all links").click()
    expect(page.get_by_role("link", name="The one link").first).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="/not-made-yet")).to_contain_text("4 visits")
    page.get_by_role("link", name="New link /not-made-yet").click()
    page.get_by_label("URL").first.fill("https://example.org/at-last")
    page.get_by_role("button", name="Create link").click()
    expect(page.get_by_role("heading", name="not-made-yet", level=1)).to_be_visible()


# ---- files --------------------------------------------------------------------


def _choose(page: Page, name: str, content: str) -> Locator:
    page.goto("/")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Short links").click()
    page.get_by_role("button", name="Import").click()
    dialog = page.get_by_role("dialog", name="Import links")
    dialog.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": content.encode()}
    )
    return dialog


def test_a_file_is_tried_then_imported_and_its_bad_line_named(page: Page, api: httpx.Client) -> None:
    slug = uuid4().hex[:8]
    dialog = _choose(page, "links.csv", f"url,slug\nhttps://example.org/a,{slug}\nftp://example.org/b,bad-{slug}\n")
    expect(dialog.get_by_role("radio", name="CSV", exact=True)).to_be_checked()
    dialog.get_by_role("button", name="Try it first").click()
    expect(dialog).to_contain_text("nothing was written")
    assert api.get(f"/api/links/{slug}").status_code == 404
    dialog.get_by_role("button", name="Import now").click()
    expect(dialog).to_contain_text("Done.")
    assert dialog.locator(".figure strong").all_inner_texts() == ["1", "0", "1"]
    row = dialog.get_by_role("row").last
    expect(row.get_by_role("rowheader")).to_have_text("3")
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download as CSV").click()
    assert Path(download.value.path()).read_text().startswith('line,reason\n3,"')
    dialog.get_by_role("button", name="Close").last.click()
    expect(page.get_by_role("row").filter(has_text=slug).first).to_be_visible()


def test_an_import_under_way_is_not_left_by_accident(page: Page) -> None:
    held: list[Route] = []
    page.route("**/api/links/import*", lambda route: held.append(route))
    dialog = _choose(page, "links.ndjson", '{"url": "https://example.org/"}\n')
    expect(dialog.get_by_role("radio", name="NDJSON")).to_be_checked()
    dialog.get_by_role("button", name="Import", exact=True).click()
    dialog.get_by_role("progressbar").wait_for()
    page.keyboard.press("Escape")
    expect(dialog.get_by_role("alert").filter(has_text="Stop the import?")).to_be_visible()
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog.get_by_text("Stop the import?")).to_have_count(0)
    page.evaluate("history.back()")
    expect(dialog.get_by_text("Stop the import?")).to_be_visible()
    dialog.get_by_role("button", name="Go on").click()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_contain_text("What was imported so far stays.")
    assert len(held) == 1


def test_a_file_that_cannot_be_read_is_told_as_a_problem(page: Page) -> None:
    dialog = _choose(page, "links.csv", "neither,of,these\n1,2,3\n")
    dialog.get_by_role("button", name="Import", exact=True).click()
    expect(dialog.get_by_role("alert").filter(has=page.locator(".note.error"))).to_be_visible()
    expect(dialog.get_by_role("button", name="Import", exact=True)).to_be_enabled()


@pytest.mark.parametrize("kind", ["ndjson", "csv"])
def test_all_links_are_exported(page: Page, api: httpx.Client, kind: str) -> None:
    slug = _made(api)
    page.goto("/app/links")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name=kind.upper(), exact=True).click()
    assert download.value.suggested_filename == f"links.{kind}"
    assert slug in Path(download.value.path()).read_text()


# ---- narrow screens ------------------------------------------------------------


def test_nothing_scrolls_sideways_in_any_state(browser: Browser, server: Server, api: httpx.Client) -> None:
    long = f"https://example.org/{'long/' * 60}"
    when = {"query": {"a-rather-long-name-of-a-value": "and-its-value-is-no-shorter-than-that"}, "device": "ios"}
    full, fresh = _made(api, url=long, rules=[{"when": when, "url": long}]), _made(api)
    _visit(server, full)
    context = browser.new_context(base_url=server.url, viewport={"width": 390, "height": 860}, color_scheme="dark")
    page = context.new_page()
    page.goto(f"/#key={ADMIN_KEY}")
    page.get_by_role("heading", name="Home", level=1).wait_for()

    def check(path: str, shown: Locator) -> None:
        page.goto(path)
        shown.first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path

    check("/app/links?range=90d", _chart(page))
    check(f"/app/links/{full}?range=own&from=2026-01-01&to=2026-02-01", _chart(page))
    page.get_by_text("Show numbers").click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    check(f"/app/links/{full}?edit", page.get_by_role("group", name="Rule 1"))
    check(f"/app/links/{fresh}", page.get_by_text("No visits yet"))
    page.goto("/app/links")
    page.get_by_role("button", name="Import").click()
    dialog = page.get_by_role("dialog")
    assert dialog.evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")
    context.close()
