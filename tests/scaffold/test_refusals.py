"""What is not made: nothing is written then, and nothing is ever written over."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from slice_api.cli import main
from slice_api.scaffold.fields import Refused, parse_fields
from slice_api.scaffold.writing import check_name, write_slice
from tests.scaffold.made import PRODUCT
from tests.server import ROOT
from tests.support import has_slice, slices_package

FOLDERS = ("slice_api/slices", "tests/slices")

NO_NAMES = [
    "Polls",
    "my-polls",
    "1polls",
    "_polls",
    "polls_",
    "a__b",
    "p" * 33,
    "class",
    "../polls",
    "a b",
    "größe",
    "$x",
]
TAKEN = {"api": "the service itself", "events": "the service itself", "chassis": "the service itself"}
TAKEN |= {"docs": "a path of the slice front"} if has_slice("front") else {}
TAKEN |= {"metrics": "a path of the slice platform"} if has_slice("platform") else {}
TAKEN |= {"links_visits": "a store of the slice links"} if has_slice("links") else {}
TAKEN |= {"link": "the slice links, whose objects would be called the same"} if has_slice("links") else {}


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_no_name_of_a_slice_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is no name of a slice: lower-case letters"):
        check_name(name, tmp_path)


@pytest.mark.parametrize("name", TAKEN)
def test_a_name_that_somebody_has_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        check_name(name, tmp_path)
    assert str(refused.value) == f"{name} is taken by {TAKEN[name]}: choose another name"


def test_the_name_of_a_slice_from_elsewhere_is_refused(tmp_path: Path) -> None:
    files = {"__init__.py": '"""Cards."""', "router.py": "from fastapi import APIRouter\n\nrouter = APIRouter()\n"}
    with slices_package(tmp_path, {"cards": files}) as package, pytest.raises(Refused, match="by the slice cards"):
        check_name("cards", tmp_path, (PRODUCT, package))


@pytest.mark.parametrize("place", FOLDERS)
@pytest.mark.parametrize("what", ["folder", "file", "dangling link"])
def test_what_is_there_is_not_written_over(place: str, what: str, tmp_path: Path) -> None:
    there = tmp_path / place / "polls"
    there.parent.mkdir(parents=True)
    if what == "folder":
        there.mkdir()
    elif what == "file":
        there.write_text("mine")
    else:
        there.symlink_to("nowhere")
    with pytest.raises(Refused, match=f"{place}/polls is there already"):
        check_name("polls", tmp_path)


def test_a_folder_that_comes_in_between_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "slice_api/slices/polls").mkdir(parents=True)
    with pytest.raises(FileExistsError):
        write_slice("polls", parse_fields(""), tmp_path)
    assert not list((tmp_path / "slice_api/slices/polls").iterdir())


def _folders() -> Sequence[Path]:
    """What is in them, but for what Python leaves there whenever it reads one."""
    return [each for folder in FOLDERS for each in sorted((ROOT / folder).iterdir()) if each.name != "__pycache__"]


@contextmanager
def nothing_written() -> Iterator[None]:
    """The folders of slices and of their tests stay as they are."""
    before = _folders()
    yield
    assert _folders() == before


@pytest.mark.parametrize(
    "arguments", [("", "a:str"), ("Polls", ""), ("polls", "a:b"), ("polls", "id:str"), ("api", ""), ("$(touch x)", "")]
)
def test_a_refusal_is_one_line_and_writes_nothing(arguments: tuple[str, str]) -> None:
    name, fields = arguments
    with nothing_written(), pytest.raises(SystemExit) as ended:
        main(["new", f"--fields={fields}", "--", name])
    assert isinstance(ended.value.code, str)
    assert len(ended.value.code.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "fields"), [("polls; touch {}", ""), ("' touch {} '", ""), ("polls", "$(shell touch {})"), ("", "")]
)
def test_make_gives_names_and_fields_on_as_they_are(name: str, fields: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    given = (f"name={name.format(mark)}", f"fields={fields.format(mark)}")
    with nothing_written():
        # As if everything were installed: it is, and what is tried here is the words.
        done = subprocess.run(
            ["make", "-o", ".venv/.installed", "new", *given], cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert done.returncode == 2, done.stdout
    assert not mark.exists()
    said = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert len(said) == 1, done.stderr
