"""What one slice tells and another reads fits together, or the service does not start and says why."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, NotRequired, TypeAlias
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    HttpUrl,
    PlainSerializer,
    RootModel,
    ValidationError,
    computed_field,
    create_model,
    model_validator,
)
from pydantic.errors import PydanticInvalidForJsonSchema
from typing_extensions import TypedDict

from slice_api.chassis import Event, Line, Schema, Tags, Text, Time
from slice_api.chassis.event_contracts import misfits, unreadable_event
from slice_api.chassis.event_samples import samples_of, sent_schema
from slice_api.chassis.outbox import read_data
from tests.chassis.strategies import STEADY


def _model(base: type[BaseModel], fields: Mapping[str, Any]) -> Any:
    """A made-up model; each field a type, or a type and a default."""
    given: Any = {name: each if isinstance(each, tuple) else (each, ...) for name, each in fields.items()}
    return create_model("Made", __base__=base, **given)


def told(**fields: Any) -> type[Event]:
    """An event with these fields."""
    event: type[Event] = _model(Event, fields)
    event.topic = "cards.dealt"
    return event


def read(**fields: Any) -> Any:
    """The model of a subscriber."""
    return _model(Schema, fields)


def _list_of(each: Any) -> Any:
    return list[each]


def words(event: type[Event], model: type[BaseModel]) -> str:
    """What is said of the fields that do not fit, a line each."""
    return "\n".join(misfit.detail for misfit in misfits(event, model))


class Suit(StrEnum):
    hearts = "hearts"
    spades = "spades"


class Card(Schema):
    suit: Suit
    number: int
    note: str | None = None


class CardHead(Schema):
    number: int


class Tree(Schema):
    name: str
    below: "tuple[Tree, ...]" = ()


class TreeTop(Schema):
    below: "list[TreeTop]"


class Square(Schema):
    kind: Literal["square"]
    side: float


class Circle(Schema):
    kind: Literal["circle"]
    radius: float


class Sized(Schema):
    side: float


class Part(TypedDict):
    always: int
    sometimes: NotRequired[int]


class PartRead(Schema):
    sometimes: int


class Doubled(Event):
    """Twice as much."""

    topic = "cards.doubled"
    number: int

    @computed_field
    def double(self) -> int:
        return 2 * self.number


class Fives(Event):
    """Two numbers that make five, and one more."""

    topic = "cards.fives"
    one: int = 0
    other: int = 5
    more: int | None = 0

    @model_validator(mode="after")
    def _must_make_five(self) -> "Fives":
        if self.one + self.other != 5:
            raise ValueError("not five")
        return self


def _refuse_negative(value: int) -> int:
    if value < 0:
        raise ValueError("not below zero")
    return value


Shape = Annotated[Square | Circle, Field(discriminator="kind")]
Even = Annotated[int, Field(multiple_of=2)]
Code = Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["ABC"])]

FITTING: Mapping[str, tuple[Any, Any]] = {
    "the same": (Card, Card),
    "a part of it": (Card, CardHead),
    "a part of each in a list": (list[Card], list[CardHead]),
    "a part of each in a mapping": (dict[str, Card], dict[str, CardHead]),
    "a mapping of short names": (dict[Annotated[str, Field(max_length=3)], int], dict[str, int]),
    "null where null is read": (int | None, int | None),
    "what is never null where null is read": (int, int | None),
    "a whole number where a fraction is read": (int, float),
    "yes or no where a number is read": (bool, int),
    "a choice as text": (Suit, str),
    "a choice among more": (Literal["a", "b"], Literal["a", "b", "c"]),
    "a choice of another kind": (Suit, Literal["hearts", "spades"]),
    "a moment as text": (Time, str),
    "a moment": (Time, datetime),
    "a day as a moment": (date, datetime),
    "a line as text": (Line, Text),
    "digits in words": (Literal["1", "2"], int),
    "anything": (Card, Any),
    "anything of a kind": (Card, dict[str, Any]),
    "a narrower bound": (Annotated[int, Field(ge=10, le=20)], Annotated[int, Field(ge=0, le=20)]),
    "twice as even": (Annotated[int, Field(multiple_of=4)], Even),
    "an id as text": (UUID, str),
    "an id": (UUID, UUID),
    "a span of time": (timedelta, timedelta),
    "an exact number": (Decimal, Decimal),
    "labels": (Tags, list[str]),
    "an address as text": (HttpUrl, str),
    "a code": (Code, Code),
    "a code as text": (Code, str),
    "a pair": (tuple[int, str], tuple[int, str]),
    "a set as a list": (set[int], list[int]),
    "one of two": (int | str, str | int),
    "one of two shapes": (Shape, Shape),
    "a tree": (Tree, TreeTop),
    "what may be left out": (Part, dict[str, int]),
    "what the subscriber makes fit": (int, Annotated[str, BeforeValidator(str)]),
    "a list in a model": (list[int], RootModel[list[int]]),
}

MISFITTING: Mapping[str, tuple[Any, Any, str]] = {
    "a number as text": (int, str, "cards.dealt tells it as int, such as 1 (Input should be a valid string)"),
    "text as a number": (str, int, "`value: str` would read it"),
    "text as a fraction": (str, float, "tells it as str, such as 'text'"),
    "a fraction as a whole number": (float, int, "tells it as float, such as 0.5"),
    "a number as yes or no": (int, bool, "tells it as int"),
    "null": (int | None, int, "tells it as int | None, such as None (Input should be a valid integer)"),
    "null by default": ((str | None, None), str, "`value: str | None` would read it"),
    "a choice among fewer": (Literal["a", "b"], Literal["a"], "tells it as Literal['a', 'b'], such as 'b'"),
    "free text as a choice": (str, Suit, "`value: str` would read it"),
    "one for many": (int, list[int], "cannot read value: cards.dealt tells it as int"),
    "many for one": (list[int], int, "tells it as list[int]"),
    "many of another kind": (list[str], list[int], "cannot read value[0]: cards.dealt tells it as str"),
    "a model as text": (Card, str, "tells it as Card"),
    "a moment as a day": (Time, date, "tells it as Time, such as '2026-01-31T09:30:15.123456Z'"),
    "a moment without offset": (datetime, Time, "such as '2026-01-31T09:30:15'"),
    "a wider bound": (Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1)], "such as 0"),
    "any number as an even one": (int, Even, "multiple of 2"),
    "a longer text": (Text, Line, "such as ''"),
    "a longer list": (list[int], Annotated[list[int], Field(max_length=2)], "at most 2 items"),
    "an empty list": (list[int], Annotated[list[int], Field(min_length=1)], "such as []"),
    "any text as a code": (str, Code, "should match pattern"),
    "an open interval": (
        Annotated[float, Field(ge=0, le=1)],
        Annotated[float, Field(gt=0, le=1)],
        "such as 0.0",
    ),
    "a shape that is not read": (Shape, Square, "tells it as Literal['square'] | Literal['circle']"),
    "one of two": (int | str, int, "tells it as int | str"),
    "a mapping": (dict[str, str], dict[str, int], "cannot read value.text"),
    "keys": (dict[str, int], dict[int, int], "cannot read value.text"),
    "anything": (Any, int, "tells it as Any"),
    "what the subscriber refuses by itself": (int, Annotated[int, AfterValidator(_refuse_negative)], "not below zero"),
    "an unsafe address": (str, HttpUrl, "`value: str` would read it"),
}


@pytest.mark.parametrize("what", FITTING)
def test_it_fits(what: str) -> None:
    told_type, read_type = FITTING[what]
    assert misfits(told(value=told_type), read(value=read_type)) == []


@pytest.mark.parametrize("what", MISFITTING)
def test_it_does_not_fit(what: str) -> None:
    told_type, read_type, said = MISFITTING[what]
    assert said in words(told(value=told_type), read(value=read_type))


def test_a_required_field_that_is_not_told_is_named_with_the_nearest() -> None:
    event = told(card=Card)
    assert words(event, read(card=read(nmuber=(int, ...)))) == (
        "it requires card.nmuber, and cards.dealt has no such field; card has suit, number, note; did you mean number?"
    )
    assert words(event, read(color=str)) == "it requires color, and cards.dealt has no such field; it has card"
    assert misfits(event, read(color=(str | None, None))) == []


def test_what_is_not_always_told_needs_a_default() -> None:
    said = words(told(part=Part), read(part=PartRead))
    assert said == "it requires part.sometimes, which cards.dealt does not always tell; give it a default"
    assert misfits(told(part=Part), read(part=dict[str, int])) == []


def test_what_has_a_default_or_is_computed_is_always_told() -> None:
    assert misfits(told(number=(int, 3)), read(number=int)) == []
    assert misfits(Doubled, read(double=int)) == []
    assert "tells it as int" in words(Doubled, read(double=bool))


def test_what_the_publisher_itself_refuses_is_never_told() -> None:
    assert misfits(Fives, read(one=int, other=int)) == []
    [misfit] = misfits(Fives, read(more=int))
    assert misfit.event == {"one": 0, "other": 5, "more": None}


def test_each_field_is_told_of_once() -> None:
    found = misfits(told(cards=list[Card], number=int), read(cards=_list_of(read(number=str, color=str)), number=str))
    assert sorted(each.field for each in found) == ["cards[0].color", "cards[0].number", "number"]


# Made-up models: the check is right about each pair


Typed: TypeAlias = tuple[Any, st.SearchStrategy[Any]]
"""A type, and what a value of it may be."""
Types: TypeAlias = st.SearchStrategy[Typed]


def _choice(*options: str) -> Typed:
    return Literal[options], st.sampled_from(options)


def _plain_types() -> Types:
    bounded = st.tuples(st.integers(-5, 5), st.integers(0, 5)).map(
        lambda pair: (
            Annotated[int, Field(ge=pair[0], le=pair[0] + pair[1])],
            st.integers(pair[0], pair[0] + pair[1]),
        )
    )
    lengths = st.tuples(st.integers(0, 4), st.integers(0, 4)).map(
        lambda pair: (
            Annotated[str, Field(min_length=pair[0], max_length=pair[0] + pair[1])],
            st.text("ab1", min_size=pair[0], max_size=pair[0] + pair[1]),
        )
    )
    fixed = st.sampled_from(
        [
            (int, st.integers(-(2**63), 2**63 - 1)),
            (float, st.floats(allow_nan=False, allow_infinity=False)),
            (bool, st.booleans()),
            (str, st.text(max_size=30)),
            (date, st.dates()),
            (Time, st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC))),  # noqa: DTZ001 (the strategy asks for it so)
            (UUID, st.uuids()),
            (timedelta, st.timedeltas()),
            (Suit, st.sampled_from(Suit)),
            _choice("a", "b"),
            _choice("a", "b", "c"),
            _choice("hearts"),
        ]
    )
    return st.one_of(fixed, bounded, lengths)


def _wider(inner: Types) -> Types:
    optional = inner.map(lambda each: (each[0] | None, st.none() | each[1]))
    lists = inner.map(lambda each: (_list_of(each[0]), st.lists(each[1], max_size=3)))
    either = st.tuples(inner, inner).map(lambda two: (two[0][0] | two[1][0], two[0][1] | two[1][1]))
    return st.one_of(optional, lists, either, _models(inner))


def _models(inner: Types) -> Types:
    fields = st.dictionaries(st.sampled_from("xyz"), inner, min_size=1, max_size=3)
    return fields.map(
        lambda each: (
            read(**{name: kind for name, (kind, _) in each.items()}),
            st.fixed_dictionaries({name: values for name, (_, values) in each.items()}),
        )
    )


TYPES = st.recursive(_plain_types(), _wider, max_leaves=4)


@STEADY
@given(one=TYPES, other=TYPES, data=st.data())
def test_what_is_said_to_fit_can_be_read_and_what_is_not_cannot(one: Any, other: Any, data: st.DataObject) -> None:
    event, model = told(value=one[0]), read(value=other[0])
    found = misfits(event, model)
    for misfit in found:
        assert event.model_validate(misfit.event).model_dump(mode="json") == misfit.event, "it can be told"
        with pytest.raises(ValidationError):
            read_data(model, misfit.event)
    for _ in range(5 if not found else 0):
        sent = event.model_validate({"value": data.draw(one[1])}).model_dump(mode="json")
        read_data(model, sent)


@STEADY
@given(one=TYPES)
def test_every_slice_can_read_what_it_tells_itself(one: Any) -> None:
    assert misfits(told(value=one[0]), read(value=one[0])) == []


@STEADY
@given(one=TYPES)
def test_the_most_usual_sample_can_be_told(one: Any) -> None:
    event = told(value=one[0])
    usual = samples_of(sent_schema(event))[0]
    assert event.model_validate(usual).model_dump(mode="json").keys() == usual.keys()


class Refusing:
    """What says itself that it has no schema."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler, /) -> Any:
        raise PydanticInvalidForJsonSchema("it has none")


