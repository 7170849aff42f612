"""The page that shows how fast the service answers, while it does."""

import re
from itertools import count

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.support import ADMIN_KEY, needs

pytestmark = needs("platform")

_METRICS = re.compile("/api/platform/metrics")


def _open(page: Page, path: str = "/app/platform") -> None:
    page.goto(path)
    page.get_by_role("heading", name="By route").wait_for()


def _row(page: Page, table: str, name: str) -> Locator:
    return page.get_by_role("table", name=table).get_by_role("row").filter(has_text=name)


def _cell(row: Locator, label: str) -> Locator:
    return row.locator(f"td[data-label='{label}']")


def _figure(page: Page, name: str) -> Locator:
    return page.locator(".metric-figure").filter(has_text=name).locator("strong")


def test_a_request_shows_up_by_itself(page: Page, api: httpx.Client) -> None:
    page.goto("/")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Metrics").click()
    page.get_by_role("heading", name="Metrics", level=1).wait_for()
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
    for _ in range(3):
        assert api.get("/problems/gone").status_code == 200
    row = _row(page, "By route", "/problems/{type}")
    expect(_cell(row, "Requests")).to_have_text("3")
    expect(_cell(row, "p99")).to_have_text(re.compile(r"^[\d.]+ (ms|s)$"))
    assert api.get("/problems/nothing").status_code == 404
    expect(_cell(row, "Requests")).to_have_text("4")
    expect(_cell(row, "4xx")).to_have_text("1")
    expect(_figure(page, "Half within")).to_have_text(re.compile(r"^[\d.]+ (ms|s)$"))
    expect(page.get_by_text(re.compile(r"of process \d+, which began"))).to_be_visible()


def test_charts_tell_their_numbers(page: Page) -> None:
    _open(page)
    times = page.get_by_role("group", name="Response time: p50")
    expect(times.locator("path.series-1")).to_have_attribute("d", re.compile("^M"))
    times.focus()
    page.keyboard.press("End")
    tip = times.get_by_role("status")
    expect(tip).to_contain_text(re.compile(r"p50.*p95.*p99"))
    latest = tip.inner_text()
    page.keyboard.press("ArrowLeft")
    expect(tip).not_to_have_text(latest)
    page.get_by_text("Show numbers").last.click()
    numbers = page.get_by_role("region", name="Numbers: Response time")
    expect(numbers.get_by_role("row")).to_have_count(91)
    expect(numbers.get_by_role("columnheader")).to_have_text(["Time", "p50", "p95", "p99"])


def test_one_tool_is_chosen_and_stands_in_the_address(page: Page, api: httpx.Client) -> None:
    api.get("/livez")
    _open(page)
    expect(_row(page, "By route", "/livez")).to_be_visible()
    _row(page, "By tool", "Web front end").get_by_role("button").click()
    expect(page).to_have_url(re.compile(r"/app/platform\?slice=front$"))
    expect(_row(page, "By route", "/livez")).to_have_count(0)
    expect(_row(page, "By route", "/assets/{digest}/{name}")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Tool", exact=True)).to_have_value("front")
    expect(_row(page, "By route", "/assets/{digest}/{name}")).to_be_visible()
    page.get_by_label("Tool", exact=True).select_option("All")
    expect(_row(page, "By route", "/livez")).to_be_visible()


def test_rows_are_put_in_order_by_the_keyboard(page: Page) -> None:
    _open(page)
    table = page.get_by_role("table", name="By route")
    head = table.get_by_role("columnheader", name="Route")
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "ascending")
    paths = table.locator("tbody code").all_inner_texts()
    assert paths == sorted(paths, key=str.lower)
    page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "descending")
    assert table.locator("tbody code").all_inner_texts() != paths


def test_a_key_without_the_scope_is_told_so(stranger: Page, api: httpx.Client) -> None:
    made = api.post("/api/keys", json={"name": "Reader", "scopes": ["links:read"]})
    if made.status_code == 404:
        pytest.skip("there is no way to make a key")
    stranger.goto(f"/#key={made.json()['key']}")
    stranger.get_by_role("heading", name="Home", level=1).wait_for()
    stranger.goto("/app/platform")
    expect(stranger.get_by_role("heading", name="These figures are for admins")).to_be_visible()
    assert ADMIN_KEY not in stranger.content()


def test_what_was_shown_stays_while_no_answer_comes(page: Page) -> None:
    _open(page)
    page.route(_METRICS, lambda route: route.abort())
    expect(page.get_by_role("status").filter(has_text="Trying again")).to_be_visible()
    expect(page.get_by_role("table", name="By tool")).to_be_visible()
    page.unroute(_METRICS)
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()


def test_a_failure_is_told_and_passes_by_itself(page: Page) -> None:
    page.route(_METRICS, lambda route: route.fulfill(status=503, json={"title": "Away", "status": 503}))
    page.goto("/app/platform")
    expect(page.get_by_role("alert")).to_contain_text("Away")
    expect(page.get_by_label("Tool", exact=True)).to_have_value("")
    page.unroute(_METRICS)
    expect(page.get_by_role("table", name="By tool")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_each_of_several_processes_can_be_chosen(page: Page) -> None:
    turns = count()

    def answer(route: Route) -> None:
        told = route.fetch()
        route.fulfill(response=told, json={**told.json(), "process_id": (111, 222)[next(turns) % 2]})

    page.route(_METRICS, answer)
    _open(page)
    expect(page.get_by_text("process 111, which began")).to_be_visible()
    page.get_by_role("radio", name="Process 222").check(force=True)
    expect(page.get_by_text("process 222, which began")).to_be_visible()
    page.unroute_all(behavior="wait")


def test_a_small_screen_needs_no_sideways_scrolling(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    _open(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    expect(page.get_by_role("table", name="By tool").get_by_role("button", name="Requests")).to_be_visible()
