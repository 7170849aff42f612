"""How large a rule may be, and what in it cannot work."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

import orjson

from slice_api.chassis import pointer_step
from slice_api.slices.flags.rules.operators import OPERATORS

MAX_DEPTH: Final = 100
"""Arrays and objects inside each other; an operator with its arguments is two of them."""

MAX_NODES: Final = 10_000
"""Values of all kinds, those of the evaluators that a rule refers to included as often as it does."""

MAX_BYTES: Final = 256 * 1024
"""Of all text and numbers in a rule, in UTF-8."""

MAX_FAULTS: Final = 100

_NO_EVALUATORS: Final[Mapping[str, Any]] = {}


class RuleFault(NamedTuple):
    """What is wrong in a rule; a fatal fault keeps it from being compiled, others from giving a result there."""

    pointer: str
    detail: str
    is_fatal: bool = False


class _Place(NamedTuple):
    """A value in a rule, and how to get there."""

    value: Any
    depth: int
    name: str | int
    parent: "_Place | None"
    is_data: bool
    """Inside an object that is no operator, where nothing is evaluated."""


class Size(NamedTuple):
    """How many values there are, and bytes in them, and how deep they are nested."""

    nodes: int
    bytes: int
    depth: int


def rule_faults(rule: Any, evaluators: Mapping[str, Any] = _NO_EVALUATORS) -> list[RuleFault]:
    """What is wrong with a rule: first what is fatal, and then, if nothing is, the first hundred of the others."""
    fatal = fatal_fault(rule, evaluators)
    return [fatal] if fatal else list(islice(_mistakes(rule, evaluators), MAX_FAULTS))


def fatal_fault(rule: Any, evaluators: Mapping[str, Any] = _NO_EVALUATORS) -> RuleFault | None:
    """What keeps a rule from being compiled."""
    return None if _is_small(rule) else _too_large(rule, evaluators)


def _is_small(rule: Any) -> bool:
    """A quick look, enough for nearly all rules: whether one surely keeps the bounds, and refers to nothing.

    Each value takes two bytes of JSON at least, and each object or array that others lie in a bracket.
    """
    try:
        text = orjson.dumps(rule)
    except orjson.JSONEncodeError:  # too deep, or of numbers that it has no room for
        return _surely_keeps(rule)
    is_flat = text.count(b"[") + text.count(b"{") <= MAX_DEPTH
    return (len(text) < 2 * MAX_NODES and is_flat and b'"$ref"' not in text) or _surely_keeps(rule)


def _surely_keeps(rule: Any) -> bool:
    nodes, size, level = 0, 0, [rule]
    for _ in range(MAX_DEPTH + 1):
        nodes += len(level)
        size += sum(map(_most_bytes, level))
        if nodes > MAX_NODES or size > MAX_BYTES:
            return False
        level = [item for value in level for item in _items(value)]
    return not level


def _most_bytes(value: Any) -> int:
    """At least as many as there are; for a reference, which may bring in anything, more than there may be."""
    if isinstance(value, str):
        return 4 * len(value)
    if isinstance(value, dict):
        return MAX_BYTES + 1 if "$ref" in value else 4 * sum(map(len, value))
    return value.bit_length() if isinstance(value, int) else 1


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _too_large(rule: Any, evaluators: Mapping[str, Any]) -> RuleFault | None:
    """The first bound that a rule breaks; no work is done beyond it."""
    sizes = dict[str, Size | RuleFault]()
    nodes = size = 0
    for place in _walk(rule):
        nodes, size = nodes + 1, size + _bytes(place.value)
        name = _reference(place.value)
        if name in evaluators and name is not None and not place.is_data:
            brought = sizes.get(name) or sizes.setdefault(name, _size(evaluators[name]))
            if isinstance(brought, RuleFault):
                return RuleFault(_pointer(place), f"refers to {name!r}, which {brought.detail}", is_fatal=True)
            nodes += brought.nodes
        if fault := _beyond(place, nodes, size):
            return fault
    return None


def _size(rule: Any) -> Size | RuleFault:
    nodes = size = depth = 0
    for place in _walk(rule):
        nodes, size, depth = nodes + 1, size + _bytes(place.value), max(depth, place.depth)
        if fault := _beyond(place, nodes, size):
            return fault
    return Size(nodes, size, depth)


def _beyond(place: _Place, nodes: int, size: int) -> RuleFault | None:
    if place.depth > MAX_DEPTH:
        return RuleFault(_pointer(place), f"is nested more than {MAX_DEPTH} deep", is_fatal=True)
    if nodes > MAX_NODES:
        return RuleFault("", f"has more than {MAX_NODES:,} values", is_fatal=True)
    if size > MAX_BYTES:
        return RuleFault("", f"has more than {MAX_BYTES:,} bytes", is_fatal=True)
    return None


def _walk(rule: Any) -> Iterator[_Place]:
    """All values of a rule, outer ones first, as they stand; without recursion, since it may be of any depth."""
    ahead = [iter((_Place(rule, 0, "", None, False),))]
    while ahead:
        for place in ahead[-1]:
            yield place
            ahead.append(_inside(place))
            break
        else:
            ahead.pop()


def _inside(place: _Place) -> Iterator[_Place]:
    value, depth = place.value, place.depth + 1
    if isinstance(value, dict):
        is_data = place.is_data or len(value) != 1
        yield from (_Place(item, depth, name, place, is_data) for name, item in value.items())
    if isinstance(value, list):
        yield from (_Place(item, depth, at, place, place.is_data) for at, item in enumerate(value))


def _bytes(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, dict):
        return sum(map(_bytes, value))
    return value.bit_length() // 3 if isinstance(value, int) else 1


def _mistakes(rule: Any, evaluators: Mapping[str, Any]) -> Iterator[RuleFault]:
    for place in _walk(rule):
        if place.is_data or not isinstance(place.value, dict) or len(place.value) != 1:
            continue
        name = next(iter(place.value))
        reference = _reference(place.value)
        if reference is not None and reference not in evaluators:
            yield RuleFault(_pointer(place), f"refers to {reference!r}, which is not among the evaluators")
        if reference is None and name not in OPERATORS:
            yield RuleFault(_pointer(place), f"has the unknown operator {name!r}")


def _reference(value: Any) -> str | None:
    """The evaluator that `{"$ref": name}` names."""
    name = value.get("$ref") if isinstance(value, dict) and len(value) == 1 else None
    return name if isinstance(name, str) else None


def _pointer(place: _Place) -> str:
    names = list[str]()
    at: _Place | None = place
    while at is not None and at.parent is not None:
        names.append(pointer_step(at.name))
        at = at.parent
    return "".join(f"/{name}" for name in reversed(names))
