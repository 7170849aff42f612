"""What people do with feature flags on their page, with a real browser and a real server."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.server import Server
from tests.support import ADMIN_KEY, needs

pytestmark = needs("flags")

_ON_OFF = {"on": True, "off": False}
_MOST_LOOKS = 100
_BY_EMAIL = {"ends_with": [{"var": "email"}, "@example.org"]}


def _made(api: httpx.Client, set_name: str = "", **fields: Any) -> str:
    """A new flag of a key that no other test has."""
    body = {"key": f"flag-{uuid4().hex[:8]}", "variants": _ON_OFF, "default_variant": "off", **fields}
    flag = api.post("/api/flags", params={"set": set_name}, json=body)
    assert flag.status_code == 201, flag.text
    return str(flag.json()["key"])


def _kept(api: httpx.Client, key: str, set_name: str = "") -> dict[str, Any]:
    return dict(api.get(f"/api/flags/{key}", params={"set": set_name}).json())


def _saved(page: Page) -> dict[str, Any]:
    """Press Save; gives what was sent."""
    with page.expect_response(lambda answer: answer.request.method == "PATCH") as got:
        page.get_by_role("button", name="Save", exact=True).click()
    assert got.value.status == 200
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    return dict(got.value.request.post_data_json or {})


def _rule(page: Page, number: int) -> Locator:
    return page.get_by_role("group", name=re.compile(f"^Rule {number} of"))


def _choose_json(page: Page) -> Locator:
    page.get_by_role("radio", name="JSON").check(force=True)
    return page.get_by_label("Targeting as JSON")


# ---- making and changing ---------------------------------------------------


def test_a_flag_is_made_with_a_checked_key_and_gets_rules_in_rows(page: Page, api: httpx.Client) -> None:
    taken = _made(api)
    page.goto("/app/flags")
    page.get_by_role("button", name="New flag").first.click()
    dialog = page.get_by_role("dialog", name="New flag")
    for key, said in ((taken, "is taken"), ("a b", "A space cannot stand in a key"), ("by-rows", "is free")):
        dialog.get_by_label("Key").fill(key)
        expect(dialog.locator(".availability")).to_contain_text(said)
    dialog.get_by_role("button", name="Create flag").click()
    page.get_by_role("heading", name="by-rows", level=1).wait_for()

    page.get_by_role("button", name="Add a rule").click()
    first = _rule(page, 1)
    first.get_by_label("Attribute").fill("email")
    first.get_by_label("Operator").select_option(label="ends with")
    first.get_by_label("Value").fill("@example.org")
    first.get_by_role("button", name="Add a condition").click()
    first.get_by_label("Attribute").last.fill("country")
    first.get_by_label("Operator").last.select_option(label="is one of")
    first.get_by_label("Value").last.fill("DE,5,")
    page.get_by_role("button", name="Add a rule").click()
    second = _rule(page, 2)
    second.get_by_label("Attribute").fill("app")
    second.get_by_label("Operator").select_option(label="version ≥")
    second.get_by_label("Value").fill("2.4.0")
    second.get_by_label("Serve", exact=True).select_option(label="a percentage split")
    second.get_by_label("Weight").first.fill("20")
    second.get_by_label("Weight").last.fill("80")
    _saved(page)
    expected = {
        "if": [
            {"and": [_BY_EMAIL, {"in": [{"var": "country"}, ["DE", 5]]}]},
            "on",
            {"sem_ver": [{"var": "app"}, ">=", "2.4.0"]},
            {"fractional": [["on", 20], ["off", 80]]},
        ]
    }
    assert _kept(api, "by-rows")["targeting"] == expected
    page.get_by_role("link", name="Feature flags").first.click()
    expect(page.get_by_role("row").filter(has_text="by-rows")).to_contain_text("2 rules")


def test_what_is_not_touched_is_not_sent_and_numbers_keep_their_form(page: Page, api: httpx.Client) -> None:
    odd = {"if": [{"in": ["beta", {"var": ["groups"]}]}, "big", {"==": [{"$ref": "own"}, 1.0]}, None, "small"]}
    document = {
        "flags": {"n": {"state": "ENABLED", "variants": {"small": 1.0, "big": 10}, "targeting": odd}},
        "$evaluators": {"own": {"var": "n"}},
    }
    assert api.put("/api/flags/document", params={"set": "numbers"}, json=document).status_code == 200
    page.goto("/app/flags/n?set=numbers")
    page.get_by_label("Value of big").fill("20.0")
    page.get_by_text("Not saved yet: variants").wait_for()
    sent = _saved(page)
    assert list(sent) == ["variants"]
    flag = api.get("/api/flags/n", params={"set": "numbers"})
    assert '"variants":{"small":1.0,"big":20.0}' in flag.text
    # A rule that is only shown, as rows and as JSON, is still the very same.
    expect(_rule(page, 2).get_by_label("Condition as JSON")).to_have_value('{"==":[{"$ref":"own"},1.0]}')
    assert json.loads(_choose_json(page).input_value()) == odd
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_hidden()


def test_a_rule_that_rows_cannot_tell_is_json_and_its_faults_stand_at_their_lines(
    page: Page, api: httpx.Client
) -> None:
    nested = {"if": [{"var": "beta"}, {"if": [_BY_EMAIL, "on", "off"]}]}
    key = _made(api, targeting=nested)
    page.goto(f"/app/flags/{key}")
    area = page.get_by_label("Targeting as JSON")
    assert json.loads(area.input_value()) == nested
    page.get_by_role("radio", name="Rows").click(force=True)
    expect(page.get_by_text("Rows cannot tell this rule: it stays as JSON.")).to_be_visible()
    area.fill('{"if": [')
    expect(page.get_by_text("This is not JSON")).to_be_visible()
    area.fill('{\n  "if": [\n    {"no_such_thing": 1},\n    "on"\n  ]\n}')
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="Line 3")).to_be_visible()
    selected = area.evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)")
    assert "no_such_thing" in selected or selected == "1"
    assert _kept(api, key)["targeting"] == nested
    area.fill(json.dumps({"if": [_BY_EMAIL, "on"]}))
    page.get_by_role("radio", name="Rows").check(force=True)
    expect(_rule(page, 1).get_by_label("Value")).to_have_value("@example.org")


def test_two_people_who_change_a_flag_do_not_overwrite_each_other(page: Page, api: httpx.Client) -> None:
    key = _made(api)
    page.goto(f"/app/flags/{key}")
    page.get_by_label("Description").fill("Mine")
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        page.get_by_role("switch").click()
    expect(page.get_by_role("switch")).not_to_be_checked()
    api.patch(f"/api/flags/{key}", json={"description": "Theirs"})
    page.get_by_role("button", name="Save", exact=True).click()
    note = page.get_by_role("alert").filter(has_text="Somebody else changed this flag")
    expect(note).to_contain_text("Changed meanwhile: description")
    assert _kept(api, key)["description"] == "Theirs"
    note.get_by_role("button", name="Reload, and drop mine").click()
    expect(page.get_by_label("Description")).to_have_value("Theirs")


def test_who_is_editing_hears_at_once_what_others_change_and_may_save_on_top(page: Page, api: httpx.Client) -> None:
    key = _made(api)
    page.goto(f"/app/flags/{key}")
    page.get_by_label("Description").fill("Mine")
    api.patch(f"/api/flags/{key}", json={"description": "Theirs"})
    note = page.get_by_role("alert").filter(has_text="Somebody else changed this flag")
    expect(note).to_contain_text("Changed meanwhile: description")
    expect(page.get_by_label("Description")).to_have_value("Mine")
    api.patch(f"/api/flags/{key}", json={"description": "Theirs", "tags": ["new"]})
    expect(note).to_contain_text("Changed meanwhile: description, tags")
    note.get_by_role("button", name="Save mine on top").click()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    kept = _kept(api, key)
    assert (kept["description"], kept["tags"]) == ("Mine", ["new"])


# ---- the list --------------------------------------------------------------


def test_a_switch_works_at_once_can_be_undone_and_goes_back_when_refused(page: Page, api: httpx.Client) -> None:
    key = _made(api)
    page.goto(f"/app/flags?search={key}")
    switch = page.get_by_role("switch", name=key)
    with page.expect_request(lambda request: request.method == "PATCH") as sent:
        switch.click()
        expect(switch).not_to_be_checked()
    assert sent.value.headers["if-match"]
    page.get_by_role("button", name="Undo").click()
    expect(switch).to_be_checked()
    expect(page.get_by_text(f"{key} is enabled")).to_be_visible()
    assert _kept(api, key)["state"] == "ENABLED"
    problem = {"title": "It has changed in the meantime", "status": 412}
    page.route(
        f"**/api/flags/{key}",
        lambda route: route.fulfill(status=412, json=problem) if route.request.method == "PATCH" else route.continue_(),
    )
    switch.click()
    expect(page.get_by_text("Somebody else changed this flag just now.")).to_be_visible()
    expect(switch).to_be_checked()


def test_each_set_has_a_list_of_its_own(page: Page, api: httpx.Client) -> None:
    here, there = _made(api), _made(api, "mobile", description="For phones")
    page.goto("/app/flags")
    page.get_by_role("row").filter(has_text=here).wait_for()
    page.get_by_label("Flag set").select_option("mobile")
    page.get_by_role("row").filter(has_text=there).wait_for()
    expect(page.get_by_role("row").filter(has_text=here)).to_have_count(0)
    page.get_by_role("link", name=there).click()
    page.get_by_label("Description").fill("For tablets")
    _saved(page)
    assert _kept(api, there, "mobile")["description"] == "For tablets"
    with page.expect_response("**/api/flags?*"):
        page.get_by_role("link", name="Feature flags").last.click()
    expect(page.get_by_label("Flag set")).to_have_value("mobile")


# ---- history, plans, playground, evaluations ------------------------------------


def test_a_version_comes_back_with_a_click_and_goes_with_another(page: Page, api: httpx.Client) -> None:
    key = _made(api)
    api.patch(f"/api/flags/{key}", json={"default_variant": "on", "targeting": {"if": [_BY_EMAIL, "off"]}})
    page.goto(f"/app/flags/{key}?view=history")
    newest = page.get_by_role("listitem").filter(has_text="Version 2")
    expect(newest).to_contain_text("before: off→now: on")
    expect(newest).to_contain_text("If email ends with @example.org: off")
    page.get_by_role("button", name="Roll back to this: version 1").click()
    expect(page.get_by_role("heading", name="Version 3")).to_be_visible()
    assert _kept(api, key)["targeting"] is None
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Version 4")).to_be_visible()
    assert _kept(api, key)["default_variant"] == "on"


def test_a_version_comes_back_when_the_page_heard_of_the_change_before_its_answer(
    page: Page, api: httpx.Client
) -> None:
    key = _made(api)
    api.patch(f"/api/flags/{key}", json={"default_variant": "on"})
    page.goto(f"/app/flags/{key}?view=history")
    page.get_by_role("heading", name="Version 2").wait_for()
    held: list[Route] = []
    reads = re.compile(f"/api/flags/{key}$")
    page.route(reads, lambda route: held.append(route))
    page.get_by_role("button", name="Roll back to this: version 1").click()
    while len(held) < 2:  # one for the click, and one for what was heard of it
        page.wait_for_timeout(20)
    page.unroute(reads)  # which lets them go on
    expect(page.get_by_role("heading", name="Version 3")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Version 4")).to_be_visible()


def test_a_change_is_planned_and_called_off(page: Page, api: httpx.Client) -> None:
    key = _made(api)
    page.goto(f"/app/flags/{key}")
    page.get_by_role("link", name="Schedule").click()
    form = page.get_by_role("form", name="Plan a change")
    form.get_by_label("When").fill("2020-01-31T09:00")
    form.get_by_label("State").select_option(label="Disabled")
    form.get_by_role("button", name="Plan this change").click()
    expect(form.get_by_text("must be a time to come")).to_be_visible()
    form.get_by_label("When").fill("2099-01-31T09:00")
    form.get_by_role("button", name="Plan this change").click()
    expect(page.get_by_text("It is disabled")).to_be_visible()
    [planned] = api.get(f"/api/flags/{key}/schedule").json()["items"]
    assert planned["change"] == {"state": "DISABLED"}
    page.get_by_role("button", name="Call off").click()
    expect(page.get_by_text("Nothing is planned.")).to_be_visible()


def test_the_playground_tells_what_and_why_and_evaluations_are_counted(page: Page, api: httpx.Client) -> None:
    key = _made(api, targeting={"if": [_BY_EMAIL, "on"]})
    page.goto(f"/app/flags/{key}?view=playground")
    form = page.get_by_role("form", name="Context")
    form.get_by_label("Value of email").fill("eva@example.com")
    form.get_by_role("button", name="Evaluate").click()
    expect(page.locator(".result-value")).to_have_text("false")
    form.get_by_label("Value of email").fill("eva@example.org")
    form.get_by_role("button", name="Evaluate").click()
    expect(page.locator(".result-value")).to_have_text("true")
    why = page.get_by_role("list", name="Why")
    expect(why.locator(".is-deciding").filter(has_text="ends with").last).to_contain_text("met: ")

    for _ in range(3):
        api.post(f"/ofrep/v1/evaluate/flags/{key}", json={"context": {"targetingKey": "u", "email": "a@example.org"}})
    # They are counted in memory and written a moment later.
    for _ in range(_MOST_LOOKS):
        page.goto(f"/app/flags/{key}?view=exposures&interval=day")
        page.locator(".stats .chart, .stats .empty").wait_for()
        if page.locator(".stats-total", has_text="3 evaluations").count():
            break
    page.get_by_text("Show numbers").click()
    expect(page.get_by_role("region", name="Numbers: Evaluations").get_by_role("row").last).to_contain_text("3")
    expect(page.locator(".shares")).to_contain_text("100")


# ---- documents ---------------------------------------------------------------


def test_a_document_is_tried_then_imported_and_exported_again(page: Page, api: httpx.Client) -> None:
    flags = {"taken-in": {"variants": {"a": 1.0, "b": 2}, "defaultVariant": "a"}}
    text = json.dumps({"flags": flags, "metadata": {"flagSetId": "from-file"}})
    page.goto("/app/flags")
    page.get_by_role("button", name="Import").click()
    dialog = page.get_by_role("dialog", name="Import flags")
    dialog.locator("input[type=file]").set_input_files(
        {"name": "flags.json", "mimeType": "application/json", "buffer": text.encode()}
    )
    expect(dialog).to_contain_text("all flags of the set from-file")
    dialog.get_by_label("Be strict").check()
    dialog.get_by_role("button", name="Try it first").click()
    expect(dialog.get_by_role("alert")).to_contain_text("#/flags/taken-in/state")
    dialog.get_by_label("Be strict").uncheck()
    dialog.get_by_role("button", name="Try it first").click()
    expect(dialog).to_contain_text("1 warning")
    assert api.get("/api/flags/taken-in", params={"set": "from-file"}).status_code == 404
    dialog.get_by_role("button", name="Import now").click()
    page.get_by_role("row").filter(has_text="taken-in").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export").click()
    assert download.value.suggested_filename == "from-file.json"
    exported = Path(download.value.path()).read_text()
    assert json.loads(exported)["flags"] == flags
    assert "1.0" in exported


# ---- narrow screens ------------------------------------------------------------


def test_nothing_of_flags_scrolls_sideways(browser: Browser, server: Server, api: httpx.Client) -> None:
    long = "a-long-word-" * 12
    split = {"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": long}]}, ["on", 1], [long, 2]]}
    rule = {
        "if": [{"and": [{"==": [{"var": long}, long]}, {"$ref": long}]}, "on", {"in": [{"var": "x"}, [long]]}, split]
    }
    key = f"{uuid4().hex}-{'k' * 80}"
    document = {
        "flags": {key: {"variants": {"on": long, long: long}, "targeting": rule, "description": long, "tags": [long]}},
        "$evaluators": {long: True},
    }
    assert api.put("/api/flags/document", params={"set": "narrow"}, json=document).status_code == 200
    plan = {"at": "2099-01-31T09:00:00Z", "change": {"targeting": None, "default_variant": long}}
    assert api.post(f"/api/flags/{key}/schedule?set=narrow", json=plan).status_code == 201
    api.patch(f"/api/flags/{key}?set=narrow", json={"targeting": split, "metadata": {long: long}})
    api.patch(f"/api/flags/{key}?set=narrow", json={"targeting": rule})
    context = browser.new_context(base_url=server.url, viewport={"width": 390, "height": 860}, color_scheme="dark")
    page = context.new_page()
    page.goto(f"/#key={ADMIN_KEY}")
    page.get_by_role("heading", name="Home", level=1).wait_for()
    one = f"/app/flags/{key}?set=narrow"
    for path, shown in (
        ("/app/flags?set=narrow", "table.data .switch"),
        ("/app/flags?set=narrow&view=playground", ".result"),
        (one, ".targeting-editor"),
        (f"{one}&view=playground", ".result"),
        (f"{one}&view=history", ".revision"),
        (f"{one}&view=schedule", ".plan"),
        (f"{one}&view=exposures", ".stats"),
        (f"{one}&view=code", ".snippet"),
    ):
        page.goto(path)
        page.locator(shown).first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    context.close()
