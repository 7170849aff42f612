"""Flagd documents: a whole set replaced, all of it or nothing, and given out just as it came in."""

from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import AssertEvents, ClientWith, on_every_engine
from tests.support import FrozenClock
from tests.told import told

from .conftest import FOR_STAFF, MakeFlag

PATH = "/api/flags/document"
JSON = {"Content-Type": "application/json"}
ODD = {
    "$schema": "https://flagd.dev/schema/v0/flags.json",
    "metadata": {"version": "7", "float": 0.0, "odd": ["kept"]},
    "flags": {
        "whole/with a slash?": {"variants": {"a": 0.0, "b": 1}, "state": "ENABLED", "defaultVariant": "a"},
        "mixed": {"state": "ENABLED", "variants": {"on": True, "off": "off"}, "defaultVariant": None},
        "no-state": {"variants": {"on": True}, "unknown": {"kept": [None, 1.0, "é"]}},
        "ref": {"state": "DISABLED", "variants": {"x": {"y": 1}}, "targeting": {"$ref": "staff"}, "metadata": {}},
        "nothing": {"state": "ENABLED", "variants": {}, "defaultVariant": "", "targeting": {}},
    },
    "$evaluators": {"staff": {"ends_with": [{"var": "email"}, "@example.org"]}},
    "more": 1,
}


async def put(client: httpx.AsyncClient, document: Any, query: str = "", status: int = 200) -> dict[str, Any]:
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    answer = await client.put(f"{PATH}{query}", content=body, headers=JSON)
    assert answer.status_code == status, answer.text
    told_: dict[str, Any] = answer.json()
    return told_


async def got(client: httpx.AsyncClient, query: str = "") -> bytes:
    answer = await client.get(f"{PATH}{query}")
    assert answer.status_code == 200, answer.text
    return answer.content


