"""What a deployment decides about its short links."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from slice_api.chassis import CommaList, SliceSettings
from slice_api.slices.links.urls import DANGEROUS_SCHEMES

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")


def _check_schemes(values: tuple[str, ...]) -> tuple[str, ...]:
    schemes = tuple(value.lower().removesuffix(":") for value in values)
    for scheme in schemes:
        if _SCHEME.fullmatch(scheme) is None:
            raise ValueError(f"{scheme!r} is not a URL scheme; write for example mailto,tel")
        if scheme in DANGEROUS_SCHEMES:
            raise ValueError(f"{scheme}: URLs run or read things in the visitor's browser and are never allowed")
    return schemes


class LinksSettings(SliceSettings):
    """The settings of the short links."""

    schemes: Annotated[CommaList, AfterValidator(_check_schemes)] = Field(
        default=(), description="URL schemes that links may have besides http and https, such as mailto,tel."
    )
    slug_length: int = Field(default=7, ge=4, le=64, description="How many characters a slug that is made up has.")
    keep_visits: int = Field(
        default=10_000, ge=0, description="How many visits of each link are kept one by one; counts go on regardless."
    )
    permanent_cache_seconds: int = Field(
        default=60, ge=0, description="How long browsers may keep a 301 or 308; visits in that time are not counted."
    )
    qr_cache_seconds: int = Field(default=86_400, ge=0, description="How long browsers may keep a QR code.")
    password_tries: int = Field(
        default=10,
        ge=1,
        le=1000,
        description="How many wrong passwords a link takes from one address in 15 minutes.",
    )
    crawlable: bool = Field(default=False, description="Whether robots.txt lets search engines follow short links.")
