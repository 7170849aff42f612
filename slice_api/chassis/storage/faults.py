"""What goes wrong with storage itself, whichever engine it is."""

from collections.abc import Callable

from slice_api.chassis.problems import Problem
from slice_api.chassis.storage.stores import Store

RETRY_SECONDS = 2

Tell = Callable[[str], object]
"""Told, in words, how far a long change has come."""


def silent(_: str) -> None:
    """Tells nobody."""


class StorageAway(Problem):
    """The engine does not answer, or cannot write; answered as 503 · unavailable, and tried again by what can wait."""

    def __init__(self, why: str) -> None:
        super().__init__("unavailable", "Storage is away; try again soon.", headers={"Retry-After": str(RETRY_SECONDS)})
        self.why = why

    def __str__(self) -> str:
        return self.why


class Unreadable(Exception):  # noqa: N818 - it reads as what it says
    """A stored document that no longer fits its model: named, never passed over."""

    def __init__(self, store: Store, key: str, why: str) -> None:
        super().__init__(f"the stored document {key!r} of {store.name} cannot be read: {why}")
        self.store, self.key = store, key
