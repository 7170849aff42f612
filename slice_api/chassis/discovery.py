"""Finding the slices: every folder of a package, and every entry point of the group `slice_api.slices`.

Nothing is registered. A slice that breaks the contract stops the start; one message lists every fault of every slice.
"""

import importlib
import importlib.metadata
import importlib.util
import inspect
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from pydantic import ValidationError

from slice_api.chassis.capabilities import Run, capability_faults, own_function, web_faults, with_settings
from slice_api.chassis.event_contracts import subscription_faults, unreadable_event
from slice_api.chassis.events import Event, Subscription
from slice_api.chassis.jobs import Job
from slice_api.chassis.mirrors import Mirror
from slice_api.chassis.outbox import Consumer, model_of
from slice_api.chassis.storage.stores import Collection, Log, Store
from slice_api.settings import SliceSettings, prefix_of, setting_faults

ENTRY_POINTS = "slice_api.slices"
OWN_SEGMENTS = frozenset({"api"})

_VERSION = re.compile(r"/api/v\d+/.+")
"""The APIs of other services are often told apart by versions, and a slice may speak as one of them."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_OPTIONAL = ("schemas", "store", "handlers", "router", "settings", "jobs", "events", "health", "search", "auth")

_NO_ROUTER = "there is no router: router.py must hold `router = APIRouter()` (for /api/<folder>) or `root_router`"


class Fault(NamedTuple):
    """What is wrong with a slice and what was expected."""

    slice_name: str
    detail: str


class DiscoveryError(Exception):
    """The slices cannot be loaded; the message lists every fault."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        lines = "\n".join(f"  {fault.slice_name}: {fault.detail}" for fault in faults)
        super().__init__(f"The start is refused: {len(faults)} fault(s) in the slices.\n{lines}")


class Slice(NamedTuple):
    """A slice as it was found."""

    name: str
    title: str
    description: str
    folder: Path
    router: APIRouter | None
    root_router: APIRouter | None
    settings_model: type[SliceSettings]
    settings: SliceSettings
    stores: tuple[Store, ...]
    mirrors: tuple[Mirror[Any, Any], ...]
    events: tuple[type[Event], ...]
    consumers: tuple[Consumer, ...]
    jobs: tuple[Job, ...]
    health: Run | None
    search: Run | None
    auth: ModuleType | None

    @property
    def root_paths(self) -> tuple[str, ...]:
        """The templates of its paths outside `/api`."""
        return tuple(dict.fromkeys(paths_of(self.root_router)))

    @property
    def root_segments(self) -> frozenset[str]:
        """The first segments of those paths, where they are fixed."""
        return frozenset(part for path in self.root_paths if "{" not in (part := path.split("/")[1]) and part)


class Candidate(NamedTuple):
    """A place where a slice is meant to be, and what came of it."""

    name: str
    folder: Path
    slice: Slice | None
    """None when it cannot be imported or is left out."""
    faults: tuple[Fault, ...] = ()
    is_disabled: bool = False

    @property
    def is_loaded(self) -> bool:
        """Whether it can serve."""
        return self.slice is not None and not self.faults


def paths_of(router: APIRouter | None) -> list[str]:
    """The path templates of a router."""
    return [context.path or "" for context in iter_route_contexts(router.routes)] if router else []


def slice_folders(package: str) -> list[Path]:
    """The folders of a package that are meant to be slices."""
    places = [Path(path) for path in importlib.import_module(package).__path__]
    return sorted(
        folder
        for place in places
        for folder in place.iterdir()
        if folder.is_dir() and not folder.name.startswith((".", "__pycache__")) and any(folder.glob("*.py"))
    )


def _in_package(name: str) -> Iterable[tuple[str, str, Path]]:
    return ((folder.name, f"{name}.{folder.name}", folder) for folder in slice_folders(name))


def _in_entry_points() -> Iterable[tuple[str, str, Path]]:
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        yield point.name, point.value, _folder_of(point.value)


def slice_names(package: str) -> set[str]:
    """The names of all slices that are there, left out or not: folders of the package, and installed ones."""
    installed = {point.name for point in importlib.metadata.entry_points(group=ENTRY_POINTS)}
    return installed.union(folder.name for folder in slice_folders(package))


