"""Checks, their pings and changes of state as they come in, go out and are kept, and what is told about them."""

from functools import cached_property, lru_cache
from hashlib import sha1
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    StringConstraints,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from slice_api.chassis import Change, Event, Integer, Schema, Time
from slice_api.slices.heartbeats.schedules import (
    LEAST_SECONDS,
    MOST_SECONDS,
    CalendarText,
    CronText,
    Schedule,
    Zone,
)
from slice_api.slices.heartbeats.states import Reason, Record, Status

State = Literal["new", "up", "grace", "down", "paused", "running"]
Order = Literal[
    "name", "-name", "created_at", "-created_at", "next_due_at", "-next_due_at",
]  # fmt: skip

MOST_NAME: Final = 100
MOST_TAGS_TEXT: Final = 500

_KNOWN_SCHEDULES: Final = 1_000
EVERY_DAY: Final = Schedule(every_seconds=86_400)

_YEAR_SECONDS = Field(ge=LEAST_SECONDS, le=MOST_SECONDS, strict=True)


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not hold the character NUL")
    return text


def _checked_tags(tags: list[str]) -> list[str]:
    tags = list(dict.fromkeys(tags))
    if len(" ".join(tags)) > MOST_TAGS_TEXT:
        raise ValueError(f"must have at most {MOST_TAGS_TEXT} characters together, with a space between them")
    return tags


Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MOST_NAME), AfterValidator(_no_nul)]
Slug = Annotated[str, StringConstraints(max_length=100, pattern=r"^[a-z0-9_-]*$")]
CheckTag = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^\S+$"), AfterValidator(_no_nul)]
CheckTags = Annotated[list[CheckTag], AfterValidator(_checked_tags), Field(examples=[["prod", "backup"]])]
Keywords = Annotated[str, StringConstraints(max_length=200), AfterValidator(_no_nul)]
Description = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(_no_nul)]
Methods = Literal["", "POST"]


class MaintenanceWindow(Schema):
    """Time that comes again and again in which nobody is alerted."""

    cron: CronText = Field(examples=["0 3 * * 0"])
    """When it begins."""
    timezone: Zone = "UTC"
    """The zone of `cron`."""
    duration_seconds: Annotated[int, Field(ge=60, le=7 * 86_400, strict=True)] = Field(examples=[3600])
    """How long it lasts, up to seven days."""

    @cached_property
    def schedule(self) -> Schedule:
        """When it begins, as the schedule of a check."""
        return Schedule.model_construct(cron=self.cron, timezone=self.timezone)


class HeartbeatFields(Schema):
    """What people decide about a check."""

    name: Name = Field(examples=["Nightly backup"])
    """What it is called."""
    slug: Slug = Field(default="", examples=["nightly-backup"])
    """Its name in ping URLs that carry the ping key: a-z, 0-9, `-` and `_`; by default made from the name."""
    tags: CheckTags = Field(default=[])
    """Labels without spaces, to find it by and to choose it for badges and status pages."""
    description: Description = Field(default="", examples=["Dumps the database to the other site"])
    """What whoever is woken by it should know."""
    schedule: Schedule = Field(default=EVERY_DAY, examples=[{"every_seconds": 86_400}])
    """When it is due; every day by default."""
    grace_seconds: Annotated[int, _YEAR_SECONDS] = Field(default=3_600, examples=[3600])
    """How much later than due it may be heard of; also how long a run may take where `max_run_seconds` is not given."""
    max_run_seconds: Annotated[int, Field(ge=1, le=MOST_SECONDS, strict=True)] | None = Field(
        default=None, examples=[1800]
    )
    """How long a run may take between its start and its end."""
    failures_before_alert: Annotated[int, Field(ge=1, le=100, strict=True)] = Field(default=1, examples=[1])
    """How many failures, or missed times, in a row make it go down."""
    methods: Methods = ""
    """`POST`: only pings by POST count, others are logged as ignored; empty: all do."""
    filter_http_body: Annotated[bool, Field(strict=True)] = False
    """Whether the body of a ping decides what it means, by the keywords below."""
    start_kw: Keywords = Field(default="", examples=["STARTED"])
    """Keywords, with commas between them, of which any in the body makes the ping a start."""
    success_kw: Keywords = Field(default="", examples=["OK, DONE"])
    """Keywords that make it a success."""
    failure_kw: Keywords = Field(default="", examples=["ERROR, FAILED"])
    """Keywords that make it a failure; they are looked for first."""
    filter_default_fail: Annotated[bool, Field(strict=True)] = False
    """Whether a body without any keyword is a failure; else it is ignored."""
    is_manual_resume: Annotated[bool, Field(strict=True)] = False
    """Whether pings leave it paused until somebody resumes it."""
    snoozed_until: Time | None = Field(default=None, examples=["2026-02-01T06:00:00Z"])
    """Until when nobody is alerted: what is wrong then is told at that moment, if it still is."""
    maintenance: Annotated[list[MaintenanceWindow], Field(max_length=20)] = Field(
        default=[], examples=[[{"cron": "0 3 * * 0", "timezone": "Europe/Vienna", "duration_seconds": 3600}]]
    )
    """Times that come again in which nobody is alerted."""


