"""Signing in, and who is signed in."""

from typing import Annotated

from pydantic import Field, SecretStr

from slice_api.chassis import Schema


class SignIn(Schema):
    """A key, to sign in with."""

    key: Annotated[SecretStr, Field(min_length=1, max_length=200)]
    """An API key."""


class SessionView(Schema):
    """Who is asking, and what they may do."""

    key_id: str = Field(examples=["7hKq2mXa"])
    """The id of the key."""
    name: str = Field(examples=["laptop"])
    """What the key is called."""
    scopes: list[str] = Field(examples=[["links:read", "links:write"]])
    """What it may do."""
