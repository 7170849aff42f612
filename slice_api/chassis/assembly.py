"""Putting the parts together: what one app stands on, and what runs from its start to its stop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, cast

from fastapi import APIRouter, FastAPI

from slice_api.chassis.addresses import Networks, parse_networks
from slice_api.chassis.authentication import ADMIN_KEYS, Callers, KeyProvider, LoneAdminKey, ensure_admin_key
from slice_api.chassis.batches import Batch, Batches
from slice_api.chassis.caches import LIVES, Cache, Caches, MemoryCache
from slice_api.chassis.capabilities import call
from slice_api.chassis.clock import Clock
from slice_api.chassis.credentials import NewKey
from slice_api.chassis.discovery import OWN_SEGMENTS, Candidate, Slice, slices_of
from slice_api.chassis.dispatch import RouteTable
from slice_api.chassis.event_contracts import absent_publishers
from slice_api.chassis.events import EVENTS, EventRecord
from slice_api.chassis.health import Check, HealthChecks
from slice_api.chassis.idempotency import ATTEMPTS
from slice_api.chassis.jobs import LEASES, Job, JobRunner
from slice_api.chassis.logs import Logger, TellRequest
from slice_api.chassis.metrics import Metrics
from slice_api.chassis.mirrors import Mirrors
from slice_api.chassis.outbox import PARKED, POSITIONS, Outbox, trim_events
from slice_api.chassis.rate_limits import RateLimiter
from slice_api.chassis.report import Cards
from slice_api.chassis.sessions import SESSIONS
from slice_api.chassis.signals import Signal, wait_for
from slice_api.chassis.storage.database import Database, Storage
from slice_api.chassis.storage.faults import StorageAway
from slice_api.chassis.storage.stores import Collection, Store
from slice_api.chassis.storage.tx import Tx
from slice_api.chassis.streams import Feed
from slice_api.chassis.web_files import WebFile, WebFiles
from slice_api.settings import Settings, SliceSettings

if TYPE_CHECKING:
    from slice_api.chassis.redis import RedisEngine

OWN_STORES: tuple[Store, ...] = (EVENTS, ADMIN_KEYS, SESSIONS, ATTEMPTS, LEASES, POSITIONS, PARKED, LIVES)

_SWEEP_SECONDS = 60.0
_WATCH_SECONDS = 2.0
_RESTART_SECONDS = 1.0


Loop = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""Background work that goes on until the event is set."""


