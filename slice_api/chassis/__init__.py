"""What every slice stands on: a slice imports what it needs from here; the modules below are the chassis's own."""

from slice_api.chassis.addresses import address_group
from slice_api.chassis.batches import Batch
from slice_api.chassis.bodies import read_body, storage_faults
from slice_api.chassis.caches import Cached
from slice_api.chassis.changes import Change, merged, replaced, unchecked
from slice_api.chassis.conditional import is_unchanged
from slice_api.chassis.dependencies import (
    BaseUrl,
    Caller,
    ClientAddress,
    Db,
    Feed,
    InHand,
    Later,
    Logger,
    Mirrors,
    Near,
    Now,
    Paging,
    ReservedSegments,
    Service,
    caller_by_key,
    caller_of,
    from_app,
    own_settings,
)
from slice_api.chassis.events import EVENTS, Event, EventRecord, on
from slice_api.chassis.exchange import Exchange, Principal
from slice_api.chassis.ids import new_id, random_text
from slice_api.chassis.jobs import every
from slice_api.chassis.mirrors import Mirror
from slice_api.chassis.negotiation import prefers_page
from slice_api.chassis.notices import NOTICE_CSP, notice_page
from slice_api.chassis.policies import any_origin, public, reads_stream, requires
from slice_api.chassis.problems import (
    Fault,
    Problem,
    all_invalid,
    conflict,
    described,
    forbidden,
    gone,
    invalid,
    invalid_at,
    not_found,
    pointer_step,
    unauthenticated,
    unavailable,
)
from slice_api.chassis.responses import RawResponse
from slice_api.chassis.schemas import Date, Integer, Line, Schema, Tag, Tags, Text, Time, Url
from slice_api.chassis.search import Found
from slice_api.chassis.signals import wait_for
from slice_api.chassis.storage.database import Database
from slice_api.chassis.storage.pages import Page, PageQuery
from slice_api.chassis.storage.query import (
    Condition,
    after,
    at_least,
    at_most,
    before,
    either,
    equals,
    has,
    is_missing,
    matches,
    one_of,
)
from slice_api.chassis.storage.stores import Collection, Log
from slice_api.chassis.storage.tx import Taken, Tx
from slice_api.chassis.streams import EventStream
from slice_api.chassis.together import Together
from slice_api.settings import CommaList, SliceSettings

__all__ = [
    "EVENTS",
    "NOTICE_CSP",
    "BaseUrl",
    "Batch",
    "Cached",
    "Caller",
    "Change",
    "ClientAddress",
    "Collection",
    "CommaList",
    "Condition",
    "Database",
    "Date",
    "Db",
    "Event",
    "EventRecord",
    "EventStream",
    "Exchange",
    "Fault",
    "Feed",
    "Found",
    "InHand",
    "Integer",
    "Later",
    "Line",
    "Log",
    "Logger",
    "Mirror",
    "Mirrors",
    "Near",
    "Now",
    "Page",
    "PageQuery",
    "Paging",
    "Principal",
    "Problem",
    "RawResponse",
    "ReservedSegments",
    "Schema",
    "Service",
    "SliceSettings",
    "Tag",
    "Tags",
    "Taken",
    "Text",
    "Time",
    "Together",
    "Tx",
    "Url",
    "address_group",
    "after",
    "all_invalid",
    "any_origin",
    "at_least",
    "at_most",
    "before",
    "caller_by_key",
    "caller_of",
    "conflict",
    "described",
    "either",
    "equals",
    "every",
    "forbidden",
    "from_app",
    "gone",
    "has",
    "invalid",
    "invalid_at",
    "is_missing",
    "is_unchanged",
    "matches",
    "merged",
    "new_id",
    "not_found",
    "notice_page",
    "on",
    "one_of",
    "own_settings",
    "pointer_step",
    "prefers_page",
    "public",
    "random_text",
    "read_body",
    "reads_stream",
    "replaced",
    "requires",
    "storage_faults",
    "unauthenticated",
    "unavailable",
    "unchecked",
    "wait_for",
]
