"""Why a rule came to its result: what each operator that was reached found.

It is the compiled rule that runs, with its operators watched, so that what is told is what happened.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Any, Final, NamedTuple

from slice_api.chassis import Schema, pointer_step
from slice_api.slices.flags.rules.buckets import hash_user, hash_value
from slice_api.slices.flags.rules.budget import Budget, new_budget
from slice_api.slices.flags.rules.compiler import Bucketing, RuleFailure, compile_rule
from slice_api.slices.flags.rules.parts import Evaluate, Setting, Watch
from slice_api.slices.flags.rules.values import double, is_truthy, settled
from slice_api.slices.flags.rules.wording import as_json, phrase, shortened

MAX_VISITS: Final = 200
"""How many operators are told of; loops go through more."""

MAX_CHILDREN: Final = 20
_MAX_ITEMS: Final = 50
_MAX_TEXT: Final = 1_000
_MAX_INNER_TEXT: Final = 200

_NO_EVALUATORS: Final[Mapping[str, Any]] = {}


class Why(Schema):
    """What one operator of a rule came to, and what it looked at for that."""

    operator: str
    """Its name; empty for a rule that is a value or an array."""
    pointer: str
    """Where it stands in the rule, references replaced (RFC 6901)."""
    text: str
    """What it asks, in words."""
    outcome: str
    """What came of it, in words."""
    result: Any
    """What came of it; null for a number that JSON has no word for, and where it failed."""
    is_shortened: bool = False
    """Whether `result` is too large to be shown, and cut off, or left out."""
    failure: str = ""
    """What went wrong, when it has no result."""
    is_deciding: bool = False
    """Whether it decided what the operator around it came to."""
    children: tuple["Why", ...] = ()
    """The operators among its arguments that were reached, in that order."""
    omitted: int = 0
    """How many more of them there were."""


class _Visit(NamedTuple):
    """An operator while it runs, on some data.

    `found` gets its result, or its failure, in the end; `reached` what its arguments came to, where they are operators.
    """

    rule: Any
    data: Any
    at: tuple[str | int, ...]
    children: list["_Visit"]
    omitted: list[None]
    found: list[Any]
    reached: dict[int, Any]


def explain_rule(
    rule: Any,
    data: Mapping[str, Any],
    *,
    evaluators: Mapping[str, Any] = _NO_EVALUATORS,
    flag_key: str = "",
    bucketing: Bucketing = "v3",
) -> Why:
    """Evaluate a rule and tell why it came to its result, or where it failed; raises RuleError like `compile_rule`."""
    whole = _visit(rule, data, ())
    run = compile_rule(
        rule, evaluators=evaluators, flag_key=flag_key, bucketing=bucketing, watch=_watching([whole], [MAX_VISITS])
    )
    try:
        whole.found.append(run(data))
    except RuleFailure as failure:
        whole.found.append(failure)
    if isinstance(rule, dict) and len(rule) == 1 and whole.children:
        whole = whole.children[0]._replace(found=whole.found)
    return _why(whole, Setting(flag_key, bucketing, evaluators), is_deciding=True)


def _visit(rule: Any, data: Any, at: tuple[str | int, ...]) -> _Visit:
    return _Visit(rule, data, at, [], [], [], {})


def _watching(stack: list[_Visit], left: list[int]) -> Watch:
    """Keeps what each operator came to with the one around it, which is the last of the stack."""

    def watch(rule: Any, at: tuple[str | int, ...], run: Evaluate) -> Evaluate:
        def watched(data: Any, budget: Budget) -> Any:
            visit, around = _visit(rule, data, at), stack[-1]
            _note(visit, around, left)
            stack.append(visit)
            try:
                visit.found.append(run(data, budget))
            except RuleFailure as failure:
                visit.found.append(failure)
                raise
            finally:
                stack.pop()
            if len(at) <= len(around.at) + 2:
                around.reached[_place(visit, around)] = visit.found[0]
            return visit.found[0]

        return watched

    return watch


def _note(visit: _Visit, around: _Visit, left: list[int]) -> None:
    if left[0] <= 0 or len(around.children) >= MAX_CHILDREN:
        around.omitted.append(None)
        return
    left[0] -= 1
    around.children.append(visit)


def _why(visit: _Visit, setting: Setting, is_deciding: bool) -> Why:
    name = next(iter(visit.rule)) if isinstance(visit.rule, dict) and len(visit.rule) == 1 else ""
    found = visit.found[0]
    is_failure = isinstance(found, RuleFailure)
    shown, is_shortened = (None, False) if is_failure else _shown(found)
    deciding = _deciding(name, visit, setting)
    return Why(
        operator=name,
        pointer=_pointer(visit.at),
        text=phrase(visit.rule),
        outcome=_outcome(name, visit, _told(found, shown, is_shortened), setting),
        result=shown,
        is_shortened=is_shortened,
        failure=shortened(str(found), _MAX_TEXT) if is_failure else "",
        is_deciding=is_deciding,
        children=tuple(_why(child, setting, each) for child, each in zip(visit.children, deciding, strict=True)),
        omitted=len(visit.omitted),
    )


def _shown(found: Any) -> tuple[Any, bool]:
    """The result as JSON, and whether that is not all of it."""
    if isinstance(found, str):
        shown = shortened(found, _MAX_TEXT)
        return shown, shown != found
    try:
        return settled(found, [_MAX_ITEMS], _as_json_has_it), False
    except RuleFailure:
        return None, True


def _as_json_has_it(value: Any) -> Any:
    if isinstance(value, str) and value != shortened(value, _MAX_INNER_TEXT):
        raise RuleFailure("cannot be shown")
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    number = value if -(2**63) <= value < 2**64 else double(value)
    return number if isfinite(number) else None


def _deciding(name: str, visit: _Visit, setting: Setting) -> list[bool]:
    """Which of the children decided: of conditions in a row the last one reached, unless it took all of them."""
    children, (found, *_) = visit.children, visit.found
    if isinstance(found, RuleFailure):
        return [child.found == visit.found for child in children]
    if name in ("if", "?:"):
        branch, places = _branch(visit, setting), [_place(child, visit) for child in children]
        condition = max((at for at in places if at < branch), default=branch)
        return [at in (branch, condition) for at in places]
    is_all = name not in ("and", "or") or is_truthy(found) is (name == "and")
    return [is_all or child is children[-1] for child in children]


def _arguments(visit: _Visit, setting: Setting) -> list[Any]:
    """What the arguments came to; those that were not reached as they stand in the rule."""
    ((_, given),) = visit.rule.items()
    args = given if isinstance(given, list) else [given]
    return [visit.reached.get(at, _referred(arg, setting)) for at, arg in enumerate(args)]


def _referred(arg: Any, setting: Setting) -> Any:
    """What a reference stands for: one to a value is no operator, and is not watched."""
    name = arg.get("$ref") if isinstance(arg, dict) and len(arg) == 1 else None
    return setting.evaluators.get(name, arg) if isinstance(name, str) else arg


def _branch(visit: _Visit, setting: Setting) -> int:
    """Which argument of an `if` its result came from; one past the last when from none."""
    args = _arguments(visit, setting)
    for at in range(0, len(args) - 1, 2):
        if is_truthy(args[at]):
            return at + 1
    return len(args) - 1 if len(args) % 2 else len(args)


def _place(child: _Visit, visit: _Visit) -> int:
    """Which argument a child is, or is a part of; an argument that is no array is the first."""
    inner = child.at[len(visit.at) + 1 :]
    return inner[0] if inner and isinstance(inner[0], int) else 0


def _outcome(name: str, visit: _Visit, told: str, setting: Setting) -> str:
    found = visit.found[0]
    if isinstance(found, RuleFailure):
        return f"failed: {shortened(str(found), _MAX_TEXT)}"
    if name == "var":
        return "is not given" if found is None else f"is {told}"
    if name in ("if", "?:"):
        return f"{_branch_in_words(visit, setting)}: {told}"
    return _place_in_words(visit, told, setting) if name == "fractional" else told


def _place_in_words(visit: _Visit, told: str, setting: Setting) -> str:
    """The share, and how far along all of them the hash lies."""
    by, *_ = (*_arguments(visit, setting), None)
    try:
        budget = new_budget()
        is_by_user = isinstance(by, list)
        hashed = hash_user(setting)(visit.data, budget) if is_by_user else hash_value(setting)(by, visit.data, budget)
    except RuleFailure:
        return told
    if hashed is None:
        return f"{told}: there is nothing to go by"
    return told if visit.found[0] is None else f"{told}, at {hashed / 2**32:.1%}"


def _told(found: Any, shown: Any, is_shortened: bool) -> str:
    if isinstance(found, bool):
        return "yes" if found else "no"
    if is_shortened and not isinstance(found, str):
        return "something large"
    if isinstance(found, float) and not isfinite(found):
        return "no number" if found != found else "infinity"
    return "nothing" if shown is None else shortened(as_json(shown), _MAX_TEXT)


def _branch_in_words(visit: _Visit, setting: Setting) -> str:
    count, branch = len(_arguments(visit, setting)), _branch(visit, setting)
    if branch % 2 == 0 or branch >= count:
        return "no condition is met" if count > 1 else "always"
    return "the condition is met" if count < 4 else f"condition {branch // 2 + 1} is met"


def _pointer(at: tuple[str | int, ...]) -> str:
    names = (pointer_step(shortened(str(name), _MAX_TEXT)) for name in at)
    return "".join(f"/{name}" for name in names)
