"""How much the slices keep."""

from collections.abc import Iterable, Mapping

from slice_api.chassis import Page, PageQuery, Tx
from slice_api.chassis.discovery import Candidate


def sizes(tx: Tx, found: Iterable[Candidate]) -> Mapping[str, int]:
    """How much is in each store of these slices; counting ends early, so that it stays cheap."""
    return {store.name: tx.size(store) for each in found if each.slice for store in each.slice.stores}


def by_name(tx: Tx, found: Mapping[str, Candidate], page: PageQuery) -> tuple[Page[str], Mapping[str, int]]:
    """A page of the slices' names, with the sizes of their stores."""
    names = tx.page_of_names(found, page, order="slices")
    return names, sizes(tx, (found[name] for name in names.items))
