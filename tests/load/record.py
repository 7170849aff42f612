"""What a whole run gave, as JSON, with the machine and the packages that it was measured on."""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import orjson

from tests.load.results import Result
from tests.load.served import load_generator

PACKAGES: Final = (
    "asyncpg",
    "fastapi",
    "httptools",
    "limits",
    "litestar",
    "orjson",
    "pydantic",
    "sqlalchemy",
    "starlette",
    "structlog",
    "uvicorn",
    "uvloop",
)


def _processor() -> str:
    """The name of the CPU, as Linux tells it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _machine() -> dict[str, Any]:
    """Where it was measured; no name of a host."""
    return {"processor": _processor(), "cores": os.cpu_count(), "system": platform.system()}


def _row(case: str, result: Result) -> dict[str, Any]:
    fields = {name: _rounded(value) for name, value in result._asdict().items()}
    return {"case": case, **fields, "holds": result.holds}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    return {name: _rounded(each) for name, each in value.items()} if isinstance(value, Mapping) else value


def recorded(results: Mapping[str, Sequence[Result]]) -> bytes:
    """The whole run as JSON."""
    whole = {
        "measured_on": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": _machine(),
        "load": load_generator(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "rows": [_row(case, result) for case, rows in results.items() for result in rows],
    }
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
