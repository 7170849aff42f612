"""Slices made by the scaffold in a package of their own, beside those of the product."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slice_api.scaffold.fields import parse_fields
from slice_api.scaffold.writing import files_of
from tests.support import slices_package

PRODUCT = "slice_api.slices"

RICH = (
    "name:str summary:text seats:int ratio:float is_open:bool starts_at:datetime day:date page:url labels:tags "
    "nickname:str? notes:text? floor:int? score:float? is_paid:bool? ends_at:datetime? until:date? map:url? tags:tags?"
)
"""Every type that is offered, needed and optional."""


@contextmanager
def made_slice(place: Path, name: str, fields: str = "") -> Iterator[str]:
    """A package with this slice alone in it, as the scaffold makes it; gives the package's name."""
    with slices_package(place, {name: {}}) as package:
        for file, text in files_of(name, parse_fields(fields), package).items():
            if file != "test.py":
                (place / package / name / file).write_text(text)
        yield package
