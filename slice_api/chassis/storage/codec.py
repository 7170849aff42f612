"""Documents as the JSON that databases keep, and back again, over the versions of their models."""

from typing import Any

import orjson
from pydantic import BaseModel

from slice_api.chassis.storage.faults import Unreadable
from slice_api.chassis.storage.stores import Store


def encode(document: BaseModel) -> str:
    """The JSON of a document."""
    # What model_dump_json does, without looking through its many arguments: a third of the time.
    return document.__pydantic_serializer__.to_json(document, exclude_computed_fields=True).decode()


def decode(store: Store, key: Any, body: str, version: int) -> Any:
    """The document of a JSON text written by that version of the model; raises Unreadable."""
    try:
        if version == store.version:
            return store.model.model_validate_json(body)
        return store.model.model_validate_json(_upgraded(store, body, version))
    except Exception as error:  # an upgrade may fail in any way
        raise Unreadable(store, str(key), str(error)) from error


def _upgraded(store: Store, body: str, version: int) -> bytes:
    if version > store.version:
        raise ValueError(f"it was written by version {version} of the model, and this service knows {store.version}")
    raw = orjson.loads(body)
    for upgrade in store.upgrades[version - 1 :]:
        raw = upgrade(raw)
    return orjson.dumps(raw)
