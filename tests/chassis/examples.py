"""Apps of the example slices, and what tests of several modules look for in answers."""

import json
from collections.abc import Iterable
from typing import Any

import httpx

EXAMPLES = ("tests.chassis.example_slices",)


def parsed(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    """Log lines as objects."""
    return [json.loads(line) for line in lines]


def request_lines(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    """The log lines of requests."""
    return [line for line in parsed(lines) if line["event"] == "request"]


def problem(response: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """The body of an answer that must be a problem of this kind."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["type"] == f"/problems/{kind}"
    assert body["status"] == status
    assert body["request_id"] == response.headers["x-request-id"]
    return body


def faults(response: httpx.Response) -> dict[str, str]:
    """The faults of a 422 by pointer."""
    return {fault["pointer"]: fault["detail"] for fault in problem(response, 422, "invalid")["errors"]}
