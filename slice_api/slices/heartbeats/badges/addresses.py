"""The addresses of badges: signed, so that nobody finds the badge of a tag by trying."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hmac import compare_digest
from hmac import digest as hmac
from typing import Final, NamedTuple
from urllib.parse import quote
from uuid import UUID

from slice_api.slices.heartbeats.addresses import Site
from slice_api.slices.heartbeats.schemas import Secrets

FORMATS: Final = ("svg", "json", "shields")

_SIGNED: Final = 8
_TWO_STATES: Final = "-2"


def badge_key(secrets: Secrets) -> str:
    """What stands in the addresses of all badges; it tells nothing of the secret."""
    return str(UUID(bytes=hmac(secrets.badge_secret.encode(), b"key", "sha256")[:16], version=4))


def _signature(secrets: Secrets, tag: str | None) -> str:
    signed = f"badge/{badge_key(secrets)}/{'*' if tag is None else tag}"
    return urlsafe_b64encode(hmac(secrets.badge_secret.encode(), signed.encode(), "sha256"))[:_SIGNED].decode()


def badge_urls(site: Site, secrets: Secrets, tag: str | None) -> Mapping[str, str]:
    """The addresses of the badges of a tag, or of all checks, by format; those with 3 tell too that one is late."""
    start = f"{site.base_url}/badge/{badge_key(secrets)}/{_signature(secrets, tag)}"
    end = "" if tag is None else f"/{quote(tag, safe='')}"
    kinds = ((kind, states) for kind in FORMATS for states in ("", "3"))
    return {f"{kind}{states}": f"{start}{'' if states else _TWO_STATES}{end}.{kind}" for kind, states in kinds}


class Asked(NamedTuple):
    """What the address of a badge asks for."""

    tag: str | None
    has_late: bool
    """Whether it tells of three states."""


def asked_by(secrets: Secrets, key: str, signature: str, tag: str | None) -> Asked | None:
    """What an address asks for; None unless it was made here."""
    signed = signature.removesuffix(_TWO_STATES)
    is_ours = compare_digest(key.encode(), badge_key(secrets).encode())
    is_signed = compare_digest(signed.encode(), _signature(secrets, tag).encode())
    return Asked(tag, has_late=signed == signature) if is_ours and is_signed else None
