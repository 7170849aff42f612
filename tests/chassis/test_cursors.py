"""Cursors: opaque text that brings back the place it was made of, and nothing else."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slice_api.chassis import Problem
from slice_api.chassis.storage.pages import decode_cursor, encode_cursor
from tests.chassis.strategies import STEADY

ORDER = "things:-rank"

texts = st.text(st.characters(codec="utf-8"), max_size=20)
moments = st.datetimes(timezones=st.just(UTC))
values = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | texts | moments


def is_refused(cursor: str, order: str = ORDER) -> bool:
    """Whether a cursor is answered with a problem that names `after`."""
    try:
        decode_cursor(cursor, order)
    except Problem as problem:
        return problem.status_code == 422 and [each.pointer for each in problem.errors or ()] == ["query/after"]
    return False


@STEADY
@given(st.lists(values, min_size=1, max_size=3))
def test_a_cursor_brings_back_its_place(position: list[object]) -> None:
    finite = [each for each in position if each not in (float("inf"), float("-inf"))]
    assert decode_cursor(encode_cursor(ORDER, *finite), ORDER) == finite


@STEADY
@given(texts)
def test_a_cursor_goes_into_a_query_as_it_is(value: str) -> None:
    cursor = encode_cursor(ORDER, value)
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@STEADY
@given(st.text(max_size=60))
def test_text_that_is_no_cursor_is_refused(text: str) -> None:
    assert is_refused(text)


@STEADY
@given(st.data())
def test_a_cursor_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    cursor = encode_cursor(ORDER, datetime(2026, 1, 31, tzinfo=UTC), "thing_1")
    at = data.draw(st.integers(0, len(cursor) - 1))
    other = data.draw(st.sampled_from("aZ0-_!~ é").filter(lambda each: each != cursor[at]))
    assert is_refused(cursor[:at] + other + cursor[at + 1 :])


@pytest.mark.parametrize("at", [0, 5, 1000])
@pytest.mark.parametrize("junk", ["!!!!", "====", "\n", " ", "é"])
def test_a_cursor_with_something_put_in_is_refused(at: int, junk: str) -> None:
    cursor = encode_cursor(ORDER, 1, "thing_1")
    assert is_refused(cursor[:at] + junk + cursor[at:])


def test_a_cursor_of_another_order_is_refused() -> None:
    assert is_refused(encode_cursor("things:rank", 1))
    assert not is_refused(encode_cursor(ORDER, 1))


def test_a_cursor_made_by_hand_is_refused() -> None:
    by_hand = base64.urlsafe_b64encode(b"123456" + b'["things:-rank",1]').decode()
    assert is_refused(by_hand)
