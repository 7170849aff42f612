"""Requests made up from the OpenAPI document, fitting and unfitting: every answer must be one that it tells of.

The app is asked in process by the suite's own client, in one loop for all requests to an operation; live streams are
left out, since an answer in process is read to its end.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.conformance.subject import Api, Route, Subject, api_of, for_routes
from tests.engines import STORAGE_URLS

_EXAMPLES = {"memory": 10, "sqlite": 3, "postgresql": 3}
"""How many requests to make up for each route; what they ask of the databases is tried at length elsewhere."""
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def asked(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, Api]]:
    """One app for all routes, since it does not matter what other requests have left in it, and the loop it runs in."""
    url = STORAGE_URLS[engine](tmp_path_factory.mktemp(engine))
    with asyncio.Runner() as runner, running_in(runner, api_of(storage_url=url)) as api:
        yield runner, api


def _is_asked(route: Route) -> bool:
    return route.is_documented and not route.is_stream


async def _send(client: httpx.AsyncClient, case: Any) -> httpx.Response:
    kwargs = case.as_transport_kwargs(base_url=str(client.base_url))
    headers = {name: value.encode() for name, value in kwargs["headers"].items()}
    kwargs["headers"] = {**headers, "Authorization": client.headers["authorization"].encode()}
    kwargs.pop("cookies", None)
    if isinstance(kwargs.get("data"), str | bytes):
        kwargs["content"] = kwargs.pop("data")
    return await client.request(**kwargs)


@contextmanager
def running_in(runner: asyncio.Runner, context: AbstractAsyncContextManager[Api]) -> Iterator[Api]:
    """An app that runs in this runner's loop."""
    yield runner.run(context.__aenter__())
    runner.run(context.__aexit__(None, None, None))


def _make_up(subject: Subject, route: Route, mode: GenerationMode) -> list[Any]:
    """Requests for one operation, the same each time."""
    cases: list[Any] = []

    @given(case=subject.generated[route.path][route.method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=max(_EXAMPLES.values()),
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def keep(case: Any) -> None:
        cases.append(case)

    keep()
    return cases


def _made_up(subject: Subject, route: Route, mode: GenerationMode) -> list[Any]:
    """To make them up takes longer than to send them: what one engine is asked, so are the others."""
    key = (route.path, route.method, mode.value)
    if key not in subject.made_up:
        subject.made_up[key] = _make_up(subject, route, mode)
    return subject.made_up[key]


def ask_many(
    runner: asyncio.Runner, api: Api, route: Route, mode: GenerationMode, examples: int = _EXAMPLES["memory"]
) -> None:
    """Send requests made up for one operation, and hold every answer against the document."""
    # In a query everything is text: what is no boolean there may well be a tag.
    must_refuse = mode.is_negative and route.takes_json
    checks: list[Any] = [*_CHECKS, negative_data_rejection] if must_refuse else _CHECKS
    cases = _made_up(api.subject, route, mode)[:examples]
    assert cases
    for case in cases:
        answer = runner.run(_send(api.admin, case))
        case.validate_response(answer, checks=checks)


@for_routes(_is_asked)
def test_fitting_requests_are_answered_as_documented(
    asked: tuple[asyncio.Runner, Api], engine: str, route: Route
) -> None:
    ask_many(*asked, route, GenerationMode.POSITIVE, _EXAMPLES[engine])


def _can_be_unfitting(route: Route) -> bool:
    parameters = (route.operation or {}).get("parameters", ())
    return _is_asked(route) and (route.takes_json or any(each["in"] == "query" for each in parameters))


@for_routes(_can_be_unfitting, is_decided_early=True)
def test_unfitting_requests_are_answered_as_documented(
    asked: tuple[asyncio.Runner, Api], engine: str, route: Route
) -> None:
    ask_many(*asked, route, GenerationMode.NEGATIVE, _EXAMPLES[engine])
