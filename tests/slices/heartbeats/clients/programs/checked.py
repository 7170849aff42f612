"""Programs with runchecked: `checked.py URL good|bad`."""

import sys

from runchecked import HealthCheckedContext

_, url, how = sys.argv

with HealthCheckedContext(url) as context:
    context.set_env("GREETING", "Grüße")
    context.run(["sh", "-c", "echo 3 files, $GREETING"])
    context.run(["true" if how == "good" else "false"])
