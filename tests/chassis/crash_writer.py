"""Processes that write to one database until they are done or killed, and what a test needs to steer them.

A parent imports everything once and forks a writer for each order it reads, so that a writer begins at once. What
parent and writers say goes down one pipe, a line at a time: a number as soon as it is acknowledged, and never before.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from random import Random
from tempfile import TemporaryFile
from threading import Condition, Thread
from typing import IO, NamedTuple

from slice_api.chassis import Collection, Event, Integer, Log, Schema, Tx
from slice_api.chassis.clock import system_clock
from slice_api.chassis.events import EVENTS, record_of
from slice_api.chassis.storage.database import Database, Storage
from slice_api.chassis.storage.engines import make_storage
from slice_api.chassis.storage.faults import StorageAway
from slice_api.chassis.storage.stores import Store
from tests.server import END_SECONDS, ROOT, environment

RANGE = 1_000_000
"""Each run counts upwards from its own multiple of this, so that a number says which run wrote it."""
PARTITIONS = ("", "left", "right")

_AWAY_PAUSE_SECONDS = 0.02
_DAWDLE_SECONDS = 0.004
_READS = 12


class Line(Schema):
    """A document: one for each number, and one for each run that is changed with every number."""

    id: str
    run: Integer
    number: Integer


class Note(Schema):
    """An entry of a log."""

    run: Integer
    number: Integer


class Written(Event):
    """A number was written."""

    topic = "crashes.written"
    run: Integer
    number: Integer


LINES = Collection("crash_lines", Line, indexes=("run",))
NOTES = Log("crash_notes", Note, indexes=("run",))
STORES: tuple[Store, ...] = (LINES, NOTES, EVENTS)


def line_id(number: int) -> str:
    return f"line-{number}"


def run_id(run: int) -> str:
    return f"run-{run}"


# What writers do in one transaction


def _write_everywhere(tx: Tx, run: int, number: int) -> None:
    """A new document, a changed one, an entry and an event, all with one number."""
    tx.insert(LINES, Line(id=line_id(number), run=run, number=number))
    latest = Line(id=run_id(run), run=run, number=number)
    if tx.update(LINES, latest.id, lambda _: latest) is None:
        tx.insert(LINES, latest)
    tx.append(NOTES, Note(run=run, number=number))
    tx.emit(Written(run=run, number=number), subject=str(run))


def _append_an_event(tx: Tx, run: int, number: int) -> None:
    tx.append(EVENTS, record_of(Written(run=run, number=number), subject=str(run), by=None, at=tx.now))


def _event_then_sleep(tx: Tx, run: int, number: int) -> None:
    """An event that has its position long before it is committed."""
    _append_an_event(tx, run, number)
    time.sleep(Random(number).uniform(0, _DAWDLE_SECONDS))


def _event_then_reads(tx: Tx, run: int, number: int) -> None:
    """As above, with a database that is asked meanwhile."""
    _append_an_event(tx, run, number)
    for nth in range(Random(number).randrange(_READS)):
        tx.get(LINES, line_id(nth))


def _event_as_emitted(tx: Tx, run: int, number: int) -> None:
    """As slices do it: the event is written last, just before the commit."""
    tx.get(LINES, line_id(number))
    tx.emit(Written(run=run, number=number), subject=str(run))


def _note_then_dawdle(tx: Tx, run: int, number: int) -> None:
    """Entries in one or two of several partitions, one of them long before the commit."""
    random = Random(number)
    note = Note(run=run, number=number)
    # Always in one order: whoever holds one turn and waits for another must not be waited for.
    for partition in sorted(random.sample(PARTITIONS, random.randrange(1, 3))):
        tx.extend(NOTES, [note, note], partition=partition)
        time.sleep(random.uniform(0, _DAWDLE_SECONDS / 2))
    for nth in range(random.randrange(_READS)):
        tx.get(LINES, line_id(nth))


_KINDS: Mapping[str, Callable[[Tx, int, int], None]] = {
    "everywhere": _write_everywhere,
    "event_then_sleep": _event_then_sleep,
    "event_then_reads": _event_then_reads,
    "event_as_emitted": _event_as_emitted,
    "note_then_dawdle": _note_then_dawdle,
}


# Inside the processes


class Order(NamedTuple):
    """What a writer is to do: `tasks` at once, each on a pool of its own, `amount` numbers in all (0: without end)."""

    kind: str
    run: int
    amount: int = 0
    tasks: int = 1


def _say(*words: object) -> None:
    # One write, so that whoever reads has the whole line or nothing of it, and nothing of it lies in a buffer.
    os.write(sys.stdout.fileno(), f"{' '.join(map(str, words))}\n".encode())


async def _write_on(storage: Storage, order: Order, numbers: Iterator[int]) -> None:
    write, db = _KINDS[order.kind], Database(storage, lambda _: None)
    for number in numbers:
        try:
            await db.transact(write, order.run, number)
        except StorageAway:
            _say("away", number)
            await asyncio.sleep(_AWAY_PAUSE_SECONDS)
        else:
            _say("done", number)


async def _write(url: str, order: Order) -> None:
    storages = [make_storage(url, system_clock) for _ in range(order.tasks)]
    first = order.run * RANGE
    numbers = iter(range(first, first + order.amount)) if order.amount else count(first)
    try:
        for storage in storages:
            await storage.open(STORES)
        await asyncio.gather(*(_write_on(storage, order, numbers) for storage in storages))
    finally:
        for storage in storages:
            await storage.close()


def _be_writer(url: str, order: Order) -> int:
    try:
        asyncio.run(_write(url, order))
    except BrokenPipeError:  # nobody is there any more to be told
        return 1
    except Exception as error:
        _say("failed", order.run, type(error).__name__, " ".join(str(error).split()))
        return 1
    _say("ended", order.run)
    return 0


def _start(url: str, order: Order) -> int:
    pid = os.fork()
    if not pid:
        os._exit(_be_writer(url, order))
    return pid


def _kill(pid: int) -> None:
    """A process that was not yet waited for keeps its id, so this meets nobody else."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _be_parent(url: str, orders: Iterable[str]) -> None:
    """Start and kill writers as told, line by line; the end of the lines is the end of all of them."""
    make_storage(url, system_clock)  # its driver is loaded now, not in every writer
    writers: dict[int, int] = {}
    try:
        for line in orders:
            word, *rest = line.split()
            if word == "kill":
                for run in map(int, rest):
                    _kill(writers.pop(run))
                    _say("killed", run)
            else:
                run, amount, tasks = map(int, rest)
                writers[run] = _start(url, Order(word, run, amount, tasks))
    finally:
        for pid in writers.values():
            _kill(pid)


