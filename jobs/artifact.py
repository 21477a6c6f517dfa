"""Results of a completed job."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Variant(StrEnum):
    """A result of a completed job."""

    VIDEO = "video"
    AUDIO = "audio"
    MIDI = "midi"
    CURVE = "curve"
    REPORT = "report"


class Artifact(BaseModel):
    """One published file. It never changes: another attempt publishes its own files."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="File name, such as video.mp4.")
    bytes: int = Field(ge=0, description="Size of the file.")
