"""Conditions on indexed fields: inert values that every engine translates in its own way.

A missing value (None) meets no comparison and no equality but `is_missing`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from slice_api.chassis.storage.columns import kinds_of
from slice_api.chassis.storage.stores import Store, search_text

Operator = Literal["eq", "lt", "le", "gt", "ge", "missing", "has", "in", "matches", "either"]
Predicate = Callable[[Any], bool]


@dataclass(frozen=True)
class Condition:
    """One demand on a document; a list of them means all must hold."""

    operator: Operator
    field: str
    value: Any


def equals(field: str, value: Any) -> Condition:
    return Condition("eq", field, value)


def before(field: str, value: Any) -> Condition:
    return Condition("lt", field, value)


def at_most(field: str, value: Any) -> Condition:
    return Condition("le", field, value)


def after(field: str, value: Any) -> Condition:
    return Condition("gt", field, value)


def at_least(field: str, value: Any) -> Condition:
    return Condition("ge", field, value)


def is_missing(field: str) -> Condition:
    return Condition("missing", field, None)


def has(field: str, item: str) -> Condition:
    """`item` is among the values of a list field."""
    return Condition("has", field, item)


def one_of(field: str, values: Iterable[Any]) -> Condition:
    return Condition("in", field, tuple(values))


def matches(text: str) -> Condition:
    """`text` stands, whatever the case, in one of the collection's `search` fields."""
    return Condition("matches", "", text.casefold())


def either(*conditions: Condition) -> Condition:
    """At least one of them holds."""
    return Condition("either", "", conditions)


def check_conditions(store: Store, where: Iterable[Condition]) -> None:
    """Raise TypeError for a condition that the store's indexes cannot answer: no engine may answer it by accident."""
    kinds = kinds_of(store)
    for condition in where:
        operator, field = condition.operator, condition.field
        if operator == "either":
            check_conditions(store, condition.value)
        elif operator == "matches":
            if not getattr(store, "search", ()):
                raise TypeError(f"{store.name} names no search fields")
        elif field not in kinds:
            raise TypeError(f"{store.name} has no index on {field!r}: add it to indexes")
        elif operator != "missing" and (operator == "has") != (kinds[field] == "list"):
            fit = "has()" if kinds[field] == "list" else "equals(), before(), after(), …"
            raise TypeError(f"{store.name}: {field!r} is of kind {kinds[field]}, which is asked for by {fit}")


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda found, value: bool(found == value),
    "lt": lambda found, value: bool(found < value),
    "le": lambda found, value: bool(found <= value),
    "gt": lambda found, value: bool(found > value),
    "ge": lambda found, value: bool(found >= value),
    "has": lambda found, value: value in found,
    "in": lambda found, value: found in value,
}


def _as_predicate(store: Store, condition: Condition) -> Predicate:
    field, value = condition.field, condition.value
    if condition.operator == "matches":
        return lambda document: value in search_text(store, document)
    if condition.operator == "either":
        options = [_as_predicate(store, option) for option in value]
        return lambda document: any(holds(document) for holds in options)
    if condition.operator == "missing":
        return lambda document: getattr(document, field) is None
    compare = _COMPARE[condition.operator]

    def holds(document: Any) -> bool:
        found = getattr(document, field)
        return found is not None and compare(found, value)

    return holds


def as_predicate(store: Store, where: Iterable[Condition]) -> Predicate:
    """The conditions as one plain function, for engines that hold the documents in memory."""
    demands = [_as_predicate(store, condition) for condition in where]
    return lambda document: all(holds(document) for holds in demands)
