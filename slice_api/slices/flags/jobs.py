"""What happens to flags by itself."""

from typing import Final

from slice_api.chassis import Tx, every
from slice_api.slices.flags.schedule.handlers import make_change
from slice_api.slices.flags.schedule.store import due_changes, next_change_at
from slice_api.slices.flags.settings import FlagsSettings

_MOST_TOGETHER: Final = 100


@every(seconds=1, due=next_change_at)
def make_due_changes(tx: Tx, settings: FlagsSettings) -> None:
    """Make the planned changes whose time has come, in the order of their times."""
    for planned in due_changes(tx, tx.now, _MOST_TOGETHER):
        make_change(tx, planned, settings.keep_revisions)
