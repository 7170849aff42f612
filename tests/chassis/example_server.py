"""Serves the example slices as `python -m slice_api` serves the product's; tells at the end what was written."""

import asyncio
import sys

from fastapi import FastAPI

from slice_api.main import create_app
from slice_api.serving import serve
from tests.chassis.example_slices.echoes.store import heard
from tests.chassis.examples import EXAMPLES
from tests.support import chassis_of


def make_example_app() -> FastAPI:
    app = create_app(packages=EXAMPLES)
    chassis = chassis_of(app)
    close = chassis.storage.close

    async def tell_and_close() -> None:
        await asyncio.sleep(0)
        sys.stdout.write(f"written: {await chassis.db.transact(heard, of='batches')}\n")
        sys.stdout.flush()  # the process ends by the signal it was sent, without a word more
        await close()

    chassis.storage.close = tell_and_close  # type: ignore[method-assign]
    return app


if __name__ == "__main__":
    serve(make_example_app, host="127.0.0.1", port=0)
