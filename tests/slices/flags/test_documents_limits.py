"""How large a flagd document may be: what is beyond that is refused as a whole, and soon."""

from typing import Any

import httpx
import orjson
import pytest

from slice_api.slices.flags.documents.reading import MOST_BYTES, MOST_FLAGS

PATH = "/api/flags/document"
KEPT: dict[str, Any] = {"flags": {"kept": {"state": "ENABLED", "variants": {"on": True}}}}


async def refusal(client: httpx.AsyncClient, body: bytes, status: int) -> dict[str, Any]:
    """The problem that a body is answered with; what was there before must still be there."""
    assert (await client.put(PATH, content=orjson.dumps(KEPT))).status_code == 200
    answer = await client.put(PATH, content=body)
    assert answer.status_code == status, answer.text
    assert (await client.get(PATH)).content == orjson.dumps(KEPT)
    problem: dict[str, Any] = answer.json()
    return problem


async def test_a_document_over_the_limit_is_413(client: httpx.AsyncClient) -> None:
    problem = await refusal(client, orjson.dumps(KEPT).ljust(MOST_BYTES + 1), 413)
    assert f"{MOST_BYTES:,}" in problem["detail"]
    assert (await client.put(PATH, content=orjson.dumps(KEPT).ljust(MOST_BYTES))).status_code == 200


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"flags": {str(number): {} for number in range(MOST_FLAGS + 1)}}, "#/flags"),
        (
            {
                "$evaluators": {"large": {"or": [*range(9_000)]}},
                "flags": {str(number): {"targeting": {"$ref": "large"}} for number in range(200)},
            },
            "#/$evaluators",
        ),
    ],
    ids=["flags", "evaluators put in for references"],
)
async def test_what_would_take_too_much_memory_is_refused_before_it_is_looked_at(
    client: httpx.AsyncClient, document: dict[str, Any], pointer: str
) -> None:
    problem = await refusal(client, orjson.dumps(document), 422)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


async def test_faults_of_all_kinds_are_told_at_once(client: httpx.AsyncClient) -> None:
    flags = {"no/object": 1, "default": {"defaultVariant": "x"}, "large": {"metadata": {"n": 2**63}}}
    problem = await refusal(client, orjson.dumps({"flags": flags}), 422)
    pointers = {error["pointer"] for error in problem["errors"]}
    assert pointers == {"#/flags/no~1object", "#/flags/default/defaultVariant", "#/flags/large/metadata/n"}


async def test_no_answer_tells_more_than_a_thousand_warnings(client: httpx.AsyncClient) -> None:
    answer = await client.put(PATH, content=orjson.dumps({"flags": {f"f{number}": {} for number in range(600)}}))
    warnings = answer.json()["warnings"]
    assert (len(warnings), warnings[-1]) == (1_001, {"pointer": "#", "detail": "has 200 more faults"})
