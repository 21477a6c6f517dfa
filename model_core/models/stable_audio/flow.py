"""Sampling of an audio model's latents from prompts and curves, of any length, for one or several takes at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from diffusers.pipelines.stable_audio_3.pipeline_stable_audio_3 import logsnr_sigma_schedule
from numpy.typing import NDArray

from model_core.errors import ModelError
from model_core.flow.conditioning import add_given_flag
from model_core.flow.sampler import Guidance, Window, continuing_windows, generate
from model_core.models.stable_audio.codecs import open_codec
from model_core.models.stable_audio.conditions import PromptEncoder, TextStates, build_condition, continuation_channels
from model_core.models.stable_audio.folder import CURVE_CHANNELS, StableAudioParts

# The span of log SNR that Stable Audio 3 is sampled over, from noise to data; diffusers' default.
_LOGSNR: Final = (-6.2, 2.0)


@dataclass(frozen=True)
class Take:
    """Inputs of one item of a batch.

    Attributes:
        prompt: description of the music; may be empty.
        seed: seed of its noise; the rest of the batch has no effect on it.
        curve: event curve on the latent frames, shape (F,), see frame_curve; None for plain text-to-audio.
        negative_prompt: description to avoid; empty for none.
    """

    prompt: str
    seed: int
    curve: NDArray[np.float64] | None = None
    negative_prompt: str = ""


@dataclass(frozen=True)
class _SamplingInputs:
    text: TextStates
    negative: TextStates
    curve: torch.Tensor | None
    generators: list[torch.Generator]
    guidance: Guidance
    sigmas: list[float]


class AudioFlow:
    """Sampler of an audio model's latents."""

    def __init__(self, model: StableAudioParts, longest_s: float | None = None) -> None:
        """``longest_s`` is the longest window, if the model's own needs too much memory."""
        self.codec = open_codec(model.vae)
        self.prompts = PromptEncoder(model.tokenizer, model.text_encoder)
        self._model = model
        self._device, self._dtype = model.transformer.device, model.transformer.dtype
        windows = model.manifest.windows
        self.longest_s = min(windows.longest_s, longest_s or windows.longest_s)
        # A shorter window is divided in the same proportions as the model's own.
        share, rate = self.longest_s / windows.longest_s, self.codec.frame_rate
        self._longest = self.codec.count_frames(self.longest_s)
        # Despite rounding, each window has at least one new frame.
        self._context = min(max(1, round(share * windows.context_s * rate)), max(1, self._longest - 2))
        self._ending = min(round(share * windows.ending_s * rate), max(0, self._longest - self._context - 1))
        if self._longest < 2:
            raise ModelError(
                f"windows of {self.longest_s:g} s are less than two latent frames; set a longer V2M_WINDOW_S"
            )

    def windows(self, frames: int) -> list[Window]:
        """Windows in which ``frames`` latent frames are generated."""
        return continuing_windows(frames, self._longest, self._context, self._ending)

    @torch.no_grad()
    def generate(
        self,
        takes: Sequence[Take],
        duration: float,
        guidance: Guidance,
        steps: int,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> torch.Tensor:
        """Generate latents of all takes, shape (B, C, F), float32.

        Args:
            takes: all with a curve, or all without.
            duration: length of the music in seconds.
            guidance: scales of prompt and curve; with a curve guidance of 0 curves are not used.
            steps: number of sampler steps.
            progress: called with the fraction done before each step; its exceptions stop the work.
        """
        frames = self.codec.count_frames(duration)
        curve = self._curves(takes, frames) if guidance.curve else None
        given = _SamplingInputs(
            text=self.prompts.encode([take.prompt for take in takes]),
            negative=self.prompts.encode([take.negative_prompt for take in takes]),
            curve=curve,
            generators=[torch.Generator().manual_seed(take.seed) for take in takes],
            guidance=guidance if curve is not None else replace(guidance, curve=0.0),
            sigmas=logsnr_sigma_schedule(steps, *_LOGSNR),
        )
        latents = torch.zeros(len(takes), self.codec.channels, frames, device=self._device)
        windows = self.windows(frames)
        for number, window in enumerate(windows):
            # The duration of a window is its own length: the model knows no longer music.
            seconds = duration if len(windows) == 1 else (window.last - window.first) / self.codec.frame_rate

            def within(fraction: float, number: int = number) -> None:
                progress((number + fraction) / len(windows))

            sampled = self._sample_window(latents[..., window.first : window.last], window, seconds, given, within)
            new = slice(window.first + window.known, window.kept)
            latents[..., new] = sampled[..., window.known : window.kept - window.first]
        return latents

    def _sample_window(
        self,
        latents: torch.Tensor,
        window: Window,
        seconds: float,
        given: _SamplingInputs,
        progress: Callable[[float], None],
    ) -> torch.Tensor:
        local, curve = None, None
        if window.known or given.curve is not None:
            local = continuation_channels(latents, window.known).to(self._dtype)
            none = torch.zeros_like(local[:, : CURVE_CHANNELS + 1])
            curve = none if given.curve is None else given.curve[..., window.first : window.last]
        durations = torch.full((len(latents),), seconds)
        embedder = self._model.duration_embedder
        return generate(
            self._model.transformer,
            build_condition(embedder, given.text, durations, local, curve),
            build_condition(embedder, given.negative, durations, local, curve),
            given.guidance,
            frames=latents.shape[2],
            sigmas=given.sigmas,
            generators=given.generators,
            progress=progress,
            scheduler=self._model.scheduler,
        )

    def _curves(self, takes: Sequence[Take], frames: int) -> torch.Tensor | None:
        given = [take.curve for take in takes if take.curve is not None]
        if not given:
            return None
        if len(given) < len(takes) or any(curve.shape != (frames,) for curve in given):
            raise ValueError(f"all takes need a curve of {frames} frames, or none")
        return add_given_flag(torch.from_numpy(np.stack(given))[:, None]).to(self._device, self._dtype)
