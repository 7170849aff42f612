"""What a slice's folder holds, and what its modules may know."""

import ast
import re
import sys
from collections.abc import Iterator

from slice_api.chassis.discovery import Slice
from slice_api.chassis.marks import Subject, long_functions, undocumented_events, untested, waiting_for_threads
from slice_api.chassis.own_tests import own_tests_of
from slice_api.chassis.report import sources_of
from tests.conformance.subject import Route, for_routes, for_slices, slices_under_test


def _package_of(part: Slice) -> str:
    """The name that the slice's folder is imported by."""
    place = str(part.folder / "__init__.py")
    return next(name for name, module in list(sys.modules.items()) if getattr(module, "__file__", None) == place)


def _modules(part: Slice) -> dict[str, ast.Module]:
    return {path.stem: ast.parse(path.read_text()) for path in sorted(part.folder.glob("*.py"))}


def _imports(module: ast.Module) -> Iterator[str]:
    """The dotted names that a module imports; those of its own package begin with a dot."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        if isinstance(node, ast.ImportFrom) and node.level:
            yield "." * node.level + (node.module or "")
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{each.name}" for each in node.names)


def _is_within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _is_standard(name: str) -> bool:
    return name.partition(".")[0] in sys.stdlib_module_names


@for_slices
def test_says_what_it_is_in_its_docstring(part: Slice) -> None:
    assert part.title
    assert len(part.title) <= 40


@for_slices
def test_has_the_files_of_a_slice(part: Slice) -> None:
    modules = _modules(part).keys()
    assert {"__init__", "router"} <= modules
    assert "schemas" in modules or not part.events


@for_slices
def test_knows_the_chassis_and_itself_alone(part: Slice) -> None:
    own = _package_of(part)
    around = (own.rpartition(".")[0], "slice_api", "tests")
    for name, module in _modules(part).items():
        for imported in _imports(module):
            is_known = _is_within(imported, (own, "slice_api.chassis")) or not _is_within(imported, around)
            assert is_known, f"{name}.py imports {imported}"
            assert not imported.startswith(".."), f"{name}.py reaches out of its folder: {imported}"


@for_slices
def test_schemas_know_pydantic_the_chassis_and_their_slice_alone(part: Slice) -> None:
    known = ("pydantic", "annotated_types", "slice_api.chassis")
    for imported in _imports(_modules(part).get("schemas", ast.Module([], []))):
        is_own = imported.startswith(".") or _is_within(imported, (_package_of(part),))
        is_known = _is_standard(imported) or is_own or _is_within(imported, known)
        assert is_known, f"schemas.py imports {imported}"


@for_slices
def test_handlers_and_stores_know_nothing_of_http(part: Slice) -> None:
    modules = _modules(part)
    for name in ("handlers", "store", "schemas"):
        for imported in _imports(modules.get(name, ast.Module([], []))):
            is_http = _is_within(
                imported, ("fastapi", "starlette", "uvicorn", f"{_package_of(part)}.router", ".router")
            )
            assert not is_http, f"{name}.py imports {imported}"


@for_slices
def test_functions_are_short(part: Slice) -> None:
    assert list(long_functions(sources_of(part.folder))) == []


@for_slices
def test_stores_carry_the_name_of_the_slice(part: Slice) -> None:
    for store in part.stores:
        assert re.fullmatch(rf"{part.name}(_[a-z0-9_]+)?", store.name)


@for_slices
def test_events_carry_the_name_of_the_slice_and_say_what_happened(part: Slice) -> None:
    for event in part.events:
        assert re.fullmatch(rf"{part.name}\.[a-z][a-z0-9_]*", event.topic)
    assert list(undocumented_events(part.events)) == []


@for_routes(lambda route: True)
def test_no_request_waits_for_a_thread(route: Route) -> None:
    assert list(waiting_for_threads(route.as_marked)) == []


@for_slices
def test_every_route_is_in_a_test(part: Slice) -> None:
    operations = tuple(each.as_marked for each in slices_under_test().routes if each.target.slice_name == part.name)
    assert list(untested(Subject(part, operations, (), own_tests_of(part.folder))) or ()) == []
