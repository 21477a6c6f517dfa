"""Codecs of audio models, each registered in its own file under the class name of its network in diffusers.

The codec of a model folder is the one registered for ``_class_name`` of vae/config.json.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from model_core.models.base import Codec
from model_core.models.folder.manifest import read_json
from model_core.plan.plan import Plan
from model_core.registry import Registry


class AudioCodec(Codec[Plan], Protocol):
    """Latents (C, F) at a constant frame rate <-> stereo sound.

    Attributes:
        sample_rate: Hz.
        hop: samples of a latent frame.
        channels: C.
        frame_rate: latent frames a second.
    """

    sample_rate: int
    hop: int
    channels: int
    frame_rate: float

    def count_frames(self, duration_s: float) -> int:
        """Latent frames of a duration in seconds, rounded up; ValueError unless it is more than 0."""
        ...

    def frame_times(self, frames: int, first: int = 0) -> NDArray[np.float64]:
        """Centers in seconds of ``frames`` latent frames from ``first`` on, shape (F,)."""
        ...

    def encode(self, audio: NDArray[np.float32]) -> torch.Tensor:
        """Latents (C, ceil(N / hop)), float32 on the CPU, of stereo sound (2, N); ValueError for another shape."""
        ...

    def decode(
        self, latents: torch.Tensor, samples: int, progress: Callable[[float], None] = lambda fraction: None
    ) -> NDArray[np.float32]:
        """Stereo sound (B, 2, samples) in -1..1 of latents (B, C, F); ``progress`` may raise to stop the work."""
        ...


@dataclass(frozen=True)
class AudioCodecEntry:
    """A registered codec. The functions that take a configuration take vae/config.json.

    Attributes:
        network: class of the network in diffusers.
        open: makes the codec of a loaded network.
        channels_field, sides_field: fields of the configuration with the number of latent and of audio channels.
        frame_rate: latent frames a second of a configuration.
        count: numbers in the network of a configuration.
        decode_bytes: called with configuration, batch and dtype; bytes held at the largest moment of decoding.
    """

    network: Any
    open: Callable[[Any], AudioCodec]
    channels_field: str
    sides_field: str
    frame_rate: Callable[[Mapping[str, Any]], float]
    count: Callable[[Mapping[str, Any]], int]
    decode_bytes: Callable[[Mapping[str, Any], int, torch.dtype], int]


AUDIO_CODECS: Final = Registry[AudioCodecEntry]("audio codec", "model_core.models.stable_audio.codecs")


def codec_entry(folder: Path) -> AudioCodecEntry:
    """Entry of the codec of a model folder; ModelError when its network is of no registered class."""
    return AUDIO_CODECS.get(str(read_json(folder, "vae/config.json").get("_class_name")))


def open_codec(network: Any) -> AudioCodec:
    """Codec of a loaded network; ModelError when its class is not registered."""
    return AUDIO_CODECS.get(type(network).__name__).open(network)
