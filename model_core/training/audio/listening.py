"""Does the model follow curves? Held-out curves are played, and what comes out is heard by the model's own encoder."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from model_core.curves.event_curve import FloatArray
from model_core.curves.frame_curve import frame_curve
from model_core.encoders.registry import MusicEncoder
from model_core.flow.sampler import Guidance
from model_core.models.stable_audio.flow import AudioFlow, Take
from model_core.models.stable_audio.folder import AudioModel
from model_core.training.audio.crops import Crop, Reader

TAKES: Final = 4
_STEPS: Final = 16
FOLLOWED: Final = "r with its curve"
OTHERS: Final = "r with others"


class Listening:
    """Takes of a few held-out curves, always with the same noise."""

    def __init__(self, model: AudioModel, encoder: MusicEncoder, crops: Sequence[Crop], reader: Reader) -> None:
        """``model``: with the transformer that is trained. ``crops``: of one length, of different tracks."""
        self._flow, self._encoder = AudioFlow(model), encoder
        self._window_s = model.manifest.curve.hann_window_s
        self._defaults = model.manifest.defaults
        self._frames = crops[0].frames
        self._curves = [reader.curve(crop) for crop in crops]
        self._prompts = [crop.track.captions[0] for crop in crops]

    def figures(self) -> dict[str, float]:
        """Mean Pearson r of the curve that is heard with the one that was given, and with those of the other takes.

        Both are on the model's latent frames and smoothed with its window. Where there is one take alone, there is no
        other's.
        """
        heard = self._heard()
        pairs = np.array([[_pearson(ours, given) for given in self._curves] for ours in heard])
        own = np.eye(len(pairs), dtype=bool)
        figures = {FOLLOWED: float(pairs[own].mean())}
        return figures if len(pairs) < 2 else {**figures, OTHERS: float(pairs[~own].mean())}

    def _heard(self) -> list[FloatArray]:
        codec = self._flow.codec
        samples = self._frames * codec.hop
        told = zip(self._prompts, self._curves, strict=True)
        takes = [Take(prompt, seed, curve) for seed, (prompt, curve) in enumerate(told)]
        duration = (samples - 1) / codec.sample_rate  # a sample less: rounding must not make a frame more
        guidance = Guidance(self._defaults.text_guidance, self._defaults.curve_guidance or 1.0)
        latents = self._flow.generate(takes, duration, guidance, min(self._defaults.steps, _STEPS))
        times = codec.frame_times(self._frames)
        curves = [self._encoder.curve(audio, codec.sample_rate) for audio in codec.decode(latents, samples)]
        return [frame_curve(curve, times, self._window_s) for curve in curves]


def _pearson(one: FloatArray, other: FloatArray) -> float:
    """Pearson r; 0 where either is flat."""
    if one.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
