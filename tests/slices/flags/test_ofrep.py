"""Evaluating one flag over OpenFeature's remote protocol: flagd's order, the protocol's own bodies, whose flags."""

import json
from itertools import product
from typing import Any

import httpx
import pytest

from tests.conftest import ClientWith, Transact, on_every_engine
from tests.support import client_of, make_app, running

from .asking import EVALUATE, FOR_ANNA, ON_OFF, ask, keep_document
from .conftest import MakeFlag

NOT_JSON = (b"{", b"nope", b" ", b"\xff", b'{"context": NaN}', b'"\\ud800"', b"\xef\xbb\xbf{}", b"{} {}")
NO_CONTEXT: tuple[Any, ...] = ([], "text", 1, None, True, {"context": []}, {"context": "anna"}, {"context": 0})

# What an evaluation gives


async def test_an_unknown_flag_is_404_in_the_words_of_the_protocol(client: httpx.AsyncClient) -> None:
    answer = await ask(client, "nope")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"key": "nope", "errorCode": "FLAG_NOT_FOUND", "errorDetails": "There is no flag 'nope'."}


async def test_an_unknown_flag_is_told_with_the_metadata_of_its_set(
    client: httpx.AsyncClient, transact: Transact
) -> None:
    await transact(keep_document, {"flags": {}, "metadata": {"version": 2, "team": "shop"}})
    assert (await ask(client, "nope")).json()["metadata"] == {"version": 2, "team": "shop"}


