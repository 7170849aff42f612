"""Collections and logs as inert values: a slice names what it keeps, an engine keeps it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar, get_type_hints

from pydantic import BaseModel, SecretBytes, SecretStr

M = TypeVar("M", bound=BaseModel)

_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")

_UNTOLD = (SecretStr, SecretBytes)

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes the plain JSON of a document of one version into that of the next."""


def annotation_of(model: type[BaseModel], field: str) -> Any:
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
        annotation_of(model, field)
    lost = [field for field, info in model.model_fields.items() if info.exclude or info.annotation in _UNTOLD]
    if lost:
        raise TypeError(f"{model.__name__}.{lost[0]} is left out of JSON, so no engine but memory could keep it")


@dataclass(frozen=True)
class Collection(Generic[M]):
    """Documents of one model by key.

    `indexes` are the fields (or typed properties) that lists may be filtered and ordered by, `unique` those that no two
    documents share, `search` the texts that `matches()` looks through, `expires` the field after whose time a document
    is gone. The names are checked when the value is made; a wrong one raises TypeError.

    New fields with a default need nothing; for any other change of the model `upgrades` has one more function, which
    makes the JSON of the version before it into that of the version after it (the first is version 1).
    """

    name: str
    model: type[M]
    key: str = "id"
    indexes: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    expires: str | None = None
    upgrades: tuple[Upgrade, ...] = ()
    noun: str = ""
    """What one document is called in messages; by default the model's name, so that a `Link` is a "link"."""

    def __post_init__(self) -> None:
        if not self.noun:
            object.__setattr__(self, "noun", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.model.__name__).lower())
        expires = (self.expires,) if self.expires else ()
        _check_names(
            "collection", self.name, self.model, (self.key, *self.indexes, *self.unique, *self.search, *expires)
        )

    @property
    def version(self) -> int:
        """The version of the model that documents are written by."""
        return len(self.upgrades) + 1

    def key_of(self, document: M) -> str:
        return str(getattr(document, self.key))


@dataclass(frozen=True)
class Log(Generic[M]):
    """Entries appended in order and never changed, apart by partition (the visits of one link, the pings of one check).

    `indexes` are the fields that reading may be filtered by, `time` the one that says when an entry was made, so that
    old ones can be let go of. `upgrades` as in Collection.
    """

    name: str
    model: type[M]
    indexes: tuple[str, ...] = ()
    time: str | None = None
    upgrades: tuple[Upgrade, ...] = ()

    def __post_init__(self) -> None:
        time = (self.time,) if self.time else ()
        _check_names("log", self.name, self.model, (*self.indexes, *time))

    @property
    def version(self) -> int:
        """The version of the model that entries are written by."""
        return len(self.upgrades) + 1


Store = Collection[Any] | Log[Any]


def search_text(store: Store, document: Any) -> str:
    """The text that searching looks through: the search fields, case folded, with a mark between them."""
    values = (getattr(document, field) for field in getattr(store, "search", ()))
    return "\x1f".join(str(value).casefold() for value in values if value is not None)