def _folder_of(package: str) -> Path:
    """The folder of an installed package; one that does not exist when the entry point leads nowhere."""
    try:
        spec = importlib.util.find_spec(package)
    except Exception:  # a package around it may fail in any way while it is imported
        spec = None
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else Path(f"/nowhere/{package}")


def _modules(package: str, folder: Path) -> tuple[dict[str, ModuleType], list[str]]:
    """The slice's own modules that exist, and what went wrong while importing them."""
    modules: dict[str, ModuleType] = {}
    faults: list[str] = []
    for name in ("", *_OPTIONAL):
        if name and not (folder / f"{name}.py").exists():
            continue
        full = f"{package}.{name}" if name else package
        try:
            modules[name] = importlib.import_module(full)
        except Exception as error:
            faults.append(
                f"{name or '__init__'}.py cannot be imported: {type(error).__name__}: {error}{_where(error, folder)}"
            )
            break
    return modules, faults


def _where(error: BaseException, folder: Path) -> str:
    """The line of the slice's own code that an import failed at."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({Path(error.filename).name}:{error.lineno})"
    frames = inspect.getinnerframes(error.__traceback__) if error.__traceback__ else []
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)]
    return f" ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""


def _all(modules: Iterable[ModuleType], wanted: Callable[[Any], bool]) -> list[Any]:
    """What the modules define or import of a kind, each once."""
    found = {id(value): value for module in modules for value in vars(module).values() if wanted(value)}
    return list(found.values())


def _own_stores(modules: Mapping[str, ModuleType]) -> tuple[Store, ...]:
    return tuple(
        store
        for store in _all(modules.values(), lambda value: isinstance(value, Collection | Log))
        if not store.model.__module__.startswith("slice_api.chassis.")
    )


def _own_mirrors(modules: Mapping[str, ModuleType]) -> tuple[Mirror[Any, Any], ...]:
    return tuple(_all(modules.values(), lambda value: isinstance(value, Mirror)))


def _own_events(modules: Mapping[str, ModuleType], package: str) -> tuple[type[Event], ...]:
    chosen = [modules["schemas"]] if "schemas" in modules else []
    return tuple(_all(chosen, lambda value: _is_event(value) and value.__module__.startswith(package)))


def _is_event(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Event) and value is not Event


def _own_settings(modules: Mapping[str, ModuleType]) -> type[SliceSettings]:
    if "settings" not in modules:
        return SliceSettings
    models = [
        value
        for value in vars(modules["settings"]).values()
        if isinstance(value, type) and issubclass(value, SliceSettings) and value is not SliceSettings
    ]
    if len(models) != 1:
        raise TypeError(f"settings.py holds {len(models)} subclasses of SliceSettings; one is expected")
    return models[0]


def _own_consumers(name: str, modules: Mapping[str, ModuleType], settings: SliceSettings) -> tuple[Consumer, ...]:
    handlers = _all(
        [modules["events"]] if "events" in modules else [], lambda value: bool(getattr(value, "subscriptions", None))
    )
    return tuple(
        Consumer(
            f"{name}.{handle.__name__}:{topic}", Subscription(topic, with_settings(handle, settings)), model_of(handle)
        )
        for handle in handlers
        for topic in handle.subscriptions
    )


def _own_jobs(name: str, modules: Mapping[str, ModuleType], settings: SliceSettings) -> tuple[Job, ...]:
    runs = _all([modules["jobs"]] if "jobs" in modules else [], lambda value: hasattr(value, "every_seconds"))
    return tuple(
        Job(f"{name}.{run.__name__}", run.every_seconds, with_settings(run, settings), run.next_due) for run in runs
    )


def _check_files(modules: Mapping[str, ModuleType], folder: Path) -> Iterable[str]:
    """What can be said of a slice even when a part of it cannot be imported."""
    if "" in modules:
        yield from _check_docstring(modules[""])
    if not (folder / "router.py").exists():
        yield _NO_ROUTER


def _check_docstring(package: ModuleType) -> Iterable[str]:
    if not (package.__doc__ or "").strip():
        yield "__init__.py has no docstring; its first line is the title that people see, the rest the description"


def _check_shape(modules: Mapping[str, ModuleType]) -> Iterable[str]:
    yield from _check_docstring(modules[""])
    router_module = modules.get("router")
    routers = [getattr(router_module, each, None) for each in ("router", "root_router")]
    if router_module is None or not any(routers):
        yield _NO_ROUTER
    elif not all(each is None or isinstance(each, APIRouter) for each in routers):
        yield "router and root_router in router.py must be fastapi.APIRouter"


def _check_names(name: str, stores: Iterable[Store], events: Iterable[type[Event]]) -> Iterable[str]:
    for store in stores:
        if store.name != name and not store.name.startswith(f"{name}_"):
            yield f"the store {store.name!r} must be called {name!r} or {name}_…, so that no two slices share one"
    for event in events:
        topic = getattr(event, "topic", "")
        if not re.fullmatch(rf"{name}\.[a-z][a-z0-9_]*", topic):
            yield f"the topic {topic!r} of {event.__name__} must be {name}.<what happened>, such as {name}.created"
        if not (event.__doc__ or "").strip():
            yield f"the event {event.__name__} has no docstring; its first line stands in the catalogue"
        if why := unreadable_event(event):
            yield why


def _load(name: str, package: str, folder: Path) -> tuple[Slice | None, list[Fault]]:
    if _NAME.fullmatch(name) is None:
        wanted = "a folder of slices needs a lower-case name of letters, digits and underscores, at most 32"
        return None, [Fault(name, f"{wanted}; rename it, or let it begin with a dot to have it passed over")]
    if not folder.exists():
        wanted = "it must name a package, a folder with an __init__.py"
        return None, [Fault(name, f"the entry point {package} leads nowhere{_why(package)}; {wanted}")]
    if not (folder / "__init__.py").exists():
        return None, [Fault(name, "there is no __init__.py; it holds the docstring that names the slice")]
    modules, details = _modules(package, folder)
    if details:
        return None, [Fault(name, detail) for detail in (*details, *_check_files(modules, folder))]
    try:
        found = _assemble(name, package, folder, modules)
    except ValidationError as error:
        return None, [Fault(name, f"the setting {told}") for told in setting_faults(error, prefix_of(name))]
    except Exception as error:
        return None, [Fault(name, str(error)), *(Fault(name, detail) for detail in _check_shape(modules))]
    checks = (*_check_shape(modules), *_check_names(name, found.stores, found.events), *capability_faults(modules))
    return found, [Fault(name, detail) for detail in checks]


def _why(package: str) -> str:
    """What is met on the way to an entry point that leads nowhere."""
    if ":" in package:
        return " (it names something inside a module)"
    try:
        spec = importlib.util.find_spec(package)
    except Exception as error:
        return f" ({type(error).__name__}: {error})"
    return f" ({spec.origin} is a single module)" if spec else " (is its package installed whole?)"


def _assemble(name: str, package: str, folder: Path, modules: Mapping[str, ModuleType]) -> Slice:
    title, _, description = inspect.cleandoc(modules[""].__doc__ or "").partition("\n")
    router_module = modules.get("router")
    settings_model = _own_settings(modules)
    settings = settings_model(_env_prefix=prefix_of(name))
    return Slice(
        name=name,
        title=title.strip().rstrip("."),
        description=description.strip(),
        folder=folder,
        router=getattr(router_module, "router", None),
        root_router=getattr(router_module, "root_router", None),
        settings_model=settings_model,
        settings=settings,
        stores=_own_stores(modules),
        mirrors=_own_mirrors(modules),
        events=_own_events(modules, package),
        consumers=_own_consumers(name, modules, settings),
        jobs=_own_jobs(name, modules, settings),
        health=own_function(modules, "health", settings),
        search=own_function(modules, "search", settings),
        auth=modules.get("auth"),
    )


def _template(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def _is_version(path: str, names: Container[str]) -> bool:
    """Whether a path is of the API of another service, in a version of that: `/api/v3/…` is of no slice's own API."""
    return _VERSION.fullmatch(path) is not None and path.split("/")[2] not in names


