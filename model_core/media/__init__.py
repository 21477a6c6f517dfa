"""Reading and writing of video and sound.

Untrusted files are opened in a sandbox process. PyAV is imported only there.
"""

from model_core.media.reading import confinement, frames, probe, read_audio, read_tags, video_packets_digest
from model_core.media.sandbox.confinement import Confinement
from model_core.media.types import (
    DEFAULT_LIMITS,
    PROBE_LIMITS,
    FrameBatch,
    MediaCode,
    MediaError,
    MediaLimits,
    VideoInfo,
    output_suffix,
)
from model_core.media.writing import mux, write_wav

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
