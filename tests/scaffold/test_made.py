"""What the scaffold makes: it is right as it comes, whatever its name and its fields."""

import ast
import keyword
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slice_api.scaffold.fields import KINDS, Refused, parse_fields
from slice_api.scaffold.words import words_of
from slice_api.scaffold.writing import files_of, write_slice
from tests.chassis.strategies import STEADY
from tests.conformance.checks import CHECKS, Check, Folder, run_check
from tests.conformance.subject import subject_of
from tests.conformance.test_access import NO_WAY_TO_REVOKE
from tests.conformance.test_finding import NOT_SEARCHED
from tests.scaffold.made import PRODUCT, RICH, made_slice
from tests.server import MYPY_CACHE, ROOT, copied_tree
from tests.support import client_of, make_app, running

README = (ROOT / "README.md").read_text()


def _is_taken(field: str) -> bool:
    try:
        return bool(parse_fields(field))
    except Refused:
        return False


names = st.from_regex(r"[a-z][a-z0-9]{0,9}(_[a-z0-9]{1,5}){0,2}", fullmatch=True)
slice_names = names.filter(lambda name: not keyword.iskeyword(name))
field_names = names.filter(lambda name: _is_taken(f"{name}:datetime"))
kinds = st.sampled_from([f"{kind}{mark}" for kind in KINDS for mark in ("", "?")])
field_lists = st.dictionaries(field_names, kinds, min_size=1, max_size=6).map(
    lambda fields: " ".join(f"{name}:{'datetime' if name.endswith('_at') else kind}" for name, kind in fields.items())
)
FEW = settings(STEADY, max_examples=10)


@STEADY
@given(slice_names, field_lists)
def test_every_name_and_field_list_gives_sound_code(name: str, fields: str) -> None:
    files = files_of(name, parse_fields(fields))
    assert files.keys() == {"__init__.py", "handlers.py", "router.py", "schemas.py", "store.py", "test.py"}
    for text in files.values():
        ast.parse(text)
        assert "$" not in text


async def _works(name: str, fields: str, place: Path) -> None:
    with made_slice(place, name, fields) as package:
        async with running(make_app(packages=(package,))) as app, client_of(app) as client:
            body = {each.name: each.example for each in parse_fields(fields)}
            made = await client.post(f"/api/{name}", json=body)
            assert made.status_code == 201, made.text
            assert made.json().items() >= body.items()
            assert words_of(name).model in app.openapi()["components"]["schemas"]
            cleared = await client.patch(made.headers["Location"], json=dict.fromkeys(body))
            assert cleared.status_code == (422 if any(not each.is_optional for each in parse_fields(fields)) else 200)


@pytest.mark.parametrize(
    "name", ["classes", "changes", "pages", "copies", "topics", "s", "types", "texts", "new", "a1"]
)
async def test_names_that_code_has_another_use_for_work(name: str, tmp_path: Path) -> None:
    await _works(name, f"{name}:text? text:str? date:date? url:url? value:int?", tmp_path)


@FEW
@given(slice_names, field_lists)
async def test_every_name_and_field_list_works(name: str, fields: str) -> None:
    with TemporaryDirectory() as place:
        await _works(name, fields, Path(place))


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    with made_slice(tmp_path_factory.mktemp("made"), "status", RICH) as package:
        packages = (PRODUCT, package)
        yield Folder("status", packages, subject_of(make_app(packages=packages)))


@pytest.mark.parametrize("check", CHECKS.values(), ids=str)
async def test_a_slice_with_every_type_passes_every_check(check: Check, rich: Folder) -> None:
    assert set(await run_check(check, rich)) <= {NO_WAY_TO_REVOKE, NOT_SEARCHED}


# In a tree of its own, with the very words of the README


def _run(root: Path, *command: str) -> str:
    variables = {**os.environ, "MYPY_CACHE_DIR": str(MYPY_CACHE)}
    done = subprocess.run(command, cwd=root, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _python(root: Path, *arguments: str) -> str:
    return _run(root, sys.executable, "-m", *arguments)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with a slice of every type in it, made beside the others."""
    root = copied_tree(tmp_path_factory.mktemp("tree"))
    for folder in ("slice_api/slices/polls", "tests/slices/polls"):
        shutil.rmtree(root / folder, ignore_errors=True)
    write_slice("status", parse_fields(RICH), root)
    return root


@pytest.mark.timeout(300)
def test_make_new_makes_a_slice_that_passes_and_says_what_to_try(tree: Path) -> None:
    [line] = re.findall(r"^make new name=.*$", README, re.MULTILINE)
    (tree / ".venv").symlink_to(Path(sys.executable).parent.parent)
    said = _run(tree, "bash", "-euc", line.replace("make new", "make -o .venv/.installed new"))
    assert re.search(r"^\d+ passed", said, re.MULTILINE)
    assert [each.split()[0] for each in said.splitlines()[-3:]] == [
        "SLICE_ADMIN_KEY=change-me-to-something-long",
        "curl",
        "Its",
    ]
    assert {path.name for path in (tree / "slice_api/slices/polls").glob("*.py")} == {
        "__init__.py", "handlers.py", "router.py", "schemas.py", "store.py",
    }  # fmt: skip


@pytest.mark.timeout(300)
def test_what_is_made_passes_the_linters(tree: Path) -> None:
    own = ["slice_api/slices/status", "tests/slices/status"]
    own += [each.replace("status", "polls") for each in own if (tree / each.replace("status", "polls")).exists()]
    _python(tree, "ruff", "check", *own)
    _python(tree, "ruff", "format", "--check", *own)
    _python(tree, "mypy", *own)
    _run(tree, sys.executable, str(Path(sys.executable).parent / "lint-imports"), "--no-logo")


def test_its_own_tests_pass_with_every_type(tree: Path) -> None:
    assert re.search(r"\d+ passed", _python(tree, "pytest", "tests/slices/status", "-p", "no:cacheprovider"))
