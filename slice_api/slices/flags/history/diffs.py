"""What is different between two versions of a JSON value, as a JSON Patch (RFC 6902) that tells the old values too."""

from collections.abc import Iterator
from typing import Any

from slice_api.chassis import pointer_step
from slice_api.slices.flags.schemas import Patch


def diff(old: Any, new: Any, path: str = "") -> list[Patch]:
    """The steps from one to the other, in the order of the fields; objects are gone into, lists are taken whole."""
    return list(_steps(old, new, path))


def _steps(old: Any, new: Any, path: str) -> Iterator[Patch]:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        if not is_same(old, new):
            yield Patch(op="replace", path=path, value=new, old=old)
        return
    for name in old.keys() - new.keys():
        yield Patch(op="remove", path=f"{path}/{pointer_step(name)}", old=old[name])
    for name, value in new.items():
        if name in old:
            yield from _steps(old[name], value, f"{path}/{pointer_step(name)}")
        else:
            yield Patch(op="add", path=f"{path}/{pointer_step(name)}", value=value)


def is_same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same: true is not 1, and 0.0 is not 0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_same(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other)
