"""What a finished job offers, by name."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Variant(StrEnum):
    """What a finished job offers."""

    VIDEO = "video"
    AUDIO = "audio"
    MIDI = "midi"
    CURVE = "curve"
    REPORT = "report"


class Artifact(BaseModel):
    """One published file. It never changes: another attempt publishes its own files under its own number."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="File name, such as video.mp4.")
    bytes: int = Field(ge=0)
