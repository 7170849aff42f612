"""From a rule in JSON to a function: each operator becomes a closure over its compiled arguments, once."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from slice_api.slices.flags.rules.bounds import fatal_fault
from slice_api.slices.flags.rules.budget import Budget, new_budget
from slice_api.slices.flags.rules.choices import one_of_test
from slice_api.slices.flags.rules.failures import RuleError, RuleFailure
from slice_api.slices.flags.rules.operators import OPERATORS, OWN_TO_FLAGS
from slice_api.slices.flags.rules.parts import (
    LONGEST_SHARED_TEXT,
    VARIES,
    Bucketing,
    Evaluate,
    Part,
    Setting,
    Watch,
    constant,
    is_texts,
    known,
    size_of,
    texts,
)
from slice_api.slices.flags.rules.values import SIMPLE, is_simple, settled

__all__ = ["Bucketing", "Rule", "RuleError", "RuleFailure", "compile_rule"]

Rule = Callable[[Mapping[str, Any]], Any]
"""A compiled rule: the context in, the result out. Raises RuleFailure when it reaches an unknown operator, or costs
more than it may; never takes long."""

_NO_EVALUATORS: Final[Mapping[str, Any]] = {}
_NO_SETTING: Final = Setting("", "v3", _NO_EVALUATORS)
_MOST_ARGS: Final = 32
_EQUALITIES: Final = frozenset({"==", "==="})
_IS_SHARED: Final = attrgetter("is_shared")
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
    if rule.__class__ is str:
        return constant(rule)
    if isinstance(rule, list):
        is_plain = SIMPLE.issuperset(map(type, rule))
        return constant([*rule]) if is_plain else _array(_each(rule, setting, at))
    if not isinstance(rule, dict) or len(rule) != 1:
        return constant(rule)
    ((name, given),) = rule.items()
    if name == "$ref" and isinstance(given, str) and given in setting.evaluators:
        return compile_part(setting.evaluators[given], setting._replace(evaluators=_NO_EVALUATORS), at)
    if setting.watch is None and (part := _at_once(name, given)) is not None:
        return part
    args = _each(given if isinstance(given, list) else [given], setting, (*at, name))
    if setting.watch is not None:
        return Part(setting.watch(rule, at, _run_of(name, args, setting)), size_of(args))
    return _operator(name, args, setting)


def _each(items: list[Any], setting: Setting, at: _Path) -> list[Part]:
    if setting.watch is None:  # nobody asks where it is
        return [compile_part(item, setting, ()) for item in items]
    return [compile_part(item, setting, (*at, index)) for index, item in enumerate(items)]


def _array(parts: Sequence[Part]) -> Part:
    if all(part.is_constant for part in parts):
        return constant([part.value for part in parts])
    runs = [part.run for part in parts]
    return Part(lambda data, budget: [run(data, budget) for run in runs], size_of(parts))


def _operator(name: str, args: list[Part], setting: Setting) -> Part:
    if name == "in":
        args = [_shared_texts(arg) for arg in args]
    size = size_of(args)
    return _shared(name, tuple(args)) if _is_shareable(name, args, size) else _own(name, args, size, setting)


def _shared_texts(arg: Part) -> Part:
    """A short list of short texts as one that all rules share."""
    is_short = is_texts(arg.value) and len(arg.value) <= _MOST_ARGS
    return texts(tuple(arg.value)) if is_short and max(map(len, arg.value), default=0) <= LONGEST_SHARED_TEXT else arg


def _is_shareable(name: str, args: Sequence[Part], size: int) -> bool:
    """Whether it is small, and the same in all flags: what is shared is kept after its rules are gone."""
    is_small = size <= _LARGEST and len(args) <= _MOST_ARGS
    return is_small and name not in OWN_TO_FLAGS and all(map(_IS_SHARED, args))


def _own(name: str, args: Sequence[Part], size: int, setting: Setting, *, is_shared: bool = False) -> Part:
    key = _key_read(args[0].value) if name == "var" and len(args) == 1 else None
    return Part(_run_of(name, args, setting), size, VARIES, key, one_of_test(name, args), is_shared)


@lru_cache(maxsize=2048)
def _shared(name: str, args: tuple[Part, ...]) -> Part:
    return _own(name, args, size_of(args), _NO_SETTING, is_shared=True)


def _at_once(name: str, given: Any) -> Part | None:
    """What rules consist of mostly, found without taking it apart: a field, and whether a field is some text."""
    if name == "var":
        return _field(given) if given.__class__ is str and len(given) <= LONGEST_SHARED_TEXT else None
    if name not in _EQUALITIES or given.__class__ is not list or len(given) != 2:
        return None
    field, text = given
    if field.__class__ is not dict or len(field) != 1 or text.__class__ is not str or len(text) > LONGEST_SHARED_TEXT:
        return None
    path = field.get("var")
    return _is_text(name, path, text) if path.__class__ is str and len(path) <= LONGEST_SHARED_TEXT else None


@lru_cache(maxsize=4096)
def _field(path: str) -> Part:
    return _shared("var", (constant(path),))


@lru_cache(maxsize=2048)
def _is_text(name: str, path: str, text: str) -> Part:
    args = (_field(path), known(text))
    return _own(name, args, size_of(args), _NO_SETTING, is_shared=True)


def _run_of(name: str, args: Sequence[Part], setting: Setting) -> Evaluate:
    build = OPERATORS.get(name)
    return build(args, setting) if build else _unknown(name)


def _key_read(path: Any) -> str | None:
    return path if path.__class__ is str and path and "." not in path else None


def _unknown(name: str) -> Evaluate:
    """Only who gets there is concerned."""

    def run(_data: Any, _budget: Budget) -> Any:
        raise RuleFailure(f"has the unknown operator {name!r}")

    return run
