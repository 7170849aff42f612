"""Doing together what is asked for at the same time: everybody gets what they would get alone."""

import asyncio
from collections.abc import Sequence

import pytest

from slice_api.chassis import Together
from slice_api.chassis.storage.faults import StorageAway


class Doubling:
    """Doubles numbers once it may go on; remembers which it was given together. What is negative fails."""

    def __init__(self) -> None:
        self.runs: list[list[int]] = []
        self.has_begun = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def __call__(self, numbers: Sequence[int]) -> Sequence[int]:
        self.runs.append(list(numbers))
        self.has_begun.set()
        await self.may_go_on.wait()
        if 0 in numbers:
            raise StorageAway("it is being moved")
        if min(numbers) < 0:
            raise ValueError(f"{min(numbers)} is negative")
        return [2 * each for each in numbers]


async def outcomes(together: Together[int, int], *numbers: int) -> list[int | str]:
    """What comes of numbers that are asked for at once; errors as text."""
    found = await asyncio.gather(*map(together.do, numbers), return_exceptions=True)
    return [str(each) if isinstance(each, BaseException) else each for each in found]


async def test_what_comes_at_once_is_done_in_one_run_and_each_gets_its_own() -> None:
    double = Doubling()
    assert await outcomes(Together(double), 3, 1, 2) == [6, 2, 4]
    assert double.runs == [[3, 1, 2]]


async def test_what_comes_while_a_run_is_under_way_waits_for_the_next_one() -> None:
    double = Doubling()
    together = Together(double)
    double.may_go_on.clear()
    first = asyncio.create_task(together.do(1))
    await double.has_begun.wait()
    later = [asyncio.create_task(together.do(each)) for each in (1, 5)]
    await asyncio.sleep(0)
    double.may_go_on.set()
    assert await asyncio.gather(first, *later) == [2, 2, 10]
    assert double.runs == [[1], [1, 5]]
    assert await together.do(7) == 14


async def test_no_run_is_larger_than_it_may_be() -> None:
    double = Doubling()
    assert await outcomes(Together(double, most=2), 1, 2, 3, 4, 5) == [2, 4, 6, 8, 10]
    assert double.runs == [[1, 2], [3, 4], [5]]


async def test_what_is_wrong_with_one_is_not_the_fault_of_others() -> None:
    double = Doubling()
    assert await outcomes(Together(double), 1, -1, 2, -2) == [2, "-1 is negative", 4, "-2 is negative"]


async def test_storage_that_is_away_is_tried_once_for_all_that_wait() -> None:
    double = Doubling()
    together = Together(double)
    double.may_go_on.clear()
    first = asyncio.create_task(outcomes(together, 0, 1))
    await double.has_begun.wait()
    later = asyncio.create_task(outcomes(together, 2))
    await asyncio.sleep(0)
    double.may_go_on.set()
    assert (await first, await later) == (["it is being moved"] * 2, ["it is being moved"])
    assert double.runs == [[0, 1]]
    assert await outcomes(together, 3) == [6]


async def test_nobody_waits_for_who_was_cancelled() -> None:
    double = Doubling()
    together = Together(double)
    double.may_go_on.clear()
    gone, stays = (asyncio.create_task(together.do(each)) for each in (1, 2))
    await double.has_begun.wait()
    gone.cancel()
    double.may_go_on.set()
    assert await stays == 4
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_what_one_alone_asks_for_is_done_by_whoever_asks() -> None:
    doers = []

    async def note_doer(numbers: Sequence[int]) -> Sequence[int]:
        doers.append(asyncio.current_task())
        return numbers

    together = Together(note_doer)
    assert [await together.do(1), await together.do(2)] == [1, 2]
    assert doers == [asyncio.current_task()] * 2
    with pytest.raises(ValueError, match="-1 is negative"):
        await Together(Doubling()).do(-1)


async def test_whoever_goes_away_while_they_do_what_they_alone_asked_for_keeps_nobody_waiting() -> None:
    double = Doubling()
    together = Together(double)
    double.may_go_on.clear()
    gone = asyncio.create_task(together.do(1))
    await double.has_begun.wait()
    later = asyncio.create_task(outcomes(together, 2, -3))
    await asyncio.sleep(0)
    gone.cancel()
    double.may_go_on.set()
    assert await later == [4, "-3 is negative"]
    assert gone.cancelled()
    assert await outcomes(together, 4) == [8]


async def test_whoever_goes_away_before_a_run_has_begun_keeps_nobody_waiting() -> None:
    double = Doubling()
    together = Together(double)
    gone = asyncio.create_task(together.do(1))
    later = asyncio.create_task(outcomes(together, 2))
    await asyncio.sleep(0)
    gone.cancel()
    assert await later == [4]
    assert double.runs == [[2]]
    assert gone.cancelled()
    assert await outcomes(together, 3) == [6]


async def test_storage_that_is_away_for_one_alone_is_away_for_all_that_have_come_meanwhile() -> None:
    double = Doubling()
    together = Together(double)
    double.may_go_on.clear()
    first = asyncio.create_task(outcomes(together, 0))
    await double.has_begun.wait()
    later = asyncio.create_task(outcomes(together, 1, 2))
    await asyncio.sleep(0)
    double.may_go_on.set()
    assert (await first, await later) == (["it is being moved"], ["it is being moved"] * 2)
    assert double.runs == [[0]]
    assert await outcomes(together, 3) == [6]
