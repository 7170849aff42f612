"""What people do with heartbeats on their pages, with a real browser and a real server."""

import re
from typing import Any
from uuid import uuid4

import httpx
from playwright.sync_api import Browser, Page, expect

from tests.server import Server
from tests.support import ADMIN_KEY, needs

pytestmark = needs("heartbeats")


def _made(api: httpx.Client, **fields: Any) -> dict[str, Any]:
    """A new check of a name that no other test has."""
    check = api.post("/api/heartbeats", json={"name": f"Job {uuid4().hex[:8]}", **fields})
    assert check.status_code == 201, check.text
    return dict(check.json())


def _ping(api: httpx.Client, check: dict[str, Any], rest: str = "", body: str = "") -> None:
    assert api.post(f"/ping/{check['id']}{rest}", content=body).status_code == 200


def test_a_check_is_made_with_a_previewed_schedule_and_followed_without_a_reload(page: Page, api: httpx.Client) -> None:
    page.goto("/app/heartbeats")
    page.get_by_role("heading", name="Heartbeats", level=1).wait_for()
    page.keyboard.press("n")
    form = page.get_by_role("form", name="New heartbeat")
    form.get_by_label("Name").fill("Nightly backup")
    preview = form.get_by_role("status", name="The next due times")
    expect(preview).to_contain_text("Every day")
    form.get_by_role("radio", name="Cron").check(force=True)
    form.get_by_label("Time zone").fill("Mars/Olympus")
    form.get_by_label("Cron expression").fill("30 2 * *")
    expect(form.get_by_text("must have five fields")).to_be_visible()
    expect(form.get_by_text("is no time zone")).to_be_visible()
    form.get_by_label("Time zone").fill("Europe/Vienna")
    form.get_by_label("Cron expression").fill("30 2 * * 1-5")
    expect(preview).to_contain_text("At 02:30 on Monday through Friday")
    expect(preview.get_by_role("listitem").first).to_contain_text(re.compile(r"day \d+ \w+ \d{4}, 02:30 CES?T"))
    form.get_by_label("Grace", exact=True).fill("2")
    form.get_by_role("button", name="Create heartbeat").click()
    page.get_by_role("heading", name="Nightly backup", level=1).wait_for()
    [check] = api.get("/api/heartbeats", params={"search": "Nightly backup"}).json()["items"]
    assert check["schedule"] == {"cron": "30 2 * * 1-5", "timezone": "Europe/Vienna"}
    assert check["grace_seconds"] == 7200

    page.get_by_role("link", name="Heartbeats").last.click()
    row = page.get_by_role("row").filter(has_text="Nightly backup")
    expect(row).to_contain_text("waits for its first ping")
    expect(row).to_contain_text("At 02:30 on Monday through Friday")
    _ping(api, check, body="dumped 4711 tables")
    expect(row).to_contain_text("next due")
    expect(row.get_by_role("img", name="Lately: 1 success")).to_be_visible()
    expect(page.get_by_role("navigation", name="By state").get_by_role("link", name="Up")).to_contain_text("1")

    row.get_by_role("link", name="Nightly backup").click()
    log = page.get_by_role("region", name="Pings")
    log.get_by_role("button", name="Body of ping 1, 18 B").click()
    expect(page.get_by_role("dialog", name="Body of ping 1")).to_contain_text("dumped 4711 tables")
    page.keyboard.press("Escape")
    _ping(api, check, "/1")
    expect(page.get_by_role("region", name="State")).to_contain_text("its last ping told of a failure")
    expect(log.get_by_role("row").nth(1)).to_contain_text("Failure")
    expect(page.get_by_role("region", name="Uptime")).to_contain_text("Down now")


