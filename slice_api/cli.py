"""The command line: `python -m slice_api [serve|env|new|slices|storage]`."""

import argparse
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from dotenv import dotenv_values
from fastapi import FastAPI
from pydantic import ValidationError

from slice_api import __version__
from slice_api.chassis.assembly import Chassis
from slice_api.chassis.discovery import DiscoveryError, find_slices, slice_names
from slice_api.chassis.logs import StandardLogHandler
from slice_api.chassis.storage.engines import is_in_memory
from slice_api.chassis.storage.faults import StorageAway, Unreadable
from slice_api.main import create_app
from slice_api.scaffold.command import add_new_parser, run_new_command
from slice_api.scaffold.fields import Refused
from slice_api.serving import serve, supervise, work
from slice_api.settings import (
    PREFIX,
    Settings,
    SettingsError,
    SliceSettings,
    example_lines,
    prefix_of,
    setting_faults,
    table_rows,
    unknown_variables,
    variables_of,
)

_DESCRIPTION = (
    "Slice API: a self-hosted toolbox for small teams. Every setting is a SLICE_* variable; `env` lists them."
)
_INTERRUPTED = 130
"""What shells say of a program that Ctrl-C has ended; here, before it served."""

_SLICES_HELP = "show the report card of every slice; exit status 1 when one is faulty or misses a mark"
_URL_HELP = "the database (SLICE_STORAGE_URL)"
_COPY_HELP = "move everything into another, empty database; started again, it goes on where it was"
_COPY_NOTE = "What the service writes meanwhile may be missed: stop it first, or copy again into an empty database."
_REINDEX_NOTE = "The service waits meanwhile, and refuses what it cannot do in time: stop it first if there is much."

_WORKER_COMMAND = (sys.executable, "-m", "slice_api", "worker")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("must be a number from 0 to 65535")
    return int(text)


def _add_slices_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("slices", help=_SLICES_HELP, description=f"{_SLICES_HELP.capitalize()}.")
    parser.add_argument("name", nargs="?", help="one slice, in full")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")


def _add_storage_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("storage", help="look after what is kept: check, reindex, copy, backup")
    storage = parser.add_subparsers(dest="storage_command", metavar="COMMAND", required=True)
    check = storage.add_parser("check", help="tell what does not fit this version, and change nothing")
    check.add_argument("url", nargs="?", help=_URL_HELP)
    reindex_help = "make every index column anew from its document"
    reindex = storage.add_parser(
        "reindex", help=reindex_help, description=f"{reindex_help.capitalize()}. {_REINDEX_NOTE}"
    )
    reindex.add_argument("url", nargs="?", help=_URL_HELP)
    copy = storage.add_parser("copy", help=_COPY_HELP, description=f"{_COPY_HELP.capitalize()}. {_COPY_NOTE}")
    copy.add_argument("source", metavar="FROM", help="a storage URL, such as sqlite:///data.db")
    copy.add_argument("target", metavar="TO", help="another, such as postgresql://user:password@host/database")
    backup = storage.add_parser("backup", help="write a consistent copy of the SQLite file, while the service runs")
    backup.add_argument("file", type=Path, metavar="FILE", help="where to write it")
    backup.add_argument("--url", help=_URL_HELP)
    backup.add_argument("--force", action="store_true", help="replace FILE if it exists")


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    whole = argparse.ArgumentParser("python -m slice_api", description=_DESCRIPTION)
    whole.add_argument("--version", action="version", version=__version__)
    whole.set_defaults(command="serve", host="127.0.0.1", port=8000, workers=1)
    commands = whole.add_subparsers(dest="command", metavar="COMMAND")
    serving = commands.add_parser("serve", help="answer requests (the default)")
    for each in (whole, serving):
        each.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
        each.add_argument("--port", type=_port, default=8000, help="the port to listen on (8000; 0: any free one)")
        each.add_argument("--workers", type=int, default=1, help="how many processes share the work (1)")
    env = commands.add_parser("env", help="print every setting with its default and meaning, as in .env.example")
    env.add_argument("--table", action="store_true", help="as a table in Markdown, as in the README")
    add_new_parser(commands)
    _add_slices_parser(commands)
    _add_storage_parser(commands)
    worker = commands.add_parser("worker")  # without help, it is not listed: `serve` starts it, nobody else
    worker.add_argument("--listening", type=int, action="append", required=True)
    worker.add_argument("--line", type=int, required=True)
    return whole


