"""Documents with other fields: what merge patches (RFC 7396) make of them, and what code does that knows them."""

from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict

from slice_api.chassis.schemas import Schema

M = TypeVar("M", bound=BaseModel)
S = TypeVar("S", bound=Schema)

_EMPTY: tuple[Any, ...] = ("", [], {})
_set = object.__setattr__


def _without_defaults(schema: dict[str, Any]) -> None:
    """What is left out stays; a default would make clients send it, and so change it."""
    for field in schema.get("properties", {}).values():
        field.pop("default", None)


class Change(Schema):
    """What a PATCH takes: `class NoteChange(Change, NewNote)` has the fields of a new note, and needs none of them.

    What is left out stays. Null clears what may be null or is empty by default (a text, a list, an object); anywhere
    else it is refused like any value that does not fit.
    """

    # Not built before its fields are what they are to be.
    model_config = ConfigDict(json_schema_extra=_without_defaults, defer_build=True)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Let every field be left out, and null stand for what is empty."""
        super().__pydantic_init_subclass__(**kwargs)
        for field in cls.model_fields.values():
            if field.is_required():
                field.default = None
            elif field.default in _EMPTY:
                told = [field.annotation, *field.metadata]
                field.annotation = (Annotated[*told] if field.metadata else field.annotation) | None  # type: ignore[assignment, operator]
                field.metadata = []
        cls.model_config["defer_build"] = False
        cls.model_rebuild(force=True)


def merged(document: M, change: Change) -> M:
    """The document with what the change names; the very same object when that changes nothing."""
    fields = type(change).model_fields
    given = {name: getattr(change, name) for name in change.model_fields_set}
    cleared = {name: fields[name].get_default() for name, value in given.items() if value is None}
    changed = document.model_copy(update=given | cleared)
    return document if changed == document else changed


def replaced(document: S, fields: dict[str, Any]) -> S:
    """The document with other values, which are known to fit: nothing is checked."""
    known = document.__pydantic_fields_set__
    known = known if known.issuperset(fields) else known | fields.keys()
    return unchecked(type(document), document.__dict__ | fields, known)


def unchecked(model: type[S], fields: dict[str, Any], known: set[str] | None = None) -> S:
    """An object of a model out of values that are known to fit, every one of its fields in their order.

    For what goes out of something that is kept: it was checked when it came in. `known` are the fields that were set,
    by default all. What model_copy and model_construct do, in a fraction of the time: what never changes need not be
    copied.
    """
    made = object.__new__(model)
    _set(made, "__dict__", fields)
    _set(made, "__pydantic_fields_set__", all_fields(model) if known is None else known)
    _set(made, "__pydantic_extra__", None)
    _set(made, "__pydantic_private__", None)
    return made


@cache
def all_fields(model: type[BaseModel]) -> set[str]:
    """The names of a model's fields: one set for all objects, which nobody may change."""
    return set(model.model_fields)


def share_field_names(document: BaseModel) -> None:
    """Let documents share one set of the fields that were set, which weighs as much as all the rest of a small one.

    It names all fields, as when a document comes back from a database.
    """
    names = all_fields(type(document))
    if document.__pydantic_fields_set__ is not names:
        object.__setattr__(document, "__pydantic_fields_set__", names)
