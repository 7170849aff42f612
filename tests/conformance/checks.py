"""The tests of the suite as plain values, to be run over slices that are made up for a test."""

import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple

import pytest

from tests.conformance.subject import Api, Subject, api_of

_THEMES = ("access", "answers", "document", "finding", "folders", "idempotency", "lists", "objects", "requests")


class Check(NamedTuple):
    """A test of the suite, to be run over slices of one's own."""

    name: str
    run: Callable[..., Any]

    def __str__(self) -> str:
        return self.name

    def cases(self, subject: Subject) -> list[dict[str, Any]]:
        """What it is run over in these slices."""
        if hasattr(self.run, "fits_route"):
            return [{"route": each} for each in subject.routes if self.run.fits_route(each)]
        return [{"part": each} for each in subject.slices]


def _checks() -> Iterator[Check]:
    for theme in _THEMES:
        for name, run in vars(import_module(f"tests.conformance.test_{theme}")).items():
            if hasattr(run, "fits_route") or hasattr(run, "is_for_slices"):
                yield Check(f"{theme}.{name.removeprefix('test_')}", run)


CHECKS = {each.name: each for each in _checks()}


class Folder(NamedTuple):
    """A made-up slice beside the others."""

    name: str
    packages: tuple[str, ...]
    subject: Subject


async def run_check(check: Check, folder: Folder) -> list[str]:
    """Run a check over a made-up slice, in memory; gives why it was passed over, where it was."""
    passed_over: list[str] = []
    async with api_of(packages=folder.packages, subject=folder.subject) as api:
        for case in check.cases(folder.subject.of([folder.name])):
            try:
                await _call(check, api, case)
            except pytest.skip.Exception as skipped:
                passed_over.append(str(skipped))
    return passed_over


async def _call(check: Check, api: Api, case: dict[str, Any]) -> None:
    wants_api = "api" in inspect.signature(check.run).parameters
    outcome = check.run(**({"api": api} if wants_api else {}), **case)
    if inspect.isawaitable(outcome):
        await outcome
