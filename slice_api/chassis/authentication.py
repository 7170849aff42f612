"""Who asks: an API key in a header, or the web page's session cookie."""

import asyncio
from collections.abc import Hashable, Sequence
from hashlib import blake2b
from hmac import compare_digest
from typing import Any, Final, Protocol

from starlette.requests import cookie_parser
from starlette.types import Scope

from slice_api.chassis.clock import Clock
from slice_api.chassis.credentials import NewKey, hash_key, is_mistyped, make_key
from slice_api.chassis.exchange import Exchange, Principal
from slice_api.chassis.headers import HeaderMap, header
from slice_api.chassis.problems import forbidden, unauthenticated
from slice_api.chassis.schemas import Schema
from slice_api.chassis.sessions import COOKIE, find_session
from slice_api.chassis.storage.database import Database, Storage
from slice_api.chassis.storage.stores import Collection
from slice_api.chassis.storage.tx import Tx
from slice_api.chassis.together import Together

_SAFE = ("GET", "HEAD", "OPTIONS")


class KeyProvider(Protocol):
    """Knows whose a key is. A slice's `auth.py` may be one; without it the one admin key below still works.

    Only hashes of keys are handed in.
    """

    def identify(self, tx: Tx, key_hash: str) -> Principal | None:
        """The owner of a key that is valid now.

        It reads the collections of its own slice alone: while nothing is written there the answer is remembered, but
        not past its `until`.
        """

    def recall(self, tx: Tx, key_id: str) -> Principal | None:
        """The owner by id, for sessions that were opened with a key; None when the key is no longer valid."""

    def has_admin(self, tx: Tx) -> bool:
        """Whether a valid key with the scope `admin` exists."""

    def adopt(self, tx: Tx, key_id: str, key_hash: str, *, is_configured: bool) -> None:
        """Keep an admin key: the one that SLICE_ADMIN_KEY names, in place of an earlier such one, or a first one."""

    def forget_configured(self, tx: Tx) -> None:
        """Drop the admin key that SLICE_ADMIN_KEY named before it was emptied."""


class AdminKey(Schema):
    """The one admin key of a service without a keys slice."""

    id: str
    key_hash: str
    is_configured: bool


ADMIN_KEYS = Collection("chassis_admin_keys", AdminKey)


class LoneAdminKey:
    """The provider of last resort: one admin key, nothing else."""

    def identify(self, tx: Tx, key_hash: str) -> Principal | None:
        found = [key for key in tx.all(ADMIN_KEYS) if compare_digest(key.key_hash, key_hash)]
        return _admin(found[0]) if found else None

    def recall(self, tx: Tx, key_id: str) -> Principal | None:
        key = tx.get(ADMIN_KEYS, key_id)
        return _admin(key) if key else None

    def has_admin(self, tx: Tx) -> bool:
        return tx.count(ADMIN_KEYS) > 0

    def adopt(self, tx: Tx, key_id: str, key_hash: str, *, is_configured: bool) -> None:
        for key in tx.all(ADMIN_KEYS):
            tx.pop(ADMIN_KEYS, key.id)
        tx.insert(ADMIN_KEYS, AdminKey(id=key_id, key_hash=key_hash, is_configured=is_configured))

    def forget_configured(self, tx: Tx) -> None:
        for key in tx.all(ADMIN_KEYS):
            if key.is_configured:
                tx.pop(ADMIN_KEYS, key.id)


def _admin(key: AdminKey) -> Principal:
    return Principal(key_id=key.id, name="admin", scopes=("admin",))


def ensure_admin_key(tx: Tx, provider: KeyProvider, configured: str) -> NewKey | None:
    """See to it that there is an admin key; gives the new one when it had to be made, so that it can be shown once."""
    if configured:
        key_hash = hash_key(configured)
        provider.adopt(tx, f"env{key_hash[:5]}", key_hash, is_configured=True)
        return None
    provider.forget_configured(tx)
    if provider.has_admin(tx):
        return None
    made = make_key()
    provider.adopt(tx, made.id, hash_key(made.text), is_configured=False)
    return made


_BEARER: Final = b"Bearer "
_MOST_KNOWN: Final = 10_000
"""One key can be sent in many ways, such as with more spaces before it."""


def sent_in(headers: HeaderMap) -> bytes | None:
    """What a request says of its key, as an Authorization header says it."""
    sent = headers.get(b"authorization")
    if sent is not None:
        return sent
    key = headers.get(b"x-api-key")
    return _BEARER + key if key is not None else None


def key_of(sent: bytes) -> str:
    """The key that is sent so; nothing where it is sent in another way."""
    scheme, _, key = sent.decode("utf-8", "replace").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def session_token_in(headers: HeaderMap) -> str | None:
    """The token of the web page's session cookie."""
    cookies = header(headers, b"cookie")
    return cookie_parser(cookies).get(COOKIE) if cookies else None


