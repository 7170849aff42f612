"""Conditions that ask whether a field is one of some texts: however many follow each other, one look decides.

Rules that people write are mostly such conditions, one after the other on the same field: this country, that company.

What a function needs is given to it by defaults where it is met most: closures lie scattered in memory, and for
thousands of flags waiting for memory is most of what an evaluation takes.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

from slice_api.slices.flags.rules.budget import Budget
from slice_api.slices.flags.rules.parts import Evaluate, OneOf, Part, is_texts
from slice_api.slices.flags.rules.paths import member
from slice_api.slices.flags.rules.values import is_loosely_equal, is_truthy

_FEWEST: Final = 3
"""Fewer are looked through as quickly."""

_TESTS: Final = frozenset({"==", "===", "in", "or"})

_MOST_RUNS: Final = 8
"""Each is a call within the one before."""


class Branch(NamedTuple):
    """A condition of an `if`, and what follows from it."""

    condition: Part
    then: Evaluate


def one_of_test(name: str, args: Sequence[Part]) -> OneOf | None:
    """The test that an operator is, where it is one."""
    if name not in _TESTS:
        return None
    if name == "or":
        return joint_test(args)
    if len(args) != 2:
        return None
    one, other = args
    if name == "in":
        return OneOf(one.key, tuple(other.value)) if one.key is not None and is_texts(other.value) else None
    field, text = (other, one) if one.is_constant else (one, other)
    if field.key is None or text.value.__class__ is not str:
        return None
    return OneOf(field.key, (text.value,), (text.value,) if name == "==" else ())


def joint_test(args: Sequence[Part]) -> OneOf | None:
    """Tests of which one must hold as one test, where all ask for the same field."""
    tests = [arg.test for arg in args if arg.test is not None]
    if len(tests) < 2 or len(tests) < len(args) or len({test.key for test in tests}) > 1:
        return None
    alike = tuple(text for test in tests for text in test.loose)
    return OneOf(tests[0].key, tuple(text for test in tests for text in test.texts), alike)


def is_one_of(test: OneOf, one_by_one: Evaluate) -> Evaluate:
    """A joint test; what is neither a text nor null is tested one by one."""
    key, texts = test.key, frozenset(test.texts)

    def run(data: Any, budget: Budget) -> Any:
        value = data.get(key) if data.__class__ is dict else data
        if data.__class__ is not dict or (value.__class__ is not str and value is not None):
            return one_by_one(data, budget)
        return value in texts

    return run


def first_of(branches: Sequence[Branch], otherwise: Evaluate) -> Evaluate:
    """What follows from the first condition that is met."""
    runs = [list(run) for _, run in groupby(branches, key=_field_of)]
    if len(runs) > _MOST_RUNS or not any(map(_is_table, runs)):
        return _one_by_one(branches, otherwise)
    for run in reversed(runs):
        otherwise = _by_text(run, otherwise) if _is_table(run) else _one_by_one(run, otherwise)
    return otherwise


def _field_of(branch: Branch) -> str | None:
    return branch.condition.test.key if branch.condition.test is not None else None


def _is_table(branches: Sequence[Branch]) -> bool:
    return len(branches) >= _FEWEST and branches[0].condition.test is not None


def _one_by_one(branches: Sequence[Branch], otherwise: Evaluate) -> Evaluate:
    if len(branches) == 1:
        return either(*branches[0], otherwise)
    pairs = [(branch.condition.run, branch.then) for branch in branches]

    def run(data: Any, budget: Budget) -> Any:
        for condition, then in pairs:
            is_met = condition(data, budget)
            if is_met is True or (is_met is not False and is_truthy(is_met)):
                return then(data, budget)
        return otherwise(data, budget)

    return run


def either(condition: Part, then: Evaluate, otherwise: Evaluate) -> Evaluate:
    """What follows from one condition, or else."""

    def run(
        data: Any, budget: Budget, met: Evaluate = condition.run, then: Evaluate = then, rest: Evaluate = otherwise
    ) -> Any:
        is_met = met(data, budget)
        if is_met is True or (is_met is not False and is_truthy(is_met)):
            return then(data, budget)
        return rest(data, budget)

    return run


def _by_text(branches: Sequence[Branch], otherwise: Evaluate) -> Evaluate:
    """Branches that all look at one field, whose conditions are needed no more."""
    tests = [(condition.test, then) for condition, then in branches if condition.test]
    table = _firsts((text, then) for test, then in tests for text in test.texts)
    is_loose = all(test.loose == test.texts for test, _ in tests)
    loose = table if is_loose else _firsts((text, then) for test, then in tests for text in test.loose)

    def run(
        data: Any,
        budget: Budget,
        key: str = tests[0][0].key,
        table: Mapping[str, Evaluate] = table,
        rest: Evaluate = otherwise,
        loose: Mapping[str, Evaluate] = loose,
    ) -> Any:
        value = data.get(key) if data.__class__ is dict else member(data, key)
        if value.__class__ is str:
            return table.get(value, rest)(data, budget)
        return rest(data, budget) if value is None else _like(value, loose, rest, budget)(data, budget)

    return run


def _firsts(pairs: Iterable[tuple[str, Evaluate]]) -> Mapping[str, Evaluate]:
    """What follows from each text, in their order; of those that stand there twice the first counts."""
    table: dict[str, Evaluate] = {}
    for text, then in pairs:
        table.setdefault(text, then)
    return table


def _like(value: Any, loose: Mapping[str, Evaluate], rest: Evaluate, budget: Budget) -> Evaluate:
    """What follows from the first text that a value is loosely equal to, which is neither a text nor null."""
    return next((then for text, then in loose.items() if is_loosely_equal(value, text, budget)), rest)
