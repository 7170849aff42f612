"""Links and visits as they come in, go out and are kept, and what is told about them."""

from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from slice_api.chassis import Change, Event, Integer, Schema, Tags, Time
from slice_api.slices.links.languages import check_language
from slice_api.slices.links.slugs import MAX_LENGTH, check_slug
from slice_api.slices.links.urls import check_url

Device = Literal["android", "ios", "desktop", "mobile", "bot"]
RedirectStatus = Literal[301, 302, 307, 308]
State = Literal["active", "upcoming", "expired"]
Order = Literal[
    "created_at", "-created_at", "visit_count", "-visit_count",
    "last_visited_at", "-last_visited_at", "slug", "-slug",
]  # fmt: skip

Url = Annotated[str, Field(min_length=1, max_length=2048, json_schema_extra={"format": "uri"})]
Slug = Annotated[
    str,
    AfterValidator(check_slug),
    Field(json_schema_extra={"minLength": 1, "maxLength": MAX_LENGTH}),
]
Language = Annotated[str, Field(max_length=71), AfterValidator(check_language)]
QueryName = Annotated[str, Field(min_length=1, max_length=100)]
QueryValue = Annotated[str, Field(max_length=500)]
Password = Annotated[SecretStr, Field(min_length=1, max_length=200)]


def _checked_url(value: str | None) -> str | None:
    return None if value is None else check_url(value)


def _is_none(value: Any) -> bool:
    return value is None