def _check_together(slices: Sequence[Slice]) -> Iterable[Fault]:
    """What no slice can see alone: names and paths that two of them claim."""
    owners: dict[str, str] = {}
    names = {each.name for each in slices}
    for each in slices:
        for path in dict.fromkeys(map(_template, each.root_paths)):
            segment = path.split("/")[1]
            is_catch_all = segment.startswith("{}")
            claim = "/{}" if is_catch_all else path
            owner = owners.setdefault(claim, each.name)
            if owner != each.name and is_catch_all:
                yield Fault(
                    each.name, f"the root path {path} is a catch-all, and {owner} has one; one app has room for one"
                )
            elif owner != each.name:
                yield Fault(each.name, f"the root path {path} is taken by {owner}")
            if segment in OWN_SEGMENTS and path != "/api" and not _is_version(path, names):
                yield Fault(
                    each.name, f"the root path {path} lies under /api, where each slice has its own folder name"
                )
    yield from _check_subscriptions(slices)
    yield from _check_shared(slices, "the store", lambda each: [store.name for store in each.stores])
    yield from _check_shared(
        slices, "auth.py (one provider of keys at most)", lambda each: ["auth"] if each.auth else []
    )


def _check_subscriptions(slices: Sequence[Slice]) -> Iterable[Fault]:
    """Topics that a loaded slice does not publish, and models that its events do not fit."""
    publishers = {each.name: each.events for each in slices}
    for each in slices:
        for consumer in each.consumers:
            yield from (Fault(each.name, detail) for detail in subscription_faults(publishers, consumer))


