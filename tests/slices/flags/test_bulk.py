"""Evaluating all flags of a set: one answer, whose ETag is that of what was evaluated."""

from typing import Any

import httpx
import pytest

from tests.conftest import ClientWith, Transact
from tests.support import FrozenClock

from .asking import EVALUATE, FOR_ANNA, ON_OFF, ask, ask_all, keep_document
from .conftest import MakeFlag


async def test_every_flag_is_answered_as_if_it_was_asked_for_alone(
    client: httpx.AsyncClient, transact: Transact
) -> None:
    flag = {"state": "ENABLED", "variants": ON_OFF, "defaultVariant": "off"}
    document = {
        "metadata": {"flagSetId": "", "version": 1},
        "flags": {
            "z": {**flag, "targeting": FOR_ANNA},
            "static": flag,
            "disabled": {**flag, "state": "DISABLED"},
            "code": {**flag, "defaultVariant": None},
            "broken": {**flag, "targeting": {"no_such": []}},
            "general": {**flag, "targeting": {"if": [True, "maybe"]}},
            "key": {**flag, "targeting": {"if": [{"==": [{"var": "$flagd.flagKey"}, "key"]}, "on"]}},
            "a/b": flag,
        },
    }
    await transact(keep_document, document)
    answer = await ask_all(client, targetingKey="anna")
    assert answer.status_code == 200
    body = answer.json()
    assert body["metadata"] == document["metadata"]
    assert [each["key"] for each in body["flags"]] == [*document["flags"]]
    assert body["flags"] == [(await ask(client, key, targetingKey="anna")).json() for key in document["flags"]]


async def test_a_trailing_slash_and_a_missing_context_do_no_harm(
    client: httpx.AsyncClient, make_flag: MakeFlag
) -> None:
    await make_flag()
    wanted = await client.post("/ofrep/v1/evaluate/flags")
    assert [each["key"] for each in wanted.json()["flags"]] == ["checkout"]
    for body in (b"", b"{}", b'{"context": {}}', b'{"context": null}'):
        answer = await client.post("/ofrep/v1/evaluate/flags/", content=body)
        assert (answer.status_code, answer.content) == (200, wanted.content)


async def test_the_order_is_that_of_the_document_and_new_flags_come_last(
    client: httpx.AsyncClient, make_flag: MakeFlag
) -> None:
    for key in ("c", "a", "b"):
        await make_flag(key)
    await client.patch("/api/flags/c", json={"default_variant": "on"})
    await client.delete("/api/flags/a")
    await make_flag("a")
    assert [each["key"] for each in (await ask_all(client)).json()["flags"]] == ["c", "b", "a"]


async def test_an_empty_service_has_an_empty_list(client: httpx.AsyncClient) -> None:
    answer = (await ask_all(client)).json()
    assert (answer["flags"], answer["metadata"]) == ([], {})


