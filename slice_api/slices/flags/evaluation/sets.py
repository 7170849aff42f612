"""The flag sets as they are evaluated: compiled once, held in memory, and changed flag by flag.

What a flag can answer is known beforehand but for which of its variants it is, so all of its answers lie ready as JSON.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

import orjson

from slice_api.chassis import EventRecord, Mirror, Tx
from slice_api.slices.flags.rules.compiler import Bucketing, Rule, RuleError, compile_rule
from slice_api.slices.flags.schemas import FlagSet, StoredFlag
from slice_api.slices.flags.store import FLAGS, SETS, flag_id, flags_of

CHANGES: Final = ("flags.created", "flags.updated", "flags.deleted", "flags.imported", "flags.set_deleted")
"""The events after which a set may evaluate otherwise."""

Metadata = Mapping[str, str | int | float | bool]


class Answer(NamedTuple):
    """What an evaluation gives."""

    status: int
    """200, 400 or 404, for who asks for this flag alone."""
    body: bytes
    """OFREP's JSON object."""
    reason: str
    """The reason, or the error code."""
    variant: str | None
    """The variant's name, "" for the code's own default; None for an error."""
    value: Any = None
    details: str = ""
    """What is wrong."""


class LiveFlag(NamedTuple):
    """A flag, ready to be evaluated."""

    key: str
    serial: str
    """What it is counted by."""
    revision: int
    metadata: Metadata
    """The set's, with the flag's own over it."""
    fixed: Answer | None
    """The answer where there is nothing to evaluate."""
    rule: Rule
    by_default: Answer
    """The answer where the rule decides nothing."""
    matches: Mapping[str, Answer]
    """The answer where the rule gives a variant's name."""


class LiveSet(NamedTuple):
    """A flag set, ready to be evaluated."""

    held: FlagSet
    flags: Mapping[str, LiveFlag]
    """By key, in the order of the document."""
    metadata: Metadata

    @property
    def etag(self) -> str:
        """What changes with every change of the set; it says nothing of what a context is answered."""
        return f"{self.held.revision:x}-{self.last_modified:x}"

    @property
    def last_modified(self) -> int:
        """When the set last changed, in seconds since 1970."""
        return int(self.held.updated_at.timestamp())


AllSets = Mapping[str, LiveSet]
"""By name."""


# Compiling


def live_flag(flag: StoredFlag, held: FlagSet) -> LiveFlag:
    """The flag, compiled; what is wrong with it becomes its answer."""
    metadata = {**_metadata_of(held.metadata), **_metadata_of(flag.metadata)}
    try:
        return _compiled(flag, held, metadata)
    except RuleError as error:
        return _without_rule(flag, metadata, failed(flag.key, metadata, "PARSE_ERROR", str(error)))
    except orjson.JSONEncodeError as error:  # an import may hold what is nested too deeply
        details = f"A variant cannot be told as JSON: {error}."
        return _without_rule(flag, metadata, failed(flag.key, metadata, "GENERAL", details))


def _compiled(flag: StoredFlag, held: FlagSet, metadata: Metadata) -> LiveFlag:
    fixed = _fixed(flag, metadata)
    if fixed is not None:
        return _without_rule(flag, metadata, fixed)
    rule = compile_rule(flag.targeting, evaluators=held.evaluators, flag_key=flag.key, bucketing=bucketing_of(held))
    matches = {name: decided(flag, metadata, "TARGETING_MATCH", name) for name in flag.variants}
    by_default = decided(flag, metadata, "DEFAULT", flag.default_variant)
    return LiveFlag(flag.key, flag.serial, flag.revision, metadata, None, rule, by_default, matches)


def _without_rule(flag: StoredFlag, metadata: Metadata, answer: Answer) -> LiveFlag:
    return LiveFlag(flag.key, flag.serial, flag.revision, metadata, answer, lambda _: None, answer, {})


def _fixed(flag: StoredFlag, metadata: Metadata) -> Answer | None:
    """The answer of a flag that is disabled, broken, or the same for everybody; None where a rule decides."""
    if flag.state == "DISABLED":
        return decided(flag, metadata, "DISABLED", None)
    if flag.default_variant is not None and flag.default_variant not in flag.variants:
        return failed(flag.key, metadata, "GENERAL", f"the default variant {flag.default_variant!r} is no variant")
    if flag.targeting is not None:
        return None
    return decided(flag, metadata, "STATIC" if flag.default_variant is not None else "DEFAULT", flag.default_variant)


def decided(flag: StoredFlag, metadata: Metadata, reason: str, variant: str | None) -> Answer:
    """A variant and its value; without a variant none, and the default in the code of who asks is right.

    Some clients take an answer without `variant` for an error, so that it is there, and empty.
    """
    told: dict[str, Any] = {"key": flag.key, "reason": reason, "variant": variant or ""}
    value = None if variant is None else flag.variants[variant]
    told |= {} if variant is None else {"value": value}
    told |= {"metadata": metadata} if metadata else {}
    return Answer(200, orjson.dumps(told), reason, variant or "", value)


