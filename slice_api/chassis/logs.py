"""Logs: structlog, one write for each line, so that not even a killed process loses one.

Structlog is loaded with the first line that needs it, since it brings along whatever draws tracebacks in colour. The
lines of requests and a quiet start do without.
"""

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cached_property
from time import time_ns
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import orjson

from slice_api.chassis.credentials import KEY_IN_TEXT
from slice_api.settings import Settings

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    Logger: TypeAlias = FilteringBoundLogger
else:
    Logger = Any

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The request in hand, for every line that is written while it runs."""

_SECRET_NAMES = frozenset({"key", "api_key", "password", "secret", "token", "cookie", "authorization", "x-api-key"})

_SECOND: Final = 1_000_000_000
"""In nanoseconds."""

EventDict = MutableMapping[str, Any]
Write = Callable[[bytes], object]
TellRequest = Callable[[dict[str, Any]], None]
"""Writes the line of a request: its fields, behind the places of `at`, `level` and `event`."""

REQUEST_LINE: Final = {"at": None, "level": "info", "event": "request"}
"""The beginning of each such line."""


class LineWriter:
    """Where finished lines go: straight to a file descriptor, whole, one system call each."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def msg(self, line: str | bytes) -> None:
        text = line if isinstance(line, bytes) else line.encode("utf-8", "backslashreplace")
        self._write(_without_keys(text) + b"\n")

    debug = info = warning = error = critical = exception = msg


def _without_keys(text: bytes) -> bytes:
    return KEY_IN_TEXT.sub(b"slice_***", text) if b"slice_" in text else text


def write_to_stderr(line: bytes) -> None:
    """One `write(2)` to standard error; a reader that went away does not end the service."""
    try:
        os.write(2, line)
    except OSError:
        return


def _add_request_id(_: Any, __: str, event: EventDict) -> EventDict:
    request_id = REQUEST_ID.get()
    if request_id is not None:
        event.setdefault("request_id", request_id)
    return event


def _hide_secrets(_: Any, __: str, event: EventDict) -> EventDict:
    if not _SECRET_NAMES.isdisjoint(event):
        for name in event.keys() & _SECRET_NAMES:
            event[name] = "***"
    return event


def _clock_text() -> Callable[[], str]:
    """Gives this moment as text; what all lines of one second share is written once."""
    begun, text = 0, ""

    def now() -> str:
        nonlocal begun, text
        rest = time_ns() - begun
        if not 0 <= rest < _SECOND:
            seconds, rest = divmod(rest + begun, _SECOND)
            begun, text = seconds * _SECOND, f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
        return f"{text}.{rest // 1000:06}Z"

    return now


def _add_time() -> Callable[[Any, str, EventDict], EventDict]:
    now = _clock_text()

    def add(_: Any, __: str, event: EventDict) -> EventDict:
        event["timestamp"] = now()
        return event

    return add


def _as_json(_: Any, __: str, event: EventDict) -> bytes:
    line = {"at": event.pop("timestamp", None), "level": event.pop("level", None), "event": event.pop("event", None)}
    line.update(event)
    return _written(line)


def _written(line: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(line, default=_plain, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # a lone surrogate, or an integer beyond 64 bits: no line is lost for that
        return json.dumps(line, default=_plain, skipkeys=True).encode("ascii")


def _plain(value: Any) -> str:
    return repr(value).encode("utf-8", "backslashreplace").decode()


def _renders_colour(settings: Settings) -> bool:
    return settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())


def _renderers(settings: Settings) -> list[Any]:
    import structlog

    if _renders_colour(settings):
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    return [structlog.processors.format_exc_info, _as_json]


def _level_of(settings: Settings) -> int:
    return logging.getLevelNamesMapping()[settings.log_level.upper()]


class _LateLogger:
    """A logger that is made when it is first told something."""

    def __init__(self, make: Callable[[], Logger]) -> None:
        self._make = make

    @cached_property
    def _made(self) -> Logger:
        return self._make()

    def bind(self, **fields: Any) -> "_LateLogger":
        return _LateLogger(lambda: self._made.bind(**fields))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args, **fields: getattr(self._made, name)(*args, **fields)


def make_logger(settings: Settings, write: Write = write_to_stderr) -> Logger:
    """The logger of one app: nothing global, so that two apps in one process never share lines."""
    return cast("Logger", _LateLogger(lambda: _structlog_logger(settings, write)))


def _structlog_logger(settings: Settings, write: Write) -> Logger:
    import structlog

    shared: list[Any] = [
        _add_request_id,
        structlog.processors.add_log_level,
        _add_time(),
        _hide_secrets,
    ]
    logger: Logger = structlog.wrap_logger(
        LineWriter(write),
        processors=shared + _renderers(settings),
        wrapper_class=structlog.make_filtering_bound_logger(_level_of(settings)),
        context_class=dict,
    ).bind()
    return logger


def make_request_teller(settings: Settings, write: Write = write_to_stderr) -> TellRequest:
    """Writes the one line that each request has: its fields are known, so that nothing need be looked for."""
    if _renders_colour(settings):
        logger = make_logger(settings, write)
        return lambda line: logger.info(**{name: line[name] for name in line if name not in ("at", "level")})
    if _level_of(settings) > logging.INFO:
        return lambda _: None
    time = _clock_text()

    def tell(line: dict[str, Any]) -> None:
        line["at"] = time()
        try:
            text = orjson.dumps(line)
        except TypeError:  # a path with a lone surrogate
            text = _written(line)
        write((_without_keys(text) if b"slice_" in text else text) + b"\n")

    return tell


class StandardLogHandler(logging.Handler):
    """Carries what libraries say through the standard library's logging into ours."""

    def __init__(self, logger: Logger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        details: Mapping[str, Any] = {"logger": record.name}
        if record.exc_info:
            details = {**details, "exc_info": record.exc_info}
        self._logger.log(record.levelno, record.getMessage(), **details)
