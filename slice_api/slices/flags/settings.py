"""What a deployment decides about its feature flags."""

from pydantic import Field

from slice_api.chassis import SliceSettings


class FlagsSettings(SliceSettings):
    """The settings of the feature flags."""

    evaluation_public: bool = Field(
        default=False, description="Whether everybody may evaluate flags, without a key, as web pages must."
    )
    keep_revisions: int = Field(default=500, ge=1, description="How many versions of each flag are kept.")
    stream_token_seconds: int = Field(
        default=3600, ge=60, description="How long the address of a stream that an evaluation names may be used."
    )