class Chassis:
    """What one app stands on. Routes are given its parts by dependency injection; nothing of it is global."""

    def __init__(
        self,
        *,
        settings: Settings,
        found: Sequence[Candidate],
        storage: Storage,
        clock: Clock,
        log: Logger,
        tell_request: TellRequest,
        web: WebFiles,
    ) -> None:
        self.settings, self.storage, self.clock, self.web = settings, storage, clock, web
        self.trusted_proxies: Networks = parse_networks(settings.trusted_proxies)
        self.log, self.tell_request = log, tell_request
        self.slices = slices = slices_of(found)
        self.cards = Cards(found)
        self.metrics = Metrics(clock)
        self.table = RouteTable()
        self.closing = asyncio.Event()
        self.committed = Signal()
        """Events of this process."""
        self.news = Signal()
        """Events of any process."""
        self.others_news = Signal()
        """Events of other processes."""
        self.openapi_file: WebFile | None = None
        """The OpenAPI document, once somebody has asked for it."""
        self.new_admin_key: NewKey | None = None
        """The admin key that this start has made, to be shown once."""
        self.db = Database(storage, self._note_events)
        self.rate_limiter: RateLimiter = storage.rate_limiter()
        self.redis: RedisEngine | None = None
        shared: list[Cache] = []
        if settings.redis_url:
            self.redis, self.rate_limiter, shared = _with_redis(settings.redis_url, log, self.rate_limiter)
        self.caches = Caches(self.db, self.others_news, [MemoryCache(), *shared])
        self.mirrors = Mirrors((mirror for each in slices for mirror in each.mirrors), self.db, self.others_news, log)
        self.keys, read = _key_provider(slices)
        self.callers = Callers(self.db, storage, read, clock)
        uses = getattr(self.keys, "USES", None)
        self._key_uses: Batch[str] | None = uses if isinstance(uses, Batch) else None
        self.batches = Batches(self.db, log, self.metrics)
        self.feed = Feed(self.db, self.news, self.closing, self.metrics)
        consumers = [consumer for each in slices for consumer in each.consumers]
        self.absent_publishers = absent_publishers([each.name for each in slices], consumers)
        """What to warn of at start: reactions to events of slices that are not here."""
        self.outbox = Outbox(consumers, self.db, self.committed, log, self.metrics)
        trimming = Job("chassis.trim_events", _SWEEP_SECONDS, trim_events(settings.events_keep))
        self.health = HealthChecks(self._checks(), log, self.metrics)
        jobs = [trimming, *(job for each in slices for job in each.jobs)]
        self.jobs = JobRunner(jobs, self.db, clock, log, self.metrics)

    @cached_property
    def reserved_segments(self) -> frozenset[str]:
        """First path segments that some slice or the service itself owns."""
        return OWN_SEGMENTS.union(*(each.root_segments for each in self.slices))

    @cached_property
    def _settings_by_slice(self) -> Mapping[str, SliceSettings]:
        return {each.name: each.settings for each in self.slices}

    def _checks(self) -> Mapping[str, Check]:
        """What is asked how it is, under the name that it fails by."""
        engines: dict[str, Check] = {"storage": lambda: self.storage.check()}
        engines |= {"redis": self.redis.check} if self.redis else {}
        return {each.name: partial(call, each.health, self.db) for each in self.slices if each.health} | engines

    def settings_of(self, slice_name: str) -> SliceSettings:
        return self._settings_by_slice[slice_name]

    def _note_events(self, events: Sequence[EventRecord]) -> None:
        for event in events:
            self.metrics.events[event.type] += 1
        self.caches.heard(events)
        self.mirrors.heard(events)
        self.committed.notify()
        self.news.notify()
        if self.redis is not None:
            self.redis.tell()

    def note_others(self) -> None:
        """Called when other processes may have written events."""
        self.others_news.notify()
        self.news.notify()

    def note_key_use(self, key_id: str) -> None:
        """Remember that a key was used, for its `last_used_at`; written a moment later."""
        if self._key_uses is not None:
            self.batches.note(self._key_uses, key_id)

    def begin_shutdown(self) -> None:
        """Called as soon as the service is told to stop: readiness goes, and live streams end."""
        self.closing.set()
        self.committed.notify()
        self.note_others()

    async def settle(self) -> None:
        """Write what is buffered and tell what has happened, until nothing is left to do."""
        await self.batches.flush()
        await self.outbox.drain()
        await self.batches.flush()


def _with_redis(url: str, log: Logger, own: RateLimiter) -> "tuple[RedisEngine, RateLimiter, list[Cache]]":
    """What Redis carries; its driver is loaded only where it is used."""
    from slice_api.chassis.redis import RedisCache, RedisEngine, RedisRateLimiter

    engine = RedisEngine(url, log)
    return engine, RedisRateLimiter(engine, own), [RedisCache(engine)]


def _key_provider(slices: Iterable[Slice]) -> tuple[KeyProvider, Sequence[Collection[Any]]]:
    """Who knows whose a key is, and the collections where that is written."""
    found = [each for each in slices if each.auth is not None]
    if not found:
        return LoneAdminKey(), (ADMIN_KEYS,)
    return cast(KeyProvider, found[0].auth), [each for each in found[0].stores if isinstance(each, Collection)]


def _routers(chassis: Chassis) -> Iterable[APIRouter]:
    pairs = ((each.router, each.root_router) for each in chassis.slices)
    return (router for pair in pairs for router in pair if router is not None)


