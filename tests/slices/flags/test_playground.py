"""Trying flags out: what each is in a context, and why."""

from typing import Any

import httpx
import pytest

from tests.conftest import ClientWith, Settle

from .conftest import FOR_STAFF, MakeFlag

STAFF = {"targetingKey": "anna", "email": "anna@example.org"}


async def explained(client: httpx.AsyncClient, query: str = "", **question: Any) -> list[dict[str, Any]]:
    answer = await client.post(f"/api/flags/evaluate{query}", json=question)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["flags"]
    return found


async def test_the_branch_that_decided_is_told_with_each_condition(
    client: httpx.AsyncClient, make_flag: MakeFlag
) -> None:
    rule = {"if": [{"and": [{"==": [{"var": "tier"}, "gold"]}, {">": [{"var": "age"}, 18]}]}, "on", None]}
    await make_flag(targeting=rule)
    (found,) = await explained(client, context={"tier": "gold", "age": 20}, keys=["checkout"])
    assert (found["key"], found["value"], found["variant"]) == ("checkout", True, "on")
    assert (found["reason"], found["told"]) == ("TARGETING_MATCH", "The rule gives the variant 'on'.")
    (condition,) = found["why"]["children"]
    assert (condition["result"], condition["is_deciding"]) == (True, True)
    assert [(each["text"], each["result"]) for each in condition["children"]] == [
        ('tier is "gold"', True),
        ("age is more than 18", True),
    ]
    (found,) = await explained(client, context={"tier": "gold", "age": 2}, keys=["checkout"])
    assert (found["value"], found["reason"]) == (False, "DEFAULT")
    assert [each["result"] for each in found["why"]["children"][0]["children"]] == [True, False]


async def test_it_says_the_same_as_an_evaluation(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag("rule", targeting=FOR_STAFF)
    await make_flag("split", targeting={"fractional": [["on", 1], ["off", 1]]})
    await make_flag("still")
    await make_flag("none", default_variant=None)
    await make_flag("off", state="DISABLED")
    await make_flag("odd", targeting={"cat": ["o", "dd"]})
    for context in ({}, STAFF, {"targetingKey": "ben"}):
        told = {each["key"]: each for each in await explained(client, context=context)}
        answers = (await client.post("/ofrep/v1/evaluate/flags", json={"context": context})).json()["flags"]
        assert [*told] == [answer["key"] for answer in answers]
        for answer in answers:
            own = told[answer["key"]]
            assert (own["error_code"], own["error_details"]) == (answer.get("errorCode"), answer.get("errorDetails"))
            assert own["reason"] == answer.get("reason", "ERROR")
            assert (own["variant"] or "", own["value"]) == (answer.get("variant", ""), answer.get("value"))


async def test_a_flag_without_a_rule_says_so(client: httpx.AsyncClient, make_flag: MakeFlag) -> None:
    await make_flag()
    await make_flag("off", state="DISABLED")
    still, off = await explained(client)
    assert still["told"] == "There is no rule: everybody is given the variant 'off'."
    assert off["told"] == "The flag is disabled: programs use the default in their code."
    assert (still["why"], off["why"]) == (None, None)


async def test_flags_are_tried_that_are_named_and_unknown_ones_told(
    client: httpx.AsyncClient, make_flag: MakeFlag
) -> None:
    await make_flag()
    await make_flag("other", query="?set=mobile")
    assert [each["key"] for each in await explained(client, "?set=mobile")] == ["other"]
    found = await explained(client, keys=["nothing", "checkout", "nothing"])
    assert [(each["key"], each["error_code"]) for each in found] == [("nothing", "FLAG_NOT_FOUND"), ("checkout", None)]


async def test_it_counts_nothing_and_needs_only_to_read(
    client: httpx.AsyncClient, make_flag: MakeFlag, client_with: ClientWith, settle: Settle
) -> None:
    await make_flag()
    reader = client_with("flags:read")
    assert len(await explained(reader, context=STAFF)) == 1
    await settle()
    assert (await client.get("/api/flags/checkout")).json()["last_evaluated_at"] is None
    assert (await client_with("flags:evaluate").post("/api/flags/evaluate", json={})).status_code == 403


@pytest.mark.parametrize("question", [{"context": []}, {"context": None}, {"keys": "checkout"}, {"who": "anna"}])
async def test_a_question_that_does_not_fit_is_refused(client: httpx.AsyncClient, question: dict[str, Any]) -> None:
    assert (await client.post("/api/flags/evaluate", json=question)).status_code == 422
