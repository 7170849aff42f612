"""Which cases there are, and running one."""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import uvloop

from tests.load.results import Result
from tests.support import has_slice

CHASSIS = {"slices": "tests.load.many_slices", "storage": "tests.load.storage", "start": "tests.load.start"}
_SLICES = Path(__file__).parent.parent / "slices"


def _own(pattern: str) -> dict[str, str]:
    """The cases that slices have in files like these."""
    paths = [file.relative_to(_SLICES).with_suffix("") for file in sorted(_SLICES.glob(pattern))]
    parts = [path.parts for path in paths if has_slice(path.parts[0])]
    return {f"{each[0]}.{each[-1]}": ".".join(("tests.slices", *each)) for each in parts}


def cases() -> dict[str, str]:
    """The module of each case, by the name of the case; without those that take long."""
    return CHASSIS | _own("*/load/*.py")


def chosen(name: str) -> dict[str, str]:
    """What a name stands for: one case, or all of a slice; ends the program when there is none."""
    known = cases() | _own("*/load/long/*.py")
    found = {case: module for case, module in known.items() if name in (case, case.partition(".")[0])}
    if not found:
        sys.exit(f"There is no case {name!r}; there are: {', '.join(known)}.")
    return found


def results_of(module: str) -> Sequence[Result]:
    """Run a case."""
    results: Sequence[Result] = uvloop.run(import_module(module).run())
    return results
