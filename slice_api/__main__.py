"""`python -m slice_api`: serve the app, and the small things around it."""

import gc

gc.disable()  # Nothing that is loaded is garbage; looking for it took a quarter of the time of a start.

from slice_api.cli import main  # noqa: E402

gc.freeze()
gc.enable()

if __name__ == "__main__":
    main()