class RuleConditions(Schema):
    """What must hold for a rule: everything that is given, and at least one thing."""

    device: Device | None = Field(default=None, exclude_if=_is_none, examples=["ios"])
    """What the visitor uses: `mobile` is every phone and tablet, `bot` a crawler, a link preview or a prefetch."""
    language: Language | None = Field(default=None, exclude_if=_is_none, examples=["de"])
    """What the visitor wants to read most: `de` covers `de-AT` too, `de-AT` only itself."""
    query: Annotated[dict[QueryName, QueryValue], Field(min_length=1, max_length=10)] | None = Field(
        default=None, exclude_if=_is_none, examples=[{"source": "flyer"}]
    )
    """What the visitor's query must hold, decoded: every one of these names with its value."""
    after: Time | None = Field(default=None, exclude_if=_is_none, examples=["2026-01-01T00:00:00Z"])
    """From when on it holds."""
    before: Time | None = Field(default=None, exclude_if=_is_none, examples=["2027-01-01T00:00:00Z"])
    """Until when it holds; not at that moment any more."""

    @field_validator("before")
    @classmethod
    def _must_end_after_it_begins(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        begin = info.data.get("after")
        if value is not None and begin is not None and value <= begin:
            raise ValueError("must be after the time in after")
        return value

    @model_validator(mode="after")
    def _must_ask_something(self) -> "RuleConditions":
        if all(value is None for _, value in self):
            raise ValueError(f"must hold at least one of {', '.join(type(self).model_fields)}")
        return self


class Rule(Schema):
    """Another target for some visitors."""

    when: RuleConditions
    """Whom it is for."""
    url: Url = Field(examples=["https://apps.example.com/guide"])
    """Where they go, under the same rules as the link's own `url`."""


class NewRule(Rule):
    """A rule as it comes in."""

    _check_url = field_validator("url")(check_url)


def _as_rule(value: Any) -> Any:
    """Hold a rule against all that is asked of a new one, every fault at its place; what is kept is only a rule."""
    return dict(value if isinstance(value, Rule) else NewRule.model_validate(value))


_AT_MOST_20 = Field(max_length=20, examples=[[{"when": {"device": "ios"}, "url": "https://apps.example.com/guide"}]])
Rules = Annotated[list[Rule], _AT_MOST_20]
NewRules = Annotated[list[Annotated[Rule, BeforeValidator(_as_rule)]], _AT_MOST_20]


class LinkFields(Schema):
    """What people decide about a link."""

    url: Url = Field(examples=["https://example.org/guide?lang=en"])
    """Where it leads: an absolute http or https URL, kept byte for byte as typed."""
    title: Annotated[str, Field(max_length=200)] | None = Field(default=None, examples=["The guide"])
    """What it is called in lists."""
    note: Annotated[str, Field(max_length=2000)] | None = Field(default=None, examples=["Printed on the spring flyer"])
    """Anything worth remembering about it."""
    tags: Tags = Field(default=[])
    """Labels to find it by, lower-case."""
    starts_at: Time | None = Field(default=None, examples=["2026-01-01T00:00:00Z"])
    """When it begins to work; before, visitors get 404."""
    expires_at: Time | None = Field(default=None, examples=["2027-01-01T00:00:00Z"])
    """When it stops working; from then on visitors get 410, or are sent to `expired_url`."""
    max_visits: Annotated[Integer, Field(ge=1, strict=True)] | None = Field(default=None, examples=[100])
    """How many visits it takes; bots, prefetches and HEAD requests use up none."""
    redirect_status: RedirectStatus = 302
    """The HTTP status of the redirect; 301 and 308 are kept by browsers for a while, so that not every visit counts."""
    is_query_forwarded: Annotated[bool, Field(strict=True)] = False
    """Whether the visitor's query is merged into the target's; for a name in both the visitor's value wins."""
    expired_url: Url | None = Field(default=None, examples=["https://example.org/sold-out"])
    """Where visitors go instead of the 410 page."""
    rules: Rules = Field(default=[])
    """Other targets for some visitors: the first one that fits decides, and where none does, `url`."""


class NewLink(LinkFields):
    """A link to be made."""

    rules: NewRules = Field(default_factory=list, json_schema_extra={"default": []})  # which costs less than a copy
    """Other targets for some visitors: the first one that fits decides, and where none does, `url`."""
    password: Password | None = Field(default=None, examples=[None])
    """What visitors must know to follow it; kept as a hash and never given back."""

    slug: Slug | None = Field(default=None, examples=["guide"])
    """Its name in the short URL: letters and digits of any script, emoji, `-` and `_`; null: one is made up."""

    _check_urls = field_validator("url", "expired_url")(_checked_url)

    @field_validator("expires_at")
    @classmethod
    def _must_expire_after_start(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        starts_at = info.data.get("starts_at")
        if value is not None and starts_at is not None and value <= starts_at:
            raise ValueError("must be after starts_at")
        return value


class LinkChange(Change, LinkFields):
    """What to change of a link: what is left out stays, null clears."""

    rules: NewRules = Field(default=[])
    """Other targets for some visitors, in place of all that there were; null: none."""
    password: Password | None = Field(default=None, examples=[None])
    """What visitors must know to follow it from now on; null: nothing."""

    _check_urls = field_validator("url", "expired_url")(_checked_url)


class LinkRecord(LinkFields):
    """A link with what the service knows of it."""

    slug: str = Field(examples=["guide"])
    """Its name in the short URL; case-sensitive."""
    visit_count: Integer = 0
    """Visits by people; counted a moment later, or at once when `max_visits` is set."""
    bot_visit_count: Integer = 0
    """Visits by bots and prefetches."""
    last_visited_at: Time | None = None
    """When the last visit was, whoever made it."""
    created_at: Time
    """When it was made."""
    updated_at: Time
    """When it was last changed by somebody; visits do not count."""
    created_by: str = Field(examples=["7hKq2mXa"])
    """The id of the key that made it."""


class Link(LinkRecord):
    """A short link."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    short_url: str = Field(examples=["https://s.example.org/guide"])
    """The address to hand out."""
    has_password: bool
    """Whether visitors are asked for a password."""


class StoredLink(LinkRecord):
    """A link as it is kept.

    It is read with every visit, so that its fields are plain: what stands in them was checked when it came in.
    """

    url: str
    title: str | None = None
    note: str | None = None
    tags: list[str] = Field(default=[])
    starts_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None
    max_visits: int | None = None
    is_query_forwarded: bool = False
    expired_url: str | None = None
    rules: list[Rule] = Field(default=[])
    visit_count: int = 0
    bot_visit_count: int = 0
    last_visited_at: AwareDatetime | None = None
    created_at: AwareDatetime
    updated_at: AwareDatetime
    id: str
    """Tells it from another link that had the same slug before or has it after."""
    password_hash: str | None = None
    """What the password is held against; it goes nowhere."""

    @property
    def url_digest(self) -> str:
        """What a link of the same URL is found by; URLs are too long for an index."""
        return url_digest(self.url)

    @property
    def is_used_up(self) -> bool:
        """Whether its visits have reached `max_visits`."""
        return self.max_visits is not None and self.visit_count >= self.max_visits


def url_digest(url: str) -> str:
    return blake2b(url.encode(), digest_size=16).hexdigest()


class PasswordTries(Schema):
    """The wrong passwords that one address has sent to one link."""

    id: str
    """A hash of both, from which neither can be read."""
    times: list[Time]
    """When each was sent, oldest first."""
    expires_at: Time
    """When the newest is forgotten."""


class LinkFilter(Schema):
    """Which links to list, and in which order."""

    search: str | None = None
    tags: tuple[str, ...] = ()
    state: State | None = None
    order: Order = "-created_at"


class Preview(Schema):
    """Where a short link leads, for those who look before they go."""

    slug: str = Field(examples=["guide"])
    """Its name in the short URL."""
    short_url: str = Field(examples=["https://s.example.org/guide"])
    """The short URL."""
    url: str | None = Field(examples=["https://example.org/guide?lang=en"])
    """Where it leads; null when one must know a password to be told."""
    other_urls: list[str] = Field(examples=[["https://apps.example.com/guide"]])
    """Where it leads besides, by device, language, query or time."""
    has_password: bool
    """Whether it asks for a password."""
    title: str | None = Field(examples=["The guide"])
    """What it is called."""
    created_at: Time
    """When it was made."""


class Availability(Schema):
    """Whether a slug is free."""

    slug: str = Field(examples=["guide"])
    """The slug as it would be kept (NFC)."""
    is_available: bool = Field(examples=[False])
    """Whether a link can be made that has it."""
    detail: str | None = Field(examples=["is taken"])
    """Why not; null when it is free."""


class Arrival(NamedTuple):
    """A visit as it comes in, before anything is parsed."""

    slug: str
    link_id: str
    at: datetime
    user_agent: str
    referrer: str
    accept_language: str
    is_prefetch: bool
    is_reserved: bool = False
    """Whether it stands in `visit_count` already, since it was held against `max_visits`."""
    rule: int | None = None
    """Which rule of the link chose the target."""


class Visit(Schema):
    """A visit of a link. No address is kept, and of the referrer only the host."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    at: Time
    """When it was."""
    referrer: str | None = Field(examples=["news.example.com"])
    """The host of the page that the visitor came from."""
    browser: str | None = Field(examples=["Firefox"])
    """The browser's family."""
    os: str | None = Field(examples=["Android"])
    """The operating system's family."""
    device: str | None = Field(examples=["mobile"])
    """`desktop`, `mobile` or `tablet`."""
    language: str | None = Field(examples=["de-AT"])
    """The language that the browser wants most."""
    is_bot: bool
    """Whether it was a bot or a prefetch."""
    rule: int | None = None
    """Which rule of the link chose the target, from 0; null when none did."""


class LinkCreated(Event):
    """A link was made."""

    topic = "links.created"
    link: Link


class LinkUpdated(Event):
    """A link was changed."""

    topic = "links.updated"
    link: Link


class LinkDeleted(Event):
    """A link and its visits were deleted."""

    topic = "links.deleted"
    slug: str


class LinkVisited(Event):
    """A link was visited, once or several times within a moment."""

    topic = "links.visited"
    slug: str
    visits: int
    """How many visits were counted at once, bots included."""
    visit_count: int
    bot_visit_count: int
    last_visited_at: Time | None


class FailedRow(Schema):
    """A row of a file that no link was made of."""

    line: int = Field(examples=[3])
    """The line of the file that it begins on, from 1; the header of CSV counts."""
    detail: str = Field(examples=["url: must not be a javascript: URL"])
    """What is wrong with it."""


class ImportReport(Schema):
    """What became of the rows of a file."""

    created: int = Field(examples=[2])
    """How many links were made, or would be."""
    skipped: int = Field(examples=[1])
    """How many rows tell of a link that is there already and does the same."""
    failed: list[FailedRow]
    """The rows that no link was made of, in their order; the first 10,000 of them."""
    failed_count: int = Field(examples=[1])
    """How many they are in all."""
    is_dry_run: bool
    """Whether nothing was written, since that was asked for."""


class LinksImported(Event):
    """Links were made from a file.

    It is told once for an import, when that has ended, in place of one `links.created` for each link: so many would
    push everything else off the feed.
    """

    topic = "links.imported"
    created: int
    """How many links were made."""
    skipped: int
    """How many rows told of links that were there already."""
    failed: int
    """Of how many rows no link was made."""
