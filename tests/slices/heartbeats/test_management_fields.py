"""What the fields of a check may be for Healthchecks' clients, what they are told else, and which check they mean."""

from typing import Any

import httpx
import pytest

from tests.support import FrozenClock

CHECKS = "/api/v3/checks/"
STRINGS = ("channels", "desc", "failure_kw", "name", "schedule", "slug", "start_kw", "subject", "subject_fail",
           "success_kw", "tags", "tz")  # fmt: skip
SWITCHES = ("filter_body", "filter_default_fail", "filter_http_body", "filter_subject", "manual_resume")
FAULTS: list[tuple[dict[str, Any], str]] = [
    *(({name: value}, f"{name} is not a string") for name in STRINGS for value in (None, 5)),
    *(({name: value}, f"{name} is not a boolean") for name in SWITCHES for value in (None, 1, "true")),
    *(
        ({name: value}, f"{name} {fault}")
        for name in ("grace", "timeout")
        for value, fault in (
            (None, "is not a number"),
            ("3600", "is not a number"),
            (3600.0, "is not a number"),
            (True, "is not a number"),
            (59, "is too small"),
            (-(10**30), "is too small"),
            (31536001, "is too large"),
            (99999999999999, "is too large"),
            (10**30, "is too large"),
        )
    ),
    *(({name: "x" * 101}, f"{name} is too long") for name in ("name", "schedule", "slug")),
    *(
        ({name: "x" * 201}, f"{name} is too long")
        for name in ("failure_kw", "start_kw", "subject", "subject_fail", "success_kw")
    ),
    ({"tags": "a " * 251}, "tags is too long"),
    ({"tags": "x" * 101}, "tags is too long"),
    ({"desc": "x" * 10_001}, "desc is too long"),
    ({"name": "a\0b"}, "name holds the character NUL"),
    ({"tags": "a\0b"}, "tags holds the character NUL"),
    ({"slug": "Upper"}, "slug does not match pattern"),
    ({"slug": "a b"}, "slug does not match pattern"),
    ({"slug": "a\n"}, "slug does not match pattern"),
    ({"methods": "GET"}, "methods has unexpected value"),
    ({"methods": None}, "methods has unexpected value"),
    *(
        ({"schedule": text}, "schedule is not a valid cron or OnCalendar expression")
        for text in ("", "soon", "* * * * * *", "61 * * * *", "0 0 31 2 *", "1999-01-01")
    ),
    *(({"tz": name}, "tz is not a valid timezone") for name in ("", "Mars/Base", "../etc/passwd", "europe/riga")),
    ({"unique": "name"}, "unique is not an array"),
    ({"unique": None}, "unique is not an array"),
    ({"unique": ["name", "status"]}, "an item in 'unique' has unexpected value"),
    ({"unique": [["name"]]}, "an item in 'unique' has unexpected value"),
    ({"tz": 5, "name": 5, "grace": 1}, "grace is too small"),
]


async def test_the_first_fault_is_told_and_nothing_is_changed(client: httpx.AsyncClient) -> None:
    made = (await client.post("/api/v3/checks/", json={"name": "x"})).json()
    own = f"/api/v3/checks/{made['uuid']}"
    for fields, fault in FAULTS:
        for url in (CHECKS, own):
            answer = await client.post(url, json=fields)
            told = (answer.status_code, answer.json())
            assert told == (400, {"error": f"json validation error: {fault}"}), fields
    assert (await client.get("/api/v3/checks/")).json() == {"checks": [made]}


@pytest.mark.parametrize(
    "body",
    [b"{", b"x", b'{"a": NaN}', b'{"name": "\\ud800"}', b'{"name": "\xff"}', b"[" * 100_000, b'{"a":' * 900, b" "],
)
async def test_what_is_no_json_is_refused_before_the_key_is_asked_for(
    anonymous: httpx.AsyncClient, body: bytes
) -> None:
    answer = await anonymous.post(CHECKS, content=body)
    assert (answer.status_code, answer.json()) == (400, {"error": "could not parse request body"})


async def test_what_is_no_object_is_refused_before_the_key_is_asked_for(anonymous: httpx.AsyncClient) -> None:
    for body in (b"[]", b"5", b"null", b'"x"'):
        for url in (CHECKS, "/api/v3/checks/0c8983c9-9d73-446f-adb5-0641fdacc9d4/pause"):
            answer = await anonymous.post(url, content=body)
            told = {"error": "json validation error: value is not an object"}
            assert (answer.status_code, answer.json()) == (400, told)


async def test_there_are_no_channels_but_all_and_none(client: httpx.AsyncClient) -> None:
    made = (await client.post(CHECKS, json={"channels": "*", "name": "x"})).json()
    own = f"/api/v3/checks/{made['uuid']}"
    assert (await client.post(own, json={"channels": ""})).json()["channels"] == made["channels"] == ""
    for channels, fault in (
        ("mail", "invalid channel identifier: mail"),
        ("a,b", "invalid channel identifier: a"),
        (",a", "empty channel identifier"),
    ):
        answer = await client.post(own, json={"channels": channels, "name": "y"})
        assert (answer.status_code, answer.json()) == (400, {"error": fault})
    assert (await client.get(own)).json()["name"] == "x"


