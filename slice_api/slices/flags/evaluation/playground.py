"""Trying flags out: what each is in a context, and why."""

from typing import Any, Final, cast

from slice_api.chassis import Tx, invalid
from slice_api.slices.flags import store
from slice_api.slices.flags.evaluation.evaluating import evaluate_one
from slice_api.slices.flags.evaluation.schemas import Explained, Explanation, Question, Reason
from slice_api.slices.flags.evaluation.sets import Answer, LiveSet, bucketing_of, compiled_set
from slice_api.slices.flags.rules.compiler import RuleError
from slice_api.slices.flags.rules.explanation import Why, explain_rule
from slice_api.slices.flags.schemas import FlagSet, StoredFlag

MOST_FLAGS: Final = 1_000


def explain_flags(tx: Tx, question: Question, wanted: str | None) -> Explanation:
    """What the flags of a set are in a context, by their newest versions; those that are named, or all."""
    name = store.set_called(tx, wanted)
    held = tx.get(store.SETS, name)
    flags = {flag.key: flag for flag in _flags(tx, question, name)}
    live = compiled_set(held, flags.values()) if held else None
    keys = dict.fromkeys(flags if question.keys is None else question.keys)
    return Explanation(set=name, flags=[_explained(tx, key, flags.get(key), held, live, question) for key in keys])


def _flags(tx: Tx, question: Question, name: str) -> list[StoredFlag]:
    if question.keys is None:
        flags = store.flags_of(tx, name)
        if len(flags) > MOST_FLAGS:
            raise invalid("#/keys", f"must name the flags, since there are more than {MOST_FLAGS:,}")
        return flags
    found = (tx.get(store.FLAGS, store.flag_id(name, key)) for key in question.keys)
    return [flag for flag in found if flag is not None]


def _explained(
    tx: Tx, key: str, flag: StoredFlag | None, held: FlagSet | None, live: LiveSet | None, question: Question
) -> Explained:
    timestamp = int(tx.now.timestamp())
    answer = evaluate_one(live, key, question.context, timestamp)
    is_by_rule = flag is not None and live is not None and live.flags[key].fixed is None
    context = {**question.context, "$flagd": {"flagKey": key, "timestamp": timestamp}}
    why = _why(flag, held, context) if flag is not None and held is not None and is_by_rule else None
    is_error = answer.variant is None
    return Explained(
        key=key,
        value=answer.value,
        variant=answer.variant or None,
        reason=cast(Reason, "ERROR" if is_error else answer.reason),
        error_code=answer.reason if is_error else None,
        error_details=answer.details or None,
        told=_told(answer, flag, why),
        why=why,
    )


def _why(flag: StoredFlag, held: FlagSet, context: dict[str, Any]) -> Why | None:
    try:
        return explain_rule(
            flag.targeting,
            context,
            evaluators=held.evaluators,
            flag_key=flag.key,
            bucketing=bucketing_of(held),
        )
    except RuleError:  # the answer tells of it
        return None


def _told(answer: Answer, flag: StoredFlag | None, why: Why | None) -> str:
    """The reason in words."""
    if flag is None or answer.variant is None:
        return answer.details
    given = (
        f"the variant {answer.variant!r}" if answer.variant else "no value, so that the default in the code is right"
    )
    if answer.reason == "DISABLED":
        return "The flag is disabled: programs use the default in their code."
    if answer.reason == "TARGETING_MATCH":
        return f"The rule gives {given}."
    if why is None:
        return f"There is no rule: everybody is given {given}."
    return f"The rule decides nothing here, so that the default holds: {given}."
