"""How JavaScript turns values into truth, numbers and text, and how it compares them (ECMA-262, section 7).

Values are those of JSON: None, bool, int, float, str, list and dict, and UNDEFINED for an argument that is not there.
Two things are better than in JavaScript: integers beyond 2^53 are compared exactly, and text is counted in code points.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from math import inf, isfinite, nan
from typing import Any, Final

from slice_api.slices.flags.rules.budget import Budget, spend, spend_on_text
from slice_api.slices.flags.rules.failures import RuleFailure

UNDEFINED: Final = object()

MAX_DATA_DEPTH: Final = 100
SAFE: Final = 2**53
"""Up to here every integer is a double."""

NUMBERS: Final[frozenset[Any]] = frozenset({int, float})
_CONTAINERS: Final[frozenset[Any]] = frozenset({list, dict})
SIMPLE: Final[frozenset[Any]] = frozenset({str, bool, int, float, type(None)})
_SPACES: Final = "".join(map(chr, range(0x2000, 0x200B)))
_BLANKS: Final = f"\t\n\v\f\r \u00a0\u1680{_SPACES}\u2028\u2029\u202f\u205f\u3000\ufeff"
_DECIMAL: Final = re.compile(r"[+-]?(?:Infinity|(?:\d++\.?+\d*+|\.\d++)(?:[eE][+-]?\d++)?)", re.ASCII)
_INTEGER: Final = re.compile(r"[+-]?\d{1,15}", re.ASCII)
_OTHER_BASE: Final = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)", re.ASCII)

Number = int | float


def is_truthy(value: Any) -> bool:
    """JsonLogic's truth: an empty array is false; "0", and any object, are true."""
    if value.__class__ is dict:
        return True
    return bool(value) and value is not UNDEFINED and value == value  # NaN is false


def number_of(value: Any, budget: Budget) -> Number:
    """`Number(value)`."""
    kind = value.__class__
    if kind in NUMBERS:
        return value  # type: ignore[no-any-return]
    if kind is bool:
        return int(value)
    if value is None:
        return 0
    return _parsed(text_of(value, budget), budget) if kind is str or kind is list else nan


def leading_number(value: Any, budget: Budget) -> Number:
    """`parseFloat(value)`: the number that its text begins with."""
    if value.__class__ in NUMBERS:
        return value  # type: ignore[no-any-return]
    text = text_of(value, budget)
    spend_on_text(budget, len(text))
    found = _DECIMAL.match(text.lstrip(_BLANKS))
    return _decimal(found[0]) if found else nan


def _parsed(text: str, budget: Budget) -> Number:
    spend_on_text(budget, len(text))
    text = text.strip(_BLANKS)
    if not text:
        return 0
    if _DECIMAL.fullmatch(text):
        return _decimal(text)
    return double(int(text, 0)) if _OTHER_BASE.fullmatch(text) else nan


def _decimal(text: str) -> Number:
    return int(text) if _INTEGER.fullmatch(text) else tidy(float(text))


def double(number: Number) -> Number:
    """The number as a double has it; whole ones stay integers as long as they are exact."""
    if number.__class__ is float or -SAFE <= number <= SAFE:
        return number
    try:
        return float(number)
    except OverflowError:
        return inf if number > 0 else -inf


def tidy(number: Number) -> Number:
    """The result of arithmetic: whole ones are integers, as JavaScript writes them, and none is a negative zero."""
    if number.__class__ is float:
        return int(number) if -SAFE <= number <= SAFE and number.is_integer() else number
    return double(number)


def text_of(value: Any, budget: Budget) -> str:
    """`String(value)`."""
    kind = value.__class__
    if kind is str:
        return value  # type: ignore[no-any-return]
    if kind in NUMBERS:
        return number_text(value)
    if kind is list:
        return _joined(value, ",", budget, 0)
    return _NAMES.get(value, "[object Object]") if kind is not dict else "[object Object]"


_NAMES: Final[dict[Any, str]] = {True: "true", False: "false", None: "null", UNDEFINED: "undefined"}


