"""Prepared calls of simple routes: what FastAPI would find out again for each request, found out once.

A route is simple when it is given nothing but its path's texts, the request, one JSON body, a response to put headers
on, and dependencies that are given nothing else, and when it answers with a Response, a model or nothing. It then runs
as FastAPI would run it, without the stacks and caches that only other routes need; tests hold both side by side. What
the query says is FastAPI's to read, so is a body that does not fit, and so is every route that is not simple.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import itemgetter
from typing import Annotated, Any, Final, NamedTuple, Protocol, cast, get_args, get_origin, get_type_hints

from fastapi import Request, Response
from fastapi.datastructures import DefaultPlaceholder
from fastapi.exceptions import ResponseValidationError
from fastapi.params import Depends, Query
from pydantic import BaseModel, ValidationError
from starlette.responses import FileResponse, StreamingResponse
from starlette.types import Receive, Scope

from slice_api.chassis.exchange import NO_BODY, Exchange
from slice_api.chassis.writing import Write, writer_of

_UNCHANGING: Final = (str, int, float, bool, tuple, type(None))
"""Defaults that no call can change, so that all may be given the same."""

_NO_CONTENT: Final = 204
_JSON_TYPE: Final = (b"content-type", b"application/json")


FINDS: Final = "__slice_finds__"
"""On a dependency: the plain function that finds the same in the exchange."""


class Ready(NamedTuple):
    """An answer that is there as a whole."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Call(Protocol):
    """A prepared call; None when the request is FastAPI's to answer, and then nothing of the route has run."""

    async def __call__(self, scope: Scope, receive: Receive, exchange: Exchange) -> Ready | Response | None: ...


class _Step(NamedTuple):
    """One call, and the places among the values known so far of what it is given, in the order of its parameters."""

    function: Callable[..., Awaitable[Any]]
    places: tuple[int, ...]


class _NotSimpleError(Exception):
    """The route needs more of FastAPI than a plan has."""


_REQUEST, _BODY, _RESPONSE, _FIRST_TEXT = range(4)
"""Where the values begin: with the request, the body and the response, and then the path's texts."""


class _Plan:
    """The calls of one route in their order, being gathered."""

    def __init__(self, texts: Sequence[str], body: Any) -> None:
        self.steps: list[_Step] = []
        self.takes_query = False
        self._texts, self._body = texts, body
        self._places: dict[Callable[..., Any], int] = {}

    def add(self, function: Callable[..., Any]) -> int:
        """Plan a call and, before it, what it depends on; gives the place of its value. Each is called once."""
        if function not in self._places:
            places = tuple(self._places_of(function))
            self._places[function] = _FIRST_TEXT + len(self._texts) + len(self.steps)
            self.steps.append(_Step(function, places))
        return self._places[function]

    def _places_of(self, function: Callable[..., Any]) -> Iterator[int]:
        if not inspect.iscoroutinefunction(function):
            raise _NotSimpleError
        for name, parameter, hint in _parameters_of(function):
            if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
                raise _NotSimpleError
            if parameter.default is parameter.empty:
                yield self._place_of(name, hint)
            else:
                self._leave_out(hint, parameter.default)

    def _leave_out(self, hint: Any, default: Any) -> None:
        """Parameters of the query come last and have defaults, which stand while there is no query."""
        said = _said(hint)
        if len(said) != 1 or type(said[0]) is not Query or not isinstance(default, _UNCHANGING):
            raise _NotSimpleError
        self.takes_query = True

    def _place_of(self, name: str, hint: Any) -> int:
        if hint is Request:
            return _REQUEST
        if hint is Response:
            return _RESPONSE
        if hint is str and name in self._texts:
            return _FIRST_TEXT + self._texts.index(name)
        if self._body is not None and hint is self._body and name not in self._texts:
            return _BODY
        return self.add(_dependency(hint))


@lru_cache(maxsize=64)
def _parameters_of(function: Callable[..., Any]) -> Sequence[tuple[str, inspect.Parameter, Any]]:
    """Name, parameter and hint of each; the same few dependencies stand in every route."""
    hints = get_type_hints(function, include_extras=True)
    return [(name, each, hints.get(name)) for name, each in inspect.signature(function).parameters.items()]


def _said(hint: Any) -> tuple[Any, ...]:
    """What `Annotated` says besides the type."""
    return get_args(hint)[1:] if get_origin(hint) is Annotated else ()


def _dependency(hint: Any) -> Callable[..., Any]:
    """The function of `Annotated[…, Depends(function)]`."""
    said = _said(hint)
    if len(said) != 1 or type(said[0]) is not Depends or said[0] != Depends(said[0].dependency):
        raise _NotSimpleError
    function: Any = said[0].dependency
    return cast(Callable[..., Any], function)


def _body_of(context: Any) -> type[BaseModel] | None:
    """The model of a JSON body; None where there is none."""
    field = context.body_field
    if field is None:
        return None
    model: Any = field.field_info.annotation
    is_json = getattr(field.field_info, "media_type", "") == "application/json"
    if not (is_json and inspect.isclass(model) and issubclass(model, BaseModel)):
        raise _NotSimpleError
    return model


# Answers


Find = Callable[[Exchange], Any]
Answer = Callable[[Any, Response | None], Ready | Response]
"""Makes an answer of what a route has given, and of the response that it was given to put headers on."""
_WITHOUT_LENGTH: Final = (204, 304)


