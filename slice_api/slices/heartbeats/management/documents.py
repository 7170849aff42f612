"""Checks, pings and changes of state as Healthchecks tells them."""

from datetime import datetime, timedelta
from typing import Any

from slice_api.slices.heartbeats.addresses import Site
from slice_api.slices.heartbeats.schemas import FlipRecord, Ping, StoredHeartbeat


def status_of(check: StoredHeartbeat, now: datetime, version: int) -> str:
    """The state in one word; version 1 tells by it too that a run goes on."""
    if check.alert_at is not None and now >= check.alert_at:
        return "down"
    if version == 1 and _has_time_to_end(check, now):
        return "started"
    is_late = check.status == "up" and check.due_at is not None and now >= check.due_at
    return "grace" if is_late else check.status


def _has_time_to_end(check: StoredHeartbeat, now: datetime) -> bool:
    """Whether a run goes on that may; also of a check that is down by what was before."""
    if check.last_start_at is None:
        return False
    return now < check.last_start_at + timedelta(seconds=check.max_run_seconds or check.grace_seconds)


def check_document(
    check: StoredHeartbeat, site: Site, now: datetime, version: int, *, is_readonly: bool
) -> dict[str, Any]:
    """A check; read-only keys learn nothing by which it can be pinged."""
    return {
        **_terms(check),
        **_heard(check, now, version),
        **_filters(check),
        "badge_url": site.badge_url(check.badge_id),
        **_lasted(check),
        **({"unique_key": check.unique_key} if is_readonly else _addresses(check, site, version)),
        **_schedule(check),
    }


def _terms(check: StoredHeartbeat) -> dict[str, Any]:
    return {
        "name": check.name,
        "slug": check.slug,
        "tags": " ".join(check.tags),
        "desc": check.description,
        "grace": check.grace_seconds,
    }


def _heard(check: StoredHeartbeat, now: datetime, version: int) -> dict[str, Any]:
    status = status_of(check, now, version)
    return {
        "n_pings": check.n_pings,
        "status": status,
        "started": check.is_running,
        "last_ping": _in_seconds(check.last_ping_at),
        "next_ping": None if status == "down" else _in_seconds(_next_ping(check)),
    }


def _next_ping(check: StoredHeartbeat) -> datetime | None:
    """When it is due, or when the run began that goes on."""
    due_at = check.due_at if check.status == "up" else None
    return min(filter(None, (due_at, check.last_start_at)), default=None)


def _filters(check: StoredHeartbeat) -> dict[str, Any]:
    return {
        "manual_resume": check.is_manual_resume,
        "methods": check.methods,
        "subject": check.success_kw if check.filter_subject else "",
        "subject_fail": check.failure_kw if check.filter_subject else "",
        "start_kw": check.start_kw,
        "success_kw": check.success_kw,
        "failure_kw": check.failure_kw,
        "filter_subject": check.filter_subject,
        "filter_body": check.filter_body,
        "filter_http_body": check.filter_http_body,
        "filter_default_fail": check.filter_default_fail,
    }


def _lasted(check: StoredHeartbeat) -> dict[str, Any]:
    return {} if check.last_duration_seconds is None else {"last_duration": int(check.last_duration_seconds)}


def _addresses(check: StoredHeartbeat, site: Site, version: int) -> dict[str, Any]:
    own = check_url(site, version, check.id)
    return {
        "uuid": check.id,
        "ping_url": site.ping_url(check.id),
        "update_url": own,
        "pause_url": f"{own}/pause",
        "resume_url": f"{own}/resume",
        "channels": "",
    }


def check_url(site: Site, version: int, check_id: str) -> str:
    return f"{site.base_url}/api/v{version}/checks/{check_id}"


def _schedule(check: StoredHeartbeat) -> dict[str, Any]:
    schedule = check.schedule
    if schedule.every_seconds is not None:
        return {"timeout": schedule.every_seconds}
    return {"schedule": schedule.cron or schedule.on_calendar, "tz": schedule.timezone}


def ping_document(ping: Ping, url: str) -> dict[str, Any]:
    """A ping of the check at an address."""
    told = {
        "type": "ign" if ping.kind == "ignored" else ping.kind,
        "date": ping.at.isoformat(timespec="microseconds"),
        "n": ping.n,
        "scheme": ping.scheme,
        "remote_addr": ping.remote_addr,
        "method": ping.method,
        "ua": ping.user_agent,
        "rid": ping.rid,
        "body_url": f"{url}/pings/{ping.n}/body" if ping.body_bytes else None,
    }
    return told if ping.duration_seconds is None else {**told, "duration": round(ping.duration_seconds, 2)}


def flip_document(flip: FlipRecord) -> dict[str, Any]:
    return {"timestamp": _in_seconds(flip.at), "up": 1 if flip.new == "up" else 0}


def _in_seconds(moment: datetime | None) -> str | None:
    return None if moment is None else moment.replace(microsecond=0).isoformat()
