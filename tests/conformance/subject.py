"""What the suite runs over: every slice that discovery finds, every route of it, and an app to ask.

A new folder in `slice_api/slices` is found like any other, so it is tested with no test written for it. What a test
needs to know of a slice (how to make an object, what a list looks like) comes from the OpenAPI document.
"""

import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, TypeVar

import httpx
import pytest
import schemathesis
from fastapi import FastAPI

from slice_api.chassis.discovery import Slice
from slice_api.chassis.marks import Operation
from slice_api.chassis.policies import Target
from tests.conformance.bodies import Document, bodies_of, resolved
from tests.support import FrozenClock, chassis_of, client_of, grant_key, make_app, running, settle

PACKAGES = ("slice_api.slices",)

ABSENT = "nothing-of-that-name"

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Route:
    """One method of one path, and what the OpenAPI document says of it."""

    target: Target
    document: Document
    allow: frozenset[str]
    """Every method that the path answers."""

    def __str__(self) -> str:
        return f"{self.target.slice_name}-{self.method} {self.path}"

    @property
    def method(self) -> str:
        return self.target.method

    @property
    def path(self) -> str:
        return self.target.path

    @property
    def scope(self) -> str | None:
        return self.target.scope

    @cached_property
    def operation(self) -> Mapping[str, Any] | None:
        """What stands in the OpenAPI document; None for a route that is kept out of it."""
        found: Mapping[str, Any] | None = self.document["paths"].get(self.path, {}).get(self.method.lower())
        return found

    @property
    def as_marked(self) -> Operation:
        """The same, as the marks of a slice are checked on it."""
        return Operation(self.target, self.operation)

    @property
    def is_api(self) -> bool:
        return self.target.is_api and self.path != "/api"

    @property
    def is_documented(self) -> bool:
        return self.operation is not None

    @property
    def is_protected(self) -> bool:
        return self.scope is not None

    @property
    def needs_scope(self) -> bool:
        return bool(self.scope)

    @property
    def has_parameters(self) -> bool:
        return "{" in self.path

    @property
    def takes_json(self) -> bool:
        return self.target.takes_json

    @property
    def is_first_of_path(self) -> bool:
        """Whether it stands for its path in tests that are about the path."""
        return self.method == min(self.allow - {"HEAD", "OPTIONS"})

    @property
    def is_stream(self) -> bool:
        return "text/event-stream" in self.answers(200)

    @property
    def is_read(self) -> bool:
        """Whether it can be read to its end."""
        return self.method == "GET" and not self.is_stream

    @property
    def creates(self) -> bool:
        """Whether it makes an object out of a JSON body, for whoever has the scope."""
        return self.as_marked.creates

    @property
    def is_list(self) -> bool:
        return self.is_api and self.method == "GET" and {"items", "next"} <= self._answer_fields.keys()

    @property
    def is_object(self) -> bool:
        return self.is_api and self.is_read and self.path.endswith("}") and bool(self.answers(200)) and not self.is_list

    def answers(self, status: int) -> Mapping[str, Any]:
        """The declared content of an answer by media type."""
        responses = self.operation["responses"] if self.operation else {}
        content: Mapping[str, Any] = responses.get(str(status), {}).get("content", {})
        return content

    @property
    def refuses_with_problems(self) -> bool:
        """Whether it tells a wrong query by a problem; protocols of others have words of their own."""
        return "application/problem+json" in self.answers(400)

    @property
    def _answer_fields(self) -> Mapping[str, Any]:
        schema = self.answers(200).get("application/json", {}).get("schema", {})
        fields: Mapping[str, Any] = resolved(schema, self.document).get("properties", {})
        return fields

    @property
    def body_schema(self) -> Mapping[str, Any]:
        """The schema of its JSON body."""
        assert self.operation is not None
        return resolved(self.operation["requestBody"]["content"]["application/json"]["schema"], self.document)

    @property
    def body_fields(self) -> Mapping[str, Any]:
        fields: Mapping[str, Any] = self.body_schema.get("properties", {})
        return fields

    @property
    def body_example(self) -> Any:
        assert self.operation is not None
        return self.operation["requestBody"]["content"]["application/json"].get("example")

    def url(self, value: str = ABSENT) -> str:
        """The path with this value for each parameter."""
        return re.sub(r"\{[^}]*\}", lambda _: value, self.path)


@dataclass(frozen=True)
class Subject:
    """The slices under test and their routes."""

    slices: tuple[Slice, ...]
    routes: tuple[Route, ...]
    document: Document

    @cached_property
    def generated(self) -> Any:
        """What requests are made up from: the document, read once."""
        return schemathesis.openapi.from_dict(dict(self.document))

    @cached_property
    def made_up(self) -> dict[tuple[str, str, str], list[Any]]:
        """The requests that were made up so far, by path, method and mode."""
        return {}

    def of(self, names: Iterable[str]) -> "Subject":
        """Only these slices."""
        wanted = set(names)
        return Subject(
            tuple(each for each in self.slices if each.name in wanted),
            tuple(route for route in self.routes if route.target.slice_name in wanted),
            self.document,
        )


def subject_of(app: FastAPI) -> Subject:
    chassis, document = chassis_of(app), app.openapi()
    targets = tuple(chassis.table.targets)
    methods: dict[str, set[str]] = {}
    for target in targets:
        methods.setdefault(target.path, {"OPTIONS"}).update(
            {target.method, "HEAD"} if target.method == "GET" else {target.method}
        )
    routes = (Route(target, document, frozenset(methods[target.path])) for target in targets)
    return Subject(chassis.slices, tuple(sorted(routes, key=str)), document)


