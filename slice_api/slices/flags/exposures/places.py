"""Where evaluations are counted: in few documents, each of many flags, so that a flush writes little.

The flags of a set lie in 32 parts by a hash of their keys; each part has a document for each hour and for each day, and
one that tells when its flags were last evaluated.
"""

from datetime import datetime, timedelta
from typing import Final
from zlib import crc32

from slice_api.slices.flags.schemas import ExposureInterval

_PARTS: Final = 32
LENGTHS: Final[dict[ExposureInterval, timedelta]] = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
KEPT: Final[dict[ExposureInterval, timedelta]] = {"hour": timedelta(days=35), "day": timedelta(days=400)}
"""How long counts are kept."""
_FORMATS: Final[dict[ExposureInterval, str]] = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d"}


def part_of(set_name: str, serial: str) -> str:
    """The part of a set that a flag lies in."""
    return f"{set_name}\x1f{crc32(serial.encode('utf-8', 'replace')) % _PARTS:02}"


def counts_id(part: str, interval: ExposureInterval, start: datetime) -> str:
    """The document of a part's counts in an hour or on a day, by its beginning in UTC."""
    return f"{part}/{start.strftime(_FORMATS[interval])}"


def start_of(interval: ExposureInterval, at: datetime) -> datetime:
    """When the hour or the day begins that a moment lies in."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    return hour if interval == "hour" else hour.replace(hour=0)
