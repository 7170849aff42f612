"""Whether two links do the same, whatever they are called and whoever has visited them."""

from hashlib import blake2b
from typing import Final

import orjson

from slice_api.chassis import Tx
from slice_api.slices.links import store
from slice_api.slices.links.schemas import LinkFields, StoredLink

_FOR_PEOPLE: Final = frozenset({"title", "note"})
_DECIDED: Final = {name for name in LinkFields.model_fields if name not in _FOR_PEOPLE}
_BEHAVIOUR: Final = {*_DECIDED, "password_hash"} & StoredLink.model_fields.keys()


def behaviour_of(link: StoredLink) -> bytes:
    """The same few bytes for all links that do the same and have the same tags."""
    told = {**link.model_dump(mode="json", include=_BEHAVIOUR), "tags": sorted(link.tags)}
    return blake2b(orjson.dumps(told, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def same_live_link(tx: Tx, link: StoredLink) -> StoredLink | None:
    """The oldest link that does the same and still works."""
    wanted = behaviour_of(link)
    others = (other for other in store.with_url(tx, link.url) if store.state_of(other, tx.now) != "expired")
    return next((other for other in others if behaviour_of(other) == wanted), None)
