"""The marks of a slice: rules that a machine checks in its code, its part of the OpenAPI document and its tests.

No slice says of itself that it keeps one. What breaks a rule is told as a miss: where, what, and what cures it.
"""

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from slice_api.chassis.discovery import Slice
from slice_api.chassis.events import Event
from slice_api.chassis.own_tests import OwnTests, mentions
from slice_api.chassis.policies import Target
from slice_api.chassis.schemas import Schema

LONGEST_FUNCTION: Final = 40

_TREE = Path(__file__).parents[2]
_PROBLEM: Final = {"$ref": "#/components/schemas/ProblemDetails"}
_REPORTS_HEALTH: Final = ("/readyz", "503")
"""Answers with what is failing, whether it is 200 or 503."""


class Miss(Schema):
    """One place that breaks a rule."""

    where: str
    """The file and line."""
    what: str
    """What is wrong."""
    cure: str
    """What would be right."""


class Source(NamedTuple):
    """A file of the slice: its text, and the tree of it unless it is no Python."""

    path: Path
    text: str
    tree: ast.Module | None
    fault: str = ""


class Operation(NamedTuple):
    """One method of one path, and what the OpenAPI document says of it: None where it is kept out."""

    target: Target
    described: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        return f"{self.target.method} {self.target.path}"

    @property
    def is_stream(self) -> bool:
        """Whether it goes on until somebody hangs up."""
        return "text/event-stream" in self._answers("200")

    @property
    def creates(self) -> bool:
        """Whether it makes an object out of a JSON body, for whoever has the scope."""
        is_told = bool(self.described) and "201" in (self.described or {})["responses"]
        return self.target.method == "POST" and is_told and self.target.takes_json and not self.target.is_public

    @property
    def is_list(self) -> bool:
        """Whether it gives a page of objects."""
        fields = getattr(getattr(self.target.route, "response_model", None), "model_fields", {})
        return self.target.is_api and self.target.method == "GET" and {"items", "next"} <= set(fields)

    def _answers(self, status: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = (self.described or {}).get("responses", {}).get(status, {}).get("content", {})
        return found


class Subject(NamedTuple):
    """What the rules are checked on: a slice that is loaded, its routes, its files, and its tests where these are."""

    part: Slice
    operations: tuple[Operation, ...]
    sources: tuple[Source, ...]
    tests: OwnTests | None


class Rule(NamedTuple):
    """A mark: its name, what it says of a slice that has it, and what breaks it."""

    name: str
    title: str
    check: Callable[[Subject], Iterable[Miss] | None]
    """None when there is nothing to tell it by."""


def shown(path: Path) -> str:
    """A file as people find it: from the root of this tree, or by the end of its path when it lies elsewhere."""
    return str(path.relative_to(_TREE)) if path.is_relative_to(_TREE) else "/".join(path.parts[-3:])


def place_of(function: Any) -> str:
    """The file and line of a function."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{shown(Path(code.co_filename))}:{code.co_firstlineno}" if code else repr(function)


def _miss(operation: Operation, what: str, cure: str) -> Miss:
    return Miss(where=place_of(operation.target.endpoint), what=f"{operation.name} {what}", cure=cure)


# Routes


def without_summary(operation: Operation) -> Iterator[Miss]:
    """A route must say what it does; one of the API must do so in the OpenAPI document."""
    told, endpoint = operation.described, operation.target.endpoint
    if told is None and operation.target.is_api:
        yield _miss(operation, "is not in the OpenAPI document", "take include_in_schema=False away")
        return
    is_named_only = (told or {}).get("summary", "").lower() in ("", endpoint.__name__.replace("_", " "))
    if is_named_only if told else not (endpoint.__doc__ or "").strip():
        yield _miss(operation, "has no summary", f"give {endpoint.__name__} a docstring; its first line is the summary")


def json_bodies(operation: Operation) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every JSON body that the document describes of an operation, with where it stands."""
    told = operation.described or {}
    contents = {"request": told.get("requestBody", {}), **told.get("responses", {})}
    for place, body in contents.items():
        for kind, media in body.get("content", {}).items():
            if kind.endswith(("/json", "+json")):
                yield f"{place} {kind}", media


def without_example(operation: Operation) -> Iterator[Miss]:
    """Every JSON body must have a schema and an example, and that of a request must be one that is taken."""
    for place, media in json_bodies(operation):
        if media.get("schema") is None:
            yield _miss(operation, f"has no schema for {place}", "annotate what it returns, or tell it by responses=")
        elif not media.keys() & {"example", "examples"}:
            yield _miss(operation, f"has no example for {place}", "give the fields of its model Field(examples=[…])")
    yield from _refused_example(operation)


def _refused_example(operation: Operation) -> Iterator[Miss]:
    content = (operation.described or {}).get("requestBody", {}).get("content", {})
    field, media = getattr(operation.target.route, "body_field", None), content.get("application/json", {})
    if field is None or "example" not in media:
        return
    _, faults = field.validate(media["example"], {}, loc=())
    for fault in faults or ():
        place = "".join(f"/{each}" for each in fault["loc"])
        cure = "give that field Field(examples=[…]) with a value that its own rules let through"
        yield _miss(operation, f"would refuse its own example at #{place}: {fault['msg']}", cure)


def without_errors(operation: Operation) -> Iterator[Miss]:
    """The errors that a route can give must be declared, as problems; where another protocol has its own, as those."""
    if operation.described is None:
        return
    responses, target = operation.described["responses"], operation.target
    missing = [status for status, is_needed in _errors_of(operation).items() if is_needed and status not in responses]
    if missing:
        cure = f"declare them: responses=described({', '.join(missing)})"
        yield _miss(operation, f"does not declare {', '.join(missing)}", cure)
    declared = {str(each) for each in getattr(target.route, "responses", {})}
    for status, answer in responses.items():
        is_error = status.startswith(("4", "5")) and (target.path, status) != _REPORTS_HEALTH
        is_foreign = not target.is_api and status in declared
        if (
            is_error
            and not is_foreign
            and answer.get("content", {}).get("application/problem+json", {}).get("schema") != _PROBLEM
        ):
            yield _miss(operation, f"declares {status} as no problem", f"declare it by responses=described({status})")


def _errors_of(operation: Operation) -> Mapping[str, bool]:
    target = operation.target
    is_protected = not target.is_public
    return {
        "400": True,
        "401": is_protected,
        "403": is_protected,
        "404": "{" in target.path,
        "409": operation.creates,
        "412": is_protected and target.method in ("PUT", "PATCH", "DELETE"),
        "413": target.takes_json,
        "415": target.takes_json,
        "422": True,
        "500": True,
    }


def _dependencies(dependant: Any) -> Iterator[Callable[..., Any]]:
    for each in getattr(dependant, "dependencies", ()):
        yield each.call
        yield from _dependencies(each)


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def waiting_for_threads(operation: Operation) -> Iterator[Miss]:
    """A plain `def` runs in the thread pool, which costs more than all the rest of the request."""
    endpoint = operation.target.endpoint
    for call in (endpoint, *_dependencies(getattr(operation.target.route, "dependant", None))):
        if not _is_async(call):
            name = getattr(call, "__name__", type(call).__name__)
            kind = "runs" if call is endpoint else "depends on"
            what = f"{operation.name} {kind} {name}, a plain def, which takes a thread of the pool at each request"
            cure = f"write async def {name}" if name.isidentifier() else "put an async def in its place"
            yield Miss(where=place_of(call), what=what, cure=cure)


# Code


def long_functions(sources: Sequence[Source]) -> Iterator[Miss]:
    """No function may be longer than is read at a glance."""
    for source in sources:
        if source.tree is None:
            yield Miss(where=shown(source.path), what=source.fault, cure="mend it, or take the file away")
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    what = f"{node.name} has {lines} lines, and {LONGEST_FUNCTION} is the most"
                    cure = "move parts of it into functions of their own"
                    yield Miss(where=f"{shown(source.path)}:{node.lineno}", what=what, cure=cure)


def undocumented_events(events: Iterable[type[Event]]) -> Iterator[Miss]:
    """The first line of an event's docstring stands in the catalogue: a sentence that says what happened."""
    for event in events:
        if not inspect.cleandoc(event.__doc__ or "").partition("\n")[0].endswith("."):
            path = Path(inspect.getsourcefile(event) or "")
            where = f"{shown(path)}:{inspect.getsourcelines(event)[1]}"
            cure = 'begin its docstring with a sentence of one line, such as """A note was kept."""'
            yield Miss(where=where, what=f"the event {event.topic} does not say what happened", cure=cure)


# Tests


def is_tried_by_itself(operation: Operation, operations: Iterable[Operation]) -> bool:
    """Whether the conformance suite runs the route to its end.

    It does so with lists, with what makes an object, and with what shows, changes or deletes one that it can make; an
    object that it cannot make it takes from the list above, and only shows.
    """
    if operation.is_list or operation.creates:
        return True
    above, _, last = operation.target.path.rpartition("/")
    if not re.fullmatch(r"\{\w+\}", last) or operation.target.method not in ("GET", "PATCH", "DELETE"):
        return False
    is_shown = operation.target.method == "GET"
    return any(each.creates or (is_shown and each.is_list) for each in operations if each.target.path == above)


def untested(subject: Subject) -> Iterator[Miss] | None:
    """A route must be written down in the slice's own tests, unless the conformance suite tries it by itself."""
    return None if subject.tests is None else _untested(subject, subject.tests)


def _untested(subject: Subject, tests: OwnTests) -> Iterator[Miss]:
    for operation in subject.operations:
        target = operation.target
        is_written = any(mentions(file, target.method, target.path) for file in tests.files)
        if not is_written and not is_tried_by_itself(operation, subject.operations):
            cure = f"write a test in {shown(tests.folder)}/ that sends {operation.name}"
            yield _miss(operation, "is in no test of the slice, and no conformance test runs it to its end", cure)


def _each(check: Callable[[Operation], Iterator[Miss]], subject: Subject) -> Iterator[Miss]:
    return (miss for operation in subject.operations for miss in check(operation))


RULES: Final = (
    Rule("summary", "Every route says what it does", partial(_each, without_summary)),
    Rule("example", "Every JSON body has an example, and takes it", partial(_each, without_example)),
    Rule("errors", "Every route declares its errors", partial(_each, without_errors)),
    Rule("async", "No route waits for a thread", partial(_each, waiting_for_threads)),
    Rule("short", "No function is over 40 lines", lambda subject: long_functions(subject.sources)),
    Rule("events", "Every event says what happened", lambda subject: undocumented_events(subject.part.events)),
    Rule("tests", "Every route has a test", untested),
)