def test_a_check_is_paused_snoozed_changed_and_deleted(page: Page, api: httpx.Client) -> None:
    check = _made(api, schedule={"every_seconds": 3600})
    _ping(api, check)
    page.goto(f"/app/heartbeats?search={check['name'].replace(' ', '+')}")
    row = page.get_by_role("row").filter(has_text=check["name"])
    for action, shown in (
        ("Pause", "Paused"),
        ("Resume", "waits for its first ping"),
        ("Snooze for 1 hour", "Snoozed"),
    ):
        row.get_by_role("button", name="Actions of").click()
        row.get_by_role("button", name=action).click()
        expect(row).to_contain_text(shown)
    page.get_by_role("navigation", name="By state").get_by_role("link", name="Down").click()
    expect(row).to_have_count(0)
    assert "state=down" in page.url

    page.goto(f"/app/heartbeats/{check['id']}")
    page.get_by_role("button", name="Snooze").click()
    page.get_by_role("button", name="End the snooze").click()
    expect(page.get_by_role("region", name="State").get_by_text("Snoozed")).to_have_count(0)
    snippets = page.get_by_role("region", name="How to ping it")
    for kind, told in (
        ("Crontab", "&& curl"),
        ("systemd", "ExecStopPost="),
        ("Python", "urlopen"),
        ("GitHub", "always()"),
    ):
        snippets.get_by_role("radio", name=kind).check(force=True)
        expect(snippets.locator("pre")).to_contain_text(told)
    page.get_by_role("button", name="Edit").click()
    form = page.get_by_role("form", name="Edit heartbeat")
    form.get_by_text("Advanced").click()
    form.get_by_label("Failures before an alert").fill("200")
    form.get_by_label("Only pings by POST count").check()
    form.get_by_role("button", name="Add a window").click()
    form.get_by_label("Begins (cron)").fill("0 3 * *")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_text("must have five fields")).to_be_visible()
    expect(form.get_by_text("less than or equal to 100")).to_be_visible()
    form.get_by_label("Begins (cron)").fill("0 3 * * 0")
    form.get_by_label("Failures before an alert").fill("2")
    with page.expect_request(lambda request: request.method == "PATCH") as sent:
        form.get_by_role("button", name="Save").click()
    changed = dict(sent.value.post_data_json or {})
    assert changed.pop("maintenance")[0]["duration_seconds"] == 3600
    assert changed == {"failures_before_alert": 2, "methods": "POST"}
    expect(page.get_by_text("only pings by POST")).to_be_visible()

    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete heartbeat").click()
    page.get_by_role("heading", name="Heartbeats", level=1).wait_for()
    assert api.get(f"/api/heartbeats/{check['id']}").status_code == 404


def test_status_pages_are_made_changed_and_deleted(page: Page, api: httpx.Client) -> None:
    is_there = "/api/heartbeats/pages" in api.get("/openapi.json").json()["paths"]
    _made(api)
    page.goto("/app/heartbeats")
    page.locator("table.data .state-mark").first.wait_for()
    expect(page.get_by_role("link", name="Status pages")).to_have_count(int(is_there))
    if not is_there:
        return
    page.get_by_role("link", name="Status pages").click()
    page.get_by_role("button", name="New status page").first.click()
    dialog = page.get_by_role("dialog", name="New status page")
    dialog.get_by_label("Name in its address").fill("jobs")
    dialog.get_by_label("Title").fill("Our jobs")
    dialog.get_by_role("button", name="Create status page").click()
    row = page.get_by_role("row").filter(has_text="Our jobs")
    row.get_by_role("button", name="Edit Our jobs").click()
    page.get_by_label("Title").fill("Jobs of all")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Delete Jobs of all").click()
    assert api.get("/api/heartbeats/pages/jobs").json()["title"] == "Jobs of all"
    page.get_by_role("button", name="Delete status page").click()
    expect(page.get_by_text("No status pages yet")).to_be_visible()


def test_nothing_of_heartbeats_scrolls_sideways(browser: Browser, server: Server, api: httpx.Client) -> None:
    long = "a-long-word-" * 8
    windows = [{"cron": "0 3 * * 0", "duration_seconds": 3600}]
    check = _made(api, name=long, tags=[long], description=long, maintenance=windows, filter_http_body=True)
    for at in range(2):
        _ping(api, check, f"/{at}", long * 3)
    context = browser.new_context(base_url=server.url, viewport={"width": 390, "height": 860}, color_scheme="dark")
    page = context.new_page()
    page.goto(f"/#key={ADMIN_KEY}")
    page.get_by_role("heading", name="Home", level=1).wait_for()
    for path, shown in (
        ("/app/heartbeats", "table.data .beat"),
        (f"/app/heartbeats/{check['id']}", ".sub-list table.data"),
        (f"/app/heartbeats/{check['id']}?edit=yes", ".due-times"),
        ("/app/heartbeats/new", ".due-times"),
    ):
        page.goto(path)
        page.locator(shown).first.wait_for()
        for fold in page.locator("summary").all():
            fold.click()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    context.close()