async def test_every_field_is_kept_as_it_is_given(client: httpx.AsyncClient) -> None:
    given: dict[str, Any] = {
        "name": "N" * 100,
        "slug": "s-_" * 33,
        "tags": "a b",
        "desc": "two\nlines",
        "grace": 31536000,
        "timeout": 60,
        "manual_resume": True,
        "methods": "POST",
        "start_kw": "START",
        "success_kw": "OK, DONE",
        "failure_kw": "BAD",
        "filter_subject": False,
        "filter_body": True,
        "filter_http_body": True,
        "filter_default_fail": True,
    }
    made = (await client.post(CHECKS, json={**given, "unheard_of": [None]})).json()
    assert {name: made[name] for name in given} == given
    own = f"/api/v3/checks/{made['uuid']}"
    assert (await client.post(own, json={})).json() == made
    turned = {"filter_body": False, "filter_http_body": False, "methods": "", "desc": "", "tags": ""}
    assert (await client.post(own, json=turned)).json() == {**made, **turned}
    assert (await client.post(own, json={"tags": " b  a b "})).json()["tags"] == "b a"


async def test_subjects_are_the_keywords_while_subjects_are_looked_at(client: httpx.AsyncClient) -> None:
    names = ("subject", "subject_fail", "success_kw", "failure_kw", "filter_subject")
    made = (await client.post(CHECKS, json={"subject": "OK"})).json()
    own = f"/api/v3/checks/{made['uuid']}"

    async def after(**fields: Any) -> tuple[Any, ...]:
        check = (await client.post(own, json=fields)).json()
        return tuple(check[name] for name in names)

    assert await after() == ("OK", "", "OK", "", True)
    assert await after(subject_fail="BAD") == ("OK", "BAD", "OK", "BAD", True)
    assert await after(subject="", subject_fail="") == ("", "", "", "", False)
    assert await after(success_kw="YES") == ("", "", "YES", "", False)
    assert await after(filter_subject=True) == ("YES", "", "YES", "", True)
    assert await after(subject="MORE", filter_subject=False) == ("", "", "MORE", "", False)
    assert await after(subject="A", success_kw="B") == ("B", "", "B", "", True)


async def test_a_schedule_counts_before_a_timeout_and_a_zone_alone_changes_no_kind(
    client: httpx.AsyncClient, clock: FrozenClock
) -> None:
    made = (await client.post(CHECKS, json={"schedule": "30 2 * * *", "tz": "Europe/Kiev", "timeout": 60})).json()
    own = f"/api/v3/checks/{made['uuid']}"
    await client.get(f"/ping/{made['uuid']}")

    async def after(**fields: Any) -> tuple[Any, ...]:
        check = (await client.post(own, json=fields)).json()
        return tuple(check.get(name) for name in ("timeout", "schedule", "tz", "next_ping"))

    assert list(made)[-2:] == ["schedule", "tz"]
    assert await after() == (None, "30 2 * * *", "Europe/Kyiv", "2026-02-01T00:30:00+00:00")
    assert await after(tz="CET") == (None, "30 2 * * *", "Europe/Brussels", "2026-02-01T01:30:00+00:00")
    assert await after(grace=60) == (None, "30 2 * * *", "Europe/Brussels", "2026-02-01T01:30:00+00:00")
    calendar = "Mon *-*-* 12:00\nTue *-*-* 13:00"
    assert await after(schedule=calendar) == (None, calendar, "Europe/Brussels", "2026-02-02T11:00:00+00:00")
    assert await after(timeout=3600) == (3600, None, None, "2026-01-31T10:00:00+00:00")
    assert await after(tz="Asia/Tokyo") == (3600, None, None, "2026-01-31T10:00:00+00:00")
    assert await after(schedule="0 0 * * *") == (None, "0 0 * * *", "UTC", "2026-02-01T00:00:00+00:00")


async def test_unique_names_what_the_same_check_has(client: httpx.AsyncClient, clock: FrozenClock) -> None:
    first = {"name": "Job", "tags": "a b", "slug": "job", "timeout": 120, "grace": 60}
    made = (await client.post(CHECKS, json=first)).json()
    clock.advance(seconds=1)
    twin = (await client.post(CHECKS, json=first)).json()
    assert twin["uuid"] != made["uuid"]
    for unique in (["name"], ["slug"], ["tags"], ["timeout"], ["grace"], list(first)):
        answer = await client.post(CHECKS, json={**first, "unique": unique, "desc": str(unique)})
        found = (answer.status_code, answer.json()["uuid"], answer.json()["desc"])
        assert found == (200, made["uuid"], str(unique))
    others: tuple[dict[str, Any], ...] = (
        {"unique": []},
        {"unique": ["name"], "name": "job"},
        {"unique": ["name", "tags"], "tags": "a"},
        {"unique": ["tags"], "tags": "b a"},
        {"unique": ["name", "timeout"], "timeout": 121},
    )
    for other in others:
        answer = await client.post(CHECKS, json={**first, **other})
        assert answer.status_code == 201, other
    absent = await client.post(CHECKS, json={"name": "Job", "unique": ["name", "grace"]})
    assert absent.status_code == 201
    refused = await client.post(CHECKS, json={"name": "Job", "unique": ["name"], "channels": "x", "desc": "no"})
    assert refused.status_code == 400
    assert (await client.get(f"/api/v3/checks/{made['uuid']}")).json()["desc"] != "no"
