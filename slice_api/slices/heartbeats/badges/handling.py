"""How many checks are late or down, all of them or those of a tag."""

from datetime import datetime
from typing import Final, Literal, NamedTuple

from slice_api.chassis import Condition, Tx, after, at_most, either, equals, has, is_missing
from slice_api.slices.heartbeats.schemas import StoredHeartbeat
from slice_api.slices.heartbeats.store import CHECKS, in_state

Told = Literal["up", "late", "down"]

ALL_CHECKS: Final = "heartbeats"
"""What the badge of all checks is called."""


class Standing(NamedTuple):
    """What a badge tells: whose it is, and how many of its checks there are, are late, and are down."""

    label: str
    total: int
    grace: int
    down: int

    def told(self, *, has_late: bool) -> Told:
        """The worst of them; what is new or paused counts as up."""
        if self.down:
            return "down"
        return "late" if self.grace and has_late else "up"


def standing(tx: Tx, tag: str | None) -> Standing:
    """How the checks of a tag stand, or all."""
    whose: tuple[Condition, ...] = () if tag is None else (has("tags", tag),)
    total, late, down = (tx.count(CHECKS, *whose, *where) for where in ((), _late(tx.now), in_state("down", tx.now)))
    return Standing(ALL_CHECKS if tag is None else tag, total, late, down)


def _late(now: datetime) -> tuple[Condition, ...]:
    """The same as the state grace, also while a run goes on."""
    return (equals("status", "up"), at_most("due_at", now), either(is_missing("alert_at"), after("alert_at", now)))


def standing_of(tx: Tx, badge_id: str) -> Standing | None:
    """How the one check stands whose badge this is."""
    check = tx.find(CHECKS, "badge_id", badge_id)
    if check is None:
        return None
    is_down = check.status == "down" or (check.alert_at is not None and tx.now >= check.alert_at)
    is_late = not is_down and check.status == "up" and check.due_at is not None and tx.now >= check.due_at
    return Standing(_label(check), 1, int(is_late), int(is_down))


def _label(check: StoredHeartbeat) -> str:
    return check.name or check.id


def all_tags(tx: Tx) -> list[str]:
    """Every tag that a check has, by name."""
    return sorted({tag for check in tx.all(CHECKS) for tag in check.tags})
