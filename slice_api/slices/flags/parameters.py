"""What the routes of flags are given besides bodies: settings and the parameters of queries."""

from typing import Annotated

from fastapi import Depends, Path, Query

from slice_api.chassis import Caller, Now, Service, Tag, Time, from_app, own_settings
from slice_api.slices.flags.documents.handlers import Hand
from slice_api.slices.flags.evaluation.streams import Listening, open_stream
from slice_api.slices.flags.evaluation.tokens import Tokens
from slice_api.slices.flags.exposures.reading import ExposureRange, range_of
from slice_api.slices.flags.schemas import ExposureInterval, FlagFilter, Order, SetName, State
from slice_api.slices.flags.settings import FlagsSettings

Signing = Annotated[Tokens, Depends(from_app("flags_tokens"))]
Options = Annotated[FlagsSettings, Depends(own_settings)]
WantedSet = Annotated[
    SetName | None,
    Query(
        alias="set",
        description="The flag set; empty for the one without a name. Left out: that one, or the only one there is.",
        examples=[None],
    ),
]


async def _opened(
    token: Annotated[str, Path(description="What the address of the stream was signed with.")],
    service: Service,
    tokens: Signing,
    options: Options,
    now: Now,
) -> Listening:
    return await open_stream(service, tokens, token, now, is_public=options.evaluation_public)


async def _filter(
    set_name: WantedSet = None,
    search: Annotated[str | None, Query(max_length=200, description="Text in key or description.")] = None,
    tag: Annotated[list[Tag] | None, Query(description="A tag the flag has; several: all of them.")] = None,
    state: Annotated[State | None, Query(description="Whether it is evaluated.")] = None,
    is_stale: Annotated[
        bool | None, Query(description="Whether it can probably be taken out of the code; such lists are by key.")
    ] = None,
    order: Annotated[Order, Query(description="What to sort by; `-` for descending.")] = "key",
) -> FlagFilter:
    return FlagFilter(set=set_name, search=search, tags=tuple(tag or ()), state=state, is_stale=is_stale, order=order)


async def _exposure_range(
    now: Now,
    interval: Annotated[ExposureInterval, Query(description="What to count by; days are those of UTC.")] = "hour",
    from_: Annotated[Time | None, Query(alias="from", description="The first moment.")] = None,
    to: Annotated[Time | None, Query(description="The moment before which to end.")] = None,
) -> ExposureRange:
    return range_of(interval, from_, to, now)


ExposedIn = Annotated[ExposureRange, Depends(_exposure_range)]
Opened = Annotated[Listening, Depends(_opened)]


async def _import_hand(
    caller: Caller,
    options: Options,
    dry_run: Annotated[bool, Query(description="Report what would happen, and write nothing.")] = False,
) -> Hand:
    return Hand(caller.key_id, options.keep_revisions, dry_run)


Filter = Annotated[FlagFilter, Depends(_filter)]
ImportHand = Annotated[Hand, Depends(_import_hand)]
Strict = Annotated[bool, Query(description="Refuse what would be a warning otherwise.")]
