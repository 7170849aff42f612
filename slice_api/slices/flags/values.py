"""What a flag's variants and metadata may be."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

Kind = Literal["boolean", "string", "number", "object"]

_KINDS: Final[Mapping[type, Kind]] = {bool: "boolean", str: "string", int: "number", float: "number", dict: "object"}
_KINDS_TOLD: Final = "boolean, string, number or object"


def kind_of(variants: Mapping[str, Any]) -> Kind | None:
    """What all of the variants are; None when they differ, are none of these, or there are none."""
    kinds = {_KINDS.get(type(value)) for value in variants.values()}
    return kinds.pop() if len(kinds) == 1 else None


def _check_variants(variants: dict[str, Any]) -> dict[str, Any]:
    if kind_of(variants) is None:
        told = ", ".join(f"{name} is {_told(value)}" for name, value in list(variants.items())[:5])
        raise ValueError(f"must all be of one type ({_KINDS_TOLD}): {told}")
    return variants


def _told(value: Any) -> str:
    return _KINDS.get(type(value)) or ("null" if value is None else "array")


Variants = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=200)], Any],
    Field(min_length=1, max_length=1000),
    AfterValidator(_check_variants),
]
Metadata = dict[
    Annotated[str, Field(min_length=1, max_length=200)],
    Annotated[bool, Field(strict=True)] | Annotated[int, Field(strict=True)] | float | Annotated[str, Field()],
]
