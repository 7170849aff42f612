"""Between a request of OFREP and its answer: the context is read, the set is found, what was given is noted."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from fastapi import Response

from slice_api.chassis import Exchange, Later, Mirrors
from slice_api.slices.flags.evaluation import ofrep
from slice_api.slices.flags.evaluation.evaluating import evaluate_all, evaluate_one, metadata_for
from slice_api.slices.flags.evaluation.sets import FLAG_SETS, AllSets, Answer, LiveSet, set_in
from slice_api.slices.flags.evaluation.tokens import Ticket, Tokens, ends_of
from slice_api.slices.flags.exposures.noting import Given, note_exposures
from slice_api.slices.flags.settings import FlagsSettings


class StreamPlace(NamedTuple):
    """What the address of a stream is made of."""

    tokens: Tokens
    settings: FlagsSettings
    base_url: str


async def evaluate_key(key: str, asked: Exchange, mirrors: Mirrors, later: Later, now: datetime) -> Response:
    """The answer to who asks for one flag."""
    live = set_in(await mirrors.get(FLAG_SETS), ofrep.wanted_set(asked))
    try:
        context = await ofrep.context_of(asked)
    except ofrep.Refusal as refusal:
        return ofrep.refused(refusal, metadata_for(live, key), key)
    answer = evaluate_one(live, key, context, ofrep.seconds_of(now))
    if live is not None and answer.variant is not None:
        note_exposures(later, live.held.name, now, ((live.flags[key].serial, answer.variant),))
    return ofrep.SingleAnswer(answer)


async def evaluate_set(asked: Exchange, mirrors: Mirrors, later: Later, now: datetime, place: StreamPlace) -> Response:
    """The answer to who asks for all flags of a set."""
    wanted = ofrep.wanted_set(asked)
    live = set_in(await _sets(asked, mirrors, wanted), wanted)
    try:
        context = await ofrep.context_of(asked)
    except ofrep.Refusal as refusal:
        return ofrep.refused(refusal, metadata_for(live))
    if live is None:
        return ofrep.bulk(asked, None, (), _stream_urls(asked, place, wanted or "", now))
    answers = evaluate_all(live, context, ofrep.seconds_of(now))
    note_exposures(later, live.held.name, now, _given(live, answers))
    return ofrep.bulk(asked, live, answers, _stream_urls(asked, place, live.held.name, now))


def _given(live: LiveSet, answers: Sequence[Answer]) -> list[Given]:
    """What was given, by flag; errors are left out."""
    pairs = zip(live.flags.values(), answers, strict=True)
    return [(flag.serial, answer.variant) for flag, answer in pairs if answer.variant is not None]


async def _sets(asked: Exchange, mirrors: Mirrors, wanted: str | None) -> AllSets:
    """The sets; a client that was told of a change by another process must not be given what was before it."""
    sets = await mirrors.get(FLAG_SETS)
    told, live = asked.request.query_params.get("flagConfigEtag"), set_in(sets, wanted)
    if told and (live is None or live.etag != told.strip('"')):
        return await mirrors.get_now(FLAG_SETS)
    return sets


def _stream_urls(asked: Exchange, place: StreamPlace, set_name: str, now: datetime) -> ofrep.StreamUrls:
    """The address of the stream stays the same for a while, so that who asks again need not open another."""
    key_id = asked.caller.key_id if asked.caller else ""
    ends = ends_of(ofrep.seconds_of(now), place.settings.stream_token_seconds)
    urls = (f"{place.base_url}/ofrep/v1/stream/{place.tokens.make(Ticket(set_name, key_id, end))}" for end in ends)
    return ofrep.StreamUrls(*urls)