def flag(**more: Any) -> dict[str, Any]:
    return {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off", **more}


@on_every_engine
async def test_what_was_imported_comes_out_the_same(client: httpx.AsyncClient, assert_events: AssertEvents) -> None:
    report = await put(client, ODD)
    assert (report["imported"], report["created"], report["deleted"]) == (5, 5, 0)
    assert await got(client) == orjson.dumps(ODD)
    await assert_events(told("flags.imported", "", set="", created=5, updated=0, deleted=0))
    again = await put(client, ODD)
    assert (again["imported"], again["unchanged"]) == (5, 5)
    await assert_events()


@on_every_engine
async def test_what_an_import_brings_is_evaluated_at_once(client: httpx.AsyncClient) -> None:
    rule = {"if": [{"$ref": "staff"}, "on", None]}
    await put(client, {"flags": {"a": flag(targeting=rule)}, "$evaluators": ODD["$evaluators"]})
    ask = {"context": {"email": "anna@example.org"}}
    assert (await client.post("/ofrep/v1/evaluate/flags/a", json=ask)).json()["value"] is True
    never = {"ends_with": [{"var": "email"}, "@nowhere.org"]}
    await put(client, {"flags": {"a": flag(targeting=rule)}, "$evaluators": {"staff": never}})
    assert (await client.post("/ofrep/v1/evaluate/flags/a", json=ask)).json()["value"] is False
    await put(client, {"flags": {}})
    assert (await client.post("/ofrep/v1/evaluate/flags/a", json=ask)).status_code == 404


async def test_an_array_stays_an_array(client: httpx.AsyncClient) -> None:
    document = {"flags": [{"key": "b", **flag()}, {**flag(), "key": "a"}], "metadata": {"flagSetId": "list"}}
    await put(client, document)
    assert await got(client, "?set=list") == orjson.dumps(document)


async def test_flags_made_here_survive_the_way_through_a_document(
    client: httpx.AsyncClient, make_flag: MakeFlag
) -> None:
    made = await make_flag(
        description="The checkout", tags=["shop"], metadata={"team": "shop"}, targeting=FOR_STAFF, default_variant=None
    )
    first = await got(client)
    await client.delete("/api/flags/checkout")
    await put(client, first)
    assert await got(client) == first
    back = (await client.get("/api/flags/checkout")).json()
    assert back == made


async def test_only_what_is_different_becomes_a_version(
    client: httpx.AsyncClient, make_flag: MakeFlag, clock: FrozenClock, assert_events: AssertEvents
) -> None:
    for key in ("same", "other", "gone"):
        await make_flag(key)
    clock.advance(seconds=1)
    await assert_events(*(told("flags.created", key) for key in ("same", "other", "gone")))
    flags = {"new": flag(), "same": flag(), "other": flag(state="DISABLED")}
    report = await put(client, {"flags": flags})
    assert {name: report[name] for name in ("created", "updated", "deleted", "unchanged")} == {
        "created": 1,
        "updated": 1,
        "deleted": 1,
        "unchanged": 1,
    }
    assert (await client.get("/api/flags/same")).json()["revision"] == 1
    newest = (await client.get("/api/flags/other/history")).json()["items"][0]
    assert (newest["revision"], newest["action"]) == (2, "imported")
    assert newest["diff"] == [{"op": "replace", "path": "/state", "value": "DISABLED", "old": "ENABLED"}]
    assert (await client.get("/api/flags/gone")).status_code == 404
    assert [*orjson.loads(await got(client))["flags"]] == [*flags]
    await assert_events(told("flags.imported", created=1, updated=1, deleted=1))


FATAL = [
    (b"", "#"),
    (b"{", "#"),
    (b'{"flags": {"a": NaN}}', "#"),
    (b"\xff", "#"),
    (b"[" * 10_000 + b"]" * 10_000, "#"),
    ([], "#"),
    ({}, "#/flags"),
    ({"flags": "none"}, "#/flags"),
    ({"flags": {"a~/b": 1}}, "#/flags/a~0~1b"),
    ({"flags": [{"state": "ENABLED"}]}, "#/flags/0/key"),
    ({"flags": [{"key": "a", **flag()}, {"key": "a", **flag()}]}, "#/flags/1/key"),
    ({"flags": {"a": flag(defaultVariant="maybe")}}, "#/flags/a/defaultVariant"),
    ({"flags": {"a": flag(variants={"on": 2**63})}}, "#/flags/a/variants/on"),
    ({"flags": {"a": flag(variants={"on": "\0"}, defaultVariant="on")}}, "#/flags/a/variants/on"),
    ({"flags": {"x" * 513: flag()}}, "#/flags/" + "x" * 513),
    ({"flags": {"a": flag()}, "metadata": {"flagSetId": "a\n"}}, "#/metadata/flagSetId"),
]


@pytest.mark.parametrize(("document", "pointer"), FATAL, ids=range(len(FATAL)))
async def test_what_cannot_be_kept_is_refused_and_the_old_document_stays(
    client: httpx.AsyncClient, document: Any, pointer: str
) -> None:
    await put(client, ODD)
    problem = await put(client, document, status=422)
    assert pointer in {error["pointer"] for error in problem["errors"]}, problem
    assert await got(client) == orjson.dumps(ODD)


async def test_a_rule_that_is_too_deep_is_refused_at_its_place(client: httpx.AsyncClient) -> None:
    rule: Any = "on"
    for _ in range(105):
        rule = {"!": [rule]}
    body = orjson.dumps({"flags": {"a": flag(targeting=rule)}})
    problem = await put(client, body, status=422)
    assert problem["errors"][0]["pointer"].startswith(("#/flags/a/targeting", "#"))


async def test_what_is_odd_is_told_and_refused_only_when_strict(client: httpx.AsyncClient) -> None:
    report = await put(client, ODD)
    pointers = {warning["pointer"] for warning in report["warnings"]}
    expected = {
        "#/flags/whole~1with a slash?",
        "#/flags/mixed/variants",
        "#/flags/no-state/state",
        "#/flags/no-state/unknown",
        "#/flags/nothing/variants",
        "#/metadata/odd",
        "#/more",
    }
    assert expected <= pointers
    assert pointers <= expected | {"#/flags/nothing/targeting"}
    await put(client, {"flags": {}})
    problem = await put(client, ODD, "?strict=true", status=422)
    assert expected <= {error["pointer"] for error in problem["errors"]}
    assert orjson.loads(await got(client))["flags"] == {}
    clean = {"flags": {"a": flag(targeting=FOR_STAFF)}, "metadata": {"version": "1"}}
    assert (await put(client, clean, "?strict=true"))["warnings"] == []


async def test_unknown_operators_are_warned_of_and_kept(client: httpx.AsyncClient) -> None:
    report = await put(client, {"flags": {"a": flag(targeting={"if": [{"nope": []}, "on"]})}})
    assert [warning["pointer"] for warning in report["warnings"]] == ["#/flags/a/targeting/if/0"]
    answer = await client.post("/ofrep/v1/evaluate/flags/a")
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "PARSE_ERROR")


async def test_a_name_that_stands_twice_is_warned_of(client: httpx.AsyncClient) -> None:
    body = (
        b'{"flags": {"a": {"state": "ENABLED", "variants": {"on": true}}, "a": {"state": "DISABLED", "variants": {}}}}'
    )
    assert any("twice" in warning["detail"] for warning in (await put(client, body))["warnings"])


async def test_a_dry_run_tells_the_same_and_writes_nothing(
    client: httpx.AsyncClient, make_flag: MakeFlag, assert_events: AssertEvents
) -> None:
    await make_flag()
    await assert_events(told("flags.created"))
    before = await got(client)
    dry = await put(client, ODD, "?dry_run=true")
    assert (dry["created"], dry["deleted"]) == (5, 1)
    assert await got(client) == before
    await assert_events()
    assert await put(client, ODD) == dry


