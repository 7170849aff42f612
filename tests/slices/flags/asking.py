"""Asking for flags as programs do, and documents to ask about, kept as an import would."""

from typing import Any

import httpx

from slice_api.chassis import Tx
from slice_api.slices.flags.schemas import FlagSet, FlagsImported, StoredFlag
from slice_api.slices.flags.store import FLAGS, SETS, flag_id, flags_of

EVALUATE = "/ofrep/v1/evaluate/flags"

ON_OFF = {"on": True, "off": False}
FOR_ANNA = {"if": [{"==": [{"var": "targetingKey"}, "anna"]}, "on", None]}


async def ask(client: httpx.AsyncClient, key: str, *, selector: str | None = None, **context: Any) -> httpx.Response:
    """Evaluate one flag for a context."""
    headers = {} if selector is None else {"Flagd-Selector": selector}
    return await client.post(f"{EVALUATE}/{key}", json={"context": context}, headers=headers)


async def ask_all(client: httpx.AsyncClient, etag: str | None = None, **context: Any) -> httpx.Response:
    """Evaluate all flags for a context; `etag` is what the client has already."""
    headers = {} if etag is None else {"If-None-Match": etag}
    return await client.post(EVALUATE, json={"context": context}, headers=headers)


def keep_document(tx: Tx, document: dict[str, Any], name: str = "") -> None:
    """Keep a whole flagd document as it is, whatever is wrong with it."""
    envelope = {**document, "flags": None}
    held = tx.get(SETS, name)
    revision = held.revision + 1 if held else 1
    tx.put(SETS, FlagSet(name=name, envelope=envelope, revision=revision, updated_at=tx.now))
    known = {flag.key: flag for flag in flags_of(tx, name)}
    for position, (key, source) in enumerate(document["flags"].items()):
        old = known.pop(key, None)
        tx.put(FLAGS, _stored(tx, name, key, source, position, old))
    for gone in known.values():
        tx.pop(FLAGS, gone.id)
    tx.emit(FlagsImported(set=name, created=0, updated=0, deleted=0))


def _stored(tx: Tx, name: str, key: str, source: Any, position: int, old: StoredFlag | None) -> StoredFlag:
    changed = 0 if old is not None and old.source == source else 1
    return StoredFlag(
        id=flag_id(name, key),
        key=key,
        set=name,
        source=source,
        position=position,
        revision=(old.revision if old else 0) + changed,
        created_at=tx.now,
        updated_at=tx.now,
        updated_by=None,
    )
