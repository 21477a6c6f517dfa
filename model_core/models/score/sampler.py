"""Sampler of the score model: samples the latents of one plan, inpaints spans of them, and refines missed events."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, StableAudio3DiTModel
from numpy.typing import NDArray

from model_core.flow.conditioning import Condition, inpainting_channels
from model_core.flow.sampler import Guidance, even_sigmas, generate
from model_core.models.score.refine import EventMatcher, flagged_spans

WINDOW_FRAMES: Final = 48
OVERLAP_FRAMES: Final = 16
_CONTEXT_FRAMES: Final = 12  # of kept latents on either side of a span that is inpainted
_GUIDANCE_FACTOR: Final = 1.5  # curve guidance of refinement, times the usual one
_MAX_GUIDANCE: Final = 12.0
_STEPS_FACTOR: Final = 0.6  # a span between kept frames needs fewer steps, since they determine most of it
_MIN_STEPS: Final = 4

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Sampling:
    """Guidance scales, Euler steps, and the seed of the noise."""

    guidance: Guidance
    steps: int
    seed: int

    def for_refinement(self, attempt: int) -> "Sampling":
        """Stronger curve guidance, fewer steps and another seed, for the refinement number ``attempt`` from 0."""
        seed = int(np.random.default_rng([self.seed, attempt]).integers(2**31))
        curve = min(_MAX_GUIDANCE, _GUIDANCE_FACTOR * self.guidance.curve)
        steps = max(_MIN_STEPS, round(_STEPS_FACTOR * self.steps))
        return Sampling(Guidance(self.guidance.text, curve), steps, seed)


@dataclass(frozen=True)
class ScoreSampler:
    """Flow, conditions and grid of one score.

    Attributes:
        flow, scheduler: the model.
        condition, unprompted: conditions with and without the prompt; their ``local`` is filled in here.
        grid: grid channels of the codec, shape (1, C_grid, F).
    """

    flow: StableAudio3DiTModel
    scheduler: FlowMatchEulerDiscreteScheduler
    condition: Condition
    unprompted: Condition
    grid: torch.Tensor

    @property
    def frames(self) -> int:
        """Latent frames F."""
        return self.grid.shape[2]

    def sample(self, sampling: Sampling, progress: Progress = lambda fraction: None) -> torch.Tensor:
        """Latents of the whole piece, shape (C, F)."""
        nothing = torch.zeros(self.flow.config["io_channels"], self.frames)
        return self._sample_span(nothing, np.zeros(self.frames, bool), (0, self.frames), sampling, progress)

    def inpaint(self, latents: torch.Tensor, gaps: NDArray[np.bool_], sampling: Sampling) -> torch.Tensor:
        """Latents (C, F) whose frames flagged in ``gaps``, shape (F,), are sampled again to fit those around them."""
        result = latents.clone()
        for first, last in flagged_spans(_widen(gaps)):
            sampled = self._sample_span(latents[:, first:last], ~gaps[first:last], (first, last), sampling)
            new = torch.from_numpy(gaps[first:last])
            result[:, first:last][:, new] = sampled[:, new]
        return result

    def refine(
        self,
        latents: torch.Tensor,
        matcher: EventMatcher,
        sampling: Sampling,
        rounds: int,
        progress: Progress = lambda fraction: None,
    ) -> torch.Tensor:
        """Latents (C, F) in which more events are met: spans around missed events are inpainted again.

        Args:
            latents: latents of the first sample.
            matcher: matcher of latents with the events.
            sampling: settings of the first sample, from which those of refinement are derived.
            rounds: largest number of rounds; refinement ends early when every event is met.
            progress: called before each round with the fraction done; its exceptions stop the work.
        """
        best = matcher.match(latents)
        for attempt in range(rounds):
            gaps = matcher.frames_to_refine(best)
            if not gaps.any():
                break
            progress(attempt / rounds)
            other = self.inpaint(best.latents, gaps, sampling.for_refinement(attempt))
            combined = matcher.combine(best, matcher.match(other), gaps)
            if combined.match.hits > best.match.hits:
                best = combined
        return best.latents

    def _sample_span(
        self,
        latents: torch.Tensor,
        keep: NDArray[np.bool_],
        span: tuple[int, int],
        sampling: Sampling,
        progress: Progress = lambda fraction: None,
    ) -> torch.Tensor:
        known = inpainting_channels(latents[None], torch.from_numpy(keep)[None])
        local = torch.cat([known, self.grid[..., slice(*span)]], dim=1)
        return generate(
            self.flow,
            replace(self.condition.frames(*span), local=local),
            replace(self.unprompted.frames(*span), local=local),
            sampling.guidance,
            frames=latents.shape[1],
            sigmas=even_sigmas(sampling.steps),
            generators=[torch.Generator().manual_seed(sampling.seed)],
            window=WINDOW_FRAMES,
            overlap=OVERLAP_FRAMES,
            progress=progress,
            scheduler=self.scheduler,
        )[0]


def _widen(gaps: NDArray[np.bool_]) -> NDArray[np.bool_]:
    wide = gaps.copy()
    for first, last in flagged_spans(gaps):
        wide[max(0, first - _CONTEXT_FRAMES) : last + _CONTEXT_FRAMES] = True
    return wide
