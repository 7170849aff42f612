"""Making, finding, changing and deleting status pages."""

from slice_api.chassis import Page, PageQuery, Taken, Tx, conflict, merged, not_found
from slice_api.slices.heartbeats.schemas import StatusPageCreated, StatusPageDeleted, StatusPageUpdated
from slice_api.slices.heartbeats.status_pages.schemas import (
    NewStatusPage,
    StatusPage,
    StatusPageChange,
    StatusPageFields,
    StoredStatusPage,
)
from slice_api.slices.heartbeats.store import STATUS_PAGES


def address_of(name: str, base_url: str) -> str:
    """Where everybody can read a page."""
    return f"{base_url}/status/{name}"


def create_page(tx: Tx, new: NewStatusPage, base_url: str) -> StatusPage:
    """The new page; raises 409."""
    page = StoredStatusPage(**dict(new), created_at=tx.now, updated_at=tx.now)
    try:
        tx.insert(STATUS_PAGES, page)
    except Taken as error:
        raise conflict(f"The name {new.name!r} is taken.") from error
    tx.emit(StatusPageCreated(name=page.name), subject=page.name)
    return _as_shown(page, base_url)


def list_pages(tx: Tx, page: PageQuery, base_url: str) -> Page[StatusPage]:
    return tx.page(STATUS_PAGES, page).map(lambda each: _as_shown(each, base_url))


def read_page(tx: Tx, name: str, base_url: str) -> StatusPage:
    return _as_shown(tx.fetch(STATUS_PAGES, name), base_url)


def update_page(tx: Tx, name: str, change: StatusPageChange, base_url: str) -> StatusPage:
    """The page after a merge patch; one that changes nothing leaves it as it is. Raises 404 and 412."""
    before = tx.fetch(STATUS_PAGES, name)

    def apply(held: StoredStatusPage) -> StoredStatusPage:
        changed = merged(held, change)
        return held if changed is held else changed.model_copy(update={"updated_at": tx.now})

    after = tx.update(STATUS_PAGES, name, apply)
    if after is None:
        raise not_found(STATUS_PAGES.noun, name)
    names = [field for field in StatusPageFields.model_fields if getattr(before, field) != getattr(after, field)]
    if names:
        tx.emit(StatusPageUpdated(name=name, changed=names), subject=name)
    return _as_shown(after, base_url)


def delete_page(tx: Tx, name: str) -> None:
    """Take a page out; its checks stay. Raises 404 and 412."""
    tx.take(STATUS_PAGES, name)
    tx.emit(StatusPageDeleted(name=name), subject=name)


def _as_shown(page: StoredStatusPage, base_url: str) -> StatusPage:
    return StatusPage.model_construct(**dict(page), url=address_of(page.name, base_url))
