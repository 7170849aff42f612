"""What is tried without a slice: the test files that speak of it, and that what breaks is told with both names."""

import subprocess
from pathlib import Path

import pytest

from slice_api.chassis.discovery import find_slices
from tests.scaffold.made import made_slice
from tests.subtraction.parts import failures_of, files_for, speaks_of


@pytest.mark.parametrize(
    ("text", "is_spoken_of"),
    [
        ('client.get("/api/zebras")', True),
        ('has_slice("zebras")', True),
        ('"zebras:read"', True),
        ("from slice_api.slices.zebras.store import ZEBRAS", True),
        ("a herd of zebras, and no path", False),
        ('client.get("/api/zebras2")', False),
    ],
)
def test_a_file_speaks_of_a_slice_by_its_paths_scopes_and_modules(
    text: str, is_spoken_of: bool, tmp_path: Path
) -> None:
    with made_slice(tmp_path, "zebras") as package:
        [part] = find_slices((package,))
    assert speaks_of(text, part) == is_spoken_of


def test_the_files_of_the_slice_itself_are_left_out() -> None:
    for part in find_slices(("slice_api.slices",)):
        assert not [file for file in files_for(part) if file.startswith(f"tests/slices/{part.name}/")]


def test_what_breaks_is_told_with_the_slice_that_went() -> None:
    said = "FAILED tests/a.py::test_x[GET /a b] - assert 1 == 2\nERROR tests/b.py - ImportError\n2 failed"
    told = list(failures_of("zebras", subprocess.CompletedProcess((), 1, said, "")))
    assert {each.gone for each in told} == {"zebras"}
    assert [each.what for each in told] == ["tests/a.py::test_x[GET /a b]", "tests/b.py", "the tests, in full"]
    assert told[-1].said == said


def test_what_passes_is_no_failure() -> None:
    assert list(failures_of("zebras", subprocess.CompletedProcess((), 0, "9 passed", ""))) == []
