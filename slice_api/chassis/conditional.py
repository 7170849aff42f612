"""ETags and the conditions on them (RFC 9110, section 13)."""

import re
from collections.abc import Iterable

from mmh3 import mmh3_x64_128_digest

from slice_api.chassis.problems import invalid
from slice_api.chassis.storage.tx import Origin

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_LIST = re.compile(r'\s*(W/)?"[\x21\x23-\x7e\x80-\xff]*"\s*(,\s*((W/)?"[\x21\x23-\x7e\x80-\xff]*"\s*)?)*')


def body_tag(body: bytes, version: int | None = None) -> bytes:
    """A strong ETag: the version of the document as in `version_tag`, where it has one, and a hash of what is sent."""
    digest = mmh3_x64_128_digest(body).hex().encode()
    return b'"%x.%b"' % (version, digest) if version is not None else b'"%b"' % digest


def answer_version(origin: Origin) -> int | None:
    """The version of the object an answer shows: of the document the path names, else of the only one met."""
    keys, seen = origin.keys, origin.seen
    for key in reversed(keys):
        if key in seen:
            return seen[key]
    return next(iter(seen.values())) if len(seen) == 1 else None


def is_unchanged(etag: str, if_none_match: str) -> bool:
    """Whether one of the tags in If-None-Match fits, weakly compared."""
    if if_none_match.strip() == "*":
        return True
    wanted = etag.removeprefix("W/")
    return any(f'"{tag}"' == wanted for _, tag in _TAG.findall(if_none_match))


def expected_versions(if_match: str) -> frozenset[str]:
    """The versions that If-Match lists, or `*`; raises 422 · invalid for what is no list of ETags.

    Only the version part of a tag counts: what a link's visitors add to its counters must not stop an edit.
    """
    if if_match.strip() == "*":
        return frozenset("*")
    if _LIST.fullmatch(if_match) is None:
        raise invalid("header/If-Match", 'must be ETags in quotes with commas between them, such as "5f.1c2d", or *')
    return _versions(tag for weak, tag in _TAG.findall(if_match) if not weak)


def _versions(tags: Iterable[str]) -> frozenset[str]:
    return frozenset(tag.partition(".")[0] for tag in tags)
