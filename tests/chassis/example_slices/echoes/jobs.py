"""Work by the clock."""

from slice_api.chassis import Tx, every

from .store import heard, keep


@every(seconds=3600)
def tick(tx: Tx) -> None:
    if "broken" in heard(tx, of="orders"):
        raise RuntimeError("the clock is broken")
    keep(tx, tx.now.isoformat(), of="ticks")
