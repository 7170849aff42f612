"""A setting of the slice's own."""

from pydantic import Field

from slice_api.chassis import SliceSettings


class ProbesSettings(SliceSettings):
    depth: int = Field(default=3, ge=0, description="How deep a probe goes.")
