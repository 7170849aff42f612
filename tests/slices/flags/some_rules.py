"""Rules and contexts for tests of properties: small ones of every operator, most of them with the types mixed up."""

from typing import Any

from hypothesis import strategies as st

from slice_api.slices.flags.rules.operators import OPERATORS

PLAIN: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, 0, 1, -1, 2.5, 10**20, "", "0", "1", "AT", "ann", " 7 ", "0x10", "1.2.3", "é", [], [1, "a"], {}]
)
PATHS = st.sampled_from(["", "country", "age", "roles", "roles.0", "address.city", "nothing", "accumulator", "current"])
VARS = st.fixed_dictionaries({"var": PATHS}) | st.fixed_dictionaries({"var": st.tuples(PATHS, PLAIN).map(list)})
SHARES = st.lists(st.tuples(PLAIN, st.integers(-2, 60)).map(list), max_size=3)


def _operators(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from([*OPERATORS, "and", "or", "if", "if", "unknown"])
    plain = st.tuples(names, st.lists(inner, max_size=4)).map(lambda made: {made[0]: made[1]})
    shared = st.tuples(VARS, SHARES).map(lambda made: {"fractional": [made[0], *made[1]]})
    by_user = SHARES.map(lambda shares: {"fractional": shares})
    return plain | plain | shared | by_user | st.lists(inner, max_size=3)


RULES = st.recursive(PLAIN | VARS, _operators, max_leaves=12)
CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "targetingKey": st.sampled_from(["ann", "bob", "", 7]),
        "country": PLAIN,
        "age": PLAIN,
        "roles": st.lists(PLAIN, max_size=4),
        "address": st.fixed_dictionaries({"city": PLAIN}),
    },
)
EVALUATORS = {"adult": {">=": [{"var": "age"}, 18]}, "home": "AT", "broken": {"$ref": "adult"}}
