"""Which page of the web front end shows a slice, and the script of its own that page has."""

from slice_api.chassis.assembly import Chassis
from slice_api.chassis.discovery import Slice


def page_script_of(chassis: Chassis, each: Slice) -> str | None:
    """The lasting address of the slice's own page; None where the general page serves it."""
    return chassis.web.address(f"slices/{each.name}/page.js") or chassis.web.address(f"pages/{each.name}.js")


def page_url_of(chassis: Chassis, each: Slice) -> str | None:
    """The page of a slice; None where it has neither a list nor a page of its own."""
    if not _has_list(chassis, each) and page_script_of(chassis, each) is None:
        return None
    return f"/app/{each.name}"


def _has_list(chassis: Chassis, each: Slice) -> bool:
    """Whether `GET /api/<slice>` gives a page of objects, so that the front end can show it."""
    for target in chassis.table.targets:
        if target.path == f"/api/{each.name}" and target.method == "GET":
            fields = getattr(target.route.response_model, "model_fields", {})
            return {"items", "next"} <= set(fields)
    return False
