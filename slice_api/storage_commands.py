"""`python -m slice_api storage …`: looking after what is kept."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

from sqlalchemy.util.concurrency import greenlet_spawn

from slice_api.chassis.assembly import OWN_STORES
from slice_api.chassis.caches import LIVES
from slice_api.chassis.discovery import find_slices
from slice_api.chassis.storage.backups import back_up
from slice_api.chassis.storage.inspection import Findings, inspect
from slice_api.chassis.storage.raw import Mode, raw_connection, shown
from slice_api.chassis.storage.schema import STORES_TABLE, Schema
from slice_api.chassis.storage.sql import make_statements
from slice_api.chassis.storage.stores import Store
from slice_api.chassis.storage.transfer import Transfer
from slice_api.settings import Settings, SettingsError


def run_storage_command(options: argparse.Namespace) -> int:
    """Run one of them; gives the exit status. Raises SettingsError for what cannot be, and Unreadable."""
    match options.storage_command:
        case "check":
            return _run(_check(_url(options.url)))
        case "reindex":
            return _run(_reindex(_url(options.url)))
        case "copy":
            return _run(_copy(options.source, options.target))
        case _:
            # A service that starts from a backup must not believe a cache that knows what came after it.
            size = back_up(_url(options.url), options.file, is_replacing=options.force, without=(LIVES.name,))
            _say(f"{options.file}: {size:,} bytes, checked; use it as sqlite:///{options.file}")
            return 0


def _run(work: Coroutine[Any, Any, int]) -> int:
    """Run to the end, or to Ctrl-C: asyncio would wait for the next answer of the loop, which SQLite never asks."""
    held = signal.signal(signal.SIGINT, _interrupt)
    try:
        return asyncio.run(work)
    finally:
        signal.signal(signal.SIGINT, held)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _url(given: str | None) -> str:
    return given or Settings().storage_url


def _stores(disabled: Sequence[str] = ()) -> Sequence[Store]:
    return [*OWN_STORES, *(store for each in find_slices(("slice_api.slices",), disabled) for store in each.stores)]


async def _check(url: str) -> int:
    stores = _stores(Settings().disabled)
    findings, is_steady = await _inspected(url, "look", stores)
    if not is_steady:
        # A file that nobody had open has been opened meanwhile.
        findings, _ = await _inspected(url, "read", stores)
    for line in findings.counts:
        _say(line)
    for line in findings.faults:
        _say(f"! {line}")
    _say("Everything fits." if not findings.faults else f"{len(findings.faults)} lines tell what does not fit.")
    return 1 if findings.faults else 0


async def _inspected(url: str, mode: Mode, stores: Sequence[Store]) -> tuple[Findings, bool]:
    """What is to be said of a database, and whether it was looked at as of one moment."""
    async with raw_connection(url, mode) as raw:
        return await greenlet_spawn(raw.in_snapshot, lambda: inspect(raw, stores)), raw.is_steady()


async def _reindex(url: str) -> int:
    async with raw_connection(url, "write") as raw:
        schema = Schema(raw.execute, make_statements(_stores(), raw.dialect), raw.dialect)

        def work() -> None:
            if STORES_TABLE not in schema.tables():
                raise SettingsError(f"{shown(url)} holds nothing of this service.")
            schema.bring_up(_tell, refills=True)

        await greenlet_spawn(raw.in_transaction, work)
    _say("Every index column was made anew.")
    return 0


async def _copy(source: str, target: str) -> int:
    async with raw_connection(source, "read") as one, raw_connection(target, "make") as other:
        transfer = Transfer(one, other, _stores(), _tell)
        copied = await greenlet_spawn(one.in_snapshot, transfer.run)
    for name, count in copied.items():
        _say(f"{name}: {count:,}")
    _say(f"Copied {sum(copied.values()):,} rows from {shown(source)} to {shown(target)}.")
    return 0
