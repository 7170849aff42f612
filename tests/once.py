"""What each of thousands of apps would find again is found once, and found to be the same: an app takes half as long.

None of it is of one app: signatures of endpoints, models of answers, OpenAPI documents of the same routes, what is
installed, the files of the front end, and the statements for the same stores. Where a function has another name in a
newer library tests take longer, and are the same.
"""

import importlib.metadata
import sys
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import orjson
from fastapi import routing
from fastapi.routing import iter_route_contexts

from slice_api.chassis import openapi, web_files
from slice_api.chassis.storage import postgres, sqlite

_WEB = Path(__file__).parent.parent / "web"


def find_once() -> None:
    """Remember, in this process, what these functions give; a key of None is not remembered."""
    _remember(routing, "_build_dependant_with_parameterless_dependencies", _signature)
    _remember(routing, "create_model_field", _model)
    _remember(importlib.metadata, "entry_points", lambda **wanted: (tuple(sys.path), *wanted.items()))
    _remember(web_files, "_contents", lambda folder: folder if folder == _WEB else None)
    for engine in (postgres, sqlite):
        _remember(engine, "make_statements", lambda stores, dialect: (dialect.name, *map(id, stores)))
    _remember_documents()


def _signature(*, path: str, call: Any, dependencies: Any) -> Hashable | None:
    """Nothing of an app is in a signature: overrides are asked for later."""
    return None if dependencies else (path, call)


def _model(**about: Any) -> Hashable | None:
    """What a model of an answer is made of, where that is all plain."""
    key = tuple(about.items())
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _remember(module: Any, name: str, key_of: Callable[..., Hashable | None]) -> None:
    find: Any = getattr(module, name, None)
    if find is None:
        return
    known: dict[Hashable, Any] = {}

    def find_once(*args: Any, **named: Any) -> Any:
        key = key_of(*args, **named)
        if key is None:
            return find(*args, **named)
        if key not in known:
            known[key] = find(*args, **named)
        return known[key]

    setattr(module, name, find_once)


def _remember_documents() -> None:
    """An OpenAPI document takes a third of a second; each app is given a copy of its own."""
    make, known = vars(openapi)["get_openapi"], dict[tuple[Any, ...], bytes]()

    def make_once(*, routes: Any, **about: Any) -> Any:
        told = [(each.path, str(each.methods), each.endpoint) for each in iter_route_contexts(routes)]
        key = (str(about), *told)
        if key not in known:
            known[key] = orjson.dumps(make(routes=routes, **about))
        return orjson.loads(known[key])

    vars(openapi)["get_openapi"] = make_once
