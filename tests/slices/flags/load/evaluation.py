"""What an evaluation costs: one flag against a plain FastAPI endpoint, and ten thousand flags at once."""

import gc
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any, Final

import orjson
from fastapi import FastAPI
from starlette.types import ASGIApp

from slice_api.chassis import Database
from slice_api.chassis.mirrors import Mirrors
from slice_api.chassis.signals import Signal
from slice_api.main import create_app
from slice_api.slices.flags.evaluation.evaluating import evaluate_all
from slice_api.slices.flags.evaluation.sets import FLAG_SETS
from tests.load.measure import Request, call, compare, ratio_line, report
from tests.support import ADMIN_KEY, chassis_of, client_of, make_settings, running

PATH: Final = "/ofrep/v1/evaluate/flags"
TARGET: Final = 1.5
MOST_LOAD_SECONDS: Final = 5.0
MOST_BULK_SECONDS: Final = 0.1
FLAGS: Final = 10_000
ROUNDS: Final = 7
HEADERS: Final = {"Authorization": f"Bearer {ADMIN_KEY}", "Content-Type": "application/json"}
CONTEXT: Final = {"targetingKey": "anna", "tier": "gold", "country": "AT", "age": 30, "email": "anna@example.org"}
BODY: Final = orjson.dumps({"context": CONTEXT})
CONDITIONS: Final = [
    {"==": [{"var": "tier"}, "gold"]},
    {"in": [{"var": "country"}, ["AT", "DE", "CH"]]},
    {">=": [{"var": "age"}, 18]},
]
TYPICAL: Final = {"if": [{"and": CONDITIONS}, {"fractional": [["on", 50], ["off", 50]]}, "off"]}


def flag(rule: Any) -> dict[str, Any]:
    return {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off", "targeting": rule}


def large_rule(number: int) -> dict[str, Any]:
    """A rule of 1 KB, the last of whose conditions decides."""
    branches: list[Any] = []
    while len(orjson.dumps({"if": branches})) < 850:
        branches += [{"==": [{"var": "company"}, f"company-{number}-{len(branches)}"]}, "off"]
    return {"if": [*branches, {"and": CONDITIONS}, {"fractional": [["on", 50], ["off", 50]]}]}


def plain() -> ASGIApp:
    """What one would write first: a body in, an answer out, and nothing else."""
    app = FastAPI()

    @app.post("/flags/{key}")
    async def evaluate(key: str, body: dict[str, Any]) -> dict[str, Any]:
        return {"key": key, "reason": "TARGETING_MATCH", "variant": "on", "value": True}

    return app


async def _one(stack: AsyncExitStack, log: int) -> tuple[str, bool]:
    app = create_app(make_settings(), write_log=lambda line: os.write(log, line))
    await stack.enter_async_context(running(app))
    async with client_of(app) as client:
        answer = await client.put("/api/flags/document", json={"flags": {"checkout": flag(TYPICAL)}})
        assert answer.status_code == 200, answer.text
    figures = await compare({
        "ours": Request(app, "POST", f"{PATH}/checkout", HEADERS, body=BODY),
        "plain FastAPI": Request(plain(), "POST", "/flags/checkout", HEADERS, body=BODY),
    })  # fmt: skip
    return ratio_line("evaluation of a flag, in memory, with a key", figures, "ours", "plain FastAPI", TARGET)


async def _many(stack: AsyncExitStack, folder: Path, log: int) -> list[tuple[str, bool]]:
    """Ten thousand flags on SQLite: taking them in, loading them at start, and answering with all of them."""
    app = create_app(
        make_settings(storage_url=f"sqlite:///{folder}/data.db"), write_log=lambda line: os.write(log, line)
    )
    await stack.enter_async_context(running(app))
    body = orjson.dumps({"flags": {f"flag-{number}": flag(large_rule(number)) for number in range(FLAGS)}})
    begun = process_time()
    assert await call(Request(app, "PUT", "/api/flags/document", HEADERS, body=body)) == 200
    taken_in = process_time() - begun
    db: Database = chassis_of(app).db
    loaded, one_pass, answered = list[float](), list[float](), list[float]()
    sets = await chassis_of(app).mirrors.get(FLAG_SETS)
    gc.collect()
    gc.freeze()  # as the service does when it has started
    for _ in range(ROUNDS):
        begun = process_time()
        await Mirrors([FLAG_SETS], db, Signal(), chassis_of(app).log).load()
        loaded.append(process_time() - begun)
        begun = process_time()
        evaluate_all(sets[""], {**CONTEXT}, 1_800_000_000)
        one_pass.append(process_time() - begun)
        begun = process_time()
        assert await call(Request(app, "POST", PATH, HEADERS, body=BODY)) == 200
        answered.append(process_time() - begun)
    size = len(body) // FLAGS
    return [
        (f"a document of {FLAGS:,} flags of {size:,} bytes taken in on SQLite: {taken_in:.2f} s", True),
        _seconds_line(f"{FLAGS:,} flags loaded and compiled", loaded, MOST_LOAD_SECONDS),
        _seconds_line(f"{FLAGS:,} flags evaluated", one_pass, MOST_BULK_SECONDS),
        _seconds_line(f"{FLAGS:,} flags answered", answered, MOST_BULK_SECONDS),
    ]


def _seconds_line(title: str, taken: Sequence[float], most: float) -> tuple[str, bool]:
    """Held against the middle of the rounds."""
    middle, holds = median(taken), median(taken) <= most
    told = f"(target {most * 1000:,.0f}) {'ok' if holds else 'MISSED'}   [at worst {max(taken) * 1000:,.1f} ms]"
    return f"{title}: {middle * 1000:,.1f} ms {told}", holds


async def run() -> Sequence[bool]:
    """One flag against a plain endpoint, and ten thousand flags."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)
        stack.callback(os.close, log)
        return report([await _one(stack, log), *await _many(stack, folder, log)])