def joined(values: list[Any], budget: Budget) -> str:
    """`values.join("")`: nulls are nothing."""
    return _joined(values, "", budget, 0)


def _joined(values: list[Any], by: str, budget: Budget, depth: int) -> str:
    if depth > MAX_DATA_DEPTH:
        raise RuleFailure(f"meets arrays nested more than {MAX_DATA_DEPTH} deep")
    spend(budget, len(values))
    text = by.join([_joinable(value, budget, depth) for value in values])
    spend_on_text(budget, len(text))
    return text


def _joinable(value: Any, budget: Budget, depth: int) -> str:
    if value.__class__ is list:
        return _joined(value, ",", budget, depth + 1)
    return "" if value is None or value is UNDEFINED else text_of(value, budget)


def number_text(number: Number) -> str:
    """A number as JavaScript writes it (ECMA-262, Number::toString)."""
    if number.__class__ is int and -(10**21) < number < 10**21:
        return str(number)
    number = double(number)
    if not isfinite(number):
        return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"
    if number == 0 or 1e-6 <= abs(number) < 1e21:
        text = format(Decimal(repr(number)), "f")
        return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-0", "0", number == 0)
    digits, _, exponent = repr(number).partition("e")
    return f"{digits}e{int(exponent):+d}"


def is_strictly_equal(one: Any, other: Any, _budget: Budget) -> bool:
    """`===`: arrays and objects are equal to themselves alone."""
    kind = one.__class__
    if kind is other.__class__:
        return one is other if kind in _CONTAINERS else bool(one == other)
    return kind in NUMBERS and other.__class__ in NUMBERS and bool(one == other)


def is_loosely_equal(one: Any, other: Any, budget: Budget) -> bool:
    """`==`."""
    kind, other_kind = one.__class__, other.__class__
    if kind is other_kind and one is not UNDEFINED:
        return one is other if kind in _CONTAINERS else bool(one == other)
    if _is_nothing(one) or _is_nothing(other):
        return _is_nothing(one) and _is_nothing(other)
    if kind in _CONTAINERS and other_kind in _CONTAINERS:
        return False
    one, other = primitive(one, budget), primitive(other, budget)
    if one.__class__ is str and other.__class__ is str:
        return bool(one == other)
    return number_of(one, budget) == number_of(other, budget)


def _is_nothing(value: Any) -> bool:
    return value is None or value is UNDEFINED


def primitive(value: Any, budget: Budget) -> Any:
    """Arrays and objects as their text, all else as it is."""
    return text_of(value, budget) if value.__class__ in _CONTAINERS else value


def compares(compare: Callable[[Any, Any], bool], one: Any, other: Any, budget: Budget) -> bool:
    """`<` and its like, given for two comparable values: text is compared with text, all else as numbers."""
    one, other = primitive(one, budget), primitive(other, budget)
    if one.__class__ is not str or other.__class__ is not str:
        return compare(number_of(one, budget), number_of(other, budget))
    if one.isascii() or other.isascii():
        return compare(one, other)
    return compare(_units(one), _units(other))


def _units(text: str) -> bytes:
    """The UTF-16 code units of a text, which JavaScript orders it by."""
    return text.encode("utf-16-be", "surrogatepass")


def settled(value: Any, budget: Budget, change: Callable[[Any], Any] | None = None, depth: int = 0) -> Any:
    """The value with each number, text, bool and null in it changed; raises RuleFailure when it is too deep or large.

    A rule can make arrays that hold each other many times over: a few steps make what would take ages to walk through.
    """
    if value.__class__ not in _CONTAINERS:
        plain = None if value is UNDEFINED else value
        return change(plain) if change else plain
    if depth > MAX_DATA_DEPTH:
        raise RuleFailure(f"makes something nested more than {MAX_DATA_DEPTH} deep")
    spend(budget, len(value))
    if value.__class__ is list:
        return [settled(item, budget, change, depth + 1) for item in value]
    return {settled(name, budget, change): settled(item, budget, change, depth + 1) for name, item in value.items()}


def is_simple(value: Any) -> bool:
    """Whether a value is neither an array nor an object."""
    return value.__class__ in SIMPLE