class NewHeartbeat(HeartbeatFields):
    """A check to be made."""

    name: Annotated[Name, StringConstraints(min_length=1)] = Field(examples=["Nightly backup"])


class ScheduleChange(Schema):
    """A merge patch on a schedule: a new kind of time takes the place of the one there is."""

    every_seconds: int | None = None
    """So many seconds after it last ran, 60 to 31,536,000."""
    cron: CronText | None = Field(default=None, examples=["30 2 * * 1-5"])
    """A cron expression of five fields."""
    on_calendar: CalendarText | None = Field(default=None, examples=["Mon..Fri 02:30"])
    """An OnCalendar expression of systemd."""
    timezone: Zone | None = Field(default=None, examples=["Europe/Vienna"])
    """The zone of `cron` and `on_calendar`."""


class HeartbeatChange(Change, NewHeartbeat):
    """A merge patch on a check: what is left out stays, null clears."""

    schedule: ScheduleChange | None = Field(default=None, examples=[{"every_seconds": 3600}])  # type: ignore[assignment]
    """When it is due; null for every day."""


class Snooze(Schema):
    """For how long nobody is to be alerted."""

    until: Time | None = Field(examples=["2026-02-01T06:00:00Z"])
    """Until when; null for no longer."""


@lru_cache(_KNOWN_SCHEDULES)
def _known_schedule(fields: tuple[tuple[str, Any], ...]) -> Schedule:
    return Schedule.model_validate(dict(fields))


