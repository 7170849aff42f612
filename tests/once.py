"""What each of thousands of apps would find again is found once, and found to be the same: an app takes half as long.

None of it is of one app: signatures of endpoints, what routes say of themselves, models of answers, OpenAPI documents
of the same routes, what is installed, the files of the front end, the statements for the same stores, what the folder
of one of our own slices holds, the card of that, what its events look like, and the certificates that clients trust.
Where a function has another name in a newer library tests take longer, and are the same.
"""

import importlib.metadata
import os
import sys
from collections.abc import Callable, Container, Hashable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import orjson
from fastapi import routing
from fastapi.routing import iter_route_contexts

from slice_api import main
from slice_api.chassis import discovery, mounting, openapi, report
from slice_api.chassis.storage import postgres, sqlite
from tests import support

_ROOT = Path(__file__).parent.parent
_WEB = _ROOT / "web"
_SLICES = _ROOT / "slice_api" / "slices"


def find_once() -> None:
    """Remember, in this process, what these functions give; a key of None is not remembered."""
    _remember(routing, "_build_dependant_with_parameterless_dependencies", _signature)
    _remember(routing, "create_model_field", _plain)
    for module in (routing, mounting):
        _remember(module, "compile_path", lambda path: path)
    _remember(vars(httpx)["_transports"].default, "create_ssl_context", _plain)
    _remember(importlib.metadata, "entry_points", lambda **wanted: (tuple(sys.path), *wanted.items()))
    _remember(support, "make_settings", _settings)
    _remember(main, "read_web_files", _files)
    _remember(mounting, "_facts_of", _facts)
    _remember(discovery, "_look", _slice)
    _remember(discovery, "unreadable_event", lambda event: event)
    _remember(report, "card_of", _card)
    for engine in (postgres, sqlite):
        _remember(engine, "make_statements", lambda stores, dialect: (dialect.name, *map(id, stores)))
    _remember_documents()


def _signature(*, path: str, call: Any, dependencies: Any) -> Hashable | None:
    """Nothing of an app is in a signature: overrides are asked for later."""
    return None if dependencies else (path, call)


def _facts(context: Any) -> Hashable:
    """A route that is not FastAPI's has no status of its own."""
    methods = tuple(sorted(context.methods or ()))
    return (context.endpoint, context.path_format, methods, getattr(context, "status_code", None))


def _settings(**given: Any) -> Hashable | None:
    """Settings never change."""
    return _plain(**given, environment=_environment())


def _environment() -> Hashable:
    """What the environment says of the service."""
    return tuple(sorted((each, os.environ[each]) for each in os.environ if each.upper().startswith("SLICE_")))


def _files(folder: Path, slice_folders: Mapping[str, Path]) -> Hashable | None:
    """Our own files stay as they are."""
    folders = slice_folders.values()
    is_ours = folder == _WEB and all(each.parent == _SLICES for each in folders)
    return (*slice_folders, *folders) if is_ours else None


def _plain(**about: Any) -> Hashable | None:
    """What a model of an answer, or the certificates that a client trusts, are made of, where that is all plain."""
    key = tuple(about.items())
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _slice(name: str, package: str, folder: Path, disabled: Sequence[str], pages: Container[str]) -> Hashable | None:
    """One of our own slices is another when something in its files was replaced, or something is set."""
    if folder.parent != _SLICES or package not in sys.modules or Path(".env").exists():
        return None
    files = (package, *(f"{package}.{each.stem}" for each in _files_of(folder)))
    modules = [sys.modules[each] for each in files if each in sys.modules]
    # What the slice has of its files it keeps, so none of that comes to be another thing with the same id.
    held = [tuple(map(id, vars(module).values())) for module in modules]
    return (name, package, name in disabled, name in pages, *modules, *held, _environment())


@cache
def _files_of(folder: Path) -> Sequence[Path]:
    return sorted(folder.glob("*.py"))


def _card(found: Any, facts: Any) -> Hashable | None:
    """The files of our own slices stay as they are; what else their cards tell of is in the routes and the settings."""
    if found.folder.parent != _SLICES or not found.is_loaded:
        return None
    part = found.slice
    routes = ((each.path, each.method, each.scope, each.endpoint) for each in facts.targets)
    jobs = ((each.name, each.seconds) for each in part.jobs)
    return (part.name, part.settings_model, facts.engine, *routes, *jobs)


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
