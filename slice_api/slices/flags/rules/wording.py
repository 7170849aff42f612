"""Rules in words: what an operator asks, and what came of it."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from slice_api.slices.flags.rules.values import NUMBERS, number_text

MAX_LENGTH: Final = 240
_MAX_DEPTH: Final = 4
_MAX_ITEMS: Final = 8

_BETWEEN: Final[Mapping[str, str]] = {
    "==": "is", "===": "is", "!=": "is not", "!==": "is not", ">": "is more than", ">=": "is at least",
    "<": "is less than", "<=": "is at most", "starts_with": "starts with", "ends_with": "ends with", "and": "and",
    "or": "or", "+": "+", "-": "-", "*": "x", "/": "/", "%": "modulo", "cat": "+",
}  # fmt: skip

_BEFORE: Final[Mapping[str, str]] = {
    "missing": "what is missing of ", "max": "the largest of ", "min": "the smallest of ", "merge": "together ",
    "substr": "a part of ", "log": "",
}  # fmt: skip

_OF_ITEMS: Final[Mapping[str, str]] = {
    "map": "for each of {0}: {1}", "filter": "those of {0} where {1}", "all": "for all of {0}: {1}",
    "some": "for some of {0}: {1}", "none": "for none of {0}: {1}", "reduce": "all of {0} taken together by {1}",
    "missing_some": "what is missing of {1}, of which {0} are needed",
}  # fmt: skip

_VERSIONS: Final[Mapping[str, str]] = {
    "=": "is version", "!=": "is not version", "<": "is older than version", "<=": "is at most version",
    ">": "is newer than version", ">=": "is at least version", "^": "has the major version of",
    "~": "has the major and minor version of",
}  # fmt: skip


def phrase(rule: Any) -> str:
    """What a rule asks, in at most 240 characters."""
    return shortened(_phrase(rule, 0), MAX_LENGTH)


def shortened(text: str, length: int) -> str:
    """At most so many characters, none of them a lone surrogate, which UTF-8 has not."""
    cut = text if len(text) <= length else f"{text[: length - 1]}…"
    return cut if cut.isascii() else cut.encode("utf-8", "replace").decode()


def as_json(value: Any) -> str:
    """A value as it stands in a rule; the rest of a long one is left off."""
    if value.__class__ in NUMBERS:
        return number_text(value)
    if isinstance(value, str):
        return json.dumps(shortened(value, MAX_LENGTH), ensure_ascii=False)
    if isinstance(value, dict):
        return "{…}" if value else "{}"
    if isinstance(value, list):
        return f"[{_listed(value, as_json)}]"
    return json.dumps(value)


def _listed(values: Sequence[Any], tell: Callable[[Any], str], by: str = ", ") -> str:
    told = [tell(value) for value in values[:_MAX_ITEMS]]
    return by.join([*told, "…"] if len(values) > _MAX_ITEMS else told)


def _phrase(rule: Any, depth: int) -> str:
    if depth > _MAX_DEPTH:
        return "…"
    if isinstance(rule, list):
        return f"[{_listed(rule, lambda item: _phrase(item, depth + 1))}]"
    if not isinstance(rule, dict) or len(rule) != 1:
        return "{…}" if isinstance(rule, dict) and rule else as_json(rule)
    ((name, given),) = rule.items()
    args = given if isinstance(given, list) else [given]
    return _operator(name, args, depth + 1)


def _operator(name: str, args: list[Any], depth: int) -> str:
    is_spelled_out = name in _OF_ITEMS or name in _SPECIAL

    def tell(arg: Any) -> str:
        return _phrase(arg, depth) if is_spelled_out else _nested(arg, depth)

    if args and name in _SPECIAL:
        return _SPECIAL[name](args, tell)
    if name in _BETWEEN and len(args) > 1:
        return _between(name, args, tell)
    if name in _OF_ITEMS and len(args) > 1:
        return _OF_ITEMS[name].format(tell(args[0]), tell(args[1]))
    if args and name in _BEFORE:
        return _BEFORE[name] + _listed(args, tell)
    return f"{name}({_listed(args, tell)})"


def _nested(rule: Any, depth: int) -> str:
    """In brackets where words of one operator would run into those of another."""
    name = next(iter(rule)) if isinstance(rule, dict) and len(rule) == 1 else ""
    told = _phrase(rule, depth)
    return f"({told})" if name in ("and", "or", "if", "?:", "+", "-", "*", "/", "%") else told


def _between(name: str, args: list[Any], tell: Callable[[Any], str]) -> str:
    if name in ("<", "<=") and len(args) > 2:
        told = "lies between" if name == "<" else "is from"
        return f"{tell(args[1])} {told} {tell(args[0])} {'and' if name == '<' else 'to'} {tell(args[2])}"
    return _listed(args, tell, f" {_BETWEEN[name]} ")


Tell = Callable[[Any], str]


def _var(args: list[Any], tell: Tell) -> str:
    path = args[0] if args else ""
    if path is None or path == "":
        return "the value"
    name = str(path) if isinstance(path, str | int | float) else f"the attribute named {tell(path)}"
    return f"{name}, or else {tell(args[1])}" if len(args) > 1 else name


def _if(args: list[Any], tell: Tell) -> str:
    branches = [f"if {tell(args[at])} then {tell(args[at + 1])}" for at in range(0, min(len(args) - 1, 8), 2)]
    last = [f"else {tell(args[-1])}"] if len(args) % 2 and len(args) <= 9 else ["…"] if len(args) > 9 else []
    return ", ".join([*branches, *last])


def _not(args: list[Any], tell: Tell) -> str:
    return f"{tell(args[0])} is not set" if _is_plain(args) else f"not ({_listed(args, tell)})"


def _truth(args: list[Any], tell: Tell) -> str:
    return f"{tell(args[0])} is set" if _is_plain(args) else _listed(args, tell)


def _is_plain(args: list[Any]) -> bool:
    return len(args) == 1 and isinstance(args[0], dict) and "var" in args[0]


def _in(args: list[Any], tell: Tell) -> str:
    if len(args) < 2:
        return f"in({_listed(args, tell)})"
    if isinstance(args[1], list):
        return f"{tell(args[0])} is one of {_listed(args[1], tell)}"
    return f"{tell(args[0])} is in {tell(args[1])}"


def _sem_ver(args: list[Any], tell: Tell) -> str:
    is_known = len(args) == 3 and isinstance(args[1], str)
    return f"{tell(args[0])} {_VERSIONS.get(args[1], args[1])} {tell(args[2])}" if is_known else _listed(args, tell)


def _fractional(args: list[Any], tell: Tell) -> str:
    is_by_user = bool(args) and isinstance(args[0], list)
    shares = args if is_by_user else args[1:]
    by = "user" if is_by_user or not args else tell(args[0])
    return f"shares by {by}: " + _listed(shares, lambda share: _share(share, tell))


def _share(share: Any, tell: Tell) -> str:
    return " ".join(map(tell, share)) if isinstance(share, list) and share else tell(share)


_SPECIAL: Final[Mapping[str, Callable[[list[Any], Tell], str]]] = {
    "var": _var, "if": _if, "?:": _if, "!": _not, "!!": _truth, "in": _in, "sem_ver": _sem_ver,
    "fractional": _fractional,
    "$ref": lambda args, tell: str(args[0]) if args and isinstance(args[0], str) else f"$ref({_listed(args, tell)})",
}  # fmt: skip