@cache
def slices_under_test() -> Subject:
    """Every slice that discovery finds: the folders here, and the installed ones."""
    return subject_of(make_app(packages=PACKAGES))


def for_routes(fits: Callable[[Route], bool], *, is_decided_early: bool = False) -> Callable[[F], F]:
    """Run a test once for each route that fits; it is given as `route`.

    What is decided before storage is asked is the same on every engine: such a test runs over every route on the first
    engine, and over one route of each slice on the others.
    """

    def mark(test: F) -> F:
        test.__dict__["fits_route"] = fits
        test.__dict__["is_decided_early"] = is_decided_early
        routes = [each for each in slices_under_test().routes if fits(each)]
        marked: F = pytest.mark.parametrize("route", routes, ids=str)(test)
        return marked

    return mark


def for_slices(test: F) -> F:
    """Run a test once for each slice; it is given as `part`."""
    test.__dict__["is_for_slices"] = True
    marked: F = pytest.mark.parametrize("part", slices_under_test().slices, ids=lambda part: part.name)(test)
    return marked


@dataclass(frozen=True)
class Made:
    """An object that was made: the answer, and where it is read; no address where it cannot be read by itself."""

    answer: httpx.Response
    url: str

    @property
    def fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = self.answer.json()
        return fields


class Api:
    """A running app, clients of it, and a hand that makes objects from the document's examples."""

    def __init__(self, app: FastAPI, subject: Subject, admin: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
        self.app, self.subject, self.admin, self.anonymous = app, subject, admin, anonymous
        self._number = 0
        self._collections: dict[str, str] = {}
        """Where objects are made that belong to another one: all of a kind to the same."""

    def client_with(self, *scopes: str) -> httpx.AsyncClient:
        """A client whose key has just these scopes."""
        return client_of(self.app, key=grant_key(self.app, *scopes))

    async def settle(self) -> None:
        await settle(self.app)

    def creator_of(self, path: str) -> Route | None:
        """The route that makes the objects which a path names by its (last made) parameter."""
        found = [route for route in self.subject.routes if route.creates and path.startswith(f"{route.path}/{{")]
        return max(found, key=lambda route: len(route.path), default=None)

    def route_at(self, method: str, path: str) -> Route | None:
        return next((each for each in self.subject.routes if (each.method, each.path) == (method, path)), None)

    def object_route(self, method: str, creator: Route) -> Route | None:
        """The route for one object of those that `creator` makes."""
        return next(
            (
                route
                for route in self.subject.routes
                if route.method == method
                and route.path.rpartition("/")[0] == creator.path
                and route.path.rpartition("/")[2].startswith("{")
            ),
            None,
        )

    async def url_of_existing(self, route: Route) -> str:
        """The path of a route with objects in it that exist, as far as there is a way to make or find them."""
        if not self._is_collection(route.path):
            return await self._url_of_new(route)
        known = self._collections.get(route.path)
        if known is None or (await self.admin.get(known)).status_code == 404:  # what it belonged to was deleted
            known = self._collections[route.path] = await self._url_of_new(route)
        return known

    def _is_collection(self, path: str) -> bool:
        """Whether objects are made at this path that belong to another one."""
        creator = self.route_at("POST", path)
        return creator is not None and creator.creates and creator.has_parameters

    async def _url_of_new(self, route: Route) -> str:
        creator = self.creator_of(route.path)
        if creator is None:
            return await self._url_of_listed(route)
        made = await self.make(creator)
        if not made.url:
            return route.url()
        _, _, rest = route.path.removeprefix(f"{creator.path}/").partition("}")
        return made.url + "/".join(ABSENT if part.startswith("{") else part for part in rest.split("/"))

    async def _url_of_listed(self, route: Route) -> str:
        """The path with an object from the list above it, where there is one."""
        above, _, parameter = route.path.rpartition("/")
        listing = self.route_at("GET", above)
        if not route.has_parameters or listing is None or not listing.is_list:
            return route.url()
        items = (await self.admin.get(listing.url(), params={"limit": 1})).json()["items"]
        return f"{above}/{items[0][parameter.strip('{}')]}" if items else route.url()

    async def make(self, creator: Route) -> Made:
        """Make one more object that differs from those before where it must."""
        url = await self.url_of_existing(creator)
        answer = None
        for body in bodies_of(creator.body_example, creator.body_schema, creator.document, self._number):
            answer = await self.admin.post(url, json=body)
            if answer.status_code == 201:
                self._number += 1
                is_readable = self.object_route("GET", creator) is not None
                assert ("location" in answer.headers) == is_readable, f"{creator}: Location must lead to the object"
                return Made(answer, answer.headers.get("location", ""))
            assert answer.status_code in (409, 422), answer.text
        pytest.fail(f"no body made from its example makes an object at {creator}: {answer.text if answer else ''}")

    async def send(self, client: httpx.AsyncClient, route: Route, url: str, **options: Any) -> httpx.Response:
        """Send a request with the documented body where one is needed."""
        has_body = not options.keys() & {"json", "content"} and route.takes_json
        return await client.request(route.method, url, **(options | ({"json": route.body_example} if has_body else {})))


@asynccontextmanager
async def api_of(
    *, packages: Sequence[str] = PACKAGES, subject: Subject | None = None, **settings: Any
) -> AsyncIterator[Api]:
    """A running app with all there is to ask it; `subject` is what is known of these packages already."""
    async with running(make_app(clock=FrozenClock(), packages=packages, **settings)) as app:
        subject = subject or (slices_under_test() if packages is PACKAGES else subject_of(app))
        async with client_of(app) as admin, client_of(app, key=None) as anonymous:
            yield Api(app, subject, admin, anonymous)
