"""What goes out of a check."""

from datetime import datetime

from slice_api.slices.heartbeats import states
from slice_api.slices.heartbeats.addresses import Site
from slice_api.slices.heartbeats.schemas import Heartbeat, HeartbeatFields, State, StoredHeartbeat

_SAME = (
    *HeartbeatFields.model_fields, "id", "is_running", "n_pings", "last_ping_at", "last_start_at",
    "last_duration_seconds", "failures", "created_at", "updated_at", "created_by",
)  # fmt: skip


def state_of(check: StoredHeartbeat, now: datetime) -> State:
    """What people see: that it runs, unless it is down."""
    if check.alert_at is not None and now >= check.alert_at:
        return "down"
    if check.is_running and check.status != "down":
        return "running"
    return states.shown(check.record, check, now)


def as_shown(check: StoredHeartbeat, site: Site, now: datetime) -> Heartbeat:
    """A check as it is now; what is stored was checked when it came in."""
    state = state_of(check, now)
    is_down = state == "down"
    return Heartbeat.model_construct(
        **{name: getattr(check, name) for name in _SAME},
        ping_url=site.ping_url(check.id),
        badge_url=site.badge_url(check.badge_id),
        state=state,
        is_quiet=states.is_quiet(check, now),
        next_due_at=None if is_down else states.expected_at(check.record),
        alert_at=None if is_down else check.alert_at,
    )
