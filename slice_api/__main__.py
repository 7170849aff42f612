"""`python -m slice_api`: serve the app, and the small things around it."""

import gc

gc.disable()  # Nothing that is loaded is garbage; looking for it took a quarter of the time of a start.

from pydantic import BaseModel  # noqa: E402

# The models that FastAPI writes OpenAPI with are built when the document is first asked for, and not by each start.
BaseModel.model_config["defer_build"] = True
import fastapi.openapi.models  # noqa: E402, F401

del BaseModel.model_config["defer_build"]

from slice_api.cli import main  # noqa: E402

gc.freeze()
gc.enable()

if __name__ == "__main__":
    main()
