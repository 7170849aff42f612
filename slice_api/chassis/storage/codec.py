"""Documents as the JSON that databases keep, and back again, over the versions of their models."""

from collections import OrderedDict
from functools import cache
from typing import Any, Final

import orjson
from pydantic import BaseModel

from slice_api.chassis.changes import share_field_names
from slice_api.chassis.storage.faults import Unreadable
from slice_api.chassis.storage.stores import Store
from slice_api.chassis.writing import Write, writer_of


def encode(document: BaseModel) -> str:
    """The JSON of a document."""
    return _writer(document.__class__)(document).decode()


@cache
def _writer(model: type[BaseModel]) -> Write:
    return writer_of(model, exclude_computed_fields=True)


def decode(store: Store, key: Any, body: str, version: int) -> Any:
    """The document of a JSON text written by that version of the model; raises Unreadable."""
    try:
        if version == store.version:
            return store.model.model_validate_json(body)
        return store.model.model_validate_json(_upgraded(store, body, version))
    except Exception as error:  # an upgrade may fail in any way
        raise Unreadable(store, str(key), str(error)) from error


_MOST_MET: Final = 1_000
_LONGEST_MET: Final = 4_096


class Codec:
    """Encodes and decodes documents of which some are met again and again; for one storage.

    What was met last is known by its text, so nobody need know who has changed what: another text is another document.
    """

    def __init__(self) -> None:
        self._met: OrderedDict[tuple[str, str], BaseModel] = OrderedDict()

    def encode(self, store: Store, document: BaseModel) -> str:
        """The JSON of a document that is to be kept."""
        text = encode(document)
        share_field_names(document)
        self._note((store.name, text), document)
        return text

    def decode(self, store: Store, key: Any, body: str, version: int) -> Any:
        """The document that was kept as that text; raises Unreadable."""
        if version != store.version:
            return decode(store, key, body, version)
        name = (store.name, body)
        document = self._met.get(name)
        if document is not None:
            self._met.move_to_end(name)
            return document
        document = decode(store, key, body, version)
        self._note(name, document)
        return document

    def _note(self, name: tuple[str, str], document: BaseModel) -> None:
        if len(name[1]) > _LONGEST_MET:
            return
        self._met[name] = document
        if len(self._met) > _MOST_MET:
            self._met.popitem(last=False)


def _upgraded(store: Store, body: str, version: int) -> bytes:
    if version > store.version:
        raise ValueError(f"it was written by version {version} of the model, and this service knows {store.version}")
    raw = orjson.loads(body)
    for upgrade in store.upgrades[version - 1 :]:
        raw = upgrade(raw)
    return orjson.dumps(raw)
