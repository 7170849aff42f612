"""Collections and logs as inert values: a slice names what it keeps, an engine keeps it."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

from pydantic import BaseModel

M = TypeVar("M", bound=BaseModel)

_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")


def _kind_of(model: type[BaseModel], field: str) -> Any:
    """The annotation of a field or property of `model`; raises TypeError when there is no such thing."""
    if field in model.model_fields:
        return model.model_fields[field].annotation
    found = getattr(model, field, None)
    getter = found.func if isinstance(found, cached_property) else getattr(found, "fget", None)
    if getter is None:
        raise TypeError(f"{model.__name__} has no field or property {field!r} to index")
    return get_type_hints(getter).get("return")


def _check_names(kind: str, name: str, model: type[BaseModel], fields: tuple[str, ...]) -> None:
    if _NAME.fullmatch(name) is None:
        raise TypeError(f"{kind} name {name!r} must be lower-case letters, digits and underscores, at most 48")
    for field in fields:
        _kind_of(model, field)


@dataclass(frozen=True)
class Collection(Generic[M]):
    """Documents of one model by key.

    `indexes` are the fields (or typed properties) that lists may be filtered and ordered by, `unique` those that no two
    documents share, `search` the texts that `matches()` looks through, `expires` the field after whose time a document
    is gone. The names are checked when the value is made; a wrong one raises TypeError.
    """

    name: str
    model: type[M]
    key: str = "id"
    indexes: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    expires: str | None = None
    noun: str = ""
    """What one document is called in messages; by default the model's name, so that a `Link` is a "link"."""

    def __post_init__(self) -> None:
        if not self.noun:
            object.__setattr__(self, "noun", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.model.__name__).lower())
        expires = (self.expires,) if self.expires else ()
        _check_names(
            "collection", self.name, self.model, (self.key, *self.indexes, *self.unique, *self.search, *expires)
        )

    def key_of(self, document: M) -> str:
        return str(getattr(document, self.key))

    def is_list(self, field: str) -> bool:
        """Whether an index holds several values for each document (tags), so that `has()` fits it."""
        kind = _kind_of(self.model, field)
        return any(get_origin(each) in (list, tuple, set, frozenset) for each in (kind, *get_args(kind)))


@dataclass(frozen=True)
class Log(Generic[M]):
    """Entries appended in order and never changed, apart by partition (the visits of one link, the pings of one check).

    `indexes` are the fields that reading may be filtered by.
    """

    name: str
    model: type[M]
    indexes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_names("log", self.name, self.model, self.indexes)


Store = Collection[Any] | Log[Any]
