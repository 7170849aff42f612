"""Links by what stands in their slug, URL or title."""

from slice_api.chassis import Found, PageQuery, Tx
from slice_api.slices.links.schemas import LinkFilter
from slice_api.slices.links.store import filtered


def search(tx: Tx, text: str, limit: int) -> list[Found]:
    """The newest links that hold the text."""
    links = filtered(tx, LinkFilter(search=text), PageQuery(limit=limit)).items
    return [Found(key=link.slug, title=link.title or link.slug, detail=link.url) for link in links]
