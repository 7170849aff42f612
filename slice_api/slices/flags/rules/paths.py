"""`var`, `missing` and `missing_some`: what the data holds at a path."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from slice_api.slices.flags.rules.budget import Budget, spend
from slice_api.slices.flags.rules.failures import RuleFailure
from slice_api.slices.flags.rules.parts import Evaluate, Part, Setting, argument
from slice_api.slices.flags.rules.values import UNDEFINED, compares, text_of

_GONE: Final = object()
_MAX_INDEX_DIGITS: Final = 15


def build_var(args: Sequence[Part], _setting: Setting) -> Evaluate:
    """`{"var": [path, default]}`; the whole data for "" and null. A null that is there is no reason for the default."""
    if len(args) == 1 and args[0].value.__class__ is str:
        return _read_text(args[0].value) if args[0].is_shared else _read(_keys(args[0].value, [1 << 60]), None)
    path, default = argument(args, 0), argument(args, 1)
    default = default if len(args) > 1 else Part(default.run, value=None)
    if path.is_constant and default.is_constant:
        return _read(_keys(path.value, [1 << 60]), default.value)

    def run(data: Any, budget: Budget) -> Any:
        keys = _keys(path.run(data, budget), budget)
        otherwise = default.value if default.is_constant else default.run(data, budget)
        found = _found(data, keys)
        return otherwise if found is _GONE else found

    return run


@lru_cache(maxsize=4096)
def _read_text(path: str) -> Evaluate:
    """The same function for the same path, whatever rule it stands in: what all flags look at stays near the CPU."""
    return _read(_keys(path, [1 << 60]), None)


def _read(keys: Sequence[str], otherwise: Any) -> Evaluate:
    if not keys:
        return lambda data, _budget: data
    if len(keys) == 1:
        return _read_one(keys[0], otherwise)

    def run(data: Any, _budget: Budget) -> Any:
        found = _found(data, keys)
        return otherwise if found is _GONE else found

    return run


def _read_one(key: str, otherwise: Any) -> Evaluate:
    def run(data: Any, _budget: Budget) -> Any:
        if data.__class__ is dict:
            return data.get(key, otherwise)
        found = _member(data, key)
        return otherwise if found is _GONE else found

    return run


def _keys(path: Any, budget: Budget) -> Sequence[str]:
    """The keys that a path leads through; none for the whole data."""
    if path is None or path is UNDEFINED or path == "":
        return ()
    text = text_of(path, budget)
    spend(budget, text.count(".") + (len(text) >> 6))
    return tuple(text.split("."))


def _found(data: Any, keys: Sequence[str]) -> Any:
    """What lies at the end of the path, or _GONE."""
    for key in keys:
        data = data.get(key, _GONE) if data.__class__ is dict else _member(data, key)
        if data is _GONE:
            return _GONE
    return data


def _member(data: Any, key: str) -> Any:
    """An item of an array, a character of a text, or the length of either."""
    if data.__class__ is not list and data.__class__ is not str:
        return _GONE
    if key == "length":
        return len(data)
    if not key.isdecimal() or not key.isascii() or len(key) > _MAX_INDEX_DIGITS or (key[0] == "0" and key != "0"):
        return _GONE
    at = int(key)
    return data[at] if at < len(data) else _GONE


def member(data: Any, key: str) -> Any:
    """An item of what is no object; null where there is none."""
    found = _member(data, key)
    return None if found is _GONE else found


def build_missing(args: Sequence[Part], _setting: Setting) -> Evaluate:
    """The keys, as arguments or as one array, for which the data has null, "" or nothing."""
    runs = [arg.run for arg in args]

    def run(data: Any, budget: Budget) -> list[Any]:
        keys = [run(data, budget) for run in runs]
        return _missing(keys, data, budget)

    return run


def _missing(keys: list[Any], data: Any, budget: Budget) -> list[Any]:
    keys = keys[0] if keys and keys[0].__class__ is list else keys
    spend(budget, len(keys))
    return [key for key in keys if _is_missing(_found(data, _keys(key, budget)))]


def _is_missing(value: Any) -> bool:
    return value is _GONE or value is None or value == ""


def build_missing_some(args: Sequence[Part], _setting: Setting) -> Evaluate:
    """`[needed, keys]`: none when so many of the keys are there, else those that are missing."""
    needed, options = argument(args, 0).run, argument(args, 1).run

    def run(data: Any, budget: Budget) -> list[Any]:
        count, keys = needed(data, budget), options(data, budget)
        if keys is None or keys is UNDEFINED:
            raise RuleFailure("has a missing_some without keys to look for")
        missing = _missing(keys if keys.__class__ is list else [keys], data, budget)
        length = len(keys) if keys.__class__ in (list, str) else None
        is_enough = length is not None and compares(_at_least, length - len(missing), count, budget)
        return [] if is_enough else missing

    return run


def _at_least(one: Any, other: Any) -> bool:
    return bool(one >= other)
