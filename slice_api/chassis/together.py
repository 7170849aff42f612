"""Doing together what is asked for at the same time: many short questions cost a database more than one long one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from slice_api.chassis.storage.faults import StorageAway

A = TypeVar("A")
R = TypeVar("R")

_MOST: Final = 200


class _Asked(NamedTuple, Generic[A, R]):
    """What is to be done, and whoever waits for that."""

    item: A
    outcome: "asyncio.Future[R]"


class Together(Generic[A, R]):
    """Does what comes in one turn of the loop, and while the run before is under way, in one run.

    `run` gives an outcome for each item, in their order. What nobody had asked for when a run began is not of it, so
    no outcome is older than its question. When a run fails each item is tried alone, so that what is wrong with one is
    not the fault of others; but when storage is away it is away for all, those too who wait: they have waited enough.

    Who turns out to be alone does it without a task, which would take longer than many a run: should they go away
    meanwhile, their run goes with them, as it would without this, and nobody else's.
    """

    def __init__(self, run: Callable[[Sequence[A]], Awaitable[Sequence[R]]], most: int = _MOST) -> None:
        self._run, self._most = run, most
        self._waiting: list[_Asked[A, R]] = []
        self._is_at_work = False
        self._task: asyncio.Task[None] | None = None

    async def do(self, item: A) -> R:
        """Have it done; raises what doing it alone would raise."""
        if self._is_at_work:
            asked = self._asked(item)
            self._waiting.append(asked)
            return await asked.outcome
        self._is_at_work = True
        try:
            await asyncio.sleep(0)  # for who else comes in this turn of the loop
            if not self._waiting:
                [outcome] = await self._run((item,))
                return outcome
            asked = self._asked(item)
            self._waiting.insert(0, asked)
        except StorageAway as error:
            self._fail_waiting(error)
            raise
        finally:
            if self._waiting:
                self._task = asyncio.create_task(self._do_all())
            else:
                self._is_at_work = False
        return await asked.outcome

    def _asked(self, item: A) -> _Asked[A, R]:
        return _Asked(item, asyncio.get_running_loop().create_future())

    async def _do_all(self) -> None:
        """Until nothing waits."""
        try:
            while self._waiting:
                part, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._do(part)
        finally:
            self._task, self._is_at_work = None, False

    async def _do(self, part: Sequence[_Asked[A, R]]) -> None:
        try:
            outcomes = await self._run([each.item for each in part])
        except StorageAway as error:
            self._waiting = [*part, *self._waiting]
            self._fail_waiting(error)
        except Exception as error:
            await self._do_apart(part, error)
        else:
            for each, outcome in zip(part, outcomes, strict=True):
                _answer(each, outcome)

    def _fail_waiting(self, error: StorageAway) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            _fail(each, StorageAway(error.why))

    async def _do_apart(self, part: Sequence[_Asked[A, R]], error: Exception) -> None:
        if len(part) == 1:
            _fail(part[0], error)
            return
        for each in part:
            await self._do([each])


def _answer(asked: _Asked[A, R], outcome: R) -> None:
    if not asked.outcome.done():  # nobody waits any more for what was cancelled
        asked.outcome.set_result(outcome)


def _fail(asked: _Asked[A, R], error: Exception) -> None:
    if not asked.outcome.done():
        asked.outcome.set_exception(error)