# Inside the test


class Crew:
    """The writers of one database, and what they have said so far."""

    def __init__(self, process: subprocess.Popen[str], errors: IO[str]) -> None:
        self._process, self._errors = process, errors
        self._news = Condition()
        self._said: list[list[str]] = []
        self.acknowledged: dict[int, list[int]] = {}
        """The numbers that were acknowledged, by run, in the order they came."""
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            with self._news:
                self._take(line.split())
                self._news.notify_all()

    def _take(self, words: list[str]) -> None:
        if words[0] == "done":
            number = int(words[1])
            self.acknowledged.setdefault(number // RANGE, []).append(number)
            return
        self._said.append(words)

    def start(self, kind: str, run: int, *, amount: int = 0, tasks: int = 1) -> None:
        """Let a new process begin."""
        self._order(kind, run, amount, tasks)

    def kill(self, *runs: int) -> None:
        """End processes without a farewell; returns when they are gone."""
        self._order("kill", *runs)
        self.until(lambda: all(self.has_said("killed", run) for run in runs))

    def begin(self, kind: str, run: int) -> None:
        """Let a new process begin; returns when its first number is acknowledged."""
        self.start(kind, run)
        self.until(lambda: self.last(run) is not None)

    def finish(self, *runs: int) -> None:
        """Wait until processes have written all they were to write."""
        self.until(lambda: all(self.has_said("ended", run) for run in runs))

    def last(self, run: int) -> int | None:
        """The last number of a run that was acknowledged."""
        numbers = self.acknowledged.get(run)
        return numbers[-1] if numbers else None

    def has_said(self, word: str, value: int) -> bool:
        return [word, str(value)] in self._said

    def refused(self) -> list[int]:
        """The numbers that were answered with StorageAway."""
        return [int(words[1]) for words in self._said if words[0] == "away"]

    def must_go_on(self) -> None:
        """Fail when a writer has failed."""
        assert not self._failures(), self._failures()

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for something that the writers are to say."""
        with self._news:
            self._news.wait_for(lambda: is_so() or bool(self._failures()), END_SECONDS)
            self.must_go_on()
            assert is_so(), f"it never came to pass; said last: {self._said[-5:]}; {self._written_errors()}"

    def _failures(self) -> list[list[str]]:
        return [words for words in self._said if words[0] == "failed"]

    def _written_errors(self) -> str:
        self._errors.seek(0)
        return self._errors.read()

    def _order(self, *words: object) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{' '.join(map(str, words))}\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """End them all; what they had said before is read to the end."""
        with suppress(BrokenPipeError):
            if self._process.stdin:
                self._process.stdin.close()
        self._process.wait(END_SECONDS)
        self._reader.join(END_SECONDS)

    def check(self) -> None:
        """Nothing went wrong in any of them but what a test has done to them."""
        self.must_go_on()
        errors = self._written_errors()
        assert not errors, errors


@contextmanager
def crew_of(url: str) -> Iterator[Crew]:
    """Writers for a database, which all end afterwards."""
    with (
        TemporaryFile("w+") as errors,
        subprocess.Popen(
            (sys.executable, "-m", "tests.chassis.crash_writer", url),
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        crew = Crew(process, errors)
        try:
            yield crew
        finally:
            crew.close()
        crew.check()


if __name__ == "__main__":
    _be_parent(sys.argv[1], sys.stdin)
