"""The report card of a slice: all that is known of it, whether it is loaded or not, and which marks it has earned."""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from fastapi import FastAPI
from pydantic import Field

from slice_api.chassis.discovery import Candidate, Slice
from slice_api.chassis.marks import RULES, Miss, Operation, Rule, Source, Subject, shown
from slice_api.chassis.own_tests import own_tests_of
from slice_api.chassis.policies import Target
from slice_api.chassis.schemas import Schema
from slice_api.chassis.storage.engines import engine_of
from slice_api.chassis.storage.stores import Log, Store
from slice_api.settings import prefix_of, shown_default

Kind = Literal["list", "read", "create", "action", "change", "delete", "stream"]

_KINDS: Mapping[str, Kind] = {"GET": "read", "POST": "action", "PUT": "change", "PATCH": "change", "DELETE": "delete"}


class RouteLine(Schema):
    """One method of one path."""

    method: str = Field(examples=["GET"])
    path: str = Field(examples=["/api/links/{slug}"])
    kind: Kind
    """What it does: shows a list or one object, makes, changes or deletes one, streams, or does something else."""
    summary: str | None = Field(examples=["Read a link"])
    """The line that stands in the API documentation; null for a route that is kept out of it."""
    scope: str | None = Field(examples=["links:read"])
    """What a key needs: "" for any key, null for a route that needs none."""


class EventLine(Schema):
    """What a slice publishes."""

    topic: str = Field(examples=["links.created"])
    summary: str = Field(examples=["A link was made."])


class JobLine(Schema):
    """Work that is done again and again."""

    name: str = Field(examples=["links.forget_visits"])
    every_seconds: float = Field(examples=[3600.0])


class StoreLine(Schema):
    """What a slice keeps."""

    name: str = Field(examples=["links"])
    kind: Literal["collection", "log"]
    engine: str = Field(examples=["sqlite"])
    """What keeps it: memory, sqlite or postgresql."""
    size: int | None = Field(examples=[12])
    """How many documents or entries there are; null where nobody has counted."""
    is_size_least: bool = Field(default=False, examples=[False])
    """Whether counting ended there, and there are as many or more."""


class SettingLine(Schema):
    """What a deployment can decide. Values that are set are never told."""

    name: str = Field(examples=["SLICE_LINKS_RATE_LIMIT"])
    default: str = Field(examples=[""])
    meaning: str = Field(examples=["Another rate limit for this slice; empty: SLICE_RATE_LIMIT."])


class Mark(Schema):
    """A rule that a machine has checked."""

    name: str = Field(examples=["summary"])
    title: str = Field(examples=["Every route says what it does"])
    state: Literal["passed", "failed", "unchecked"]
    """Unchecked where there is nothing to check it by: a slice that is not loaded, or no tests beside the code."""
    misses: list[Miss]
    """Every place that breaks the rule."""


class Card(Schema):
    """The report card of one slice."""

    name: str = Field(examples=["links"])
    title: str = Field(examples=["Short links"])
    description: str
    state: Literal["loaded", "disabled", "faulty"]
    faults: list[str]
    """Why it cannot be loaded."""
    folder: str = Field(examples=["slice_api/slices/links"])
    routes: list[RouteLine]
    scopes: list[str] = Field(examples=[["links:read", "links:write"]])
    events: list[EventLine]
    listens_to: list[str] = Field(examples=[["keys.deleted"]])
    jobs: list[JobLine]
    stores: list[StoreLine]
    settings: list[SettingLine]
    test_count: int | None = Field(examples=[82])
    """How many test functions are its own; null where there are no tests beside the code."""
    line_count: int = Field(examples=[640])
    """Lines of code that are not blank."""
    marks: list[Mark]

    @property
    def public(self) -> list[RouteLine]:
        """The routes that need no key."""
        return [route for route in self.routes if route.scope is None]

    @property
    def failed(self) -> list[Mark]:
        """The marks that it has not earned."""
        return [mark for mark in self.marks if mark.state == "failed"]


class Facts(NamedTuple):
    """What an app knows of all its slices."""

    targets: tuple[Target, ...]
    document: Mapping[str, Any]
    """The OpenAPI document."""
    engine: str


def facts_of(app: FastAPI, storage_url: str) -> Facts:
    """What an app knows; it need not run."""
    return Facts(tuple(app.state.chassis.table.targets), app.openapi(), engine_of(storage_url))