async def _supervise(name: str, chassis: Chassis, run: Loop) -> None:
    """Keep a background loop running: what goes wrong in it is logged, and it starts again."""
    while not chassis.closing.is_set():
        try:
            await run(chassis.closing)
        except StorageAway:
            await wait_for(chassis.closing, _RESTART_SECONDS)  # `_watch` tells of it
        except Exception as error:
            chassis.log.error("background work failed", work=name, exc_info=error)
            await wait_for(chassis.closing, _RESTART_SECONDS)
        else:
            return


async def _watch(chassis: Chassis, closing: asyncio.Event) -> None:
    """See whether storage answers, and tell when it goes and when it is back."""
    is_up = True
    while not closing.is_set():
        why = await _fault_of(chassis.storage)
        if why and is_up:
            chassis.log.error("storage is away", why=why)
        elif not why and not is_up:
            chassis.log.warning("storage is back")
        is_up = not why
        chassis.metrics.storage_up.set(is_up)
        await wait_for(closing, _WATCH_SECONDS)


async def _fault_of(storage: Storage) -> str:
    try:
        await storage.check()
    except StorageAway as away:
        return str(away)
    return ""


async def _sweep(chassis: Chassis, closing: asyncio.Event) -> None:
    while not closing.is_set():
        await chassis.storage.sweep()
        await wait_for(closing, _SWEEP_SECONDS)


def _loops(chassis: Chassis) -> list[Coroutine[Any, Any, None]]:
    runs: dict[str, Loop] = {
        "batches": chassis.batches.run,
        "jobs": chassis.jobs.run,
        "outbox": chassis.outbox.run,
        "news": partial(chassis.storage.listen, chassis.note_others),
        "sweep": partial(_sweep, chassis),
        "watch": partial(_watch, chassis),
        "caches": chassis.caches.run,
        "mirrors": chassis.mirrors.run,
        "metrics": chassis.metrics.run,
    }
    if chassis.redis is not None:
        runs["redis"] = partial(chassis.redis.listen, chassis.note_others)
    return [_supervise(name, chassis, run) for name, run in runs.items()]


async def _open(chassis: Chassis) -> None:
    stores = [*OWN_STORES, *(store for each in chassis.slices for store in each.stores)]
    if chassis.redis is not None:
        await chassis.redis.open()
    await chassis.storage.open(stores, chassis.log.info)
    configured = chassis.settings.admin_key.get_secret_value()
    chassis.new_admin_key = await chassis.db.transact(_ensure_admin_key, chassis.keys, configured)


def _ensure_admin_key(tx: Tx, provider: KeyProvider, configured: str) -> NewKey | None:
    return ensure_admin_key(tx, provider, configured)


async def _close(chassis: Chassis) -> None:
    await chassis.storage.close()
    if chassis.redis is not None:
        await chassis.redis.close()


async def prepare(chassis: Chassis) -> None:
    """Make everything in storage that several processes are about to use together, the first admin key too."""
    await _open(chassis)
    await _close(chassis)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Storage, the slices' own lifespans and the background loops, from start to stop; nothing buffered is lost."""
    chassis: Chassis = app.state.chassis
    await _open(chassis)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_close, chassis)
        await chassis.mirrors.load()
        for router in _routers(chassis):
            await stack.enter_async_context(router.lifespan_context(app))
        tasks = [asyncio.create_task(loop) for loop in _loops(chassis)]
        try:
            yield
        finally:
            chassis.begin_shutdown()
            await asyncio.gather(*tasks)
            await _settle(chassis)


async def _settle(chassis: Chassis) -> None:
    try:
        await chassis.settle()
    except StorageAway as away:
        chassis.log.error("events are told at the next start", why=str(away))
    if chassis.batches.waiting:
        chassis.log.error("what was buffered could not be written", items=chassis.batches.waiting)
