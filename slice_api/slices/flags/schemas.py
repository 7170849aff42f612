"""Flags as they come in, go out and are kept, and what is told about them."""

from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from slice_api.chassis import Change, Event, Integer, Schema, Tags, Time
from slice_api.slices.flags.values import Kind, Metadata, Variants, kind_of

State = Literal["ENABLED", "DISABLED"]
StaleReason = Literal["not_evaluated", "one_variant"]
Action = Literal["created", "updated", "imported", "rolled_back", "scheduled"]
ExposureInterval = Literal["hour", "day"]
Order = Literal["key", "-key", "updated_at", "-updated_at", "created_at", "-created_at"]

RESERVED_KEYS: Final = frozenset({"document", "evaluate", "sets"})
"""What a path of this slice means by itself."""

Definition = dict[str, Any]
"""A flag just as it stands in a flagd document, its fields in their order."""


def _check_key(key: str) -> str:
    if key in RESERVED_KEYS:
        raise ValueError(f"is reserved: /api/flags/{key} is a path of its own")
    return key


Key = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._:-]+$"),
    AfterValidator(_check_key),
    Field(examples=["new-checkout"]),
]
SetName = Annotated[str, StringConstraints(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")]
VariantName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Rule = dict[str, Any]
Description = Annotated[str, Field(max_length=2000, examples=["The checkout in one step"])]

_RULE_EXAMPLE: Final = {"if": [{"ends_with": [{"var": "email"}, "@example.org"]}, "on", None]}


class FlagFields(Schema):
    """What people decide about a flag."""

    description: Description = ""
    """What it is for."""
    state: State = "ENABLED"
    """Whether it is evaluated: programs that ask for a disabled one use their own default."""
    variants: Variants = Field(examples=[{"on": True, "off": False}])
    """What it can be: at least one value by name, all of them booleans, all strings, all numbers or all objects."""
    default_variant: VariantName | None = Field(default=None, examples=["off"])
    """The variant where targeting decides nothing; null: the default in the program's own code."""
    targeting: Rule | None = Field(default=None, examples=[_RULE_EXAMPLE])
    """A JsonLogic rule that gives the name of a variant, or null for the default; null: the default for everybody."""
    metadata: Metadata = Field(default={}, examples=[{"team": "shop"}])
    """Texts, numbers and booleans that go out with every evaluation."""
    tags: Tags = Field(default=[])
    """Labels to find it by, lower-case."""


class NewFlag(FlagFields):
    """A flag to be made."""

    key: Key
    """Its name in programs: letters, digits, `.`, `_`, `:` and `-`."""

    @field_validator("default_variant")
    @classmethod
    def _must_be_a_variant(cls, value: str | None, info: ValidationInfo) -> str | None:
        variants = info.data.get("variants")
        if value is not None and variants is not None and value not in variants:
            raise ValueError(f"must be one of the variants: {', '.join(variants)}")
        return value


class FlagChange(Change, FlagFields):
    """What to change of a flag: what is left out stays, null clears."""


class FlagRecord(Schema):
    """What a flag is known by."""

    key: str = Field(examples=["new-checkout"])
    """Its name in programs."""
    set: str = Field(default="", examples=[""])
    """The flag set that it is of; empty for the one without a name."""
    revision: Integer = Field(examples=[3])
    """Which version of it this is, counted from 1."""
    created_at: Time
    """When it was made."""
    updated_at: Time
    """When it was last changed."""
    updated_by: str | None = Field(examples=["7hKq2mXa"])
    """The id of the key that changed it last; null when that was a schedule."""


class Flag(FlagRecord, FlagFields):
    """A feature flag."""

    # What was imported may break the rules for what is made here, and is shown as it is.
    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    variants: dict[str, Any] = Field(examples=[{"on": True, "off": False}])
    """What it can be: values by name."""
    default_variant: str | None = Field(default=None, examples=["off"])
    """The variant where targeting decides nothing; null: the default in the program's own code."""
    targeting: Any = Field(default=None, examples=[_RULE_EXAMPLE])
    """A JsonLogic rule that gives the name of a variant, or null for the default; null: the default for everybody."""
    description: str = Field(default="", examples=["The checkout in one step"])
    """What it is for."""
    tags: list[str] = Field(default=[], examples=[["shop"]])
    """Labels to find it by."""
    kind: Kind | None = Field(examples=["boolean"])
    """What its variants are; null where an import has mixed them."""
    last_evaluated_at: Time | None = None
    """When it was last evaluated, to some seconds."""
    is_stale: bool = False
    """Whether it can probably be taken out of the code."""
    stale_reason: StaleReason | None = None
    """`not_evaluated` for 30 days, or everybody got `one_variant` and nobody changed it for 30 days."""


class StoredFlag(FlagRecord):
    """A flag as it is kept."""

    id: str
    """Its key, with the set's name in front where that has one."""
    source: Definition
    """The flag as it stands in a document; `description` and `tags` stand in it too, where they are not empty."""
    position: Integer
    """Its place in the document."""

    @property
    def serial(self) -> str:
        """What it is counted by: a new flag of the same key is another."""
        return f"{self.key}\x1f{int(self.created_at.timestamp() * 1_000_000):x}"

    @property
    def state(self) -> State:
        return "DISABLED" if self.source.get("state") == "DISABLED" else "ENABLED"

    @property
    def variants(self) -> dict[str, Any]:
        found = self.source.get("variants")
        return found if isinstance(found, dict) else {}

    @property
    def default_variant(self) -> str | None:
        """The default; an import may say "none" as null, as "" or by leaving it out."""
        found = self.source.get("defaultVariant")
        return found if isinstance(found, str) and found else None

    @property
    def targeting(self) -> Any:
        """The rule; null where there is none, `{}` too."""
        return self.source.get("targeting") or None

    @property
    def metadata(self) -> dict[str, str | int | float | bool]:
        found = self.source.get("metadata")
        told = found.items() if isinstance(found, dict) else ()
        return {name: value for name, value in told if isinstance(value, str | int | float | bool)}

    @property
    def description(self) -> str:
        found = self.source.get("description")
        return found if isinstance(found, str) else ""

    @property
    def tags(self) -> list[str]:
        found = self.source.get("tags")
        return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []

    @property
    def kind(self) -> Kind | None:
        return kind_of(self.variants)


class FlagSet(Schema):
    """A flag set as it is kept: all of its document but the flags."""

    name: str
    """The name that `metadata.flagSetId` gives it; empty for the one without."""
    envelope: dict[str, Any]
    """The fields of the document in their order; null in the place of `flags`."""
    is_array: bool = False
    """Whether the document has its flags in an array."""
    revision: Integer
    """How often something of it has changed."""
    updated_at: Time
    """When something of it last changed."""

    @property
    def metadata(self) -> dict[str, Any]:
        found = self.envelope.get("metadata")
        return found if isinstance(found, dict) else {}

    @property
    def evaluators(self) -> dict[str, Any]:
        found = self.envelope.get("$evaluators")
        return found if isinstance(found, dict) else {}


class FlagSetInfo(Schema):
    """A flag set: flags that are evaluated together."""

    name: str = Field(examples=[""])
    """Its name; empty for the one without."""
    flags: int = Field(examples=[12])
    """How many flags it has."""
    revision: Integer = Field(examples=[40])
    """How often something of it has changed."""
    updated_at: Time
    """When something of it last changed."""


class Usages(Schema):
    """When some of a set's flags were last evaluated, and with what result."""

    id: str
    flags: dict[str, dict[str, Time]]
    """By flag, when each variant was last given; the empty name stands for the code's own default."""


class ExposureCounts(Schema):
    """How often some of a set's flags gave each of their variants, in an hour or on a day."""

    id: str
    counts: dict[str, dict[str, Integer]]
    expires_at: Time


class ExposurePoint(Schema):
    """The evaluations of an hour or a day."""

    start: Time
    """When it begins."""
    total: int = Field(examples=[42])
    """How many there were."""
    variants: dict[str, int] = Field(examples=[{"on": 30, "off": 12}])
    """How many gave each variant; the empty name stands for the code's own default."""


class Exposures(Schema):
    """How often a flag was evaluated in a range of time, and what it gave."""

    interval: ExposureInterval
    """What `series` counts by; days are those of UTC."""
    from_: Time = Field(alias="from", serialization_alias="from")
    """Where the range begins."""
    to: Time
    """Where it ends."""
    total: int = Field(examples=[42])
    """How many evaluations there were."""
    by_variant: dict[str, int] = Field(examples=[{"on": 30, "off": 12}])
    """How many gave each variant."""
    series: list[ExposurePoint]
    """Every hour or day of the range, those without an evaluation too."""


class Patch(Schema):
    """One step from a version to the next, as in JSON Patch (RFC 6902), with what was there before."""

    op: Literal["add", "remove", "replace"]
    """What was done."""
    path: str = Field(examples=["/defaultVariant"])
    """Where, as a JSON pointer into the flag's definition."""
    value: Any = Field(default=None, examples=["on"])
    """What is there now."""
    old: Any = Field(default=None, examples=["off"])
    """What was there before."""


class Revision(Schema):
    """A version of a flag: who made it, when, and what was changed."""

    revision: Integer = Field(examples=[3])
    """Its number, counted from 1."""
    action: Action
    """What made it."""
    at: Time
    """When."""
    by: str | None = Field(examples=["7hKq2mXa"])
    """The id of the key; null for a schedule."""
    diff: list[Patch]
    """What is different from the version before; nothing for the first."""
    flag: Definition = Field(examples=[{"state": "ENABLED", "variants": {"on": True, "off": False}}])
    """The whole definition, as it stands in a document."""


class Rollback(Schema):
    """Which version to go back to."""

    revision: Annotated[Integer, Field(ge=1)] = Field(examples=[1])
    """Its number."""


class Settings(Change):
    """What a schedule may change of a flag; what is left out stays."""

    state: State | None = None
    """Whether it is evaluated from then on."""
    default_variant: VariantName | None = Field(default=None, examples=["on"])
    """The variant where targeting decides nothing; null: the default in the program's own code."""
    targeting: Rule | None = Field(default=None, examples=[None])
    """The rule from then on; null: none."""

    @model_validator(mode="after")
    def _must_change_something(self) -> "Settings":
        if not self.model_fields_set:
            raise ValueError("must name at least one of state, default_variant and targeting")
        return self

    @field_validator("state")
    @classmethod
    def _must_be_a_state(cls, value: State | None) -> State:
        if value is None:
            raise ValueError("must be ENABLED or DISABLED")
        return value


class NewScheduledChange(Schema):
    """A change that is to happen by itself."""

    at: Time = Field(examples=["2099-01-31T09:00:00Z"])
    """When: a moment to come."""
    change: Settings = Field(examples=[{"state": "ENABLED", "default_variant": "on"}])
    """What to change then."""


class ScheduledChange(Schema):
    """A change that happens by itself, once."""

    id: str = Field(examples=["chg_4rTq8ZbW1nXc"])
    """Its id."""
    at: Time
    """When it happens."""
    change: dict[str, Any] = Field(examples=[{"state": "ENABLED", "default_variant": "on"}])
    """What it changes: some of `state`, `default_variant` and `targeting`."""
    created_at: Time
    """When it was planned."""
    created_by: str = Field(examples=["7hKq2mXa"])
    """The id of the key that planned it."""
    error: str | None = Field(default=None, examples=[None])
    """Why it has not happened, though its time has come; null while it has not."""


class StoredChange(ScheduledChange):
    """A planned change as it is kept."""

    flag_id: str
    set: str
    key: str

    @property
    def is_pending(self) -> bool:
        return self.error is None


class StreamSecret(Schema):
    """What the addresses of streams are signed with."""

    id: str
    secret: str


class FlagFilter(Schema):
    """Which flags to list, and in which order."""

    set: str | None = None
    search: str | None = None
    tags: tuple[str, ...] = ()
    state: State | None = None
    is_stale: bool | None = None
    order: Order = "key"


class Maker(NamedTuple):
    """Who changes a flag, and how."""

    by: str | None
    action: Action


class FlagCreated(Event):
    """A flag was made."""

    topic = "flags.created"
    set: str
    key: str
    revision: Integer


class FlagUpdated(Event):
    """A flag was changed."""

    topic = "flags.updated"
    set: str
    key: str
    revision: Integer
    action: Action
    state: State
    changed: list[str]
    """The fields of its definition that are different now."""


class FlagDeleted(Event):
    """A flag was deleted."""

    topic = "flags.deleted"
    set: str
    key: str


class FlagsImported(Event):
    """All flags of a set were replaced."""

    topic = "flags.imported"
    set: str
    created: int
    updated: int
    deleted: int


class FlagSetDeleted(Event):
    """A flag set was deleted with all of its flags."""

    topic = "flags.set_deleted"
    set: str
    deleted: int


class ChangePlanned(Event):
    """A change of a flag was planned."""

    topic = "flags.change_planned"
    id: str
    set: str
    key: str
    at: Time


class ChangeCalledOff(Event):
    """A planned change will not happen."""

    topic = "flags.change_called_off"
    id: str
    set: str
    key: str


class ChangeFailed(Event):
    """A planned change does not fit its flag any more."""

    topic = "flags.change_failed"
    id: str
    set: str
    key: str
    error: str