async def test_sets_are_replaced_apart(client: httpx.AsyncClient) -> None:
    web, mobile = {"flags": {"a": flag()}}, {"flags": {"b": flag()}, "metadata": {"flagSetId": "mobile"}}
    await put(client, web)
    await put(client, mobile)
    await put(client, {"flags": {"c": flag()}}, "?set=desktop")
    assert await got(client) == orjson.dumps(web)
    assert await got(client, "?set=mobile") == orjson.dumps(mobile)
    assert [*orjson.loads(await got(client, "?set=desktop"))["flags"]] == ["c"]
    problem = await put(client, mobile, "?set=web", status=422)
    assert [error["pointer"] for error in problem["errors"]] == ["query/set"]
    assert (await client.delete(f"{PATH}?set=mobile")).status_code == 204
    assert (await client.get(f"{PATH}?set=mobile")).status_code == 404
    assert (await client.delete(f"{PATH}?set=mobile")).status_code == 404
    assert await got(client) == orjson.dumps(web)
    selected = await client.post("/ofrep/v1/evaluate/flags", headers={"Flagd-Selector": "flagSetId=mobile"})
    assert selected.json()["flags"] == []


async def test_a_document_without_a_name_never_replaces_a_set_that_has_one(client: httpx.AsyncClient) -> None:
    mobile = {"flags": {"b": flag()}, "metadata": {"flagSetId": "mobile"}}
    await put(client, mobile)
    assert await got(client) == orjson.dumps(mobile)
    await put(client, {"flags": {"a": flag()}})
    assert await got(client, "?set=mobile") == orjson.dumps(mobile)


async def test_flagd_is_told_that_nothing_has_changed(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag()
    etag = (await client.get(PATH)).headers["etag"]
    known = {"If-None-Match": etag}
    assert (await client.get(PATH, headers=known)).status_code == 304
    await client.patch("/api/flags/checkout", json={"state": "DISABLED"})
    changed = await client.get(PATH, headers=known)
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag


async def test_if_match_keeps_two_from_replacing_the_same_document(client: httpx.AsyncClient) -> None:
    await put(client, {"flags": {"a": flag()}})
    ask = {**JSON, "If-Match": (await client.get(PATH)).headers["etag"]}
    await client.patch("/api/flags/a", json={"state": "DISABLED"})
    answer = await client.put(PATH, content=orjson.dumps({"flags": {}}), headers=ask)
    assert answer.status_code == 412
    assert (await client.delete(PATH, headers=ask)).status_code == 412
    ask = {**JSON, "If-Match": (await client.get(PATH)).headers["etag"]}
    assert (await client.put(PATH, content=orjson.dumps({"flags": {}}), headers=ask)).status_code == 200


async def test_another_type_than_json_is_not_taken_and_who_may_only_read_writes_nothing(
    client: httpx.AsyncClient, client_with: ClientWith
) -> None:
    answer = await client.put(PATH, content=b"flags: {}", headers={"Content-Type": "application/yaml"})
    assert answer.status_code == 415
    reader = client_with("flags:read")
    assert (await reader.put(PATH, content=b'{"flags": {}}', headers=JSON)).status_code == 403
    assert (await reader.get(PATH)).status_code == 200


_JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc$é", max_size=3), inner, max_size=3),
    max_leaves=5,
)
_FLAGS = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(["ENABLED", "DISABLED", "maybe", 1]),
        "variants": st.dictionaries(st.text("xy", min_size=1, max_size=2), _JSON_VALUES, max_size=3),
        "defaultVariant": st.sampled_from([None, ""]),
        "targeting": _JSON_VALUES,
        "metadata": _JSON_VALUES,
        "description": _JSON_VALUES,
        "tags": _JSON_VALUES,
        "other": _JSON_VALUES,
    },
)
_KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    flags=st.dictionaries(_KEYS, _FLAGS, max_size=4),
    more=st.dictionaries(st.sampled_from(["$schema", "$evaluators", "metadata", "other"]), _JSON_VALUES, max_size=3),
    is_array=st.booleans(),
)
async def test_any_document_comes_out_as_it_went_in(
    client: httpx.AsyncClient, flags: dict[str, Any], more: dict[str, Any], is_array: bool
) -> None:
    given_ = [{"key": key, **own} for key, own in flags.items()] if is_array else flags
    document = orjson.dumps({**more, "flags": given_})
    await put(client, document, "?set=odd")
    assert await got(client, "?set=odd") == document
    for key in flags:
        shown = await client.post("/api/flags/evaluate?set=odd", json={"keys": [key]})
        assert shown.status_code == 200, shown.text
    assert (await client.get("/api/flags?set=odd")).status_code == 200
    assert (await client.post("/ofrep/v1/evaluate/flags", headers={"Flagd-Selector": "odd"})).status_code == 200