class RefusingModel(Refusing, Schema):
    name: str


class Computing(Schema):
    @computed_field  # type: ignore[prop-decorator]
    @property
    def call(self) -> Callable[[], int]:
        return lambda: 3


class Open(Schema):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Callable[[], int]]


Call: TypeAlias = Callable[[], int]


UNTOLD: dict[str, Any] = {
    "itself": Call,
    "in a list": list[Call],
    "in a tuple": tuple[int, Call],
    "in a mapping": dict[str, Call],
    "or nothing": Call | None,
    "with a default": (list[list[Call]], []),
    "checked": Annotated[Call, AfterValidator(lambda value: value)],
    "as it is written": Annotated[int, PlainSerializer(lambda value: value, return_type=Call)],
    "by its own word": Annotated[int, Refusing],
    "by a model's own word": list[RefusingModel],
    "computed": Computing,
    "beside the fields": Open,
    "in a model": read(calls=list[Call]),
}


@pytest.mark.parametrize("where", UNTOLD)
def test_an_event_without_a_schema_is_told_however_deep_that_lies(where: str) -> None:
    said = unreadable_event(told(field=UNTOLD[where])) or ""
    assert said.startswith("the event Made has no JSON Schema: ")


TELLING = (int, Time, Tags, HttpUrl, list[UUID], Decimal | None, dict[str, Line], Schema)


@pytest.mark.parametrize("field", TELLING, ids=range(len(TELLING)))
def test_any_other_event_has_one(field: Any) -> None:
    assert unreadable_event(told(field=field)) is None
    assert sent_schema(told(field=field))["properties"]
