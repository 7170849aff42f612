"""The base of every model, and the field types that all storage engines agree on."""

import re
import sys
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    StringConstraints,
    TypeAdapter,
)
from pydantic_core import PydanticKnownError

from slice_api.chassis.docstrings import Described

_FULL_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_HTTP_URL = TypeAdapter[HttpUrl](HttpUrl)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_LONGEST_TAG = 40

MAX_INTEGER = 2**63 - 1


class Schema(Described):
    """What comes in, goes out or is stored: frozen, and strict about fields nobody declared."""

    # JSON has no word for infinity, so a database would give back nothing in its place.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _must_be_rfc3339(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or _RFC3339.fullmatch(value) is None:
        raise ValueError("must be a time with its offset, such as 2026-01-31T09:00:00Z (RFC 3339)")
    return value


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("must be a time between the years 1 and 9999 in UTC") from error


def _must_be_full_date(value: Any) -> Any:
    is_date = type(value) is date or (isinstance(value, str) and _FULL_DATE.fullmatch(value))
    if not is_date:
        raise ValueError("must be a date such as 2026-01-31 (RFC 3339, full-date)")
    return value


def _normal_url(value: str) -> str:
    return str(_HTTP_URL.validate_python(value))


def _at_most(longest: int) -> BeforeValidator:
    """A limit on text as it was sent: what is stripped counts too, as the schema says."""

    def check(value: Any) -> Any:
        if isinstance(value, str) and len(value) > longest:
            raise PydanticKnownError("string_too_long", {"max_length": longest})
        return value

    return BeforeValidator(check)


def _lowered(value: str) -> str:
    lowered = value.strip().lower()
    if not lowered:
        raise PydanticKnownError("string_too_short", {"min_length": 1})
    if len(lowered) > _LONGEST_TAG:  # some letters become two
        raise PydanticKnownError("string_too_long", {"max_length": _LONGEST_TAG})
    return sys.intern(lowered)  # the few that there are stand in many documents


def _without_repeats(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


Time = Annotated[AwareDatetime, BeforeValidator(_must_be_rfc3339), AfterValidator(_to_utc)]
"""A moment: RFC 3339 with an offset on the way in, UTC inside and with `Z` on the way out."""

Date = Annotated[date, BeforeValidator(_must_be_full_date)]
"""A day: `2026-01-31`."""

Integer = Annotated[int, Field(ge=-(2**63), le=MAX_INTEGER)]
"""A whole number that every engine can keep (64 bits)."""

Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\r\n]*$"),
    _at_most(200),
]
"""One line of text: a name or a title, 1 to 200 characters."""

Text = Annotated[str, StringConstraints(max_length=10_000)]
"""Text of up to 10,000 characters."""

Url = Annotated[str, AfterValidator(_normal_url), Field(max_length=2048, json_schema_extra={"format": "uri"})]
"""An absolute http or https URL, kept in its normal form."""

Tag = Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST_TAG), AfterValidator(_lowered)]
Tags = Annotated[list[Tag], AfterValidator(_without_repeats), Field(max_length=20, examples=[["docs", "spring"]])]
"""Up to 20 labels, lower-cased, each up to 40 characters."""
