"""Models written as JSON: byte for byte as Pydantic writes them, whatever stands in them."""

from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum
from functools import cached_property
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, RootModel, computed_field, field_serializer, model_serializer

from slice_api.chassis.schemas import Schema, Time
from slice_api.chassis.writing import _plain, writer_of


class Inner(Schema):
    name: str
    at: Time | None = None


class Renamed(Schema):
    begin: int = Field(serialization_alias="from")


class Grown(Inner):
    more: str = ""


class Computed(Schema):
    name: str

    @computed_field  # type: ignore[prop-decorator]
    @property
    def size(self) -> int:
        return len(self.name)


class Shouting(Schema):
    name: str

    @field_serializer("name")
    def _shout(self, name: str) -> str:
        return name.upper()


class AsText(Schema):
    name: str

    @model_serializer
    def _text(self) -> str:
        return self.name


class Secretive(Schema):
    name: str
    secret: str = Field(exclude=True)


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str


class Late(Schema):
    """One that keeps more in itself than its fields."""

    name: str

    @cached_property
    def size(self) -> int:
        return len(self.name)


class Numbered(Schema):
    """One whose names are no texts, which JSON has not."""

    counts: dict[int, int]


class Both(Schema):
    """Of two that are relatives, what is written of one hangs on where it stands."""

    one: Inner
    other: Grown


class Holder(Schema):
    """Some of what is special, within what is not."""

    computed: Computed
    shouting: list[Shouting]
    text: AsText
    renamed: Renamed


class Sample(Schema):
    text: str
    number: int
    share: float
    is_on: bool
    at: datetime
    day: date
    key: UUID
    kind: Literal["one", "two"]
    tags: list[str]
    pair: tuple[str, ...]
    inner: Inner
    inners: list[Inner]
    renamed: Renamed | None
    either: int | str | None
    by_name: dict[str, Inner]
    anything: dict[str, Any]


class Colour(Enum):
    RED = "red"


_zones = st.one_of(
    st.none(),
    st.just(UTC),
    st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
_times = st.datetimes(timezones=_zones)
_inner = st.builds(Inner.model_construct, name=st.text(), at=st.none() | _times)
_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | _times | st.dates() | st.uuids(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3) | st.tuples(inner),
    max_leaves=5,
)
_odd = st.one_of(
    st.just(Colour.RED),
    st.just({1: "one"}),
    st.just(b"bytes"),
    st.just({"a"}),
    st.just(timedelta(seconds=1)),
    st.just("\ud800"),
    st.just(2**70),
)
_other_models = st.sampled_from([Grown(name="a", more="b"), Inner.model_construct(name="a"), {"name": "a"}])
_fields: dict[str, st.SearchStrategy[Any]] = {
    "text": st.text(),
    "number": st.integers(-(2**63), 2**63 - 1),
    "share": st.floats(),
    "is_on": st.booleans(),
    "at": _times,
    "day": st.dates(),
    "key": st.uuids(),
    "kind": st.sampled_from(["one", "two"]),
    "tags": st.lists(st.text(), max_size=3),
    "pair": st.lists(st.text(), max_size=2).map(tuple),
    "inner": _inner,
    "inners": st.lists(_inner, max_size=2),
    "renamed": st.none() | st.builds(Renamed, begin=st.integers(0, 9)),
    "either": st.none() | st.integers(0, 9) | st.text(),
    "by_name": st.dictionaries(st.text(), _inner, max_size=2),
    "anything": st.dictionaries(st.text(), _json, max_size=3),
}


_SIMPLE = ("text", "number", "share", "is_on", "kind", "tags", "either", "anything")


def _written(write: Any, document: BaseModel) -> Any:
    """What is written, or the name of what is raised."""
    try:
        return write(document)
    except Exception as error:
        return type(error).__name__


def _assert_alike(document: BaseModel, **options: Any) -> None:
    by_pydantic = type(document).__pydantic_serializer__.to_json
    ours = _written(writer_of(type(document), **options), document)
    assert ours == _written(lambda each: by_pydantic(each, **options), document)


@given(st.fixed_dictionaries(_fields), st.sampled_from([{}, {"by_alias": True}, {"exclude_none": True}]))
def test_whatever_a_model_holds_is_written_alike(fields: dict[str, Any], options: dict[str, Any]) -> None:
    _assert_alike(Sample.model_construct(**fields), **options)


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@given(st.fixed_dictionaries(_fields), st.sampled_from(_SIMPLE), _odd | _json | _other_models)
def test_so_is_what_is_of_another_type_than_the_model_tells(fields: dict[str, Any], name: str, value: Any) -> None:
    _assert_alike(Sample.model_construct(**{**fields, name: value}))


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@given(st.fixed_dictionaries(_fields), _other_models)
def test_so_is_another_model_than_is_told_of(fields: dict[str, Any], other: Any) -> None:
    _assert_alike(Sample.model_construct(**{**fields, "inner": other}))
    _assert_alike(Sample.model_construct(**{**fields, "inners": [other], "by_name": {"a": other}}))


def _looked_at() -> Late:
    late = Late(name="a")
    assert late.size == 1
    return late


_SPECIAL = [
    Computed(name="a"),
    Shouting(name="a"),
    AsText(name="a"),
    Secretive(name="a", secret="b"),
    Open.model_validate({"name": "a", "more": 1}),
    _looked_at(),
    Both(one=Grown(name="a", more="b"), other=Grown(name="a", more="b")),
    RootModel[list[int]]([1, 2]),
    Numbered(counts={1: 2}),
    Holder(computed=Computed(name="a"), shouting=[Shouting(name="a")], text=AsText(name="a"), renamed=Renamed(begin=1)),
]


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize("options", [{}, {"by_alias": True}, {"exclude_computed_fields": True}], ids=str)
@pytest.mark.parametrize("document", _SPECIAL, ids=lambda each: type(each).__name__)
def test_what_is_special_is_written_alike(document: BaseModel, options: dict[str, Any]) -> None:
    _assert_alike(document, **options)


@pytest.mark.parametrize(
    ("model", "is_plain"), [(Sample, True), (Holder, True), (Late, True), (Computed, False), (Numbered, False)]
)
def test_only_what_is_special_is_left_to_pydantic(model: type[BaseModel], *, is_plain: bool) -> None:
    assert (_plain(model, {}) is not None) == is_plain
