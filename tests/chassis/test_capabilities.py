"""The optional files of a slice: what each must hold is told at the start, and each is given what it asks for."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from slice_api.chassis.discovery import DiscoveryError, find_slices
from slice_api.chassis.jobs import LEASES
from slice_api.chassis.signals import wait_for
from slice_api.chassis.storage.faults import StorageAway
from slice_api.chassis.web_files import page_names
from slice_api.main import WEB_FOLDER
from slice_api.slice_commands import read_cards
from tests.chassis.examples import parsed
from tests.chassis.test_discovery import AUTH, GOOD, faults, with_files
from tests.support import FrozenClock, chassis_of, client_of, make_app, make_settings, needs, running, slices_package

# What is wrong

CHECK = "health.py must hold `def check(tx)` or `async def check(db)`"
SEARCH = "search.py must hold `def search(tx, text, limit)` or `async def search(db, text, limit)`"
JOBS = "from slice_api.chassis import Tx, every\n\n"
EVENTS = "from slice_api.chassis import EventRecord, Tx, on\n\n"
SETTINGS = (
    "from pydantic import Field\nfrom slice_api.chassis import SliceSettings\n\n"
    "class CardsSettings(SliceSettings):\n    deck: str = Field(default='french', description='Which deck.')\n"
)

BAD_FILES: Mapping[str, tuple[Mapping[str, str], str]] = {
    "health without a check": ({"health": ""}, f"{CHECK}; there is no check in it"),
    "a check that is no function": ({"health": "check = True"}, f"{CHECK}; check is no function"),
    "a check that is given nothing": ({"health": "def check(): ..."}, f"{CHECK}; it holds check()"),
    "a check that wants more": ({"health": "async def check(db, url): ..."}, f"{CHECK}; it holds check(db, url)"),
    "search without a search": ({"search": "def find(tx, text, limit): ..."}, f"{SEARCH}; there is no search in it"),
    "a search without a limit": ({"search": "def search(tx, text): ..."}, f"{SEARCH}; it holds search(tx, text)"),
    "jobs without one": (
        {"jobs": "def tick(tx): ..."},
        "jobs.py marks no function with @every(seconds=…), so nothing would ever run; delete the file or mark one",
    ),
    "a job that would never run": (
        {"jobs": f"{JOBS}@every(seconds=60)\nasync def tick(tx: Tx) -> None: ..."},
        "jobs.py: tick is async, and would never run; it is one transaction, a plain def",
    ),
    "a job without an interval": (
        {"jobs": f"{JOBS}@every(seconds=0)\ndef tick(tx: Tx) -> None: ..."},
        "jobs.py: @every(seconds=0) of tick must be more than 0",
    ),
    "a job that wants more": (
        {"jobs": f"{JOBS}@every(seconds=60)\ndef tick(tx: Tx, db: object) -> None: ..."},
        "jobs.py must hold `def tick(tx)`; it holds tick(tx, db)",
    ),
    "a job that is given its settings first": (
        {
            "jobs": f"{JOBS}from .settings import CardsSettings\n\n"
            "@every(seconds=60)\ndef tick(settings: CardsSettings, tx: Tx) -> None: ...",
            "settings": SETTINGS,
        },
        "jobs.py must hold `def tick(tx)`, and the settings behind them; it holds tick(settings, tx)",
    ),
    "a reaction that wants more": (
        {"events": f'{EVENTS}@on("*")\ndef react(tx: Tx, event: EventRecord, db: object) -> None: ...'},
        "events.py must hold `def react(tx, event)`; it holds react(tx, event, db)",
    ),
    "events without a reaction": (
        {"events": "def react(tx, event): ..."},
        'events.py marks no function with @on("<slice>.<what happened>"), so nothing would ever run; '
        "delete the file or mark one",
    ),
    "a reaction that would never run": (
        {"events": f'{EVENTS}@on("*")\nasync def react(tx: Tx, event: EventRecord) -> None: ...'},
        "events.py: react is async, and would never run; it is one transaction, a plain def",
    ),
    "a provider that lacks something": (
        {"auth": AUTH.replace("adopt", "take")},
        "auth.py lacks adopt; KeyProvider in chassis/authentication.py says what each does",
    ),
}


@pytest.mark.parametrize("what", BAD_FILES)
def test_an_optional_file_with_a_fault_is_told_with_what_was_expected(tmp_path: Path, what: str) -> None:
    files, told = BAD_FILES[what]
    assert faults(tmp_path, {"cards": with_files(**files)}) == [f"cards: {told}"]


def test_two_pages_of_one_slice_are_told_and_which_to_delete(tmp_path: Path) -> None:
    with slices_package(tmp_path, {"cards": GOOD}) as package:
        own = tmp_path / package / "cards" / "web" / "page.js"
        own.parent.mkdir()
        own.write_text("export default {};")
        assert [each.name for each in find_slices((package,), pages=("decks",))] == ["cards"]
        with pytest.raises(DiscoveryError) as refused:
            find_slices((package,), pages=("cards",))
    [fault] = refused.value.faults
    assert fault.detail == f"there are two pages: {own} and web/pages/cards.js; delete one of them"


def test_the_front_ends_own_pages_are_known(tmp_path: Path) -> None:
    name = min(page_names(WEB_FOLDER))
    with slices_package(tmp_path, {name: GOOD}) as package:
        (tmp_path / package / name / "web").mkdir()
        (tmp_path / package / name / "web" / "page.js").write_text("export default {};")
        with pytest.raises(DiscoveryError) as refused:
            make_app(packages=(package,))
        [card] = read_cards(make_settings(), (package,))
    assert f"web/pages/{name}.js; delete one of them" in str(refused.value)
    assert f"web/pages/{name}.js; delete one of them" in card.faults[0]


@needs("platform", "front")
async def test_a_slice_without_a_list_may_have_a_page_of_its_own(tmp_path: Path) -> None:
    with slices_package(tmp_path, {"cards": GOOD, "decks": GOOD}) as package:
        (tmp_path / package / "cards" / "web" / "parts").mkdir(parents=True)
        for name in ("page.js", "parts/one.js", ".hidden.js"):
            (tmp_path / package / "cards" / "web" / name).write_text(f"// {name}")
        async with running(make_app(packages=("slice_api.slices", package))) as app, client_of(app) as client:
            rows = {row["name"]: row for row in (await client.get("/api")).json()["items"]}
            assert (rows["cards"]["page_url"], rows["decks"]["page_url"]) == ("/app/cards", None)
            script = rows["cards"]["page_script"]
            assert script == f"/assets/{chassis_of(app).web.digest}/slices/cards/page.js"
            assert (await client.get(script.replace("page.js", "parts/one.js"))).text == "// parts/one.js"
            assert (await client.get(script.replace("page.js", ".hidden.js"))).status_code == 404
        digest = chassis_of(app).web.digest
        (tmp_path / package / "cards" / "web" / "parts" / "one.js").write_text("// changed")
        assert chassis_of(make_app(packages=("slice_api.slices", package))).web.digest != digest


# Health


def checking(body: str, kind: str = "async def check(db)") -> Mapping[str, str]:
    return with_files(health=f"import asyncio\n\n{kind} -> None:\n    {body}\n", settings=SETTINGS)


@asynccontextmanager
async def healthy(root: Path, log: list[bytes], **folders: Mapping[str, str]) -> AsyncIterator[FastAPI]:
    with slices_package(root, folders) as package:
        async with running(make_app(packages=("slice_api.slices", package), log=log)) as app:
            yield app


async def readiness(app: FastAPI) -> Any:
    async with client_of(app, key=None) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == (503 if answer.json().get("failing") else 200)
    return answer.json()


@needs("platform")
async def test_a_check_that_fails_or_hangs_is_named_and_the_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slice_api.chassis.health.SECONDS", 0.05)
    log: list[bytes] = []
    async with healthy(
        tmp_path,
        log,
        broken=checking("raise RuntimeError('the printer is out of paper')"),
        hanging=checking("await asyncio.Event().wait()"),
        plain=checking("raise KeyError('plain')", "def check(tx)"),
        fine=checking("await db.transact(lambda tx: tx.now)"),
    ) as app:
        assert await readiness(app) == {"status": "failing", "failing": ["broken", "hanging", "plain"]}
        figures = chassis_of(app).metrics.text().decode()
    told = {line["part"]: line["why"] for line in parsed(log) if line["event"] == "health check failed"}
    assert told == {
        "broken": "RuntimeError: the printer is out of paper",
        "hanging": "no answer within 0.05 s",
        "plain": "KeyError: 'plain'",
    }
    assert 'slice_healthy{part="fine"} 1.0' in figures
    assert 'slice_healthy{part="broken"} 0.0' in figures


@needs("platform")
async def test_the_log_tells_when_a_check_begins_to_fail_and_when_it_passes_again(tmp_path: Path) -> None:
    log: list[bytes] = []
    counting = checking("if db.__dict__.setdefault('broken', []): raise RuntimeError('broken')")
    async with healthy(tmp_path, log, cards=counting) as app:
        broken = chassis_of(app).db.__dict__.setdefault("broken", [])
        for is_broken in (False, True, True, False, False):
            broken[:] = [1] if is_broken else []
            assert ("failing" in (await readiness(app))["status"]) == is_broken
    told = [line["event"] for line in parsed(log) if line["event"].startswith("health check")]
    assert told == ["health check failed", "health check passes again"]


@needs("platform")
async def test_a_check_reaches_storage_and_fails_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def is_away(*_: object) -> None:
        raise StorageAway("gone")

    async with healthy(tmp_path, [], cards=checking("tx.now", "def check(tx)")) as app:
        assert await readiness(app) == {"status": "ok"}
        monkeypatch.setattr(chassis_of(app).storage, "transact", is_away)
        assert await readiness(app) == {"status": "failing", "failing": ["cards"]}


# Jobs


@asynccontextmanager
async def with_job(root: Path, seconds: float, clock: FrozenClock) -> AsyncIterator[FastAPI]:
    job = f"{JOBS}@every(seconds={seconds})\ndef tick(tx: Tx) -> None: ..."
    with slices_package(root, {"cards": with_files(jobs=job)}) as package:
        app = make_app(packages=("slice_api.slices", package), clock=clock, storage_url=f"sqlite:///{root}/data.db")
        async with running(app):
            yield app


async def next_run(app: FastAPI) -> Any:
    """When the job may run next, once it has run."""
    lease = None
    while lease is None:
        await wait_for(chassis_of(app).closing, 0.01)
        lease = await chassis_of(app).db.get(LEASES, "cards.tick")
    return lease.next_at


async def test_a_job_of_a_long_interval_runs_soon_after_a_start_and_not_after_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slice_api.chassis.jobs.FIRST_SECONDS", 0.0)
    clock = FrozenClock()
    async with with_job(tmp_path, 86400, clock) as app:
        due = await next_run(app)
    assert (due - clock.now).total_seconds() == 86400
    clock.advance(hours=23)
    async with with_job(tmp_path, 86400, clock) as app:
        await chassis_of(app).jobs.run_due()
        assert await next_run(app) == due
        assert 'slice_jobs_total{job="cards.tick"' not in chassis_of(app).metrics.text().decode()
    clock.advance(hours=1)
    async with with_job(tmp_path, 86400, clock) as app:
        await chassis_of(app).jobs.run_due()
        assert await next_run(app) > due


async def test_a_job_of_a_short_interval_runs_again_and_again(tmp_path: Path) -> None:
    clock = FrozenClock()
    async with with_job(tmp_path, 0.01, clock) as app:
        first = await next_run(app)
        clock.advance(seconds=1)
        while await next_run(app) == first:
            await wait_for(chassis_of(app).closing, 0.01)
