"""Waking whoever waits, without queues: a waiter learns that something happened and looks for itself."""

import asyncio
import contextlib
from collections.abc import Callable


class Signal:
    """Notified many times, waited for by many; costs nothing for what nobody waits for."""

    def __init__(self) -> None:
        self._watched: asyncio.Event | None = None
        """What somebody waits on."""

    def notify(self) -> None:
        """Wake everyone who waits now."""
        if self._watched is not None:
            self._watched.set()
            self._watched = None

    def watch(self) -> asyncio.Event:
        """What to wait on, taken *before* looking, so that nothing falls between the look and the wait."""
        if self._watched is None:
            self._watched = asyncio.Event()
        return self._watched


async def first_of(*events: asyncio.Event) -> None:
    """Wait until one of some events is set."""
    if any(event.is_set() for event in events):
        return
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def repeat(run: Callable[[], None], seconds: float, closing: asyncio.Event) -> None:
    """Call a function now and then every so many seconds, until the event is set; raises what the function raises.

    For what is done many times a second while nothing else happens: a timer wakes no task, which takes as long as all
    that such a function does.
    """
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    failed: list[Exception] = []
    timer: asyncio.TimerHandle

    def tick() -> None:
        nonlocal timer
        try:
            run()
        except Exception as error:
            failed.append(error)
            done.set()
        else:
            timer = loop.call_later(seconds, tick)

    timer = loop.call_later(0, tick)
    try:
        await first_of(closing, done)
    finally:
        timer.cancel()
    if failed:
        raise failed[0]


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, for a while at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
