"""Video in and out. Every file from outside is opened in a sandbox process; this side never imports PyAV."""

from model_core.media.reading import confinement, frames, probe, read_audio, read_tags, video_packets_digest
from model_core.media.sandbox.answers import Confinement
from model_core.media.types import (
    DEFAULT_LIMITS,
    PROBE_LIMITS,
    FrameBatch,
    MediaCode,
    MediaError,
    MediaLimits,
    VideoInfo,
)
from model_core.media.writing import mux, output_suffix, write_wav

__all__ = [
    "DEFAULT_LIMITS",
    "PROBE_LIMITS",
    "Confinement",
    "FrameBatch",
    "MediaCode",
    "MediaError",
    "MediaLimits",
    "VideoInfo",
    "confinement",
    "frames",
    "mux",
    "output_suffix",
    "probe",
    "read_audio",
    "read_tags",
    "video_packets_digest",
    "write_wav",
]
