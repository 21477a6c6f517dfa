"""Prompts and curves -> latents of an audio model, of any length, one or several takes at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from diffusers.pipelines.stable_audio_3.pipeline_stable_audio_3 import logsnr_sigma_schedule
from numpy.typing import NDArray

from model_core.errors import ModelError
from model_core.flow.conditioning import add_given_flag
from model_core.flow.sampler import Guidance, generate
from model_core.flow.windows import Window, continuing_windows
from model_core.models.stable_audio.codec import SameCodec
from model_core.models.stable_audio.conditions import PromptEncoder, TextStates, build_condition, continuation_channels
from model_core.models.stable_audio.folder import CURVE_CHANNELS, StableAudioParts

# The span of log SNR that Stable Audio 3 is sampled over, from noise to data; diffusers' default.
_LOGSNR: Final = (-6.2, 2.0)


@dataclass(frozen=True)
class Take:
    """What one item of a batch is made from.

    Attributes:
        prompt: may be empty.
        seed: of its noise, whatever it shares a batch with.
        curve: event curve on the latent frames, shape (F,), see frame_curve; None for plain text-to-audio.
        negative_prompt: what the guidance leads away from; empty = from nothing in particular.
    """

    prompt: str
    seed: int
    curve: NDArray[np.float64] | None = None
    negative_prompt: str = ""


@dataclass(frozen=True)
class _Given:
    text: TextStates
    against: TextStates
    curve: torch.Tensor | None
    generators: list[torch.Generator]
    guidance: Guidance
    sigmas: list[float]


class AudioFlow:
    """The generating half of an audio model."""

    def __init__(self, model: StableAudioParts, longest_s: float | None = None) -> None:
        """``longest_s``: longest window, where the model's own is too much for the memory."""
        self.codec = SameCodec(model.vae)
        self.prompts = PromptEncoder(model.tokenizer, model.text_encoder)
        self._model = model
        self._device, self._dtype = model.transformer.device, model.transformer.dtype
        windows = model.manifest.windows
        self.longest_s = min(windows.longest_s, longest_s or windows.longest_s)
        # A window that was made shorter for the memory is divided as the model's own is.
        share, rate = self.longest_s / windows.longest_s, self.codec.frame_rate
        self._longest = self.codec.frames_of(self.longest_s)
        # At least one frame is new in each window, however it is rounded.
        self._context = min(max(1, round(share * windows.context_s * rate)), max(1, self._longest - 2))
        self._ending = min(round(share * windows.ending_s * rate), max(0, self._longest - self._context - 1))
        if self._longest < 2:
            raise ModelError(f"windows of {self.longest_s:g} s are less than two latent frames; nothing can go on")

    def windows(self, frames: int) -> list[Window]:
        """The windows in which so many latent frames are made."""
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
        """Latents of all takes, shape (B, C, F), float32.

        Args:
            takes: all with a curve, or all without.
            duration: of the music in seconds.
            guidance: scales of prompt and curve; a curve guidance of 0 leaves the curves out.
            steps: of the sampler.
            progress: called before each step with the fraction done; what it raises stops the work.
        """
        frames = self.codec.frames_of(duration)
        curve = self._curves(takes, frames) if guidance.curve else None
        given = _Given(
            text=self.prompts.encode([take.prompt for take in takes]),
            against=self.prompts.encode([take.negative_prompt for take in takes]),
            curve=curve,
            generators=[torch.Generator().manual_seed(take.seed) for take in takes],
            guidance=guidance if curve is not None else replace(guidance, curve=0.0),
            sigmas=logsnr_sigma_schedule(steps, *_LOGSNR),
        )
        made = torch.zeros(len(takes), self.codec.channels, frames, device=self._device)
        windows = self.windows(frames)
        for number, window in enumerate(windows):
            # A window is told how long it is itself: the model knows no music longer than that.
            seconds = duration if len(windows) == 1 else (window.last - window.first) / self.codec.frame_rate

            def within(fraction: float, number: int = number) -> None:
                progress((number + fraction) / len(windows))

            drawn = self._draw(made[..., window.first : window.last], window, seconds, given, within)
            new = slice(window.first + window.known, window.kept)
            made[..., new] = drawn[..., window.known : window.kept - window.first]
        return made

    def _draw(
        self, there: torch.Tensor, window: Window, seconds: float, given: _Given, progress: Callable[[float], None]
    ) -> torch.Tensor:
        local, curve = None, None
        if window.known or given.curve is not None:
            local = continuation_channels(there, window.known).to(self._dtype)
            none = torch.zeros_like(local[:, : CURVE_CHANNELS + 1])
            curve = none if given.curve is None else given.curve[..., window.first : window.last]
        told = torch.full((len(there),), seconds)
        embedder = self._model.duration_embedder
        return generate(
            self._model.transformer,
            build_condition(embedder, given.text, told, local, curve),
            build_condition(embedder, given.against, told, local, curve),
            given.guidance,
            frames=there.shape[2],
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
