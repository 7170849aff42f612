"""The fields of a new slice, as people write them: `question:str votes:int closes_at:datetime?`."""

import difflib
import keyword
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from slice_api.chassis import Schema

DEFAULT_FIELDS = "title:str text:text?"

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST_NAME = 40


class Kind(NamedTuple):
    """A type that is offered: the chassis' name for it, and two values to show and to try."""

    annotation: str
    example: Any
    other: Any
    is_strict: bool = False
    """Whether only JSON's own type is taken: no "5" for 5, no 1 for true."""


KINDS: Mapping[str, Kind] = {
    "str": Kind("Line", "{}", "Another {}"),
    "text": Kind("Text", "Some text.\nOn two lines.", "Another text."),
    "int": Kind("Integer", 3, 5, is_strict=True),
    "float": Kind("float", 1.5, 2.25, is_strict=True),
    "bool": Kind("bool", True, False, is_strict=True),
    "datetime": Kind("Time", "2026-01-31T09:00:00Z", "2026-12-24T18:30:00Z"),
    "date": Kind("Date", "2026-01-31", "2026-12-24"),
    "url": Kind("Url", "https://example.org/", "https://example.org/another"),
    "tags": Kind("Tags", ["docs", "spring"], ["autumn"]),
}

_KEPT_ANYWAY = frozenset({"id", "created_at", "created_by", "updated_at"})
_LIST_NAMES = frozenset({"items", "next"})
_PYTHON_NAMES = frozenset({"bool", "float", "int", "str", "l", *keyword.kwlist})


class Refused(Exception):  # noqa: N818 - nothing has failed
    """What was asked for cannot be made; the message is one line that says why, and what could be."""


class Field(NamedTuple):
    """One field of a new slice."""

    name: str
    kind: Kind
    is_optional: bool

    @property
    def example(self) -> Any:
        return self._said(self.kind.example)

    @property
    def other(self) -> Any:
        return self._said(self.kind.other)

    def _said(self, value: Any) -> Any:
        """Texts speak of the field by name, so that they can be told apart."""
        if not isinstance(value, str):
            return value
        said = value.format(self.name.replace("_", " "))
        return said[0].upper() + said[1:] if value == "{}" else said

    @property
    def line(self) -> str:
        """The line of the model."""
        annotation = self.kind.annotation + (" | None" if self.is_optional else "")
        options = ["default=None"] if self.is_optional else []
        options += ["strict=True"] if self.kind.is_strict else []
        return f"{self.name}: {annotation} = Field({', '.join([*options, f'examples=[{quoted(self.example)}]'])})"


def quoted(value: Any) -> str:
    """A value as Python is written here, with double quotes."""
    if isinstance(value, str):
        return '"' + value.replace("\n", "\\n") + '"'
    if isinstance(value, list):
        return f"[{', '.join(map(quoted, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{quoted(name)}: {quoted(each)}' for name, each in value.items())}}}"
    return repr(value)


def parse_fields(text: str) -> tuple[Field, ...]:
    """The fields of a list such as `title:str text:text?`; raises Refused with every fault of it."""
    parts = [part.partition(":")[::2] for part in (text.strip() or DEFAULT_FIELDS).split()]
    faults = [fault for name, kind in parts for fault in _faults(name, kind)] + list(_repeated(parts))
    if faults:
        raise Refused("; ".join(dict.fromkeys(faults)))
    return tuple(Field(name, KINDS[kind.removesuffix("?")], kind.endswith("?")) for name, kind in parts)


def _repeated(parts: Sequence[tuple[str, str]]) -> Iterator[str]:
    for name, times in Counter(name for name, _ in parts).items():
        if times > 1:
            yield f"the field {name} is there {times} times; name it once"


def _faults(name: str, kind: str) -> Iterator[str]:
    if _NAME.fullmatch(name) is None or len(name) > _LONGEST_NAME:
        wanted = f"lower-case letters, digits and single underscores, at most {_LONGEST_NAME}, such as closes_at"
        yield f"{name!r} is no name of a field: {wanted}"
        return
    yield from _name_faults(name)
    bare = kind.removesuffix("?")
    if bare not in KINDS:
        yield f"{name}:{kind} has no type that is offered: {_offered(bare)}"
    elif name.endswith("_at") and bare != "datetime":
        yield f"{name}:{kind}: a name that ends in _at is a moment: write {name}:datetime, or rename it"


def _name_faults(name: str) -> Iterator[str]:
    if name in _KEPT_ANYWAY:
        yield f"the field {name} is kept for the service to fill in ({', '.join(sorted(_KEPT_ANYWAY))} are)"
    elif name in _PYTHON_NAMES:
        yield f"{name} is a word of Python's own; choose another, such as {name}_value"
    elif name in _LIST_NAMES:
        yield f"{name} is what lists are made of; choose another, such as {name}_value"
    elif hasattr(Schema, name) or name.startswith(("model_dump", "model_validate")):
        yield f"every model has a {name} already; choose another, such as {name}_value"


def _offered(kind: str) -> str:
    offered = f"{', '.join(KINDS)}, each with ? for optional"
    near = difflib.get_close_matches(kind, KINDS, 1)
    return f"did you mean {near[0]}? There are {offered}" if near else offered
