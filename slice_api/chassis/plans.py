"""Prepared calls of simple routes: what FastAPI would find out again for each request, found out once.

A route is simple when it answers with a Response, and is given nothing but its path's texts, the request, and
dependencies that are given nothing else. It then runs as FastAPI would run it, without the stacks and caches that only
other routes need; tests hold both side by side. Everything else keeps FastAPI's own application, and so does every
route while dependencies are overridden.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple, cast, get_args, get_origin, get_type_hints

from fastapi import Request, Response
from fastapi.params import Depends
from starlette.types import ASGIApp, Receive, Scope, Send


class _Step(NamedTuple):
    """One call, and the places among the values known so far of what it is given, in the order of its parameters."""

    function: Callable[..., Any]
    places: tuple[int, ...]


_OF_REQUEST: Final = (0,)
"""What most dependencies are given."""


class _NotSimpleError(Exception):
    """The route needs more of FastAPI than a plan has."""


class _Plan:
    """The calls of one route in their order, being gathered; the values begin with the request and the path's texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.steps: list[_Step] = []
        self._texts = texts
        self._places: dict[Callable[..., Any], int] = {}

    def add(self, function: Callable[..., Any]) -> int:
        """Plan a call and, before it, what it depends on; gives the place of its value. Each is called once."""
        if function not in self._places:
            places = tuple(self._places_of(function))
            self._places[function] = 1 + len(self._texts) + len(self.steps)
            self.steps.append(_Step(function, places))
        return self._places[function]

    def _places_of(self, function: Callable[..., Any]) -> Iterator[int]:
        if not inspect.iscoroutinefunction(function):
            raise _NotSimpleError
        hints = get_type_hints(function, include_extras=True)
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD or parameter.default is not parameter.empty:
                raise _NotSimpleError
            yield self._place_of(name, hints.get(name))

    def _place_of(self, name: str, hint: Any) -> int:
        if hint is Request:
            return 0
        if hint is str and name in self._texts:
            return 1 + self._texts.index(name)
        return self.add(_dependency(hint))


def _dependency(hint: Any) -> Callable[..., Any]:
    """The function of `Annotated[…, Depends(function)]`."""
    said = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    if len(said) != 1 or type(said[0]) is not Depends or said[0] != Depends(said[0].dependency):
        raise _NotSimpleError
    function: Any = said[0].dependency
    return cast(Callable[..., Any], function)


def _steps(endpoint: Any, texts: Sequence[str]) -> list[_Step] | None:
    """The calls of a simple route, the endpoint's last; None for any other."""
    answer = get_type_hints(endpoint).get("return") if inspect.isfunction(endpoint) else None
    if not (isinstance(answer, type) and issubclass(answer, Response)):
        return None
    plan = _Plan(texts)
    try:
        plan.add(endpoint)
    except _NotSimpleError:
        return None
    return plan.steps


def prepared(context: Any, overrides: Mapping[Any, Any]) -> tuple[ASGIApp, bool]:
    """The application of a route: its plan where it is simple, FastAPI's own otherwise and while there are overrides.

    And whether it is a plan. `context` is what `iter_route_contexts` gives of the route.
    """
    own: ASGIApp = context.app
    texts = tuple(context.param_convertors)
    steps = None if getattr(context, "dependencies", True) else _steps(context.endpoint, texts)
    if steps is None:
        return own, False
    *before, (endpoint, places) = steps

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        if overrides:
            await own(scope, receive, send)
            return
        path_params = scope["path_params"]
        values: list[Any] = [Request(scope, receive, send), *[path_params[name] for name in texts]]
        for function, given in before:
            if given == _OF_REQUEST:
                values.append(await function(values[0]))
            else:
                values.append(await function(*[values[place] for place in given]))
        response = await endpoint(*[values[place] for place in places])
        await response(scope, receive, send)

    return run, True