def failed(key: str | None, metadata: Metadata, code: str, details: str, status: int = 400) -> Answer:
    """What is wrong, by OFREP's error code: with a flag, or with what was asked of a whole set."""
    told: dict[str, Any] = {} if key is None else {"key": key}
    told |= {"errorCode": code, "errorDetails": details}
    told |= {"metadata": metadata} if metadata else {}
    return Answer(status, orjson.dumps(told), code, None, None, details)


def _metadata_of(found: Mapping[str, Any]) -> Metadata:
    """What the protocol takes as metadata: texts, numbers and booleans, as far as JSON has a word for them."""
    return {name: value for name, value in found.items() if isinstance(value, str | int | float) and _has_word(value)}


def _has_word(value: str | int | float) -> bool:
    return not isinstance(value, int) or -(2**63) <= value < 2**64


def bucketing_of(held: FlagSet) -> Bucketing:
    """How `fractional` spreads: by flagd's newer generation, unless the set's metadata asks for the one before."""
    return "v2" if held.metadata.get("bucketing") == "v2" else "v3"


# The mirror


def compiled_set(held: FlagSet, flags: Iterable[StoredFlag], known: LiveSet | None = None) -> LiveSet:
    """A set, compiled; flags that are as they were are taken over, unless what they share is different."""
    is_same_frame = known is not None and known.held.envelope == held.envelope
    old = known.flags if known is not None and is_same_frame else {}
    compiled = {flag.key: _taken_over(old.get(flag.key), flag) or live_flag(flag, held) for flag in flags}
    return LiveSet(held, compiled, _metadata_of(held.metadata))


def _taken_over(old: LiveFlag | None, flag: StoredFlag) -> LiveFlag | None:
    return old if old is not None and (old.serial, old.revision) == (flag.serial, flag.revision) else None


class _ReadSet(NamedTuple):
    """What was read of a set that has changed."""

    held: FlagSet
    known: LiveSet | None
    """The set as it was, where flags of it may be taken over."""
    flags: Sequence[StoredFlag]
    """All flags of the set, or those that have changed."""
    gone: frozenset[str] = frozenset()
    """The keys of the flags that are not there any more, where not all were read."""
    is_whole: bool = True


class _Read(NamedTuple):
    """What was read of all sets: those that are as they were, and those that have changed."""

    same: AllSets
    changed: Sequence[_ReadSet]


def _read(tx: Tx, sets: AllSets | None, events: Sequence[EventRecord]) -> _Read:
    if sets is None:
        flags = sorted(tx.all(FLAGS), key=lambda flag: (flag.set, flag.position, flag.key))
        by_set = {name: list(own) for name, own in groupby(flags, key=lambda flag: flag.set)}
        return _Read({}, [_ReadSet(held, None, by_set.get(held.name, ())) for held in tx.all(SETS)])
    names = dict.fromkeys(str(event.data["set"]) for event in events)
    found = [_read_set(tx, held, sets.get(held.name), events) for name in names if (held := tx.get(SETS, name))]
    return _Read({name: live for name, live in sets.items() if name not in names}, found)


def _read_set(tx: Tx, held: FlagSet, known: LiveSet | None, events: Sequence[EventRecord]) -> _ReadSet:
    keys = [event.data.get("key") for event in events if event.data["set"] == held.name]
    if known is None or None in keys or known.held.envelope != held.envelope:
        # Between two events a key may have been made anew: its revisions begin again, and clocks may stand still.
        return _ReadSet(held, known if len(keys) == 1 else None, flags_of(tx, held.name))
    found = {key: tx.get(FLAGS, flag_id(held.name, key)) for key in sorted(filter(None, keys))}
    flags = [flag for flag in found.values() if flag is not None]
    return _ReadSet(held, known, flags, frozenset(key for key in found if found[key] is None), is_whole=False)


def _make(read: _Read) -> AllSets:
    return {**read.same, **{each.held.name: _made_set(each) for each in read.changed}}


def _made_set(read: _ReadSet) -> LiveSet:
    if read.is_whole or read.known is None:
        return compiled_set(read.held, read.flags, read.known)
    flags = {key: flag for key, flag in read.known.flags.items() if key not in read.gone}
    flags |= {flag.key: live_flag(flag, read.held) for flag in read.flags}
    return read.known._replace(held=read.held, flags=flags)


FLAG_SETS: Final = Mirror("flag sets", read=_read, make=_make, topics=CHANGES)


def set_in(sets: AllSets, wanted: str | None) -> LiveSet | None:
    """The set that is asked for; without a name the one that has none, or else the only one there is."""
    if wanted is None and "" not in sets and len(sets) == 1:
        return next(iter(sets.values()))
    return sets.get(wanted or "")
