"""Field types that every storage engine agrees on."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from slice_api.chassis import Date, Integer, Line, Schema, Tag, Tags, Time, Url
from slice_api.chassis.ids import READABLE, new_id, random_text
from tests.chassis.strategies import STEADY

TIMES = TypeAdapter[datetime](Time)
TAGS = TypeAdapter[list[str]](Tags)
INTEGERS = TypeAdapter[int](Integer)
DATES = TypeAdapter[date](Date)
URLS = TypeAdapter[str](Url)

offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
naive = st.datetimes().filter(lambda each: 2 <= each.year <= 9998)
moments = st.builds(lambda moment, offset: moment.replace(tzinfo=offset), naive, offsets)


@STEADY
@given(moments)
def test_a_moment_keeps_its_instant_and_goes_out_in_utc(moment: datetime) -> None:
    found = TIMES.validate_python(moment.isoformat())
    assert found == moment
    assert found.utcoffset() == timedelta(0)
    text = TIMES.dump_json(found).decode().strip('"')
    assert text.endswith("Z")
    assert TIMES.validate_python(text) == moment


@pytest.mark.parametrize("text", ["2026-01-31T09:00:00Z", "2026-01-31 10:00:00+01:00", "2026-01-31t09:00:00.000z"])
def test_a_time_may_be_written(text: str) -> None:
    assert TIMES.validate_python(text) == datetime(2026, 1, 31, 9, 0, tzinfo=UTC)


NO_TIMES: list[Any] = ["2026-01-31T09:00:00", "2026-01-31", "09:00:00Z", "1769850000", 1769850000, 1.5, None, "", "now"]
NO_TIMES += ["2026-02-30T09:00:00Z", "2026-01-31T25:00:00Z", "2026-01-31T09:00Z", "9999-12-31T23:59:59-01:00"]
NO_TIMES += ["0001-01-01T00:00:00+01:00", "2026-01-31T09:00:00Z\n", "٢٠٢٦-01-31T09:00:00Z", datetime(2026, 1, 31)]  # noqa: DTZ001


@pytest.mark.parametrize("value", NO_TIMES, ids=repr)
def test_what_is_no_moment_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        TIMES.validate_python(value)


@pytest.mark.parametrize(
    ("value", "is_taken"), [(2**63 - 1, True), (-(2**63), True), (2**63, False), (-(2**63) - 1, False)]
)
def test_an_integer_has_64_bits(value: int, is_taken: bool) -> None:
    if is_taken:
        assert INTEGERS.validate_python(value) == value
        return
    with pytest.raises(ValidationError):
        INTEGERS.validate_python(value)


def test_tags_are_lower_cased_stripped_and_told_once() -> None:
    assert TAGS.validate_python([" Docs", "docs", "SPRING "]) == ["docs", "spring"]


@pytest.mark.parametrize(
    "tags", [[""], ["  "], ["x" * 41], [f"t{at}" for at in range(21)]], ids=["empty", "blank", "long", "many"]
)
def test_tags_out_of_bounds_are_refused(tags: list[str]) -> None:
    with pytest.raises(ValidationError):
        TAGS.validate_python(tags)


def test_a_model_is_frozen_and_takes_no_more_than_it_names() -> None:
    class Card(Schema):
        suit: str

    with pytest.raises(ValidationError):
        Card.model_validate({"suit": "hearts", "rank": 1})
    with pytest.raises(ValidationError):
        Card(suit="hearts").__setattr__("suit", "spades")


def test_ids_tell_their_kind_and_never_repeat() -> None:
    made = {new_id("thing") for _ in range(500)}
    assert len(made) == 500
    assert all(each.startswith("thing_") and set(each[6:]) <= set(READABLE) for each in made)
    assert len(random_text(7, "x")) == 7


class Measured(Schema):
    """A number that need not be whole."""

    size: float


@pytest.mark.parametrize("size", [float("inf"), float("-inf"), float("nan")])
def test_a_number_is_never_infinite_since_no_database_would_give_it_back(size: float) -> None:
    with pytest.raises(ValidationError, match="finite number"):
        Measured(size=size)


def test_a_date_is_a_day_and_nothing_more() -> None:
    assert DATES.validate_python("2026-01-31") == date(2026, 1, 31)
    assert DATES.dump_json(date(2026, 1, 31)) == b'"2026-01-31"'


NO_DATES: list[Any] = ["2026-02-30", "2026-1-31", "2026-01-31T00:00:00Z", "20260131", 1769817600, None, ""]
NO_DATES += ["2026-01-31\n", "٢٠٢٦-01-31", datetime(2026, 1, 31, tzinfo=UTC)]


@pytest.mark.parametrize("value", NO_DATES, ids=repr)
def test_what_is_no_date_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        DATES.validate_python(value)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://example.org", "https://example.org/"),
        ("HTTP://Example.ORG:80/A?b=C#d", "http://example.org/A?b=C#d"),
        ("https://bücher.example/ä", "https://xn--bcher-kva.example/%C3%A4"),
    ],
)
def test_a_url_is_kept_in_its_normal_form(text: str, kept: str) -> None:
    assert URLS.validate_python(text) == kept
    assert URLS.validate_python(kept) == kept


@pytest.mark.parametrize("value", ["javascript:alert(1)", "ftp://example.org/", "/path", "https://", "", "x", 1, None])
def test_what_is_no_web_address_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        URLS.validate_python(value)


@pytest.mark.parametrize("kind", [TypeAdapter[str](Line), TypeAdapter[str](Tag)], ids=["line", "tag"])
def test_the_length_in_the_schema_is_that_of_the_text_as_it_is_sent(kind: TypeAdapter[str]) -> None:
    longest = kind.json_schema()["maxLength"]
    assert kind.validate_python(" " + "x" * (longest - 1)) == "x" * (longest - 1)
    with pytest.raises(ValidationError, match=f"at most {longest} characters"):
        kind.validate_python(" " + "x" * longest)
