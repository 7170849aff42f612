"""What an evaluation costs: one flag against a plain FastAPI endpoint, and ten thousand flags at once."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any, Final

import httpx
import orjson
from fastapi import FastAPI

from slice_api.chassis import Database
from slice_api.chassis.mirrors import Mirrors
from slice_api.chassis.signals import Signal
from slice_api.slices.flags.evaluation.evaluating import evaluate_all
from slice_api.slices.flags.evaluation.sets import FLAG_SETS
from tests.load import peers
from tests.load.benched import JSON_HEADERS, benched_app
from tests.load.measure import Ask, call, compare, little_garbage_collected
from tests.load.results import OURS, Result, figure, ratio
from tests.load.served import compare_served, on_core, peers_served, product, served_ratio
from tests.support import chassis_of, client_of

PATH: Final = "/ofrep/v1/evaluate/flags"
TARGETS: Final = (0.50, 0.75)
"""In process and served, against bare FastAPI's GET."""
MOST_LOAD_MS: Final = 5_000.0
MOST_BULK_MS: Final = 100.0
FLAGS: Final = 10_000
ROUNDS: Final = 3
EVALUATION: Final = f"{OURS}, evaluation"
TITLE: Final = f"evaluation of a flag, with a key, against {peers.BARE}"
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


def _document() -> dict[str, Any]:
    return {"flags": {"checkout": flag(TYPICAL)}}


ONE: Final = Ask("POST", f"{PATH}/checkout", JSON_HEADERS, body=BODY)
ALL: Final = Ask("POST", PATH, JSON_HEADERS, body=BODY)
PEER: Final = Ask("GET", peers.PATH)


async def _one_in_process() -> Result:
    async with benched_app() as app, client_of(app) as client:
        (await client.put("/api/flags/document", json=_document())).raise_for_status()
        taken = await compare({EVALUATION: (app, ONE), peers.BARE: (peers.bare_fastapi(), PEER)})
    return ratio(TITLE, taken, EVALUATION, peers.BARE, TARGETS[0])


async def _one_served() -> Result:
    with peers_served(peers.BARE) as others, ExitStack() as stack:
        with on_core(0):
            ours = stack.enter_context(product())
        stack.enter_context(on_core(-1))
        httpx.put(f"{ours.url}/api/flags/document", json=_document(), headers=JSON_HEADERS).raise_for_status()
        shots = await compare_served({EVALUATION: (ours, ONE), peers.BARE: (others[peers.BARE], PEER)})
    return served_ratio(TITLE, shots, EVALUATION, peers.BARE, TARGETS[1])


async def _rounds_of_many(app: FastAPI) -> Mapping[str, list[float]]:
    """Milliseconds: to load and compile all flags, to evaluate them, and to answer with them."""
    db: Database = chassis_of(app).db
    sets = await chassis_of(app).mirrors.get(FLAG_SETS)
    taken: dict[str, list[float]] = {"loaded and compiled": [], "evaluated": [], "answered": []}
    for _ in range(ROUNDS):
        begun = process_time()
        await Mirrors([FLAG_SETS], db, Signal(), chassis_of(app).log).load()
        loaded = process_time()
        evaluate_all(sets[""], {**CONTEXT}, 1_800_000_000)
        evaluated = process_time()
        assert await call(app, ALL) == 200
        ends = (begun, loaded, evaluated, process_time())
        for name, start, end in zip(taken, ends, ends[1:], strict=False):
            taken[name].append((end - start) * 1000)
    return taken


async def _many() -> list[Result]:
    """Ten thousand flags on SQLite: taking them in, loading them at start, and answering with all of them."""
    body = orjson.dumps({"flags": {f"flag-{number}": flag(large_rule(number)) for number in range(FLAGS)}})
    with TemporaryDirectory() as folder:
        async with benched_app(f"sqlite:///{Path(folder)}/data.db") as app:
            begun = process_time()
            assert await call(app, Ask("PUT", "/api/flags/document", JSON_HEADERS, body=body)) == 200
            taken_in = process_time() - begun
            with little_garbage_collected():
                rounds = await _rounds_of_many(app)
    most = dict(zip(rounds, (MOST_LOAD_MS, MOST_BULK_MS, MOST_BULK_MS), strict=True))
    size = len(body) // FLAGS
    return [
        figure(f"a document of {FLAGS:,} flags of {size:,} bytes taken in on SQLite", [taken_in * 1000], "ms"),
        *(figure(f"{FLAGS:,} flags {name}", taken, "ms", most[name]) for name, taken in rounds.items()),
    ]


async def run() -> Sequence[Result]:
    """One flag against a plain endpoint, and ten thousand flags."""
    return [await _one_in_process(), await _one_served(), *await _many()]
