"""What happens to checks by itself: deadlines pass, and what is old is let go of."""

from typing import Final

from slice_api.chassis import Tx, every
from slice_api.slices.heartbeats.recording import notice
from slice_api.slices.heartbeats.settings import HeartbeatsSettings
from slice_api.slices.heartbeats.store import first_deadline, forget_flips, overdue_checks

_MOST_TOGETHER: Final = 100


@every(seconds=0.5, due=first_deadline)
def take_down_overdue_checks(tx: Tx) -> bool:
    """Take checks down whose deadlines have passed, the longest past first; True while there are more."""
    found = overdue_checks(tx, _MOST_TOGETHER)
    for check in found:
        notice(tx, check.id)
    return len(found) == _MOST_TOGETHER


@every(seconds=3600)
def forget_old_flips(tx: Tx, settings: HeartbeatsSettings) -> bool:
    """Let go of changes of state from long ago; True while there are more."""
    return forget_flips(tx, settings.keep_flips_days) > 0
