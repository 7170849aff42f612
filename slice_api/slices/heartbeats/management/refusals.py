"""What a request is refused with, in the words of the protocol."""

from typing import Final

MISSING_KEY: Final = "missing api key"
WRONG_KEY: Final = "wrong api key"
UNREADABLE: Final = "could not parse request body"
NO_OBJECT: Final = "json validation error: value is not an object"
NOT_FOUND: Final = "not found"
NOT_OFFERED: Final = "method not allowed"
NOT_PAUSED: Final = "check is not paused"


class RefusalError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str = "", allow: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.allow = status, message, allow