def environment_example() -> str:
    """The text of `.env.example`: every setting, the slices' own after the common ones."""
    parts = ["# Every setting with its default. Copy to .env, or set them as environment variables."]
    parts.append("\n".join(example_lines(Settings, PREFIX)))
    every = [line if line.startswith("#") else f"#{line}" for line in example_lines(SliceSettings, "SLICE_<SLICE>_")]
    parts.append("\n".join(["# Every slice has these, under its own name, such as SLICE_LINKS_RATE_LIMIT.", *every]))
    for each in find_slices(("slice_api.slices",)):
        lines = example_lines(each.settings_model, prefix_of(each.name), without=SliceSettings)
        parts += ["\n".join([f"# {each.title} ({each.name})", *lines])] if lines else []
    return "\n\n".join(parts) + "\n"


def settings_table() -> str:
    """The same as the table in the README."""
    rows = ["| setting | default | meaning |", "|---|---|---|", *table_rows(Settings, PREFIX)]
    rows += table_rows(SliceSettings, "SLICE_<SLICE>_")
    for each in find_slices(("slice_api.slices",)):
        rows += table_rows(each.settings_model, prefix_of(each.name), without=SliceSettings)
    return "\n".join(rows) + "\n"


def _known_variables(chassis: Chassis) -> set[str]:
    own = {name for each in chassis.slices for name in variables_of(each.settings_model, prefix_of(each.name))}
    return own | set(variables_of(Settings, PREFIX))


def _warn_of_unknown(chassis: Chassis, environment: Iterable[str]) -> None:
    """Tell of variables and of disabled slices that do not exist: a typing error must not go unnoticed."""
    for name, nearest in unknown_variables(environment, _known_variables(chassis)).items():
        hint = f"did you mean {nearest}?" if nearest else "`python -m slice_api env` lists them all"
        chassis.log.warning(f"no setting reads {name}; {hint}")
    names = slice_names("slice_api.slices") if chassis.settings.disabled else set()
    for name in set(chassis.settings.disabled) - names:
        chassis.log.warning(f"SLICE_DISABLED names {name}, and there is no such slice; there are {sorted(names)}")
    for warning in chassis.absent_publishers:
        chassis.log.warning(warning)


def _route_standard_logs(chassis: Chassis) -> None:
    """Let what uvicorn and libraries say come out in the same form as our own lines."""
    root = logging.getLogger()
    root.handlers = [StandardLogHandler(chassis.log)]
    root.setLevel(logging.WARNING)


def make_worker_app() -> FastAPI:
    """The app of one of several processes: the one that started it has warned already."""
    app = create_app()
    _route_standard_logs(app.state.chassis)
    return app


def make_served_app() -> FastAPI:
    """The app as the process makes it that people start."""
    app = make_worker_app()
    _warn_of_unknown(app.state.chassis, {*os.environ, *dotenv_values(".env")})
    return app


def _check_workers(workers: int) -> None:
    if workers < 1:
        raise SettingsError("--workers: must be 1 or more")
    if workers > 1 and is_in_memory(Settings().storage_url):
        raise SettingsError(
            f"SLICE_STORAGE_URL is empty, and memory cannot be shared by {workers} workers: "
            "set SLICE_STORAGE_URL to a database, or start with WORKERS=1."
        )


def _serve(host: str, port: int, workers: int) -> None:
    _check_workers(workers)
    if workers == 1:
        serve(make_served_app, host=host, port=port)
        return
    supervise(make_served_app, host=host, port=port, workers=workers, worker_command=_WORKER_COMMAND)


def _run(options: argparse.Namespace) -> None:
    match options.command:
        case "env":
            sys.stdout.write(settings_table() if options.table else environment_example())
        case "new":
            sys.exit(run_new_command(options))
        # Loaded only here: the drivers of every database take as long as half of all the rest.
        case "slices":
            from slice_api.slice_commands import run_slices_command

            sys.exit(run_slices_command(options))
        case "storage":
            from slice_api.storage_commands import run_storage_command

            sys.exit(run_storage_command(options))
        case "worker":
            work(make_worker_app, listening=options.listening, line=options.line)
        case _:
            _serve(options.host, options.port, options.workers)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; what stops a start is told in words, without a traceback."""
    options = parser().parse_args(arguments)
    try:
        _run(options)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except (DiscoveryError, Refused, SettingsError) as error:
        sys.exit(str(error))
    except StorageAway as error:
        sys.exit(f"Storage cannot be used: {error}")
    except Unreadable as error:
        told = f"{error.store.name}: {error.key!r} cannot be read, so nothing more is done"
        sys.exit(f"{told}; `python -m slice_api storage check` says what is wrong with it.")
    except ValidationError as error:
        sys.exit("\n  ".join(("The settings do not fit:", *setting_faults(error, PREFIX))))
