"""What was found, slice by slice."""

from typing import Literal

from pydantic import Field

from slice_api.chassis import Schema


class Hit(Schema):
    """Something that was found."""

    title: str = Field(examples=["Python docs"])
    detail: str = Field(examples=["https://docs.python.org/3.11/"])
    """A line that tells it from others of that title; may be empty."""
    key: str | None = Field(examples=["py"])
    """The object's key in its slice, as in `/api/<slice>/<key>`; null for what has no path of its own."""
    page_url: str | None = Field(examples=["/app/links/py"])
    """Its page in the web front end; null where there is none."""


class SliceHits(Schema):
    """What one slice found."""

    slice: str = Field(examples=["links"])
    title: str = Field(examples=["Short links"])
    """The title of the slice."""
    items: list[Hit]
    """The best ones, at most `limit`."""
    has_more: bool
    """Whether there are more than these."""
    failure: Literal["timeout", "error"] | None
    """Why the slice could not be asked: it took too long, or it failed; null when it answered."""


class SearchAnswer(Schema):
    """What all slices found together."""

    searched: list[str] = Field(examples=[["keys", "links"]])
    """The slices that were asked: those that can be searched and that the key may read."""
    groups: list[SliceHits]
    """The slices that found something, and those that failed."""
