"""The command line of making slices."""

import argparse
import sys

from slice_api.scaffold.fields import DEFAULT_FIELDS, KINDS
from slice_api.scaffold.writing import is_testable, make_slice, next_steps, try_slice


def add_new_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`new NAME --fields LIST`."""
    new = commands.add_parser("new", help="make a new slice with its tests")
    new.add_argument("name", help="its folder, such as polls")
    fields = f"such as 'question:str closes_at:datetime?' ({DEFAULT_FIELDS}); ? for optional; {', '.join(KINDS)}"
    new.add_argument("--fields", default="", metavar="LIST", help=fields)


def run_new_command(options: argparse.Namespace) -> int:
    """Make the slice, run its tests, and say what to try next; gives the exit code."""
    fields = make_slice(options.name, options.fields)
    sys.stdout.write(f"Written: slice_api/slices/{options.name}/ and tests/slices/{options.name}/\n")
    sys.stdout.flush()
    if is_testable() and not try_slice(options.name):
        return 1
    sys.stdout.write(next_steps(options.name, fields))
    return 0
