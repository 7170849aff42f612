"""Things by id, newest first."""

from slice_api.chassis import Collection, Page, PageQuery, Tx

from .schemas import Thing

THINGS = Collection("things", Thing, indexes=("created_at",), unique=("title",))


def newest(tx: Tx, page: PageQuery) -> Page[Thing]:
    return tx.page(THINGS, page, order="-created_at")
