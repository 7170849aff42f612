"""The suite itself: a folder that has just come is tested by every check, and a fault in it is found."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from schemathesis.generation import GenerationMode

from tests.conformance.checks import CHECKS, Check, Folder, run_check
from tests.conformance.notes import LEAST, NOTES, broken
from tests.conformance.subject import PACKAGES, api_of, subject_of
from tests.conformance.test_access import NO_WAY_TO_REVOKE
from tests.conformance.test_generated import ask_many, running_in
from tests.support import has_slice, make_app, slices_package


@contextmanager
def folder_of(place: Path, files: Mapping[str, str], beside: tuple[str, ...] = PACKAGES) -> Iterator[Folder]:
    """A folder `notes` with these files, found by discovery beside all other slices."""
    with slices_package(place, {"notes": files}) as package:
        packages = (*beside, package)
        yield Folder("notes", packages, subject_of(make_app(packages=packages)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    with folder_of(tmp_path_factory.mktemp("slices"), NOTES) as found:
        yield found


@pytest.fixture(scope="module")
def least(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    with folder_of(tmp_path_factory.mktemp("slices"), LEAST) as found:
        yield found


_FOR_OTHER_SLICES = {
    "access.any_key_opens_a_route_without_a_scope",
    "answers.what_every_page_may_read_is_open_to_everybody_and_never_by_a_cookie",
    "document.public_operations_declare_no_key",
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=str)
async def test_a_new_folder_passes_every_check(check: Check, folder: Folder) -> None:
    assert check.cases(folder.subject.of(["notes"])) or check.name in _FOR_OTHER_SLICES
    assert set(await run_check(check, folder)) <= {NO_WAY_TO_REVOKE}


@pytest.mark.parametrize("check", CHECKS.values(), ids=str)
async def test_a_folder_with_little_in_it_passes_every_check(check: Check, least: Folder) -> None:
    await run_check(check, least)


@pytest.mark.parametrize("mode", GenerationMode)
def test_a_new_folder_is_asked_with_generated_requests(mode: GenerationMode, folder: Folder) -> None:
    with asyncio.Runner() as runner, running_in(runner, api_of(packages=folder.packages)) as api:
        for route in folder.subject.of(["notes"]).routes:
            if route.takes_json or mode.is_positive:
                ask_many(runner, api, route, mode)


_FAULTS: Mapping[str, tuple[str, str, str]] = {
    "answers.json_is_utf8_and_not_shared_by_caches": (
        "router.py",
        "return await db.transact(handlers.read_note, id)",
        "raise __import__('slice_api.chassis').chassis.forbidden('no')",
    ),
    "document.every_json_body_has_an_example_that_fits": ("schemas.py", 'examples=["Groceries"]', 'examples=[""]'),
    "document.every_route_has_a_summary": ("router.py", '"""Read one note."""', "# Reads one note."),
    "document.public_routes_are_those_that_were_decided": (
        "router.py",
        '@router.get("/{id}")',
        '@router.get("/{id}")\n@__import__("slice_api.chassis").chassis.public',
    ),
    "document.scope_is_declared": (
        "router.py",
        '@router.get("/{id}")',
        '@router.get("/{id}")\n@__import__("slice_api.chassis").chassis.requires("other:read")',
    ),
    "finding.what_is_made_is_found_by_those_who_may_read_it": ("search.py", "key=note.id", "key=note.title"),
    "folders.events_carry_the_name_of_the_slice_and_say_what_happened": (
        "schemas.py",
        '"""A note was kept."""',
        '"""kept"""',
    ),
    "folders.functions_are_short": ("handlers.py", "    read_note(tx, note_id)\n", "    read_note(tx, note_id)\n" * 40),
    "folders.handlers_and_stores_know_nothing_of_http": (
        "store.py",
        "from slice_api",
        "import fastapi\nfrom slice_api",
    ),
    "folders.knows_the_chassis_and_itself_alone": (
        "handlers.py",
        "from slice_api.chassis",
        "from slice_api.slices import platform\nfrom slice_api.chassis",
    ),
    "folders.no_request_waits_for_a_thread": (
        "router.py",
        "async def read_note(id: str, db: Db)",
        'async def read_note(id: str, db: Db, plain: int = __import__("fastapi").Depends(lambda: 1))',
    ),
    "folders.says_what_it_is_in_its_docstring": ("__init__.py", "Notes.", "Notes " * 10),
    "folders.schemas_know_pydantic_the_chassis_and_their_slice_alone": (
        "schemas.py",
        "from typing",
        "import orjson\nfrom typing",
    ),
    "idempotency.the_same_request_gives_the_first_answer_again": (
        "router.py",
        "return await db.transact(handlers.create_note, new, caller)",
        "raise ValueError",
    ),
    "lists.limit_goes_from_1_to_200": (
        "router.py",
        "async def list_notes(db: Db, page: Paging) -> Page[Note]:",
        "async def list_notes(db: Db, limit: int = 1, page: object = None) -> Page[Note]:",
    ),
    "lists.limit_is_kept_and_the_rest_follows": (
        "store.py",
        'return tx.page(NOTES, page, order="-created_at")',
        "return Page[Note](items=tx.all(NOTES), next=None)",
    ),
    "objects.a_deleted_object_is_gone": ("handlers.py", "    tx.pop(NOTES, note_id)\n", ""),
    "objects.a_made_object_is_found_at_its_location": ("handlers.py", "    tx.insert(NOTES, note)\n", ""),
    "objects.a_patch_changes_what_it_names_and_is_read_back": (
        "handlers.py",
        "lambda note: note.model_copy(update=fields)",
        "lambda note: note",
    ),
    "objects.a_stale_if_match_is_412_and_changes_nothing": (
        "handlers.py",
        "    read_note(tx, note_id)\n    tx.pop(NOTES, note_id)",
        "    read_note(tx, note_id)",
    ),
    "objects.null_clears_or_is_refused_at_its_place": (
        "handlers.py",
        'raise invalid(f"#/{name}"',
        'raise invalid("#/x"',
    ),
    "objects.times_are_utc_with_a_z": (
        "schemas.py",
        "    created_at: Time",
        "    created_at: Time\n    seen_at: str = '2026-01-31'",
    ),
    "objects.who_made_it_and_what_happened_is_told": ("handlers.py", "subject=note.id", "subject=None"),
    "requests.a_field_nobody_declared_is_422": (
        "schemas.py",
        '    """A note to be kept."""',
        '    """A note to be kept."""\n\n    model_config = {"extra": "ignore"}',
    ),
    "requests.an_unknown_object_is_404": (
        "handlers.py",
        "def delete_note(tx: Tx, note_id: str) -> None:\n    read_note(tx, note_id)\n",
        "def delete_note(tx: Tx, note_id: str) -> None:\n",
    ),
    "requests.head_answers_like_get_without_a_body": (
        "router.py",
        '@router.get("/{id}")',
        '@router.head("/{id}")\nasync def head_note(id: str) -> None:\n    """Nothing."""\n\n\n@router.get("/{id}")',
    ),
}
"""For each check, a change of the notes that it must find."""

_FOUND = (AssertionError, pytest.fail.Exception)


@pytest.mark.parametrize("name", _FAULTS)
async def test_a_fault_is_found(name: str, tmp_path: Path) -> None:
    """By itself, in an app that is soon made; the same check finds nothing in the notes without the fault."""
    is_searched = name.startswith("finding.")
    if is_searched and not has_slice("search"):
        pytest.skip("the search folder was removed")
    beside = PACKAGES if is_searched else ()
    with folder_of(tmp_path, NOTES, beside) as folder:
        await run_check(CHECKS[name], folder)
    with folder_of(tmp_path, broken(*_FAULTS[name]), beside) as folder, pytest.raises(_FOUND):
        await run_check(CHECKS[name], folder)
