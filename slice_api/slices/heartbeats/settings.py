"""What a deployment decides about its heartbeats."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr

from slice_api.chassis import SliceSettings

_PING_KEY: Final = re.compile(r"([-a-zA-Z0-9_]{8,100})?", re.ASCII)


def _checked_key(key: SecretStr) -> SecretStr:
    if _PING_KEY.fullmatch(key.get_secret_value()) is None:
        raise ValueError("must be 8 to 100 letters, digits, - or _")
    return key


PingKey = Annotated[SecretStr, AfterValidator(_checked_key)]


class HeartbeatsSettings(SliceSettings):
    """The settings of the heartbeats."""

    ping_key: PingKey = Field(
        default=SecretStr(""),
        description="The key in ping URLs that name a check by its slug: 8 to 100 letters, digits, - or _. "
        "Empty: one is made and kept.",
    )
    keep_pings: int = Field(default=1_000, ge=1, description="How many pings of each check are kept.")
    keep_flips_days: int = Field(default=400, ge=93, description="For how many days changes of state are kept.")
