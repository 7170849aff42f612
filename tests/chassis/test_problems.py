"""Problems: one form for every error, the framework's own too, whatever stands in it."""

import inspect
from http import HTTPStatus
from typing import Any

import orjson
import pytest
from fastapi import HTTPException
from hypothesis import given
from hypothesis import strategies as st

from slice_api.chassis import problems
from slice_api.chassis.problems import (
    PROBLEM_TYPES,
    Fault,
    Problem,
    all_invalid,
    as_problem,
    described,
    fault_of,
    from_validation,
    problem_response,
)
from tests.chassis.strategies import STEADY

texts = st.text(st.characters(max_codepoint=0x10FFFF), max_size=30)


def body_of(problem: Problem, instance: str = "/x") -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(problem_response(problem, instance=instance, request_id="id").body)
    return body


def factories() -> dict[str, Any]:
    """Every function that makes a Problem out of texts and numbers."""
    made = inspect.getmembers(problems, inspect.isfunction)
    return {name: make for name, make in made if make.__annotations__.get("return") is Problem}


@pytest.mark.parametrize("kind", PROBLEM_TYPES)
def test_a_kind_has_a_status_for_errors_and_says_what_it_means_and_what_to_do(kind: str) -> None:
    found = PROBLEM_TYPES[kind]
    assert 400 <= HTTPStatus(found.status) < 600
    assert all((found.title, found.meaning.endswith("."), found.cure.endswith(".")))
    assert body_of(Problem(kind, "detail"))["title"] == found.title


def test_no_two_kinds_have_the_same_title() -> None:
    assert len({each.title for each in PROBLEM_TYPES.values()}) == len(PROBLEM_TYPES)


@pytest.mark.parametrize(
    "name", sorted(factories().keys() - {"as_problem", "from_validation", "invalid_at", "all_invalid"})
)
def test_what_a_factory_makes_can_be_sent(name: str) -> None:
    make = factories()[name]
    given_values: dict[str, Any] = {"str": "text", "int": 3, "bool": True}
    arguments = {each: given_values[kind.__name__] for each, kind in make.__annotations__.items() if each != "return"}
    problem = make(**arguments)
    body = body_of(problem)
    assert body["status"] == problem.status_code == PROBLEM_TYPES[problem.kind].status
    assert body["detail"]


@STEADY
@given(texts, texts, texts)
def test_any_text_can_be_sent_in_a_problem(detail: str, instance: str, pointer: str) -> None:
    problem = fault = Problem("invalid", detail, errors=[fault_of({"loc": ("body", pointer), "msg": detail})])
    assert body_of(problem, instance)["errors"][0]["pointer"].startswith("#/")
    assert fault.status_code == 422


FRAMEWORK = {
    400: "malformed-request",
    401: "unauthenticated",
    403: "missing-scope",
    404: "not-found",
    405: "method-not-allowed",
}
FRAMEWORK |= {413: "too-large", 415: "unsupported-media-type", 418: "malformed-request", 422: "invalid"}
FRAMEWORK |= {429: "rate-limited", 500: "internal", 502: "internal", 503: "unavailable"}


@pytest.mark.parametrize("status", FRAMEWORK)
def test_an_error_of_the_framework_becomes_a_problem_of_its_kind(status: int) -> None:
    problem = as_problem(HTTPException(status, "told", {"X-More": "kept"}))
    assert problem.kind == FRAMEWORK[status]
    assert (problem.detail, (problem.headers or {})["X-More"]) == ("told", "kept")


def test_a_problem_stays_as_it_is() -> None:
    problem = Problem("gone", "it was")
    assert as_problem(problem) is problem


@pytest.mark.parametrize(
    ("loc", "pointer"),
    [
        (("body",), "#"),
        (("body", "url"), "#/url"),
        (("body", "a/b", "c~d", 0), "#/a~1b/c~0d/0"),
        (("query", "limit"), "query/limit"),
        (("path", "slug"), "path/slug"),
        (("header", "if-match"), "header/If-Match"),
        (("query",), "query"),
        ((), "#"),
    ],
)
def test_a_fault_points_to_its_place(loc: tuple[Any, ...], pointer: str) -> None:
    assert fault_of({"loc": loc, "msg": "Value error, is wrong", "input": "hunter2"}) == Fault(
        pointer=pointer, detail="is wrong"
    )


def test_a_body_that_is_no_json_is_told_before_its_faults() -> None:
    errors = [
        {"loc": ("query", "x"), "msg": "m", "type": "missing"},
        {"loc": ("body", 1), "msg": "m", "type": "json_invalid"},
    ]
    assert from_validation(errors).kind == "malformed-body"


def test_all_faults_are_listed_and_the_first_ones_told() -> None:
    problem = all_invalid([Fault(pointer=f"#/{name}", detail="is wrong") for name in "abcd"])
    assert problem.detail == "#/a is wrong; #/b is wrong; #/c is wrong; …"
    assert len(body_of(problem)["errors"]) == 4


def test_responses_are_described_by_their_status() -> None:
    found = described(404, 409)
    assert found.keys() == {404, 409}
    assert found[404]["description"] == "Not Found"
    assert "application/problem+json" in found[404]["content"]
