"""From a rule in JSON to a function: each operator becomes a closure over its compiled arguments, once."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from slice_api.slices.flags.rules.bounds import fatal_fault
from slice_api.slices.flags.rules.budget import Budget, new_budget
from slice_api.slices.flags.rules.choices import one_of_test
from slice_api.slices.flags.rules.failures import RuleError, RuleFailure
from slice_api.slices.flags.rules.operators import OPERATORS, OWN_TO_FLAGS
from slice_api.slices.flags.rules.parts import (
    LONGEST_SHARED_TEXT,
    Bucketing,
    Evaluate,
    Part,
    Setting,
    Watch,
    constant,
    is_texts,
    size_of,
    texts,
)
from slice_api.slices.flags.rules.values import is_simple, settled

__all__ = ["Bucketing", "Rule", "RuleError", "RuleFailure", "compile_rule"]

Rule = Callable[[Mapping[str, Any]], Any]
"""A compiled rule: the context in, the result out. Raises RuleFailure when it reaches an unknown operator, or costs
more than it may; never takes long."""

_NO_EVALUATORS: Final[Mapping[str, Any]] = {}
_NO_SETTING: Final = Setting("", "v3", _NO_EVALUATORS)
_MOST_ARGS: Final = 32
_LARGEST: Final = 16
"""The steps of the largest part that rules share."""
_Path = tuple[str | int, ...]


def compile_rule(
    rule: Any,
    *,
    evaluators: Mapping[str, Any] = _NO_EVALUATORS,
    flag_key: str = "",
    bucketing: Bucketing = "v3",
    watch: Watch | None = None,
) -> Rule:
    """The rule as a function; raises RuleError when it is too deep or too large.

    `evaluators` are the rules that `{"$ref": name}` stands for; `flag_key` and `bucketing` are for `fractional`, and
    `watch` wraps what each operator was compiled to.
    """
    if fault := fatal_fault(rule, evaluators):
        raise RuleError(fault.pointer, fault.detail)
    run = compile_part(rule, Setting(flag_key, bucketing, evaluators, watch), ()).run

    def evaluate(data: Mapping[str, Any], run: Evaluate = run) -> Any:
        budget = new_budget()
        result = run(data if data.__class__ is dict else _plain(data), budget)
        return result if is_simple(result) else settled(result, budget)

    return evaluate


def _plain(data: Any) -> Any:
    """The context as the dict that the closures look for; within a context all objects are dicts."""
    return dict(data) if isinstance(data, Mapping) else data


def compile_part(rule: Any, setting: Setting, at: _Path) -> Part:
    """An expression: an array of such, an operator, or a value that stands for itself."""
    if isinstance(rule, list):
        return _array(tuple(compile_part(item, setting, (*at, index)) for index, item in enumerate(rule)))
    if not isinstance(rule, dict) or len(rule) != 1:
        return constant(rule)
    ((name, given),) = rule.items()
    if name == "$ref" and isinstance(given, str) and given in setting.evaluators:
        return compile_part(setting.evaluators[given], setting._replace(evaluators=_NO_EVALUATORS), at)
    return _operator(name, rule, setting, at)


def _array(parts: tuple[Part, ...]) -> Part:
    if all(part.is_constant for part in parts):
        return constant([part.value for part in parts])
    runs = [part.run for part in parts]
    return Part(lambda data, budget: [run(data, budget) for run in runs], size_of(parts))


def _operator(name: str, rule: dict[str, Any], setting: Setting, at: _Path) -> Part:
    args = _arguments(rule[name], setting, (*at, name))
    if setting.watch is not None:
        return Part(setting.watch(rule, at, _run_of(name, args, setting)), size_of(args))
    if name == "in":
        args = [_shared_texts(arg) for arg in args]
    return _shared(name, tuple(args)) if _is_shareable(name, args) else _own(name, args, setting)


def _shared_texts(arg: Part) -> Part:
    """A short list of short texts as one that all rules share."""
    is_short = is_texts(arg.value) and len(arg.value) <= _MOST_ARGS
    return texts(tuple(arg.value)) if is_short and all(map(_is_short, arg.value)) else arg


def _is_short(text: str) -> bool:
    return len(text) <= LONGEST_SHARED_TEXT


def _is_shareable(name: str, args: Sequence[Part]) -> bool:
    """Whether it is small, and the same in all flags: what is shared is kept after its rules are gone."""
    is_small = len(args) <= _MOST_ARGS and size_of(args) <= _LARGEST
    return is_small and name not in OWN_TO_FLAGS and all(arg.is_shared for arg in args)


def _own(name: str, args: Sequence[Part], setting: Setting) -> Part:
    key = _key_read(args[0].value) if name == "var" and len(args) == 1 else None
    return Part(_run_of(name, args, setting), size_of(args), key=key, test=one_of_test(name, args))


@lru_cache(maxsize=2048)
def _shared(name: str, args: tuple[Part, ...]) -> Part:
    return _own(name, args, _NO_SETTING)._replace(is_shared=True)


def _run_of(name: str, args: Sequence[Part], setting: Setting) -> Evaluate:
    build = OPERATORS.get(name)
    return build(args, setting) if build else _unknown(name)


def _key_read(path: Any) -> str | None:
    return path if path.__class__ is str and path and "." not in path else None


def _arguments(given: Any, setting: Setting, at: _Path) -> list[Part]:
    if not isinstance(given, list):
        return [compile_part(given, setting, at)]
    if setting.watch is None:  # nobody asks where it is
        return [compile_part(arg, setting, ()) for arg in given]
    return [compile_part(arg, setting, (*at, index)) for index, arg in enumerate(given)]


def _unknown(name: str) -> Evaluate:
    """Only who gets there is concerned."""

    def run(_data: Any, _budget: Budget) -> Any:
        raise RuleFailure(f"has the unknown operator {name!r}")

    return run
