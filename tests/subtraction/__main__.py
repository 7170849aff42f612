"""`make subtract`: take each slice away in turn, and tell what breaks without it (`ARGS=links`: only that one)."""

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from slice_api.chassis.discovery import Slice, find_slices
from tests.subtraction.parts import Failure, failures_without


def _failures_without(part: Slice) -> list[Failure]:
    begun = monotonic()
    with TemporaryDirectory() as folder:
        failures = failures_without(part, Path(folder))
    print(f"without {part.name}: {'broken' if failures else 'all is well'} ({monotonic() - begun:.0f} s)")
    for failure in failures:
        print(f"  taking away {failure.gone} breaks {failure.what}")
    print(*(failure.said for failure in failures if failure.said), sep="\n", end="", flush=True)
    return failures


def main(names: Sequence[str]) -> int:
    """Try without each of the slices named, or each there is; gives the exit code."""
    parts = [each for each in find_slices(("slice_api.slices",)) if not names or each.name in names]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return int(any(list(pool.map(_failures_without, parts))))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
