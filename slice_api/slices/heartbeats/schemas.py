"""What is told of checks."""

from pydantic import Field

from slice_api.chassis import Schema, Time


class DueTime(Schema):
    """A moment at which a job is due."""

    at: Time
    in_words: str = Field(examples=["Monday 2 February 2026, 02:30 CET"])
    """The same in the schedule's zone, as people say it."""


class Preview(Schema):
    """What a schedule means."""

    in_words: str = Field(examples=["At 02:30 on Monday through Friday (Europe/Vienna)"])
    times: list[DueTime]
    """The next ten times at which it is due, or as many as there are; an interval counts from now."""
