"""Run the cases and say which targets hold; the status is 1 when one does not.

A slice has cases of its own in `tests/slices/<name>/load/`, each a module with a `run` like those here: `links` names
all of them, `links.redirects` one.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import uvloop

from tests.support import has_slice

CHASSIS = {"slices": "tests.load.many_slices", "storage": "tests.load.storage"}
_SLICES = Path(__file__).parent.parent / "slices"


def cases() -> dict[str, str]:
    """The module of each case, by the name of the case."""
    files = [file for file in sorted(_SLICES.glob("*/load/*.py")) if has_slice(file.parts[-3])]
    own = {f"{file.parts[-3]}.{file.stem}": f"tests.slices.{file.parts[-3]}.load.{file.stem}" for file in files}
    return CHASSIS | own


def chosen(name: str) -> list[str]:
    """The modules that a name stands for: of one case, or of all of a slice; ends the program when there are none."""
    known = cases()
    found = [module for case, module in known.items() if name in (case, case.partition(".")[0])]
    if not found:
        sys.exit(f"There is no case {name!r}; there are: {', '.join(known)}.")
    return found


async def _run(modules: Sequence[str]) -> bool:
    results = [await import_module(module).run() for module in modules]
    return all(map(all, results))


def main(names: Sequence[str]) -> None:
    modules = [module for name in names for module in chosen(name)] or list(cases().values())
    sys.exit(0 if uvloop.run(_run(modules)) else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
