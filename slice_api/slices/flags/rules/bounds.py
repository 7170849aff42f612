"""Whether a rule can be followed."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class RuleFault(NamedTuple):
    pointer: str
    detail: str
    is_fatal: bool


def rule_faults(rule: Any, evaluators: Mapping[str, Any] = {}) -> list[RuleFault]:
    return []
