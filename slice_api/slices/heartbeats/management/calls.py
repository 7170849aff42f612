"""Which call a path is, for versions and spellings that are not routes of their own."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

from fastapi import Response

from slice_api.slices.heartbeats.management import answers
from slice_api.slices.heartbeats.management.refusals import NOT_FOUND, NOT_OFFERED, RefusalError
from slice_api.slices.heartbeats.management.requests import Incoming

Answer = Callable[..., Awaitable[Response]]


class _Place(NamedTuple):
    pattern: re.Pattern[str]
    answers: Mapping[str, Answer]


def _place(path: str, **offered: Any) -> _Place:
    return _Place(re.compile(path.replace("*", "([^/]+)") + "/?"), offered)


_PLACES: Final = (
    _place("checks", GET=answers.list_checks, POST=answers.put_check),
    _place("checks/*", GET=answers.read_check, POST=answers.update_check, DELETE=answers.delete_check),
    _place("checks/*/pause", POST=answers.pause_check),
    _place("checks/*/resume", POST=answers.resume_check),
    _place("checks/*/pings", GET=answers.list_pings),
    _place("checks/*/pings/*/body", GET=answers.read_ping_body),
    _place("checks/*/flips", GET=answers.list_flips),
    _place("channels", GET=answers.list_channels),
    _place("badges", GET=answers.list_badges),
    _place("status", GET=answers.read_status),
    _place("metrics", GET=answers.read_figures),
)


async def call(given: Incoming, path: str) -> Response:
    """The answer to the call that a path below `/api/v…/` is; raises RefusalError."""
    method = "GET" if given.request.method == "HEAD" else given.request.method
    for place in _PLACES:
        found = place.pattern.fullmatch(path)
        if found and method in place.answers:
            return await place.answers[method](given, *found.groups())
        if found:
            raise RefusalError(405, NOT_OFFERED, ", ".join([*place.answers, "OPTIONS"]))
    raise RefusalError(404, NOT_FOUND)
