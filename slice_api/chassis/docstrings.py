"""What is written under a field of a model, as its description.

Pydantic can do so by itself (`use_attribute_docstrings`), but it looks for the source of every model anew, which took
a quarter of the time of a start. Here each module is read once.
"""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema


def _describe(model: type[BaseModel]) -> None:
    module = sys.modules.get(model.__module__)
    docstrings = _docstrings_of(getattr(module, "__file__", None)).get(model.__qualname__, {})
    for name in docstrings.keys() & model.model_fields:
        field = model.model_fields[name]
        if field.description is None:
            field.description = docstrings[name]


def _docstrings_of(file: str | None) -> Mapping[str, Mapping[str, str]]:
    """The docstrings in a file: by class, then by field. None where there is no source."""
    try:
        return _read(file, Path(file).stat().st_mtime_ns) if file else {}
    except OSError:
        return {}


@cache
def _read(file: str, changed_ns: int) -> Mapping[str, Mapping[str, str]]:
    """The same for a file as it was when it was last changed."""
    return {name: found for name, node in _classes(ast.parse(Path(file).read_bytes())) if (found := _told(node.body))}


def _classes(node: ast.AST, within: str = "") -> Iterator[tuple[str, ast.ClassDef]]:
    """Every class below a node with its `__qualname__`."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.ClassDef():
                yield within + child.name, child
                yield from _classes(child, f"{within}{child.name}.")
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _classes(child, f"{within}{child.name}.<locals>.")
            case ast.stmt() | ast.excepthandler() | ast.match_case():
                yield from _classes(child, within)


def _told(statements: Sequence[ast.stmt]) -> dict[str, str]:
    """What stands right under a field, by the name of the field."""
    return {name: inspect.cleandoc(text) for name, text in map(_field_and_text, pairwise(statements)) if name and text}


def _field_and_text(pair: tuple[Any, Any]) -> tuple[str, str]:
    match pair:
        case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
            return name, text
    return "", ""


class Described(BaseModel):
    """A model whose fields are described by the docstrings under them, where nothing else describes them."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[BaseModel], handler: GetCoreSchemaHandler, /) -> CoreSchema:
        """Describe the fields just before the schema is made of them."""
        if not cls.__pydantic_complete__:
            _describe(cls)
        return handler(source)
