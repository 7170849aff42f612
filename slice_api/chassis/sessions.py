"""Sessions of the web page: a random token in a cookie, its hash in storage, the key it was opened with behind it."""

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from slice_api.chassis.credentials import hash_key
from slice_api.chassis.exchange import Principal
from slice_api.chassis.schemas import Schema, Time
from slice_api.chassis.storage.stores import Collection
from slice_api.chassis.storage.tx import Tx

if TYPE_CHECKING:
    from slice_api.chassis.authentication import KeyProvider

COOKIE: Final = "slice_session"
LIFETIME: Final = timedelta(days=30)


class Session(Schema):
    """One signed-in browser."""

    id: str
    """The hash of the token in the cookie."""
    key_id: str
    expires_at: Time


SESSIONS = Collection("chassis_sessions", Session, indexes=("key_id",), expires="expires_at")


def open_session(tx: Tx, caller: Principal) -> tuple[str, Session]:
    """A new session for whoever has shown a key; gives the token for the cookie."""
    token = secrets.token_urlsafe(32)
    session = Session(id=hash_key(token), key_id=caller.key_id, expires_at=tx.now + LIFETIME)
    return token, tx.insert(SESSIONS, session)


def find_session(tx: Tx, provider: "KeyProvider", token: str) -> Principal | None:
    """Whose session it is; None when it has ended or its key is no longer valid."""
    session = tx.get(SESSIONS, hash_key(token))
    return None if session is None else provider.recall(tx, session.key_id)


def close_session(tx: Tx, token: str) -> None:
    tx.pop(SESSIONS, hash_key(token))
