"""The service as checks must know it: under which address it is, and the secrets that addresses are made of."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import choice, token_hex
from string import ascii_lowercase, digits
from typing import Annotated, Final, NamedTuple

from fastapi import Depends, FastAPI

from slice_api.chassis import BaseUrl, Taken, Tx, from_app
from slice_api.slices.heartbeats.schemas import Secrets
from slice_api.slices.heartbeats.settings import HeartbeatsSettings
from slice_api.slices.heartbeats.store import SECRETS

_ID: Final = "addresses"
_PING_KEY_LENGTH: Final = 22


def _secrets(tx: Tx) -> Secrets:
    return tx.get(SECRETS, _ID) or tx.insert(SECRETS, _made())


def _made() -> Secrets:
    key = "".join(choice(ascii_lowercase + digits) for _ in range(_PING_KEY_LENGTH))
    return Secrets(id=_ID, ping_key=key, badge_secret=token_hex(32))


@asynccontextmanager
async def with_secrets(app: FastAPI) -> AsyncIterator[None]:
    """What there is of secrets between start and stop: made once for all processes, but for a ping key that is set."""
    chassis = app.state.chassis
    try:
        kept = await chassis.db.transact(_secrets)
    except Taken:  # another process has made them at the same moment
        kept = await chassis.db.transact(_secrets)
    settings: HeartbeatsSettings = chassis.settings_of("heartbeats")
    given = settings.ping_key.get_secret_value()
    app.state.heartbeats_secrets = kept.model_copy(update={"ping_key": given}) if given else kept
    yield


OwnSecrets = Annotated[Secrets, Depends(from_app("heartbeats_secrets"))]
"""The secrets of the app."""


class Site(NamedTuple):
    """What the addresses of a check begin with."""

    base_url: str

    def ping_url(self, check_id: str) -> str:
        return f"{self.base_url}/ping/{check_id}"

    def badge_url(self, badge_id: str) -> str:
        return f"{self.base_url}/b/2/{badge_id}.svg"


async def _site(base_url: BaseUrl) -> Site:
    return Site(base_url)


Here = Annotated[Site, Depends(_site)]
