"""What is written a moment later."""

from slice_api.chassis import Batch, Tx

from .store import heard, keep


def _write(tx: Tx, items: list[str]) -> None:
    if "refuse" in heard(tx, of="orders"):
        raise RuntimeError("not now")
    for item in items:
        keep(tx, item, of="batches")


LATER = Batch("echoes.later", _write)
