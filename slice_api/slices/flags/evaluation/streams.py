"""Streams that tell when a flag set has changed (OFREP, ADR 0008): the client then asks for all flags again."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Final, NamedTuple

from fastapi.sse import ServerSentEvent

from slice_api.chassis import EventRecord, Feed, Mirrors, Service, Tx, unauthenticated
from slice_api.slices.flags.evaluation.sets import CHANGES, FLAG_SETS
from slice_api.slices.flags.evaluation.tokens import Ticket, Tokens

SCOPE: Final = "flags:evaluate"


class Listening(NamedTuple):
    """A stream that is opened: the events, and what its token says."""

    feed: Feed
    ticket: Ticket


async def open_stream(service: Service, tokens: Tokens, token: str, now: datetime, *, is_public: bool) -> Listening:
    """The events that a token opens, as long as its key may evaluate flags; raises 401."""
    ticket = tokens.read(token, int(now.timestamp()))
    if ticket is None:
        raise unauthenticated("The address of the stream is not valid any more; ask for all flags to get a new one.")

    def is_welcome(tx: Tx) -> bool:
        if is_public:
            return True
        caller = service.keys.recall(tx, ticket.key_id)
        return caller is not None and caller.has_scope(SCOPE)

    if not await service.db.transact(is_welcome):
        raise unauthenticated("The key that this stream was opened with may not evaluate flags any more.")
    return Listening(service.feed.for_reader(is_welcome), ticket)


async def changes(listening: Listening, mirrors: Mirrors, last_event_id: str | None) -> AsyncGenerator[ServerSentEvent]:
    """A message for each change of the set; one whose beginning is lost stands for all that were missed."""

    feed, ticket = listening

    def is_wanted(record: EventRecord) -> bool:
        return record.type in CHANGES and record.data["set"] == ticket.set_name

    async for event in feed.follow("flags", last_event_id, is_wanted):
        if event.id is None:
            yield event
            continue
        sets = await mirrors.get_since(FLAG_SETS, int(event.id))
        live = sets.get(ticket.set_name)
        told = {"etag": live.etag, "lastModified": live.last_modified} if live else {}
        yield ServerSentEvent(event="message", id=event.id, data={"type": "refetchEvaluation", **told})