async def test_an_unknown_set_is_empty(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag()
    answer = await client.post(EVALUATE, headers={"Flagd-Selector": "flagSetId=nope"})
    assert (answer.status_code, answer.json()["flags"], answer.json()["metadata"]) == (200, [], {})


async def test_a_header_picks_the_set(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag("here")
    await make_flag("there", query="?set=web")
    answer = (await client.post(EVALUATE, headers={"Flagd-Selector": "flagSetId=web"})).json()
    assert [each["key"] for each in answer["flags"]] == ["there"]
    assert answer["metadata"] == {"flagSetId": "web"}


async def test_every_change_is_seen_at_once(client: httpx.AsyncClient, transact: Transact, make_flag: MakeFlag) -> None:
    async def variants() -> dict[str, str]:
        return {each["key"]: each["variant"] for each in (await ask_all(client)).json()["flags"]}

    await make_flag()
    assert await variants() == {"checkout": "off"}
    await client.patch("/api/flags/checkout", json={"default_variant": "on"})
    assert await variants() == {"checkout": "on"}
    await client.post("/api/flags/checkout/rollback", json={"revision": 1})
    assert await variants() == {"checkout": "off"}
    await client.patch("/api/flags/checkout", json={"state": "DISABLED"})
    assert await variants() == {"checkout": ""}
    await client.delete("/api/flags/checkout")
    assert await variants() == {}
    await make_flag(default_variant="on")
    assert await variants() == {"checkout": "on"}
    await transact(keep_document, {"flags": {"new": {"variants": ON_OFF, "defaultVariant": "off"}}})
    assert await variants() == {"new": "off"}


async def test_a_key_that_is_made_anew_between_two_looks_is_not_the_old_one(
    client: httpx.AsyncClient, transact: Transact
) -> None:
    def document(**flags: Any) -> dict[str, Any]:
        return {"flags": {key: {"variants": ON_OFF, "defaultVariant": name} for key, name in flags.items()}}

    await transact(keep_document, document(a="on", b="on"))
    await ask_all(client)
    await transact(keep_document, document(b="on"))
    await transact(keep_document, document(a="off", b="on"))
    assert (await ask(client, "a")).json()["variant"] == "off"


async def test_what_the_flags_share_changes_them_all(client: httpx.AsyncClient, transact: Transact) -> None:
    flag = {"variants": ON_OFF, "defaultVariant": "off", "targeting": {"if": [{"$ref": "isStaff"}, "on"]}}

    def document(name: str) -> dict[str, Any]:
        return {
            "flags": {"checkout": flag},
            "$evaluators": {"isStaff": {"==": [{"var": "name"}, name]}},
            "metadata": {"staff": name},
        }

    for name in ("anna", "bert"):
        await transact(keep_document, document(name))
        answer = (await ask(client, "checkout", name=name)).json()
        assert (answer["variant"], answer["metadata"]) == ("on", {"staff": name})


async def test_the_generation_of_buckets_is_the_sets(client: httpx.AsyncClient, transact: Transact) -> None:
    split = {"fractional": [["on", 50], ["off", 50]]}
    flag = {"variants": ON_OFF, "defaultVariant": "off", "targeting": split}
    given: dict[str, list[str]] = {}
    for generation in ("v2", "v3", None):
        metadata = {"bucketing": generation} if generation else {}
        await transact(keep_document, {"flags": {"checkout": flag}, "metadata": metadata})
        given[str(generation)] = [
            (await ask(client, "checkout", targetingKey=f"user-{number}")).json()["variant"] for number in range(40)
        ]
    assert given["v3"] == given["None"] != given["v2"]


# The ETag


async def test_what_the_client_has_is_not_sent_again(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag(targeting=FOR_ANNA)
    etag = (await ask_all(client, targetingKey="anna")).headers["etag"]
    for asked in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = await ask_all(client, asked, targetingKey="anna")
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
        assert "content-type" not in answer.headers
    assert (await ask_all(client, '"other"', targetingKey="anna")).status_code == 200


async def test_an_attribute_that_changes_an_answer_changes_the_etag(
    client: httpx.AsyncClient, make_flag: MakeFlag
) -> None:
    await make_flag(targeting={"if": [{"==": [{"var": "plan"}, "pro"]}, "on", None]})
    etag = (await ask_all(client, targetingKey="anna", plan="free")).headers["etag"]
    pro = await ask_all(client, etag, targetingKey="anna", plan="pro")
    assert (pro.status_code, pro.json()["flags"][0]["value"]) == (200, True)
    assert pro.headers["etag"] != etag
    assert (await ask_all(client, etag, targetingKey="bert", plan="trial")).status_code == 304


async def test_a_change_of_a_flag_changes_the_etag_only_where_it_changes_an_answer(
    client: httpx.AsyncClient, make_flag: MakeFlag
) -> None:
    await make_flag()
    etag = (await ask_all(client)).headers["etag"]
    await client.patch("/api/flags/checkout", json={"description": "Another text"})
    assert (await ask_all(client, etag)).status_code == 304
    await client.patch("/api/flags/checkout", json={"metadata": {"team": "shop"}})
    changed = await ask_all(client, etag)
    assert changed.status_code == 200
    await client.patch("/api/flags/checkout", json={"default_variant": "on"})
    assert (await ask_all(client, changed.headers["etag"])).json()["flags"][0]["value"] is True


@pytest.mark.parametrize("query", ["flagConfigEtag=%22nope%22", "flagConfigEtag=", "flagConfigLastModified=nonsense"])
async def test_what_a_stream_told_never_makes_an_answer_older(
    client: httpx.AsyncClient, make_flag: MakeFlag, query: str
) -> None:
    await make_flag()
    answer = await client.post(
        f"{EVALUATE}?{query}&flagConfigLastModified=1769850000", headers={"If-None-Match": '"x"'}
    )
    assert answer.status_code == 200
    again = await client.post(f"{EVALUATE}?{query}", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


# Where the stream is


async def test_the_streams_address_is_whole_and_stays_for_a_while(
    client: httpx.AsyncClient, clock: FrozenClock, make_flag: MakeFlag
) -> None:
    await make_flag()
    first = (await ask_all(client)).json()["eventStreams"]
    assert [each.keys() for each in first] == [{"type", "url", "inactivityDelaySec"}]
    assert first[0]["type"] == "sse"
    assert first[0]["url"].startswith("http://slice.test/ofrep/v1/stream/")
    clock.advance(minutes=5)
    assert (await ask_all(client)).json()["eventStreams"] == first


async def test_a_client_whose_streams_address_has_ended_is_given_another_one(
    client: httpx.AsyncClient, clock: FrozenClock, make_flag: MakeFlag
) -> None:
    await make_flag()
    first = await ask_all(client)
    etag, url = first.headers["etag"], first.json()["eventStreams"][0]["url"]
    clock.advance(minutes=50)  # the address still works, though another one is given out
    assert (await ask_all(client, etag)).status_code == 304
    assert (await ask_all(client)).json()["eventStreams"][0]["url"] != url
    clock.advance(minutes=20)
    later = await ask_all(client, etag)
    assert (later.status_code, later.json()["flags"]) == (200, first.json()["flags"])
    assert later.json()["eventStreams"][0]["url"] != url
    assert (await client.get(url)).status_code == 401


async def test_a_client_with_another_key_is_given_a_stream_of_its_own(
    client_with: ClientWith, make_flag: MakeFlag
) -> None:
    await make_flag()
    async with client_with("flags:evaluate") as one, client_with("flags:evaluate") as other:
        first = await ask_all(one)
        assert (await ask_all(one, first.headers["etag"])).status_code == 304
        assert (await ask_all(other, first.headers["etag"])).status_code == 200


# Size


async def test_ten_thousand_flags_are_one_answer(client: httpx.AsyncClient, transact: Transact) -> None:
    flag = {"variants": ON_OFF, "defaultVariant": "off", "targeting": FOR_ANNA}
    await transact(keep_document, {"flags": {f"flag-{number}": flag for number in range(10_000)}})
    assert (await ask(client, "flag-9999", targetingKey="anna")).json()["variant"] == "on"
    answer = await ask_all(client, targetingKey="anna")
    assert len(answer.json()["flags"]) == 10_000
