"""The optional files of a slice: what each must hold, and how what it holds is called.

One rule for all of them: a plain function is given `tx` and is one transaction; an `async def`, where one is allowed,
is given `db` and may wait for others. A parameter annotated with the slice's own settings is given them.
"""

import inspect
from collections.abc import Callable, Container, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, get_type_hints

from slice_api.chassis.authentication import KeyProvider
from slice_api.chassis.storage.database import Database
from slice_api.settings import SliceSettings

Run = Callable[..., Any]

_PROVIDED = tuple(name for name, value in vars(KeyProvider).items() if not name.startswith("_") and callable(value))


class Shape(NamedTuple):
    """What an optional file must hold: a function of this name, called like this."""

    name: str
    arguments: tuple[str, ...]
    """What it is given behind `tx` or `db`."""


_SHAPES: Mapping[str, Shape] = {
    "health": Shape("check", ()),
    "search": Shape("search", ("text", "limit")),
}


class Marking(NamedTuple):
    """How the functions of an optional file are marked, and what they are given."""

    attribute: str
    text: str
    arguments: tuple[str, ...]


_MARKINGS: Mapping[str, Marking] = {
    "jobs": Marking("every_seconds", "@every(seconds=…)", ("tx",)),
    "events": Marking("subscriptions", '@on("<slice>.<what happened>")', ("tx", "event")),
}


async def call(run: Run, db: Database, *arguments: Any) -> Any:
    """Call a slice's function: with storage when it is a coroutine function, else as one transaction."""
    if inspect.iscoroutinefunction(run):
        return await run(db, *arguments)
    return await db.transact(run, *arguments)


def with_settings(run: Run, settings: SliceSettings) -> Run:
    """The function with the slice's settings for the parameter that is annotated with their model, if there is one."""
    wanted = _settings_parameter(run)
    return partial(run, **{wanted: settings}) if wanted else run


def _settings_parameter(run: Run) -> str | None:
    for name, hint in get_type_hints(run).items():
        if name != "return" and isinstance(hint, type) and issubclass(hint, SliceSettings):
            return name
    return None


def _demanded(run: Run) -> list[str]:
    """The parameters that a caller must give, but for settings."""
    given = _settings_parameter(run)
    parameters = inspect.signature(run).parameters.values()
    return [each.name for each in parameters if each.default is each.empty and each.name != given]


def own_function(modules: Mapping[str, ModuleType], file: str, settings: SliceSettings) -> Run | None:
    """The function that an optional file holds; None where it has no such file or `capability_faults` tells of it."""
    found = getattr(modules.get(file), _SHAPES[file].name, None)
    return with_settings(found, settings) if inspect.isfunction(found) else None


def capability_faults(modules: Mapping[str, ModuleType]) -> Iterable[str]:
    """What is wrong with the optional files of a slice."""
    for file, shape in _SHAPES.items():
        if file in modules:
            yield from _shape_faults(file, shape, getattr(modules[file], shape.name, None))
    for file, marking in _MARKINGS.items():
        if file in modules:
            yield from _marked_faults(file, marking, _functions(modules[file]))
    if "auth" in modules:
        yield from _auth_faults(modules["auth"])


def _functions(module: ModuleType) -> list[Any]:
    """The functions of a module, those that it imports too."""
    return [value for value in vars(module).values() if inspect.isfunction(value)]


def _shape_faults(file: str, shape: Shape, found: Any) -> Iterable[str]:
    plain = ", ".join(("tx", *shape.arguments))
    awaited = ", ".join(("db", *shape.arguments))
    wanted = f"{file}.py must hold `def {shape.name}({plain})` or `async def {shape.name}({awaited})`"
    if found is None:
        yield f"{wanted}; there is no {shape.name} in it"
    elif not inspect.isfunction(found):
        yield f"{wanted}; {shape.name} is no function"
    else:
        yield from _call_faults(wanted, found, len(shape.arguments) + 1)


def _call_faults(wanted: str, run: Run, count: int) -> Iterable[str]:
    """What is wrong with the parameters of a function that is given so many arguments, and the settings behind them."""
    names = [*inspect.signature(run).parameters]
    given = _settings_parameter(run)
    if len(_demanded(run)) != count or (given and names.index(given) < count):
        behind = ", and the settings behind them" if given else ""
        yield f"{wanted}{behind}; it holds {run.__name__}({', '.join(names)})"


def _marked_faults(file: str, marking: Marking, found: Iterable[Any]) -> Iterable[str]:
    """What is wrong with functions that are marked: none is, or one could not be run in a transaction."""
    marked = [run for run in found if hasattr(run, marking.attribute)]
    if not marked:
        told = f"marks no function with {marking.text}, so nothing would ever run"
        yield f"{file}.py {told}; delete the file or mark one"
    for run in marked:
        if inspect.iscoroutinefunction(run):
            yield f"{file}.py: {run.__name__} is async, and would never run; it is one transaction, a plain def"
        if getattr(run, "every_seconds", 1) <= 0:
            yield f"{file}.py: @every(seconds={run.every_seconds}) of {run.__name__} must be more than 0"
        wanted = f"{file}.py must hold `def {run.__name__}({', '.join(marking.arguments)})`"
        yield from _call_faults(wanted, run, len(marking.arguments))


def web_faults(name: str, folder: Path, pages: Container[str]) -> Iterable[str]:
    """What is wrong with a slice's `web/`; `pages` are the slices that `web/pages/` has a page of."""
    own = folder / "web"
    if not own.is_dir():
        return
    if not (own / "page.js").is_file():
        yield "web/ has no page.js; it is the module that the slice's page begins with"
    elif name in pages:
        yield f"there are two pages: {own / 'page.js'} and web/pages/{name}.js; delete one of them"


def _auth_faults(module: ModuleType) -> Iterable[str]:
    missing = [name for name in _PROVIDED if not callable(getattr(module, name, None))]
    if missing:
        yield f"auth.py lacks {', '.join(missing)}; KeyProvider in chassis/authentication.py says what each does"
