"""What in a document breaks flagd's format: a little of it is fatal, the rest is told, since real documents have it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from slice_api.chassis import pointer_step
from slice_api.slices.flags.documents.schemas import Document, Finding, FlagInDocument
from slice_api.slices.flags.rules.bounds import rule_faults
from slice_api.slices.flags.schemas import RESERVED_KEYS
from slice_api.slices.flags.values import kind_of

LONGEST_KEY: Final = 512
_LONGEST_SET_NAME: Final = 128

_FIELDS: Final = frozenset({"flags", "$evaluators", "metadata", "$schema"})
_FLAG_FIELDS: Final = frozenset({"state", "variants", "defaultVariant", "targeting", "metadata", "description", "tags"})
_STATES: Final = ("ENABLED", "DISABLED")
_KEY: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_NO_EVALUATORS: Final[Mapping[str, Any]] = {}


def findings_of(document: Document) -> Iterator[Finding]:
    """Everything that breaks the format in a document whose flags are known."""
    yield from _about_fields(document)
    yield from _about_metadata(document.envelope.get("metadata", {}), "#/metadata")
    yield from _about_set_name(document)
    evaluators = document.envelope.get("$evaluators", {})
    yield from _about_evaluators(evaluators)
    for flag in document.flags:
        yield from _about_flag(flag, evaluators if isinstance(evaluators, dict) else {}, is_array=document.is_array)


def _about_fields(document: Document) -> Iterator[Finding]:
    for name in document.envelope.keys() - _FIELDS:
        yield Finding(f"#/{pointer_step(name)}", "is no field of a document")
    schema = document.envelope.get("$schema", "")
    if not isinstance(schema, str):
        yield Finding("#/$schema", "must be a string")


def _about_metadata(metadata: Any, pointer: str) -> Iterator[Finding]:
    if not isinstance(metadata, dict):
        yield Finding(pointer, "must be an object")
        return
    for name, value in metadata.items():
        if not isinstance(value, str | int | float):
            yield Finding(f"{pointer}/{pointer_step(name)}", "must be a string, a number or a boolean")


def _about_set_name(document: Document) -> Iterator[Finding]:
    """A name that no set can have is fatal: the flags must not end up in another set."""
    metadata, name = document.envelope.get("metadata"), document.set_name
    if isinstance(metadata, dict) and "flagSetId" in metadata and name is None:
        yield Finding("#/metadata/flagSetId", "must be a string")
    if name is not None and (len(name) > _LONGEST_SET_NAME or _CONTROL.search(name)):
        detail = f"cannot name a set: at most {_LONGEST_SET_NAME} characters, none of them a control character"
        yield Finding("#/metadata/flagSetId", detail, is_fatal=True)


def _about_evaluators(evaluators: Any) -> Iterator[Finding]:
    if not isinstance(evaluators, dict):
        yield Finding("#/$evaluators", "must be an object")
        return
    for name, rule in evaluators.items():
        yield from _about_rule(rule, _NO_EVALUATORS, f"#/$evaluators/{pointer_step(name)}")


def _about_rule(rule: Any, evaluators: Mapping[str, Any], pointer: str) -> Iterator[Finding]:
    if not isinstance(rule, dict):
        yield Finding(pointer, "must be an object")
    for fault in rule_faults(rule, evaluators):
        yield Finding(pointer + fault.pointer, fault.detail, fault.is_fatal)


def _about_flag(flag: FlagInDocument, evaluators: Mapping[str, Any], *, is_array: bool) -> Iterator[Finding]:
    source, pointer = flag.source, flag.pointer
    yield from _about_key(flag)
    for name in source.keys() - _FLAG_FIELDS - ({"key"} if is_array else set()):
        yield Finding(f"{pointer}/{pointer_step(name)}", "is no field of a flag")
    if "state" not in source:
        yield Finding(f"{pointer}/state", "is missing")
    elif source["state"] not in _STATES:
        yield Finding(f"{pointer}/state", "must be ENABLED or DISABLED")
    yield from _about_variants(flag)
    yield from _about_default(flag)
    if "targeting" in source:
        yield from _about_rule(source["targeting"], evaluators, f"{pointer}/targeting")
    yield from _about_metadata(source.get("metadata", {}), f"{pointer}/metadata")
    yield from _about_texts(flag)


def _about_key(flag: FlagInDocument) -> Iterator[Finding]:
    if len(flag.key) > LONGEST_KEY:
        detail = f"has a key of {len(flag.key):,} characters, and {LONGEST_KEY} is the most"
        yield Finding(flag.pointer, detail, is_fatal=True)
    elif flag.key in RESERVED_KEYS:
        yield Finding(flag.pointer, f"cannot be managed by itself: /api/flags/{flag.key} is a path of its own")
    elif _KEY.fullmatch(flag.key) is None:
        detail = "has a key that not every client can send: 1 to 128 letters, digits, `.`, `_`, `:` and `-` work"
        yield Finding(flag.pointer, detail)


def _about_variants(flag: FlagInDocument) -> Iterator[Finding]:
    pointer, variants = f"{flag.pointer}/variants", flag.source.get("variants")
    if "variants" not in flag.source:
        yield Finding(pointer, "is missing")
    elif not isinstance(variants, dict):
        yield Finding(pointer, "must be an object")
    elif not variants:
        yield Finding(pointer, "must have at least one variant")
    elif kind_of(variants) is None:
        yield Finding(pointer, "must all be of one type: boolean, string, number or object")


def _about_default(flag: FlagInDocument) -> Iterator[Finding]:
    default, variants = flag.source.get("defaultVariant"), flag.source.get("variants")
    if default is None or default == "":
        return
    names = variants if isinstance(variants, dict) else {}
    if not isinstance(default, str) or default not in names:
        detail = f"must be one of the variants: {', '.join(list(names)[:20])}" if names else "is not among the variants"
        yield Finding(f"{flag.pointer}/defaultVariant", detail, is_fatal=True)


def _about_texts(flag: FlagInDocument) -> Iterator[Finding]:
    """The fields that are ours."""
    description, tags = flag.source.get("description", ""), flag.source.get("tags", [])
    if not isinstance(description, str):
        yield Finding(f"{flag.pointer}/description", "must be a string")
    if not (isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)):
        yield Finding(f"{flag.pointer}/tags", "must be an array of strings")
