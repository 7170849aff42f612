"""Run the cases and say which targets hold; the status is 1 when one does not.

A slice has cases of its own in `tests/slices/<name>/load/`, each a module with a `run` like those here: `links` names
all of them, `links.redirects` one. Those in `load/long/` take a minute or two each, and run only when they are named.
Each case has a process of its own, so that what one leaves behind slows down no other. Only a run without a name is
written down.
"""

import multiprocessing
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import monotonic

from tests.load.cases import cases, chosen, results_of
from tests.load.drawing import drawn
from tests.load.record import recorded
from tests.load.results import HEAD, Result, told

RESULTS = Path(__file__).parent / "results"


def _run(modules: Mapping[str, str]) -> dict[str, Sequence[Result]]:
    """Run one case after the other, and print what each gives."""
    results: dict[str, Sequence[Result]] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as processes:
        for case, module in modules.items():
            begun = monotonic()
            results[case] = processes.submit(results_of, module).result()
            head = f"\n{HEAD}  {case} ({monotonic() - begun:.0f} s)"
            print("\n".join([head, *map(told, results[case])]), flush=True)
    return results


def _write(results: Mapping[str, Sequence[Result]]) -> None:
    (RESULTS / "speed.json").write_bytes(recorded(results))
    (RESULTS / "speed.svg").write_text(drawn(results))


def main(names: Sequence[str]) -> None:
    modules = {case: module for name in names for case, module in chosen(name).items()}
    results = _run(modules or cases())
    if not modules:
        _write(results)
    missed = [row.title for rows in results.values() for row in rows if not row.holds]
    print(f"\n{len(missed)} targets missed", *missed, sep="\n  ")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
