"""Run the cases and say which targets hold; the status is 1 when one does not."""

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence

import uvloop

from tests.load import link_stats, link_transfer, link_visits, links, many_slices, storage

CASES: Mapping[str, Callable[[], Awaitable[Sequence[bool]]]] = {
    "links": links.run,
    "link-stats": link_stats.run,
    "link-transfer": link_transfer.run,
    "link-visits": link_visits.run,
    "slices": many_slices.run,
    "storage": storage.run,
}


async def _run(names: Sequence[str]) -> bool:
    results = [await CASES[name]() for name in names]
    return all(map(all, results))


def main(names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in CASES]
    if unknown:
        sys.exit(f"There is no case {unknown[0]!r}; there are: {', '.join(CASES)}.")
    sys.exit(0 if uvloop.run(_run(names or list(CASES))) else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
