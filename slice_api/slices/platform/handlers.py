"""Reading what the app knows of itself."""

import asyncio
from collections.abc import Sequence
from inspect import isawaitable
from typing import Any

from slice_api.chassis.assembly import Chassis
from slice_api.chassis.discovery import Slice
from slice_api.chassis.policies import Target
from slice_api.slices.platform.schemas import Catalogue, Health, RouteCounts, SliceRow

_CHECK_SECONDS = 1.5


def _counts(targets: Sequence[Target]) -> RouteCounts:
    scopes = [target.scope or "" for target in targets]
    return RouteCounts(
        total=len(targets),
        public=sum(target.is_public for target in targets),
        read=sum(scope.endswith(":read") for scope in scopes),
        write=sum(scope.endswith(":write") for scope in scopes),
    )


def _has_list(each: Slice, targets: Sequence[Target]) -> bool:
    """Whether `GET /api/<slice>` gives a page of objects, so that the front end can show it."""
    for target in targets:
        if target.path == f"/api/{each.name}" and target.method == "GET":
            fields = getattr(target.route.response_model, "model_fields", {})
            return {"items", "next"} <= set(fields)
    return False


def _row(chassis: Chassis, each: Slice) -> SliceRow:
    targets = [target for target in chassis.table.targets if target.slice_name == each.name]
    has_page = _has_list(each, targets)
    return SliceRow(
        name=each.name,
        title=each.title,
        description=each.description,
        routes=_counts(targets),
        scopes=sorted({target.scope for target in targets if target.scope}),
        events=sorted(event.topic for event in each.events),
        api_url=f"/api/{each.name}" if each.router else None,
        docs_url=f"/docs#{each.name}",
        page_url=f"/app/{each.name}" if has_page else None,
        page_script=chassis.web.address(f"pages/{each.name}.js") if has_page else None,
    )


def read_catalogue(chassis: Chassis, name: str, version: str) -> Catalogue:
    """Every slice that is loaded."""
    return Catalogue(name=name, version=version, items=[_row(chassis, each) for each in chassis.slices])


async def _is_failing(check: Any) -> bool:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            result = check()
            if isawaitable(result):
                await result
    except Exception:
        return True
    return False


async def read_health(chassis: Chassis) -> Health:
    """Ask storage and every slice with a `health.py` how they are."""
    checks: dict[str, Any] = {"storage": chassis.storage.check}
    checks |= {"redis": chassis.redis.check} if chassis.redis else {}
    checks |= {each.name: each.health for each in chassis.slices if each.health}
    results = await asyncio.gather(*(_is_failing(check) for check in checks.values()))
    failing = [name for name, is_failing in zip(checks, results, strict=True) if is_failing]
    chassis.metrics.storage_up.set("storage" not in failing)
    if chassis.closing.is_set():
        failing.append("shutting down")
    return Health(status="failing", failing=failing) if failing else Health(status="ok")
