"""Keys as they come in, go out and are kept, and what is told of them; one answer alone shows the key itself."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from slice_api.chassis import Change, Event, Schema, Time


def _sorted_once(scopes: list[str]) -> list[str]:
    return sorted(set(scopes))


Scope = Annotated[str, StringConstraints(pattern=r"^(admin|[a-z][a-z0-9_]*:[a-z][a-z0-9_]*)$", max_length=80)]
Scopes = Annotated[
    list[Scope],
    Field(min_length=1, max_length=100, examples=[["keys:read", "keys:write"]]),
    AfterValidator(_sorted_once),
]
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), Field(examples=["laptop"])
]


class NewKey(Schema):
    """A key to be made."""

    name: Name
    """What it is for, so that it can be told from the others."""
    scopes: Scopes
    """What it may do: `<slice>:read`, `<slice>:write`, or `admin` for everything."""
    expires_at: Time | None = Field(default=None, examples=["2099-12-31T23:59:59Z"])
    """When it stops working; null: never."""


class KeyChange(Change, NewKey):
    """What to change of a key; what is left out stays."""


class Key(Schema):
    """A key, without the key itself."""

    id: str = Field(examples=["7hKq2mXa"])
    """Its public part, which also stands in the key."""
    name: Name
    scopes: Scopes
    expires_at: Time | None = Field(default=None, examples=["2099-12-31T23:59:59Z"])
    """When it stops working; null: never."""
    created_at: Time
    created_by: str | None
    """The key that made it; null for the first one."""
    last_used_at: Time | None = None
    """When it was last used, to the minute."""
    is_configured: bool = False
    """Whether it is the one that SLICE_ADMIN_KEY names."""


class ShownKey(Key):
    """A key just made, with the key itself: the only time it is shown."""

    key: str = Field(examples=["slice_7hKq2mXa_0123456789abcdefghijklmnopqrstuvAbCdEf"])
    """The key. Keep it now; it cannot be shown again."""


class StoredKey(Key):
    """A key as it is kept."""

    key_hash: str
    """SHA-256 of the key, hexadecimal."""

    @property
    def is_admin(self) -> bool:
        return "admin" in self.scopes


class KeyCreated(Event):
    """A key was made."""

    topic = "keys.created"
    key: Key


class KeyUpdated(Event):
    """A key was changed."""

    topic = "keys.updated"
    key: Key


class KeyDeleted(Event):
    """A key was revoked."""

    topic = "keys.deleted"
    id: str
    name: str
