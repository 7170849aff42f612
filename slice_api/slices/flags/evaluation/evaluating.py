"""Evaluating flags for a context, in the order that flagd has: disabled, without a rule, by the rule."""

from typing import Any

from slice_api.slices.flags.evaluation.sets import Answer, LiveFlag, LiveSet, Metadata, failed
from slice_api.slices.flags.rules.compiler import RuleFailure

Context = dict[str, Any]


def evaluate_one(live: LiveSet | None, key: str, context: Context, timestamp: int) -> Answer:
    """What a flag is in a context; an unknown one is told with what is said of its set."""
    flag = live.flags.get(key) if live is not None else None
    if flag is None:
        return failed(key, live.metadata if live else {}, "FLAG_NOT_FOUND", f"There is no flag {key!r}.", 404)
    return answer_of(flag, context, timestamp)


def metadata_for(live: LiveSet | None, key: str | None = None) -> Metadata:
    """What goes out with every answer on a flag: the set's own where there is no such flag."""
    if live is None:
        return {}
    flag = live.flags.get(key) if key is not None else None
    return flag.metadata if flag is not None else live.metadata


def evaluate_all(live: LiveSet, context: Context, timestamp: int) -> list[Answer]:
    """What every flag of a set is in a context, in the order of its document; none spoils another."""
    context = {**context}
    return [flag.fixed or _by_rule(flag, context, timestamp) for flag in live.flags.values()]


def answer_of(flag: LiveFlag, context: Context, timestamp: int) -> Answer:
    """What a flag is in a context."""
    return flag.fixed or _by_rule(flag, {**context}, timestamp)


def _by_rule(flag: LiveFlag, context: Context, timestamp: int) -> Answer:
    """What the rule decides; `context` is the caller's own copy, and is given what flagd adds to it."""
    context["$flagd"] = {"flagKey": flag.key, "timestamp": timestamp}
    try:
        result = flag.rule(context)
    except RuleFailure as failure:
        return failed(flag.key, flag.metadata, "PARSE_ERROR", f"The rule {failure}.")
    except Exception as error:  # a fault of the operators, which must cost the other flags of a set nothing
        return failed(flag.key, flag.metadata, "PARSE_ERROR", f"The rule fails: {type(error).__name__}.")
    return answer_for(flag, result)


def answer_for(flag: LiveFlag, result: Any) -> Answer:
    """The answer where a rule gives this result: a variant's name, true or false for those names, null for none."""
    if result is None:
        return flag.by_default
    name = {True: "true", False: "false"}[result] if isinstance(result, bool) else result
    found = flag.matches.get(name) if isinstance(name, str) else None
    return found or failed(flag.key, flag.metadata, "GENERAL", f"The rule gives {name!r}, which is no variant."[:300])
