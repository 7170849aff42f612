"""What a slice's `search.py` answers with.

`def search(tx, text, limit) -> list[Found]`, or `async def search(db, text, limit)` for one that asks somebody else. It
is asked only for callers who may read the slice, and has a time of its own: what it raises costs its own results alone.

On memory and SQLite nothing can cut a plain function short: it asks by an index or by `matches()`, for no more than
`limit`.
"""

from pydantic import Field

from slice_api.chassis.schemas import Schema


class Found(Schema):
    """Something that a slice found."""

    title: str = Field(examples=["Python docs"])
    """What people know it by."""
    detail: str = Field(default="", examples=["https://docs.python.org/3.11/"])
    """A line that tells it from others of that title."""
    key: str | None = Field(default=None, examples=["py"])
    """What stands in the address of its page and of its path in the API; null: the slice's own page."""