async def test_a_disabled_flag_has_no_value(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag(state="DISABLED", targeting=FOR_ANNA)
    answer = await ask(client, "checkout", targetingKey="anna")
    assert (answer.status_code, answer.json()) == (200, {"key": "checkout", "reason": "DISABLED", "variant": ""})


@pytest.mark.parametrize("targeting", [None, {}])
async def test_a_flag_without_a_rule_is_static(client: httpx.AsyncClient, transact: Transact, targeting: Any) -> None:
    flag = {"state": "ENABLED", "variants": ON_OFF, "defaultVariant": "off", "targeting": targeting}
    await transact(keep_document, {"flags": {"checkout": flag}})
    answer = await ask(client, "checkout")
    wanted = {"key": "checkout", "reason": "STATIC", "variant": "off", "value": False}
    assert (answer.status_code, answer.json()) == (200, wanted)


@pytest.mark.parametrize("default", [{}, {"defaultVariant": None}, {"defaultVariant": ""}])
async def test_without_a_default_the_code_decides(
    client: httpx.AsyncClient, transact: Transact, default: dict[str, Any]
) -> None:
    flag = {"state": "ENABLED", "variants": ON_OFF, **default}
    await transact(keep_document, {"flags": {"fixed": flag, "ruled": {**flag, "targeting": FOR_ANNA}}})
    for key in ("fixed", "ruled"):
        answer = await ask(client, key)
        assert (answer.status_code, answer.json()) == (200, {"key": key, "reason": "DEFAULT", "variant": ""})


async def test_a_rule_gives_a_variant_or_the_default(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag(targeting=FOR_ANNA)
    anna = (await ask(client, "checkout", targetingKey="anna")).json()
    assert anna == {"key": "checkout", "reason": "TARGETING_MATCH", "variant": "on", "value": True}
    other = (await ask(client, "checkout", targetingKey="bert")).json()
    assert other == {"key": "checkout", "reason": "DEFAULT", "variant": "off", "value": False}


async def test_true_and_false_are_names_of_variants(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag(
        variants={"true": "yes", "false": "no"}, default_variant="false", targeting={"==": [{"var": "plan"}, "pro"]}
    )
    assert (await ask(client, "checkout", plan="pro")).json()["value"] == "yes"
    free = (await ask(client, "checkout", plan="free")).json()
    assert (free["value"], free["reason"]) == ("no", "TARGETING_MATCH")


@pytest.mark.parametrize("result", ["maybe", "", 1, 0.5, ["on"], {"on": 1, "off": 2}])
async def test_what_is_no_variant_is_a_general_error(
    client: httpx.AsyncClient, transact: Transact, result: Any
) -> None:
    flag = {
        "state": "ENABLED",
        "variants": ON_OFF,
        "defaultVariant": "off",
        "targeting": {"if": [True, result]},
        "metadata": {"team": "shop"},
    }
    await transact(keep_document, {"flags": {"checkout": flag}})
    answer = await ask(client, "checkout")
    body = answer.json()
    assert (answer.status_code, body["key"], body["errorCode"]) == (400, "checkout", "GENERAL")
    assert body["errorDetails"]
    assert body["metadata"] == {"team": "shop"}
    assert "value" not in body


@pytest.mark.parametrize("rule", [{"no_such": [1]}, {"$ref": "gone"}, {"if": [{"var": "on"}, {"no_such": []}, "off"]}])
async def test_a_rule_that_fails_is_a_parse_error(client: httpx.AsyncClient, transact: Transact, rule: Any) -> None:
    flag = {"state": "ENABLED", "variants": ON_OFF, "defaultVariant": "off", "targeting": rule}
    await transact(keep_document, {"flags": {"checkout": flag}})
    answer = await ask(client, "checkout", on=True)
    body = answer.json()
    assert (answer.status_code, body["key"], body["errorCode"]) == (400, "checkout", "PARSE_ERROR")
    assert body["errorDetails"]


async def test_a_rule_that_cannot_be_compiled_is_a_parse_error(client: httpx.AsyncClient, transact: Transact) -> None:
    rule: Any = "on"
    for _ in range(200):
        rule = {"!": [rule]}
    flag = {"state": "ENABLED", "variants": ON_OFF, "defaultVariant": "off", "targeting": rule}
    await transact(keep_document, {"flags": {"deep": flag, "fine": {**flag, "targeting": None}}})
    deep = await ask(client, "deep")
    assert (deep.status_code, deep.json()["errorCode"]) == (400, "PARSE_ERROR")
    assert (await ask(client, "fine")).json()["value"] is False


async def test_a_value_that_is_too_deep_for_json_spoils_its_own_flag_alone(
    client: httpx.AsyncClient, transact: Transact
) -> None:
    deep: Any = {}
    for _ in range(300):
        deep = {"a": deep}
    await transact(
        keep_document,
        {
            "flags": {
                "deep": {"state": "ENABLED", "variants": {"on": deep}, "defaultVariant": "on"},
                "fine": {"state": "ENABLED", "variants": ON_OFF, "defaultVariant": "on"},
            }
        },
    )
    answer = await ask(client, "deep")
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "GENERAL")
    assert (await ask(client, "fine")).json()["value"] is True


async def test_the_rule_is_given_the_flags_key_and_the_time(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    now = 1_769_850_000  # the tests' clock
    is_told = {"and": [{"==": [{"var": "$flagd.flagKey"}, "checkout"]}, {"==": [{"var": "$flagd.timestamp"}, now]}]}
    await make_flag(targeting={"if": [is_told, "on", "off"]})
    context = {"$flagd": {"flagKey": "mine", "timestamp": 1}}
    answer = await client.post(f"{EVALUATE}/checkout", json={"context": context})
    assert answer.json()["variant"] == "on"


async def test_metadata_is_the_sets_with_the_flags_own_over_it(client: httpx.AsyncClient, transact: Transact) -> None:
    flag = {"state": "ENABLED", "variants": ON_OFF, "defaultVariant": "on"}
    own = {"team": "checkout", "cost": 0.5, "list": [1], "none": None}
    document: dict[str, Any] = {
        "metadata": {"team": "shop", "version": 3, "isNew": True, "nested": {}},
        "flags": {
            "own": {**flag, "metadata": own},
            "bare": flag,
            "disabled": {**flag, "state": "DISABLED"},
            "broken": {**flag, "targeting": {"no_such": []}},
        },
    }
    await transact(keep_document, document)
    shared = {"team": "shop", "version": 3, "isNew": True}
    told = {key: (await ask(client, key)).json()["metadata"] for key in document["flags"]}
    assert told == {
        "own": {"team": "checkout", "version": 3, "isNew": True, "cost": 0.5},
        "bare": shared,
        "disabled": shared,
        "broken": shared,
    }


@on_every_engine
async def test_a_value_keeps_its_form_in_json(client: httpx.AsyncClient) -> None:
    for at, text in enumerate(("0.0", "1.0", "3", "-2.5", "9007199254740991", "true", '"Grüße"', '{"a":[0.0,1]}')):
        body = f'{{"key": "value{at}", "variants": {{"a": {text}}}, "default_variant": "a"}}'
        made = await client.post("/api/flags", content=body.encode(), headers={"Content-Type": "application/json"})
        assert made.status_code == 201, made.text
        assert f'"value":{text}' in (await ask(client, f"value{at}")).text


# Bodies


async def test_a_context_need_not_be_there(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag(targeting=FOR_ANNA)
    for body in (b"", b"{}", b'{"context": {}}', b'{"context": null}', b'{"context": {"a": 1}}'):
        answer = await client.post(f"{EVALUATE}/checkout", content=body)
        assert (body, answer.status_code, answer.json()["reason"]) == (body, 200, "DEFAULT")


async def test_what_is_not_json_is_a_parse_error(client: httpx.AsyncClient) -> None:
    deep = (b"[" * 100_000, b'{"context":' * 2_000)
    for body, path in product((*NOT_JSON, *deep), ("", "/", "/checkout", "/a/b")):
        answer = await client.post(f"{EVALUATE}{path}", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/json"), body[:40]
        told = answer.json()
        assert told["errorCode"] == "PARSE_ERROR"
        assert told["errorDetails"]
        assert told.get("key") == (path.strip("/") or None)


async def test_what_is_no_context_is_an_invalid_one(client: httpx.AsyncClient) -> None:
    for body, path in product(NO_CONTEXT, ("", "/", "/checkout")):
        answer = await client.post(f"{EVALUATE}{path}", content=json.dumps(body))
        assert (body, answer.status_code, answer.json()["errorCode"]) == (body, 400, "INVALID_CONTEXT")


async def test_an_invalid_context_is_told_with_the_metadata(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag(metadata={"team": "shop"})
    answer = await client.post(f"{EVALUATE}/checkout", json=[])
    assert (answer.status_code, answer.json()["metadata"]) == (400, {"team": "shop"})


async def test_the_content_type_does_not_matter(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag()
    for kind in ("text/plain", "application/json; charset=utf-8", "application/x-www-form-urlencoded"):
        answer = await client.post(f"{EVALUATE}/checkout", content=b"{}", headers={"Content-Type": kind})
        assert answer.status_code == 200


async def test_a_deep_context_is_answered(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag(targeting={"if": [{"==": [{"var": "a"}, {"var": "b"}]}, "on", "off"]})
    deep = '{"x":' * 900 + "1" + "}" * 900
    for path in ("", "/checkout"):
        answer = await client.post(f"{EVALUATE}{path}", content=f'{{"context": {{"a": {deep}, "b": {deep}}}}}'.encode())
        assert answer.status_code in (200, 400), answer.text
        assert answer.headers["content-type"] == "application/json"


# Keys


async def test_any_imported_key_can_be_asked_for(client: httpx.AsyncClient, transact: Transact) -> None:
    keys = ("a/b", "a//b", "/a", "a b", "ü/€", "history", "a/history", "%", "a?b", "checkout/")
    await transact(keep_document, {"flags": {key: {"variants": ON_OFF, "defaultVariant": "on"} for key in keys}})
    for key in keys:
        answer = await ask(client, "".join(f"%{byte:02X}" for byte in key.encode()))
        assert (answer.status_code, answer.json()["key"]) == (200, key)


async def test_a_key_need_not_be_quoted(client: httpx.AsyncClient, transact: Transact) -> None:
    await transact(keep_document, {"flags": {"a/b c": {"variants": ON_OFF, "defaultVariant": "on"}}})
    assert (await ask(client, "a/b c")).json()["key"] == "a/b c"


# Sets


async def test_a_header_picks_the_set(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag()
    await make_flag(query="?set=web", default_variant="on")
    for selector in ("flagSetId=web", "web", " flagSetId = web "):
        answer = (await ask(client, "checkout", selector=selector)).json()
        assert (answer["value"], answer["metadata"]) == (True, {"flagSetId": "web"})
    for unnamed in (None, "flagSetId=", ""):
        assert (await ask(client, "checkout", selector=unnamed)).json()["value"] is False


async def test_the_only_set_there_is_need_not_be_named(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag(query="?set=web", default_variant="on")
    assert (await ask(client, "checkout")).json()["value"] is True
    assert (await ask(client, "checkout", selector="flagSetId=")).status_code == 404


async def test_a_set_may_have_any_name(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag()
    await make_flag(query="?set=B%C3%BCro%3D1", default_variant="on")
    headers = {b"Flagd-Selector": "flagSetId=Büro=1".encode()}
    answer = await client.post(f"{EVALUATE}/checkout", json={}, headers=headers)
    assert answer.json()["value"] is True


async def test_in_an_unknown_set_there_is_no_flag(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag()
    answer = await ask(client, "checkout", selector="flagSetId=nope")
    assert (answer.status_code, answer.json()["errorCode"]) == (404, "FLAG_NOT_FOUND")


# Who may ask


async def test_a_key_that_can_only_evaluate_does(client_with: ClientWith, make_flag: MakeFlag) -> None:
    await make_flag()
    async with client_with("flags:evaluate") as program:
        assert (await ask(program, "checkout")).status_code == 200
        assert (await program.post(EVALUATE)).status_code == 200
        assert (await program.get("/api/flags/checkout")).status_code == 403
    async with client_with("flags:evaluate") as program:
        key = program.headers.pop("authorization").removeprefix("Bearer ")
        answer = await program.post(f"{EVALUATE}/checkout", headers={"X-API-Key": key})
        assert answer.status_code == 200


async def test_no_other_key_evaluates(
    client_with: ClientWith, anonymous: httpx.AsyncClient, make_flag: MakeFlag
) -> None:
    await make_flag()
    async with client_with("flags:read", "flags:write") as reader:
        for path in ("", "/", "/checkout"):
            assert (await reader.post(EVALUATE + path)).status_code == 403
            assert (await anonymous.post(EVALUATE + path)).status_code == 401


async def test_a_setting_opens_evaluation_to_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLICE_FLAGS_EVALUATION_PUBLIC", "true")
    app = make_app(cors_origins="https://shop.example")
    async with running(app), client_of(app) as admin, client_of(app, key=None) as visitor:
        await admin.post("/api/flags", json={"key": "checkout", "variants": ON_OFF, "default_variant": "on"})
        origin = {"Origin": "https://shop.example"}
        answer = await visitor.post(f"{EVALUATE}/checkout", json={}, headers=origin)
        assert (answer.status_code, answer.json()["value"]) == (200, True)
        assert (await visitor.get("/api/flags")).status_code == 401
        everything = await visitor.post(EVALUATE, json={}, headers=origin)
        assert everything.headers["access-control-allow-origin"] == "https://shop.example"
        assert "ETag" in everything.headers["access-control-expose-headers"]
        unchanged = await visitor.post(
            EVALUATE, json={}, headers={**origin, "If-None-Match": everything.headers["etag"]}
        )
        assert (unchanged.status_code, unchanged.headers["access-control-allow-origin"]) == (304, origin["Origin"])


async def test_what_a_browser_asks_before_it_sends_headers_is_granted() -> None:
    app = make_app(cors_origins="https://shop.example")
    asked = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,if-none-match,flagd-selector,x-api-key",
    }
    async with running(app), client_of(app, key=None) as browser:
        answer = await browser.options(EVALUATE, headers=asked)
        assert answer.status_code == 204
        allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
        assert set(asked["Access-Control-Request-Headers"].split(",")) <= allowed


async def test_other_methods_are_refused(client: httpx.AsyncClient) -> None:
    for path in ("", "/", "/checkout"):
        answer = await client.get(EVALUATE + path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "OPTIONS, POST")


async def test_a_body_over_the_limit_is_413(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag()
    body = json.dumps({"context": {"text": "x" * (1 << 20)}})
    assert (await client.post(f"{EVALUATE}/checkout", content=body)).status_code == 413
