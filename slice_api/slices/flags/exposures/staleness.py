"""Whether a flag can probably be taken out of the code."""

from datetime import datetime, timedelta
from typing import Final

from slice_api.slices.flags.exposures.reading import Usage
from slice_api.slices.flags.schemas import StaleReason, StoredFlag

STALE_AFTER: Final = timedelta(days=30)


def reason_for(flag: StoredFlag, usage: Usage | None, now: datetime) -> StaleReason | None:
    """Why a flag is stale; None while it is not.

    It is when nobody has evaluated it for 30 days, or when all who did in that time were given the same variant and
    nobody has changed it meanwhile.
    """
    since = now - STALE_AFTER
    last = usage.last_evaluated_at if usage else flag.created_at
    if last <= since:
        return "not_evaluated"
    if usage is None or flag.updated_at > since:
        return None
    given = [name for name, at in usage.variants.items() if at > since]
    return "one_variant" if len(given) == 1 else None
