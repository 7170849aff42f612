"""Opening a link that has a password, as far as its door: where it leads is for `redirects` to say."""

from collections.abc import Awaitable, Callable

from pydantic import SecretStr

from slice_api.chassis import Database, Problem, Tx
from slice_api.slices.links.following.passwords import Passwords
from slice_api.slices.links.following.tries import give_back, reserve_try, tries_id
from slice_api.slices.links.lookup import find_link, locked, over, started, wrong_password
from slice_api.slices.links.schemas import StoredLink
from slice_api.slices.links.store import state_of

ReadPassword = Callable[[], Awaitable[SecretStr | None]]
"""Reads what was sent as password, None when nothing was; raises what is wrong with the body."""


def find_door(tx: Tx, slug: str) -> StoredLink | None:
    """The link to be opened; None when it is over and leads elsewhere instead. Raises 404 and 410."""
    link = started(find_link(tx, slug), slug, tx.now)
    if state_of(link, tx.now) != "expired":
        return link
    if link.expired_url is None:
        raise over(link)
    return None


async def open_door(
    db: Database, slug: str, read_password: ReadPassword, *, address: str, passwords: Passwords, most_tries: int
) -> str | None:
    """The hash of the password that opened the link; None for a link that was open or is over.

    Raises 404 and 410 before anything of a password is read, 401 for a wrong one or none, 429 after too many, and 405
    for what is no password at a link that has none: a form may have been open while the password was taken away.
    """
    link = await db.transact(find_door, slug)
    if link is None:
        return None
    if link.password_hash is None:
        await _check_is_password(read_password)
        return None
    password = await read_password()
    if password is None:
        raise locked(link)
    async with passwords.turn():
        reserved = await db.transact(reserve_try, tries_id(link, address), most_tries)
        if not await passwords.is_right(password, link.password_hash):
            raise wrong_password(link)
        await db.transact(give_back, reserved)
    return link.password_hash


async def _check_is_password(read_password: ReadPassword) -> None:
    try:
        password = await read_password()
    except Problem:
        password = None
    if password is None:
        raise Problem(
            "method-not-allowed",
            "POST is for links that have a password, and this one has none; GET follows it.",
            headers={"Allow": "GET, HEAD, OPTIONS"},
        )
