"""Crops of tracks as batches: their latents, their curves on the latent frames, and their prompts' states."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model_core.curves.event_curve import FloatArray
from model_core.curves.frame_curve import frame_curve
from model_core.flow.conditioning import Condition, flagged, inpainting_channels
from model_core.models.stable_audio.codec import SameCodec
from model_core.models.stable_audio.conditions import conditioned
from model_core.models.stable_audio.folder import AudioModel
from model_core.models.stable_audio.text import TextStates
from model_core.training.audio.tracks import Track


@dataclass(frozen=True)
class Crop:
    """The latent frames first .. first + frames - 1 of a track."""

    track: Track
    first: int
    frames: int


@dataclass(frozen=True)
class Pool:
    """Tracks, and how many latent frames each has, (T,)."""

    tracks: Sequence[Track]
    frames: NDArray[np.int64]


class Reader:
    """Turns crops into what the transformer takes, on the model's device, in float32."""

    def __init__(self, model: AudioModel, unprompted: TextStates, device: torch.device) -> None:
        """``unprompted``: states of the empty prompt, (1, L, D), float32 on the CPU."""
        self.device = device
        self._embedder = model.duration_embedder
        self._codec = SameCodec(model.vae)
        self._window_s = model.manifest.curve.hann_window_s
        self._unprompted = unprompted

    def pool(self, tracks: Sequence[Track]) -> Pool:
        """Tracks with their lengths; their files are not opened."""
        hop = self._codec.hop
        samples = [round(track.seconds * self._codec.sample_rate) for track in tracks]
        return Pool(tracks, np.array([-(-count // hop) for count in samples], np.int64))

    def frames_of(self, seconds: float) -> int:
        """Latent frames of so many seconds."""
        return self._codec.frames_of(seconds)

    def seconds_of(self, frames: int) -> float:
        """How long so many latent frames sound."""
        return frames / self._codec.frame_rate

    def latents(self, crops: Sequence[Crop]) -> torch.Tensor:
        """Latents of crops of one length, (B, C, F)."""
        parts = [crop.track.latents[:, crop.first : crop.first + crop.frames] for crop in crops]
        return torch.stack(parts).to(self.device)

    def curve(self, crop: Crop) -> FloatArray:
        """The curve of a crop alone, as a video's of that length would be given: (F,)."""
        return frame_curve(crop.track.curve, self._codec.frame_times(crop.frames, crop.first), self._window_s)

    def text(self, crops: Sequence[Crop], captions: Sequence[int | None]) -> TextStates:
        """States of a caption of each crop's track, by its number; None = the empty prompt."""
        parts = [
            self._unprompted if number is None else crop.track.text(number)
            for crop, number in zip(crops, captions, strict=True)
        ]
        states, masks = torch.cat([part.states for part in parts]), torch.cat([part.mask for part in parts])
        return TextStates(states.to(self.device), masks.to(self.device))

    @torch.no_grad()
    def condition(
        self,
        crops: Sequence[Crop],
        clean: torch.Tensor,
        captions: Sequence[int | None],
        given: NDArray[np.bool_],
        curve_given: NDArray[np.bool_],
    ) -> Condition:
        """Conditions of crops of one length.

        Args:
            crops: B of them.
            clean: their latents, (B, C, F).
            captions: see text.
            given: frames that are there already, (B, F).
            curve_given: whose curve is given, (B,).
        """
        frames = clean.shape[2]
        curve = torch.from_numpy(np.stack([self.curve(crop) for crop in crops])).float()
        shown = torch.from_numpy(curve_given)[:, None, None]
        seconds = torch.full((len(crops),), self.seconds_of(frames))
        return conditioned(
            self._embedder,
            self.text(crops, captions),
            seconds,
            inpainting_channels(clean, torch.from_numpy(given).to(self.device)),
            (flagged(curve[:, None]) * shown).to(self.device),
        )
