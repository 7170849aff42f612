"""Between the fields that people see of a flag and its definition in a document."""

from collections.abc import Mapping
from typing import Any, Final

from slice_api.slices.flags.schemas import Definition, FlagFields

_NAMES: Final = {"default_variant": "defaultVariant"}
_OPTIONAL: Final[Mapping[str, Any]] = {"description": "", "targeting": None, "metadata": {}, "tags": []}
"""What is left out of a definition when it is empty."""


def definition_of(fields: FlagFields) -> Definition:
    """The definition of a flag made here."""
    values = {name: getattr(fields, name) for name in FlagFields.model_fields}
    return {_NAMES.get(name, name): value for name, value in values.items() if not _is_empty(name, value)}


def with_fields(source: Definition, given: Mapping[str, Any]) -> Definition:
    """The definition with some fields changed, everything else in it as it was and where it was."""
    changed = {**source}
    for name, value in given.items():
        if _is_empty(name, value):
            changed.pop(name, None)
        else:
            changed[_NAMES.get(name, name)] = value
    return changed


def _is_empty(name: str, value: Any) -> bool:
    return name in _OPTIONAL and value == _OPTIONAL[name]
