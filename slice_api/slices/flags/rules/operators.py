"""All operators: those of JsonLogic, and those that flagd adds, which answer null where their input is no good."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from slice_api.slices.flags.rules.arithmetic import ARITHMETIC
from slice_api.slices.flags.rules.buckets import build_fractional
from slice_api.slices.flags.rules.budget import Budget
from slice_api.slices.flags.rules.logic import LOGIC
from slice_api.slices.flags.rules.loops import LOOPS
from slice_api.slices.flags.rules.parts import Build, Evaluate, Part, Setting, argument
from slice_api.slices.flags.rules.paths import build_missing, build_missing_some, build_var
from slice_api.slices.flags.rules.texts import build_cat, build_in, build_substr
from slice_api.slices.flags.rules.versions import build_sem_ver


def _build_log(args: Sequence[Part], _setting: Setting) -> Evaluate:
    """Its argument; nothing is logged, since contexts tell of people."""
    return argument(args, 0).run


def _of_two_texts(holds: Callable[[str, str], bool]) -> Build:
    def build(args: Sequence[Part], _setting: Setting) -> Evaluate:
        if len(args) != 2:
            return lambda _data, _budget: None
        read, against = args[0].run, args[1].run

        def run(data: Any, budget: Budget) -> bool | None:
            one, other = read(data, budget), against(data, budget)
            return holds(one, other) if one.__class__ is str and other.__class__ is str else None

        return run

    return build


OPERATORS: Final[Mapping[str, Build]] = {
    **LOGIC,
    **ARITHMETIC,
    **LOOPS,
    "var": build_var,
    "missing": build_missing,
    "missing_some": build_missing_some,
    "cat": build_cat,
    "substr": build_substr,
    "in": build_in,
    "log": _build_log,
    "starts_with": _of_two_texts(str.startswith),
    "ends_with": _of_two_texts(str.endswith),
    "sem_ver": build_sem_ver,
    "fractional": build_fractional,
}

OWN_TO_FLAGS: Final = frozenset({"fractional"})
"""Those that ask which flag they are in; all others are the same wherever they have the same arguments."""
