"""What every error must look like (RFC 9457)."""

import re
from typing import Any

import httpx

from slice_api.chassis.problems import PROBLEM_TYPES
from tests.conformance.subject import Api

_MEMBERS = {"type", "title", "status", "detail", "instance", "request_id"}
_POINTER = re.compile(r"#(/.*)?|(query|path|header)/\S+", re.DOTALL)


def problem_of(answer: httpx.Response, kind: str) -> dict[str, Any]:
    """The problem that an answer is; fails unless it is just as the contract says."""
    assert answer.headers.get("content-type") == "application/problem+json", f"{answer.status_code} {answer.text}"
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["type"]) == (PROBLEM_TYPES[kind].status, f"/problems/{kind}"), answer.text
    assert body["status"] == answer.status_code
    assert body.keys() - {"errors"} == _MEMBERS
    assert body["title"] == PROBLEM_TYPES[kind].title
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["instance"] == answer.request.url.path
    assert body["detail"]
    _check_errors(body, kind)
    return body


def _check_errors(body: dict[str, Any], kind: str) -> None:
    assert body.get("errors") or kind != "invalid", "422 names every fault"
    for fault in body.get("errors", ()):
        assert fault.keys() == {"pointer", "detail"}
        assert _POINTER.fullmatch(fault["pointer"]), fault
        assert fault["detail"]


def pointers_of(answer: httpx.Response) -> set[str]:
    """The places of the faults that a 422 lists."""
    return {fault["pointer"] for fault in problem_of(answer, "invalid")["errors"]}


async def assert_problem(api: Api, answer: httpx.Response, kind: str) -> dict[str, Any]:
    """The problem is well formed, and where the service has pages on errors, this one's opens."""
    body = problem_of(answer, kind)
    if api.route_at("GET", "/problems/{type}") is not None:
        page = await api.anonymous.get(body["type"])
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
    return body
