"""Serves the example slices in two processes, as `python -m slice_api --workers 2` serves the product's."""

import argparse
import sys

from fastapi import FastAPI

from slice_api.main import create_app
from slice_api.serving import supervise, work
from tests.chassis.examples import EXAMPLES

_COMMAND = (sys.executable, "-m", "tests.chassis.example_workers")


def make_example_app() -> FastAPI:
    return create_app(packages=EXAMPLES)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--listening", type=int, action="append")
    parser.add_argument("--line", type=int)
    options = parser.parse_args()
    if options.line is None:
        supervise(make_example_app, host="127.0.0.1", port=0, workers=2, worker_command=_COMMAND)
    else:
        work(make_example_app, listening=options.listening, line=options.line)