def known_caller(exchange: Exchange) -> Principal | None:
    """Who asks, where that need not be found out: the same was sent before, and nothing has changed since."""
    sent = exchange.given.get(b"authorization") or sent_in(exchange.given)
    caller = exchange.chassis.callers.known(sent) if sent is not None else None
    if caller is not None:
        exchange.chassis.note_key_use(caller.key_id)
    return caller


async def authenticate(exchange: Exchange, scope: Scope) -> Principal:
    """Who asks; raises 401 · unauthenticated."""
    sent = sent_in(exchange.given)
    if sent is not None:
        return await _caller_of(exchange, sent)
    token = session_token_in(exchange.given)
    if token is None:
        raise unauthenticated()
    caller = await exchange.chassis.db.transact(find_session, exchange.chassis.keys, token)
    if caller is None:
        raise unauthenticated("The session has ended; sign in again.")
    _check_same_origin(exchange, scope)
    exchange.is_session = True
    return caller


async def caller_of_key(exchange: Exchange, key: str) -> Principal:
    """The owner of a key; raises 401 · unauthenticated."""
    return await _caller_of(exchange, _BEARER + key.encode("utf-8", "replace"))


async def _caller_of(exchange: Exchange, sent: bytes) -> Principal:
    chassis = exchange.chassis
    caller = chassis.callers.known(sent) or await chassis.callers.find(chassis.keys, sent)
    if caller is None:
        raise unauthenticated(_refusal(key_of(sent)))
    chassis.note_key_use(caller.key_id)
    return caller


def _refusal(key: str) -> str:
    if not key:
        return "The key is empty."
    if is_mistyped(key):
        return "The key is mistyped: its checksum does not fit."
    return "The key is not known here, has expired or was revoked."


_Asked = tuple[KeyProvider, str]
"""Whom to ask for the owner of a key, and the key's hash."""


class Callers:
    """Who the keys of one app belong to, remembered while nothing is written to `collections` that could change it.

    Where that is not known storage is asked, by what comes at the same time together. So a key that any process revokes
    is refused by all from then on.
    """

    def __init__(self, db: Database, storage: Storage, collections: Sequence[Collection[Any]], clock: Clock) -> None:
        self._db, self._storage, self._collections, self._clock = db, storage, collections, clock
        self._known: dict[bytes, Principal] = {}
        """By a digest of what was sent: no key is kept."""
        self._stamp: Hashable = None
        """That of the collections when they were asked for."""
        self._together = Together(self._identify_all)

    def known(self, sent: bytes) -> Principal | None:
        """The owner of a key that was sent in the same way before, where nothing has changed since."""
        stamp = self._storage.stamp(*self._collections)
        if stamp is None or stamp != self._stamp:
            return None
        caller = self._known.get(blake2b(sent).digest())
        return caller if caller is not None and (caller.until is None or caller.until > self._clock()) else None

    async def find(self, provider: KeyProvider, sent: bytes) -> Principal | None:
        """The owner of the key that is sent so, that is valid now."""
        stamp, asked = self._storage.stamp(*self._collections), (provider, hash_key(key_of(sent)))
        if stamp is None:
            return await self._together.do(asked)
        if stamp != self._stamp or len(self._known) >= _MOST_KNOWN:
            self._known, self._stamp = {}, stamp
        known = self._known  # what is found belongs there, and to no later stamp
        found = await self._identify(asked)
        if found is not None:
            known[blake2b(sent).digest()] = found
        return found

    async def _identify(self, asked: _Asked) -> Principal | None:
        return await self._db.transact(_identify, *asked)

    async def _identify_all(self, asked: Sequence[_Asked]) -> Sequence[Principal | None]:
        """Ask for each key once."""
        different = list(dict.fromkeys(asked))
        found = dict(zip(different, await asyncio.gather(*map(self._identify, different)), strict=True))
        return [found[each] for each in asked]


def _identify(tx: Tx, provider: KeyProvider, key_hash: str) -> Principal | None:
    return provider.identify(tx, key_hash)


def _check_same_origin(exchange: Exchange, scope: Scope) -> None:
    """A cookie goes along with requests that other sites' pages make; a change must come from our own page."""
    if scope["method"] in _SAFE:
        return
    site = header(exchange.given, b"sec-fetch-site")
    origin = header(exchange.given, b"origin")
    if site is not None and site not in ("same-origin", "none"):
        raise forbidden("A session works from the service's own page alone; use a key.")
    # What the browser says of the site it compared itself; an address behind a proxy may not be the one it shows.
    if site is None and origin is not None and origin != exchange.base_url:
        raise forbidden(f"The session belongs to {exchange.base_url}, not to {origin}.")
