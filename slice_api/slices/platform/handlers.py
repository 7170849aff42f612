"""Reading what the app knows of itself."""

from collections.abc import Sequence

from slice_api.chassis.assembly import Chassis
from slice_api.chassis.discovery import Slice
from slice_api.chassis.own_pages import page_script_of, page_url_of
from slice_api.chassis.policies import Target
from slice_api.slices.platform.schemas import Catalogue, Health, RouteCounts, SliceRow


def _counts(targets: Sequence[Target]) -> RouteCounts:
    scopes = [target.scope or "" for target in targets]
    return RouteCounts(
        total=len(targets),
        public=sum(target.is_public for target in targets),
        read=sum(scope.endswith(":read") for scope in scopes),
        write=sum(scope.endswith(":write") for scope in scopes),
    )


def _row(chassis: Chassis, each: Slice) -> SliceRow:
    targets = [target for target in chassis.table.targets if target.slice_name == each.name]
    return SliceRow(
        name=each.name,
        title=each.title,
        description=each.description,
        routes=_counts(targets),
        scopes=sorted({target.scope for target in targets if target.scope}),
        events=sorted(event.topic for event in each.events),
        api_url=f"/api/{each.name}" if each.router else None,
        docs_url=f"/docs#{each.name}",
        page_url=page_url_of(chassis, each),
        page_script=page_script_of(chassis, each),
    )


def read_catalogue(chassis: Chassis, name: str, version: str) -> Catalogue:
    """Every slice that is loaded."""
    return Catalogue(name=name, version=version, items=[_row(chassis, each) for each in chassis.slices])


async def read_health(chassis: Chassis) -> Health:
    """Ask storage and every slice with a `health.py` how they are."""
    failing = await chassis.health.failing()
    chassis.metrics.storage_up.set("storage" not in failing)
    if chassis.closing.is_set():
        failing.append("shutting down")
    return Health(status="failing", failing=failing) if failing else Health(status="ok")
