"""What is written under a field of a model, as its description.

Pydantic can do so by itself (`use_attribute_docstrings`), but it looks for the source of every model anew, when the
model is made. Here each module is read once, and only when somebody asks for the JSON Schema of a model in it: a start
need not wait for that.
"""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from fastapi.dependencies.models import Dependant
from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


def docstring_of(model: type[BaseModel], name: str) -> str | None:
    """What stands under a field, in the class that has declared it last."""
    owner = next((part for part in model.__mro__ if name in vars(part).get("__annotations__", ())), None)
    module = sys.modules.get(owner.__module__) if owner else None
    docstrings = _docstrings_of(getattr(module, "__file__", None))
    return docstrings.get(owner.__qualname__, {}).get(name) if owner else None


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


def _property_of(name: str, field: FieldInfo, properties: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema of a field; it stands under one of the names that the field has."""
    names = (field.serialization_alias, field.validation_alias, field.alias, name)
    return next((properties[each] for each in names if isinstance(each, str) and each in properties), None)


def describe_parameters(dependant: Dependant) -> None:
    """Describe the fields of models that the parameters of a route are in: FastAPI makes no schema of these."""
    for each in (*dependant.query_params, *dependant.header_params, *dependant.cookie_params):
        model = each.field_info.annotation
        if inspect.isclass(model) and issubclass(model, Described):
            for name, field in model.model_fields.items():
                field.description = field.description or docstring_of(model, name)
    for part in dependant.dependencies:
        describe_parameters(part)


class Described(BaseModel):
    """A model whose fields are described by the docstrings under them, where nothing else describes them."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler, /) -> JsonSchemaValue:
        """Describe the fields as soon as the schema is made of them."""
        made = handler(schema)
        properties = handler.resolve_ref_schema(made).get("properties", {})
        for name, field in cls.model_fields.items():
            described = _property_of(name, field, properties)
            text = docstring_of(cls, name) if described is not None and "description" not in described else None
            if described is not None and text:
                described["description"] = text
        return made
