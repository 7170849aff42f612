"""Reactions to things."""

from slice_api.chassis import EventRecord, Tx, on

from .schemas import ThingSeen
from .store import heard, keep


@on("things.created")
def echo_title(tx: Tx, event: ThingSeen) -> None:
    keep(tx, event.thing.title, of="titles")
    if event.thing.title.startswith("unbearable") or "refuse" in heard(tx, of="orders"):
        raise RuntimeError("too much")


@on("things.*")
def echo_of_things(tx: Tx, event: EventRecord) -> None:
    keep(tx, event.type, of="things")


@on("*")
def echo_of_everything(tx: Tx, event: EventRecord) -> None:
    keep(tx, f"{event.type} by {event.by}", of="everything")
