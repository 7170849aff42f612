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
    lines = [f"without {part.name}: {'broken' if failures else 'all is well'} ({monotonic() - begun:.0f} s)"]
    lines += [f"  taking away {failure.gone} breaks {failure.what}" for failure in failures]
    lines += [failure.said for failure in failures if failure.said]
    print("\n".join(lines), flush=True)  # at once, since others print at the same time
    return failures


def main(names: Sequence[str]) -> int:
    """Try without each of the slices named, or each there is; gives the exit code."""
    parts = {each.name: each for each in find_slices(("slice_api.slices",))}
    unknown = sorted(set(names) - parts.keys())
    if unknown:
        print(f"There is no slice {', '.join(unknown)}; there are {', '.join(parts)}", file=sys.stderr)
        return 2
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return int(any(list(pool.map(_failures_without, [parts[name] for name in names or parts]))))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
