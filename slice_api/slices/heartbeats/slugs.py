"""Slugs made from names."""

import re
from unicodedata import normalize

from slice_api.chassis import Tx
from slice_api.slices.heartbeats.store import with_slug

_LONGEST = 100


def slug_of(name: str) -> str:
    """A name as it may stand in a URL; empty where nothing of it may."""
    plain = normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^\w\s-]", "", plain)
    return re.sub(r"[-\s]+", "-", words).strip("-_")[:_LONGEST]


def free_slug(tx: Tx, name: str) -> str:
    """A slug made from a name that no check has."""
    slug, number = slug_of(name), 2
    free = slug
    while free and with_slug(tx, free):
        free = f"{slug[: _LONGEST - 4]}-{number}"
        number += 1
    return free
