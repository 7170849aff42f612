"""Waking whoever waits, without queues: a waiter learns that something happened and looks for itself."""

import asyncio
import contextlib


class Signal:
    """Notified many times, waited for by many; costs nothing for what nobody waits for."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Wake everyone who waits now."""
        self._event.set()
        self._event = asyncio.Event()

    def watch(self) -> asyncio.Event:
        """What to wait on, taken *before* looking, so that nothing falls between the look and the wait."""
        return self._event


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, for a while at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
