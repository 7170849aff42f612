"""A job with healthchecks-decorator: `decorated.py URL good|bad`."""

import sys
from contextlib import suppress

from healthchecks_decorator import healthcheck

_, url, how = sys.argv


@healthcheck(url=url, send_start=True, send_diagnostics=True)
def job() -> dict[str, object]:
    if how == "bad":
        raise RuntimeError("the disk is full")
    return {"files": 3, "greeting": "Grüße"}


with suppress(RuntimeError):
    job()
