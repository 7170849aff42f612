"""The columns that a database keeps beside each document: the values of its indexed fields, in types all engines share.

Text sorts by code point, times are microseconds since 1970 in UTC, booleans are 0 and 1: so the same document sorts,
compares and clashes alike everywhere.
"""

import datetime
from collections.abc import Callable, Mapping
from datetime import UTC, date
from enum import Enum
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin
from uuid import UUID

from pydantic import AwareDatetime

from slice_api.chassis.storage.stores import Collection, Store, annotation_of

Kind = Literal["text", "integer", "number", "time", "boolean", "list"]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)
_LISTS = (list, tuple, set, frozenset)
_SIMPLE: Mapping[Any, Kind] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    datetime.datetime: "time",
    AwareDatetime: "time",
    date: "text",
    str: "text",
    UUID: "text",
}


class Column(NamedTuple):
    """One indexed field."""

    field: str
    kind: Kind
    is_nullable: bool
    is_unique: bool = False


def _options(annotation: Any) -> list[Any]:
    """The types that an annotation allows, without what is only said about them."""
    if get_origin(annotation) is Annotated:
        return _options(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [option for each in get_args(annotation) for option in _options(each)]
    if get_origin(annotation) is Literal:
        return [type(value) for value in get_args(annotation)]
    return [annotation]


def _kind_of(option: Any) -> Kind | None:
    origin = get_origin(option) or option
    if not isinstance(origin, type):
        return None
    if origin in _LISTS:
        return "list"
    # An Enum is known by the type that it is besides (StrEnum, IntEnum); one that is nothing else has no order.
    return next((kind for known, kind in _SIMPLE.items() if issubclass(origin, known)), None)


def _column(store: Store, field: str, *, is_unique: bool) -> Column:
    options = set(_options(annotation_of(store.model, field)))
    is_nullable = type(None) in options
    kinds = {_kind_of(option) for option in options - {type(None)}}
    if kinds == {"integer", "number"}:
        kinds = {"number"}
    kind = kinds.pop() if len(kinds) == 1 else None
    if kind is None:
        raise TypeError(f"{store.name}: {field!r} cannot be indexed: it is no text, number, time, bool or list")
    if kind == "list" and not isinstance(store, Collection):
        raise TypeError(f"{store.name}: {field!r} is a list, and a log has no index on lists")
    return Column(field, kind, is_nullable, is_unique)


@cache
def columns_of(store: Store) -> tuple[Column, ...]:
    """The indexed fields of a store, each once; raises TypeError for one of a type that has no order."""
    if isinstance(store, Collection):
        more = (*store.unique, *((store.expires,) if store.expires else ()))
        fields = [field for field in dict.fromkeys((*store.indexes, *more)) if field != store.key]
        return tuple(_column(store, field, is_unique=field in store.unique) for field in fields)
    fields = list(dict.fromkeys((*store.indexes, *((store.time,) if store.time else ()))))
    return tuple(_column(store, field, is_unique=False) for field in fields)


@cache
def kinds_of(store: Store) -> Mapping[str, Kind]:
    """What can be asked for: the kind of each indexed field, and of the key."""
    key: Mapping[str, Kind] = {store.key: "text"} if isinstance(store, Collection) else {}
    return {**key, **{each.field: each.kind for each in columns_of(store)}}


def _as_text(value: Any) -> str:
    return str(value.value if isinstance(value, Enum) else value)


def _as_number(value: Any) -> float:
    return float(value.value if isinstance(value, Enum) else value)


def _as_integer(value: Any) -> int:
    return int(value.value if isinstance(value, Enum) else value)


def as_microseconds(value: datetime.datetime) -> int:
    """A moment as it stands in a column."""
    return (value - _EPOCH) // _MICROSECOND


def _as_list(value: Any) -> list[str]:
    return [_as_text(item) for item in value]


Encode = Callable[[Any], Any]

ENCODERS: Mapping[Kind, Encode] = {
    "text": _as_text,
    "integer": _as_integer,
    "number": _as_number,
    "time": as_microseconds,
    "boolean": int,
    "list": _as_list,
}


def has_search(store: Store) -> bool:
    """Whether a store keeps a text to search beside each document."""
    return isinstance(store, Collection) and bool(store.search)
