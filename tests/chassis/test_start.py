"""What a quiet start leaves alone: whatever it loads or builds, everybody waits for."""

import subprocess
import sys

from tests.server import environment
from tests.support import ADMIN_KEY

STARTED = """
import sys
import slice_api.__main__
from slice_api.cli import make_served_app
app = make_served_app()
print(*sorted({name.partition(".")[0] for name in sys.modules}))
from fastapi.openapi.models import OpenAPI
from pydantic import BaseModel
print(OpenAPI.__pydantic_complete__, BaseModel.model_config)
print(app.openapi()["openapi"], OpenAPI.__pydantic_complete__)
"""
FOR_LATER = {"asyncpg", "httpx", "redis", "rich", "segno", "sqlalchemy", "sqlite3", "structlog"}
"""Drivers of storage that is not in use, and what only a log line or a picture needs."""


def test_a_start_loads_and_builds_only_what_it_needs() -> None:
    done = subprocess.run(
        (sys.executable, "-c", STARTED),
        env=environment(SLICE_ADMIN_KEY=ADMIN_KEY),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded, built, document = done.stdout.splitlines()
    assert FOR_LATER.isdisjoint(loaded.split())
    assert (built, document) == ("False {}", "3.1.0 True")
    assert done.stderr == ""