def _has_body(status: int) -> bool:
    return status >= 200 and status not in _WITHOUT_LENGTH


@cache
def _is_sent_whole(kind: type[Response]) -> bool:
    return not issubclass(kind, StreamingResponse | FileResponse) and kind.__call__ is Response.__call__


def _as_it_is(response: Response, _: Response | None) -> Ready | Response:
    """A Response of the route's own: whole where it is one, itself where it is sent piece by piece."""
    if response.background is not None or not _is_sent_whole(response.__class__):  # type: ignore[arg-type]
        return response
    return Ready(response.status_code, [*response.raw_headers], bytes(response.body))


@dataclass(frozen=True, slots=True)
class _Written:
    """Makes the answer of a route that gives a model, or nothing, as FastAPI does."""

    status: int
    field: Any
    model: Any
    """What `write` takes as it is; None where nothing is, or where the status has no body."""
    write: Write
    options: dict[str, Any]

    def __call__(self, value: Any, given: Response | None) -> Ready | Response:
        if value.__class__ is self.model and given is None:
            body = self.write(value)
            return Ready(self.status, [(b"content-length", b"%d" % len(body)), _JSON_TYPE], body)
        if isinstance(value, Response):
            return _as_it_is(value, given)
        status = self.status if given is None or not given.status_code else given.status_code
        body = self._body(value) if _has_body(status) else b""
        length = [] if status in _WITHOUT_LENGTH else [(b"content-length", b"%d" % len(body))]
        more = given.raw_headers if given is not None else ()
        return Ready(status, [*length, _JSON_TYPE, *more], body)

    def _body(self, value: Any) -> bytes:
        if value.__class__ is self.model:
            return self.write(value)
        known, faults = self.field.validate(value, {}, loc=("response",))
        if faults:
            raise ResponseValidationError(errors=faults, body=value)
        written: bytes = self.field.serialize_json(known, **self.options)
        return written


def _nothing(value: Any, given: Response | None) -> Ready | Response:
    if value is not None:
        return _as_it_is(value, given)
    more = given.raw_headers if given is not None else ()
    return Ready(_NO_CONTENT, [_JSON_TYPE, *more], b"")


def _answer_of(context: Any, hint: Any) -> Answer:
    """How the answer of a route is made, by what it says that it returns."""
    if inspect.isclass(hint) and issubclass(hint, Response):
        return _as_it_is
    if hint is type(None) and context.status_code == _NO_CONTENT:
        return _nothing
    field = context.response_field
    model: Any = field.field_info.annotation if field is not None else None
    is_model = inspect.isclass(model) and issubclass(model, BaseModel)
    if not is_model or not isinstance(context.response_class, DefaultPlaceholder):
        raise _NotSimpleError
    names = ("include", "exclude", "by_alias", "exclude_unset", "exclude_defaults", "exclude_none")
    options = {name: getattr(context, f"response_model_{name}") for name in names}
    is_taken_as_it_is = model.model_config.get("revalidate_instances", "never") == "never"
    write = writer_of(model, **options)
    status = context.status_code or 200
    return _Written(status, field, model if is_taken_as_it_is and _has_body(status) else None, write, options)


def prepared(context: Any) -> Call | None:
    """The prepared call of a simple route; None for any other. `context` is what `iter_route_contexts` gives of it."""
    endpoint = context.endpoint
    if getattr(context, "dependencies", True) or not inspect.iscoroutinefunction(endpoint):
        return None
    try:
        answer = _answer_of(context, get_type_hints(endpoint).get("return"))
        body = _body_of(context)
        plan = _Plan(tuple(context.param_convertors), body)
        plan.add(endpoint)
    except _NotSimpleError:
        return None
    return _call_of(plan, tuple(context.param_convertors), body, answer)


def _call_of(plan: _Plan, texts: Sequence[str], body: type[BaseModel] | None, answer: Answer) -> Call:
    *first, (endpoint, places) = plan.steps
    before = [(getattr(step.function, FINDS, None), step.function, step.places) for step in first]
    needs_request = any(_REQUEST in needed for find, _, needed in [*before, (None, endpoint, places)] if find is None)
    needs_response = any(_RESPONSE in step.places for step in plan.steps)
    takes_query = plan.takes_query
    arguments = _picking(places)

    async def call(scope: Scope, receive: Receive, exchange: Exchange) -> Ready | Response | None:
        if takes_query and scope["query_string"]:
            return None
        value = exchange.value
        if body is not None:
            if value is NO_BODY:
                return None
            try:
                value = body.__pydantic_validator__.validate_python(value, from_attributes=True)
            except ValidationError:
                return None
        given = _blank() if needs_response else None
        request = Request(scope, receive) if needs_request else None
        values: list[Any] = [request, value, given, *map(scope["path_params"].__getitem__, texts)]
        for find, function, needed in before:
            if find is not None:
                values.append(find(exchange))
            else:
                values.append(await function(*map(values.__getitem__, needed)))
        return answer(await endpoint(*arguments(values)), given)

    return call


def _picking(places: Sequence[int]) -> Callable[[Sequence[Any]], Iterable[Any]]:
    """Picks the values at some places."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: [values[place] for place in places]


def _blank() -> Response:
    """What a route is given that asks for the response: nothing is said yet."""
    response = Response(status_code=_NO_CONTENT)  # which has no Content-Length
    response.status_code = None  # type: ignore[assignment]
    return response