def card_of(found: Candidate, facts: Facts) -> Card:
    """Make the card of a slice; reads its files and tests, and counts nothing that is kept."""
    part = found.slice if found.is_loaded else None
    operations = tuple(_operations(part.name, facts)) if part else ()
    sources, tests = sources_of(found.folder), own_tests_of(found.folder)
    title, description = (part.title, part.description) if part else _said(sources)
    return Card(
        name=found.name,
        title=title or found.name,
        description=description,
        state="disabled" if found.is_disabled else "loaded" if part else "faulty",
        faults=[fault.detail for fault in found.faults],
        folder=shown(found.folder),
        routes=[_route(each) for each in operations],
        scopes=sorted({each.target.scope for each in operations if each.target.scope}),
        events=[EventLine(topic=each.topic, summary=_first_line(each.__doc__)) for each in part.events] if part else [],
        listens_to=sorted({each.subscription.topic for each in part.consumers}) if part else [],
        jobs=[JobLine(name=each.name, every_seconds=each.seconds) for each in part.jobs] if part else [],
        stores=[_store(each, facts.engine) for each in part.stores] if part else [],
        settings=list(_settings(part)) if part else [],
        test_count=tests.tests if tests else None,
        line_count=sum(bool(line.strip()) for source in sources for line in source.text.splitlines()),
        marks=[_mark(rule, Subject(part, operations, sources, tests) if part else None) for rule in RULES],
    )


def with_sizes(card: Card, sizes: Mapping[str, int], most: int) -> Card:
    """The card with how much is in its stores; `most` is where counting ended."""
    stores = [
        each.model_copy(update={"size": sizes[each.name], "is_size_least": sizes[each.name] >= most})
        if each.name in sizes
        else each
        for each in card.stores
    ]
    return card.model_copy(update={"stores": stores})


def _operations(name: str, facts: Facts) -> Iterator[Operation]:
    paths = facts.document["paths"]
    for target in facts.targets:
        if target.slice_name == name:
            yield Operation(target, paths.get(target.path, {}).get(target.method.lower()))


def sources_of(folder: Path) -> tuple[Source, ...]:
    """The Python files of a slice."""
    return tuple(_source(path) for path in sorted(folder.rglob("*.py")))


def _source(path: Path) -> Source:
    text = path.read_text(errors="replace")
    try:
        return Source(path, text, ast.parse(text))
    except (SyntaxError, ValueError) as error:
        return Source(path, text, None, f"it is no Python: {error}")


def _said(sources: Iterable[Source]) -> tuple[str, str]:
    """What a slice that is not loaded says of itself."""
    trees = (each.tree for each in sources if each.path.name == "__init__.py" and each.tree)
    title, _, description = (ast.get_docstring(next(trees, ast.Module([], []))) or "").partition("\n")
    return title.strip().rstrip("."), description.strip()


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def _kind(operation: Operation) -> Kind:
    if operation.is_stream:
        return "stream"
    if operation.is_list:
        return "list"
    return "create" if operation.creates else _KINDS.get(operation.target.method, "action")


def _route(operation: Operation) -> RouteLine:
    target, told = operation.target, operation.described or {}
    return RouteLine(
        method=target.method,
        path=target.path,
        kind=_kind(operation),
        summary=told.get("summary"),
        scope=target.scope,
    )


def _store(store: Store, engine: str) -> StoreLine:
    kind: Literal["collection", "log"] = "log" if isinstance(store, Log) else "collection"
    return StoreLine(name=store.name, kind=kind, engine=engine, size=None)


def _settings(part: Slice) -> Iterator[SettingLine]:
    for name, field in part.settings_model.model_fields.items():
        variable, default = prefix_of(part.name) + name.upper(), shown_default(field.default)
        yield SettingLine(name=variable, default=default, meaning=field.description or "")


def _mark(rule: Rule, subject: Subject | None) -> Mark:
    found = rule.check(subject) if subject else None
    if found is None:
        return Mark(name=rule.name, title=rule.title, state="unchecked", misses=[])
    misses = list(found)
    return Mark(name=rule.name, title=rule.title, state="failed" if misses else "passed", misses=misses)


class Cards:
    """The cards of one app. Each is made when it is first asked for: the code does not change while it runs."""

    def __init__(self, found: Sequence[Candidate]) -> None:
        self.found = {each.name: each for each in found}
        self._made: dict[str, Card] = {}

    def of(self, name: str, facts: Facts) -> Card:
        """The card of one slice, which must be there; takes a moment at first."""
        if name not in self._made:
            self._made[name] = card_of(self.found[name], facts)
        return self._made[name]
