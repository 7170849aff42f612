"""How users are spread: against the definitions of the hash and of CBOR, and what growing a share does."""

from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slice_api.slices.flags.rules.buckets import MAX_WEIGHT, cbor_text, shares_of
from slice_api.slices.flags.rules.compiler import Bucketing, compile_rule

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


def murmur3(content: bytes) -> int:
    """MurmurHash3, x86, 32 bits, seed 0, step by step."""
    hashed, tail = 0, len(content) // 4 * 4
    for at in range(0, tail, 4):
        hashed = _rotated(hashed ^ _mixed(int.from_bytes(content[at : at + 4], "little")), 13) * 5 + 0xE6546B64
        hashed &= 0xFFFFFFFF
    if content[tail:]:
        hashed ^= _mixed(int.from_bytes(content[tail:], "little"))
    hashed ^= len(content)
    hashed = (hashed ^ hashed >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    hashed = (hashed ^ hashed >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return hashed ^ hashed >> 16


def _mixed(block: int) -> int:
    return _rotated(block * 0xCC9E2D51 & 0xFFFFFFFF, 15) * 0x1B873593 & 0xFFFFFFFF


def _rotated(number: int, by: int) -> int:
    return (number << by | number >> 32 - by) & 0xFFFFFFFF


def test_the_hash_here_is_the_published_one() -> None:
    assert murmur3(b"") == 0
    assert murmur3(b"test") == 0xBA6BD213
    assert murmur3(b"Hello, world!") == 0xC0363E43


def chosen(hashed: int, weights: list[int]) -> int:
    """Which share a hash falls into."""
    at = hashed * sum(weights) >> 32
    return next(index for index in range(len(weights)) if at < sum(weights[: index + 1]))


@given(KEYS, KEYS, st.lists(st.integers(0, 100), min_size=1, max_size=5).filter(any))
@settings(max_examples=100)
def test_users_fall_where_the_hash_of_their_key_says(flag_key: str, user: str, weights: list[int]) -> None:
    rule = {"fractional": [[at, weight] for at, weight in enumerate(weights)]}
    as_text = compile_rule(rule, flag_key=flag_key, bucketing="v2")
    as_cbor = compile_rule(rule, flag_key=flag_key, bucketing="v3")
    assert as_text({"targetingKey": user}) == chosen(murmur3((flag_key + user).encode()), weights)
    assert as_cbor({"targetingKey": user}) == chosen(murmur3(cbor2.dumps([flag_key, user])), weights)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300) | st.sampled_from(["é" * 40_000, "x" * 70_000]))
@settings(max_examples=50)
def test_text_is_encoded_as_cbor_has_it(text: str) -> None:
    assert cbor_text(text) == cbor2.dumps(text)


@pytest.mark.parametrize(("one", "other"), [(1.0, 1), (-0.0, 0), ({"b": 1, "a": [2.0]}, {"a": [2], "b": 1.0})])
def test_the_same_value_in_another_form_is_the_same_bucket(one: Any, other: Any) -> None:
    rule = compile_rule({"fractional": [{"var": "by"}, *([at] for at in range(1_000))]})
    assert rule({"by": one}) == rule({"by": other})


@pytest.mark.parametrize("by", [{"\ud800": 1}, ["\ud800"], None, []])
@pytest.mark.parametrize("bucketing", ["v2", "v3"])
def test_what_cannot_be_hashed_is_null(by: Any, bucketing: Bucketing) -> None:
    rule = compile_rule({"fractional": [{"var": "by"}, ["on"], ["off"]]}, bucketing=bucketing)
    assert rule({"by": by}) is None


@given(st.integers(0, 99), st.integers(0, 99), st.sampled_from(["v2", "v3"]))
@settings(max_examples=50)
def test_a_share_that_grows_keeps_its_users(one: int, other: int, bucketing: Bucketing) -> None:
    small, large = sorted((one, other))

    def users(share: int) -> set[int]:
        rule = compile_rule({"fractional": [["on", share], ["off", 100 - share]]}, flag_key="f", bucketing=bucketing)
        return {user for user in range(100) if rule({"targetingKey": str(user)}) == "on"}

    assert users(small) <= users(large)


def test_shares_are_as_large_as_they_say() -> None:
    rule = compile_rule({"fractional": [["a", 10], ["b", 30], ["c", 60]]}, flag_key="banner")
    found = [rule({"targetingKey": f"user-{at}"}) for at in range(10_000)]
    assert [round(found.count(name) / 1_000) for name in "abc"] == [1, 3, 6]


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [["a", 0]],
        [["a", -1], ["b", 0]],
        [["a", 1.5]],
        [["a", True]],
        [["a", "1"]],
        [["a", None]],
        [["a", 1, 2]],
        [[]],
        ["a"],
        [[["a"], 1]],
        [[{"a": 1, "b": 2}, 1]],
        [["a", MAX_WEIGHT + 1]],
        [["a", MAX_WEIGHT], ["b", 1]],
        [["a", float("inf")]],
        [["a", 10**400]],
    ],
)
def test_malformed_shares_are_none(entries: list[Any]) -> None:
    assert shares_of(entries) is None


def test_weights_may_be_whole_floats_and_as_large_as_31_bits() -> None:
    assert shares_of([["a", 2.0], [None, -3], [True]]) == ((2, 2, 3), ("a", None, True))
    assert shares_of([["a", MAX_WEIGHT]]) == ((MAX_WEIGHT,), ("a",))