def _check_shared(slices: Sequence[Slice], what: str, names_of: Callable[[Slice], list[str]]) -> Iterable[Fault]:
    owners: dict[str, str] = {}
    for each in slices:
        for name in names_of(each):
            if owners.setdefault(name, each.name) != each.name:
                yield Fault(each.name, f"{what} {name!r} is also in {owners[name]}")


def _check_same_names(slices: Sequence[Slice]) -> Iterable[Fault]:
    seen: dict[str, Path] = {}
    for each in slices:
        if each.name in seen:
            yield Fault(each.name, f"two slices have this name: {seen[each.name]} and {each.folder}")
        seen.setdefault(each.name, each.folder)


def _look(name: str, package: str, folder: Path, disabled: Sequence[str], pages: Container[str]) -> Candidate:
    if name in disabled:
        return Candidate(name, folder, None, is_disabled=True)
    found, faults = _load(name, package, folder)
    return Candidate(name, folder, found, (*faults, *(Fault(name, told) for told in web_faults(name, folder, pages))))


def survey(
    packages: Sequence[str], disabled: Sequence[str] = (), *, pages: Container[str] = ()
) -> tuple[Candidate, ...]:
    """Every place of a slice by name, with what is wrong with it alone and beside the others; raises nothing.

    `pages` are the slices that the web front end itself has a page of.
    """
    places = [place for package in packages for place in _in_package(package)]
    places += _in_entry_points()
    looked = sorted((_look(*place, disabled, pages) for place in places), key=lambda each: each.name)
    slices = [each.slice for each in looked if each.slice is not None]
    together = sorted({*_check_same_names(slices), *_check_together(slices)})
    return tuple(
        each._replace(faults=(*each.faults, *(fault for fault in together if fault.slice_name == each.name)))
        for each in looked
    )


def slices_of(found: Sequence[Candidate]) -> tuple[Slice, ...]:
    """The slices of a survey; raises DiscoveryError with every fault at once."""
    faults = {fault for each in found for fault in each.faults}
    if faults:
        raise DiscoveryError(sorted(faults))
    return tuple(each.slice for each in found if each.slice is not None)


def find_slices(
    packages: Sequence[str], disabled: Sequence[str] = (), *, pages: Container[str] = ()
) -> tuple[Slice, ...]:
    """All slices by name, as `survey` finds them; raises DiscoveryError with every fault at once."""
    return slices_of(survey(packages, disabled, pages=pages))
