"""A document as it comes in: taken apart, and checked as a whole before anything is kept of it."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

import orjson

from slice_api.chassis import Fault, all_invalid, invalid, pointer_step
from slice_api.slices.flags.documents.checks import findings_of
from slice_api.slices.flags.documents.parsing import parse, repeated_names, storage_findings
from slice_api.slices.flags.documents.schemas import Document, Finding, FlagInDocument

MOST_BYTES: Final = 16 * 2**20
MOST_FLAGS: Final = 20_000
MOST_REFERRED: Final = 5_000_000
"""Bytes of evaluators, counted once for each time that a rule refers to one: each gets a copy."""
_MOST_TOLD: Final = 1_000


class ReadDocument(NamedTuple):
    """A document that can be imported, and what is odd about it."""

    document: Document
    warnings: list[Fault]


def read_document(body: bytes, *, is_strict: bool) -> ReadDocument:
    """The document of a body; raises 422 with every fault that keeps it out, which are all of them when it is strict.

    Takes a second and more for the largest, without waiting for anything: not for the thread of the loop.
    """
    value = parse(body)
    if not isinstance(value, dict):
        raise invalid("#", "must be an object with the field `flags`")
    document, broken = _taken_apart(value)
    found = list(_about_size(document))
    if not found:  # what is too large is not looked at any closer
        found += [*broken, *storage_findings(body, value), *findings_of(document), *repeated_names(body)]
    refused = [each for each in found if each.is_fatal or is_strict]
    if refused:
        raise all_invalid(_told(sorted(refused, key=lambda each: not each.is_fatal)))
    return ReadDocument(document, _told(found))


def _told(found: list[Finding]) -> list[Fault]:
    """The first thousand, and how many more there are."""
    faults = [Fault(pointer=each.pointer, detail=each.detail) for each in islice(found, _MOST_TOLD)]
    more = len(found) - len(faults)
    return [*faults, Fault(pointer="#", detail=f"has {more:,} more faults")] if more else faults


def _taken_apart(value: dict[str, Any]) -> tuple[Document, list[Finding]]:
    """The flags and what is around them, and what is no flag."""
    envelope = {name: None if name == "flags" else each for name, each in value.items()}
    given = value.get("flags")
    if not isinstance(given, dict | list):
        detail = "must be an object, or an array of flags with `key`" if "flags" in value else "is missing"
        return Document(envelope, [], is_array=False), [Finding("#/flags", detail, is_fatal=True)]
    is_array = isinstance(given, list)
    each = list(_in_array(given) if isinstance(given, list) else _in_object(given))
    flags = [flag for flag in each if isinstance(flag, FlagInDocument)]
    broken = [finding for finding in each if isinstance(finding, Finding)]
    return Document(envelope, flags, is_array), broken


def _in_object(given: dict[str, Any]) -> Iterator[FlagInDocument | Finding]:
    for key, source in given.items():
        pointer = f"#/flags/{pointer_step(key)}"
        if isinstance(source, dict):
            yield FlagInDocument(key, source, pointer)
        else:
            yield Finding(pointer, "must be an object", is_fatal=True)


def _in_array(given: list[Any]) -> Iterator[FlagInDocument | Finding]:
    places = dict[str, int]()
    for at, source in enumerate(given):
        pointer, key = f"#/flags/{at}", source.get("key") if isinstance(source, dict) else None
        if not isinstance(source, dict):
            yield Finding(pointer, "must be an object", is_fatal=True)
        elif not isinstance(key, str):
            yield Finding(f"{pointer}/key", "must be a string" if "key" in source else "is missing", is_fatal=True)
        elif places.setdefault(key, at) != at:
            yield Finding(f"{pointer}/key", f"is that of the flag at {places[key]} too", is_fatal=True)
        else:
            yield FlagInDocument(key, _without_leading_key(source), pointer)


def _without_leading_key(source: dict[str, Any]) -> dict[str, Any]:
    """A flag of an array just as it would stand in an object, unless its key has another place than the first."""
    return {name: value for name, value in source.items() if name != "key"} if next(iter(source)) == "key" else source


def _about_size(document: Document) -> Iterator[Finding]:
    if len(document.flags) > MOST_FLAGS:
        yield Finding("#/flags", f"has {len(document.flags):,} flags, and {MOST_FLAGS:,} is the most", is_fatal=True)
    evaluators = document.envelope.get("$evaluators")
    if not isinstance(evaluators, dict) or not evaluators:
        return
    largest = max(len(orjson.dumps(rule)) for rule in evaluators.values())
    references = sum(orjson.dumps(flag.source.get("targeting")).count(b'"$ref"') for flag in document.flags)
    if references * largest > MOST_REFERRED:
        detail = f"is referred to so often that {references * largest:,} bytes of rules would come of it"
        yield Finding("#/$evaluators", f"{detail}, and {MOST_REFERRED:,} is the most", is_fatal=True)
