"""What an import would do, without doing it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from slice_api.chassis import Tx
from slice_api.slices.links import store
from slice_api.slices.links.sameness import behaviour_of, same_live_link
from slice_api.slices.links.schemas import StoredLink

_TABLE: Final = "CREATE TABLE made (slug TEXT UNIQUE, behaviour BLOB NOT NULL, is_live INTEGER NOT NULL)"
_INDEX: Final = "CREATE INDEX live ON made (behaviour) WHERE is_live"


class Rehearsal:
    """The links that a file would have made so far: on disk, so that memory stays flat however many they are."""

    def __init__(self) -> None:
        import sqlite3  # not at start: where storage is another, it is needed nowhere else

        self._made = sqlite3.connect("", isolation_level=None)  # a file without a name, which goes when it is closed
        for text in (_TABLE, _INDEX, "PRAGMA synchronous = off", "BEGIN"):
            self._made.execute(text)

    def close(self) -> None:
        self._made.close()

    def behaviour(self, slug: str) -> bytes | None:
        """What the link of a slug would do, if there would be one."""
        found = self._made.execute("SELECT behaviour FROM made WHERE slug = ?", (slug,)).fetchone()
        return None if found is None else bytes(found[0])

    def has_live(self, behaviour: bytes) -> bool:
        """Whether there would be a link that does this, and works."""
        query = "SELECT 1 FROM made WHERE behaviour = ? AND is_live LIMIT 1"
        return self._made.execute(query, (behaviour,)).fetchone() is not None

    def add(self, link: StoredLink, behaviour: bytes, now: datetime) -> None:
        is_live = store.state_of(link, now) != "expired"
        self._made.execute("INSERT INTO made VALUES (?, ?, ?)", (link.slug or None, behaviour, is_live))


def behaviours_there(tx: Tx, links: Sequence[StoredLink]) -> list[bytes | None]:
    """For each link to be made, what the one does that stands in its way, if one does."""
    there = [store.get_link(tx, link.slug) if link.slug else same_live_link(tx, link) for link in links]
    return [None if link is None else behaviour_of(link) for link in there]