def _kept_schedule(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """Most checks that are read have one of a few schedules, which are looked at once."""
    return _known_schedule(tuple(value.items())) if isinstance(value, dict) else check(value)


class StoredHeartbeat(HeartbeatFields):
    """A check as it is kept: its terms, what was heard of it, and the deadline that follows from both.

    It is read with every ping, so that its fields are plain: what stands in them was checked when it came in.
    """

    id: str
    """A UUID, lower-case, with dashes."""
    unique_key: str
    """The name by which read-only clients know it."""
    badge_id: str
    """A UUID that tells nothing of the other."""
    name: str
    slug: str = ""
    tags: list[str] = Field(default=[])
    description: str = ""
    schedule: Annotated[Schedule, WrapValidator(_kept_schedule)] = EVERY_DAY
    start_kw: str = ""
    success_kw: str = ""
    failure_kw: str = ""
    snoozed_until: AwareDatetime | None = None
    filter_subject: bool = False
    filter_body: bool = False
    """What of e-mails would be looked at, for clients that set it."""
    created_at: AwareDatetime
    updated_at: AwareDatetime
    created_by: str
    status: Status = "new"
    n_pings: int = 0
    last_ping_at: AwareDatetime | None = None
    due_at: AwareDatetime | None = None
    last_start_at: AwareDatetime | None = None
    last_start_rid: str | None = None
    last_duration_seconds: float | None = None
    failures: int = 0
    is_untold: bool = False
    is_run_missed: bool = False
    alert_at: AwareDatetime | None = None
    """When its deadline passes."""
    open_runs: dict[str, AwareDatetime] = Field(default={})
    """When runs began that have not ended, by their ids; the one without an id under the empty text."""

    @property
    def is_running(self) -> bool:
        """Whether a run has begun whose end is awaited."""
        return self.last_start_at is not None

    @property
    def record(self) -> Record:
        """What was heard of it."""
        return Record(
            self.status,
            self.last_ping_at,
            self.due_at,
            self.last_start_at,
            self.last_start_rid,
            self.last_duration_seconds,
            self.failures,
            self.is_untold,
            self.is_run_missed,
        )


def unique_key_of(check_id: str) -> str:
    """The name by which read-only clients know a check (as Healthchecks makes it)."""
    return sha1(check_id.replace("-", "")[:16].encode(), usedforsecurity=False).hexdigest()


class Heartbeat(HeartbeatFields):
    """A check."""

    id: str = Field(examples=["0c8983c9-9d73-446f-adb5-0641fdacc9d4"])
    """Its id, a UUID; whoever knows it can send its pings."""
    ping_url: str = Field(examples=["https://example.org/ping/0c8983c9-9d73-446f-adb5-0641fdacc9d4"])
    """Where its pings go."""
    badge_url: str = Field(examples=["https://example.org/b/2/5a1e3c1e-2a1f-4f0e-8a60-1f9d9ef5a7d3.svg"])
    """A picture of its state, for everybody."""
    state: State = Field(examples=["up"])
    """`new`: nothing was heard yet; `up`; `grace`: it is late; `down`; `paused`; `running`: a run has begun."""
    is_running: bool = False
    """Whether a run has begun whose end is awaited, also while it is down."""
    is_quiet: bool = False
    """Whether nobody is alerted now, by a snooze or maintenance."""
    n_pings: int = Field(default=0, examples=[42])
    """How many pings came in, with those that are not kept any more."""
    last_ping_at: Time | None = Field(default=None, examples=["2026-01-31T02:30:04Z"])
    """When it last succeeded or failed."""
    next_due_at: Time | None = Field(default=None, examples=["2026-02-01T02:30:00Z"])
    """When it is expected next; while it runs, when it was started."""
    alert_at: Time | None = Field(default=None, examples=["2026-02-01T03:30:00Z"])
    """When it goes down unless something is heard of it."""
    last_start_at: Time | None = Field(default=None, examples=["2026-01-31T02:30:00Z"])
    """When the run that goes on was started."""
    last_duration_seconds: float | None = Field(default=None, examples=[4.2])
    """How long the last run took, where its start was told."""
    failures: int = 0
    """How often it has failed since it last succeeded."""
    created_at: Time = Field(examples=["2026-01-30T10:00:00Z"])
    updated_at: Time = Field(examples=["2026-01-30T10:00:00Z"])
    """When its settings were last changed."""
    created_by: str = Field(examples=["7hKq2mXa"])
    """The id of the key that made it."""


class HeartbeatFilter(Schema):
    """What to list."""

    search: str | None = None
    slug: str | None = None
    tags: tuple[str, ...] = ()
    state: State | None = None
    order: Order = "name"


class StateCounts(Schema):
    """How many checks are in each state."""

    new: int = 0
    up: int = 0
    grace: int = 0
    down: int = 0
    paused: int = 0
    running: int = 0
    total: int = 0


Kind = Literal["success", "start", "fail", "log", "ignored"]


class Ping(Schema):
    """What came in."""

    n: Integer = Field(examples=[42])
    """The how manieth of its check it is, from 1."""
    at: Time = Field(examples=["2026-01-31T02:30:04Z"])
    """When it came."""
    kind: Kind = Field(examples=["success"])
    """What it meant; `ignored` by the check's filters, or since it is paused."""
    scheme: str = Field(examples=["https"])
    remote_addr: str = Field(examples=["192.0.2.7"])
    """Where it came from."""
    method: str = Field(examples=["GET"])
    user_agent: str = Field(examples=["curl/8.9.1"])
    """Its first 200 characters."""
    rid: str | None = Field(default=None, examples=["123e4567-e89b-12d3-a456-426614174000"])
    """The id of the run that it belongs to."""
    exit_status: int | None = Field(default=None, examples=[0])
    """The exit status that it told."""
    duration_seconds: float | None = Field(default=None, examples=[4.2])
    """How long the run took that it ended."""
    body_bytes: int = Field(default=0, examples=[120])
    """How many bytes of its body are kept, 10,000 at most."""


class PingBody(Schema):
    """The body of a ping, kept apart so that lists of pings stay small."""

    key: str
    """The check's id, a slash, and the ping's number in twelve digits."""
    body: str
    """In base64."""


class FlipRecord(Schema):
    """A change of state."""

    at: Time = Field(examples=["2026-02-01T03:30:00Z"])
    """When it happened: for a deadline the deadline, not when it was noticed."""
    old: Status = Field(examples=["up"])
    new: Status = Field(examples=["down"])
    reason: Reason | None = Field(default=None, examples=["timeout"])
    """Why it went down."""


class Secrets(Schema):
    """What addresses of this service are made of; every process has the same."""

    id: str
    ping_key: str
    badge_secret: str


class Brief(Schema):
    """A check in a few words."""

    id: str
    name: str
    slug: str
    tags: list[str]


class FlipTold(Schema):
    """What is told of a change of state."""

    heartbeat: Brief
    old: Status
    """The state before."""
    at: Time
    """When it changed, by the deadline where that was it."""
    reason: Reason | None = None
    """Why it went down."""
    last_ping_at: Time | None = None
    """When it was last heard of."""
    last_ping_text: str | None = None
    """What the last ping said, its first 1,000 characters."""


class HeartbeatDown(FlipTold, Event):
    """A check went down."""

    topic = "heartbeats.down"


class HeartbeatUp(FlipTold, Event):
    """A check came up."""

    topic = "heartbeats.up"


class HeartbeatPaused(FlipTold, Event):
    """A check was paused."""

    topic = "heartbeats.paused"


class HeartbeatResumed(FlipTold, Event):
    """A check was resumed, and waits for its first ping."""

    topic = "heartbeats.resumed"


class HeartbeatCreated(Event):
    """A check was made."""

    topic = "heartbeats.created"
    heartbeat: Brief


class HeartbeatUpdated(Event):
    """The settings of a check were changed."""

    topic = "heartbeats.updated"
    heartbeat: Brief
    changed: list[str]
    """The fields."""


class HeartbeatDeleted(Event):
    """A check was deleted."""

    topic = "heartbeats.deleted"
    heartbeat: Brief


class StatusPageCreated(Event):
    """A status page was made."""

    topic = "heartbeats.page_created"
    name: str


class StatusPageUpdated(Event):
    """The settings of a status page were changed."""

    topic = "heartbeats.page_updated"
    name: str
    changed: list[str]
    """The fields."""


class StatusPageDeleted(Event):
    """A status page was deleted."""

    topic = "heartbeats.page_deleted"
    name: str


def brief_of(check: StoredHeartbeat) -> Brief:
    return Brief(id=check.id, name=check.name, slug=check.slug, tags=check.tags)


class DueTime(Schema):
    """A moment at which a job is due."""

    at: Time
    in_words: str = Field(examples=["Monday 2 February 2026, 02:30 CET"])
    """The same in the schedule's zone, as people say it."""


class SchedulePreview(Schema):
    """What a schedule means."""

    in_words: str = Field(examples=["At 02:30 on Monday through Friday (Europe/Vienna)"])
    times: list[DueTime]
    """The next ten times at which it is due, or as many as there are; an interval counts from now."""


class PingKey(Schema):
    """The key of ping URLs that name a check by its slug."""

    ping_key: str = Field(examples=["b3f1c0de5a7e4d21b3f1c0"])
    ping_url: str = Field(examples=["https://example.org/ping/b3f1c0de5a7e4d21b3f1c0/{slug}"])
    """Where such pings go."""
