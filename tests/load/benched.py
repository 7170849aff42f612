"""What is measured: the app as it is without a setting, in process and as the server that `make run` starts.

A limit that no load reaches stands in for the one of 600 requests a minute: it is counted all the same.
"""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from fastapi import FastAPI

from slice_api.main import create_app
from slice_api.settings import Settings
from tests.support import ADMIN_KEY, make_settings, running

RATE: Final = "1000000000/minute"
ENVIRONMENT: Final = {"SLICE_ADMIN_KEY": ADMIN_KEY, "SLICE_RATE_LIMIT": RATE}
"""What the server is told."""

KEY_HEADERS: Final = {"Authorization": f"Bearer {ADMIN_KEY}"}
JSON_HEADERS: Final = {**KEY_HEADERS, "Content-Type": "application/json"}


def benched_settings(storage_url: str = "") -> Settings:
    """The same for an app in this process."""
    return make_settings(rate_limit=RATE, storage_url=storage_url)


@asynccontextmanager
async def benched_app(storage_url: str = "", packages: Sequence[str] = ("slice_api.slices",)) -> AsyncIterator[FastAPI]:
    """The app, running; its log lines go to a file descriptor, as they do when it is served."""
    with TemporaryDirectory() as folder:
        log = os.open(Path(folder) / "log", os.O_WRONLY | os.O_CREAT)
        app = create_app(benched_settings(storage_url), packages=packages, write_log=lambda line: os.write(log, line))
        try:
            async with running(app):
                yield app
        finally:
            os.close(log)
