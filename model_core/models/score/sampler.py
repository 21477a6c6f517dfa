"""Draw the latents of one score: the whole of it, and stretches of it anew while the rest is kept."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, StableAudio3DiTModel
from numpy.typing import NDArray

from model_core.flow.conditioning import Condition, inpainting_channels
from model_core.flow.sampler import Guidance, even_sigmas, generate

WINDOW_FRAMES: Final = 48
OVERLAP_FRAMES: Final = 16
_CONTEXT_FRAMES: Final = 12  # of what is kept on either side of a stretch that is drawn anew


@dataclass(frozen=True)
class Sampling:
    """How latents are drawn: guidance scales, Euler steps, and the seed of the noise."""

    guidance: Guidance
    steps: int
    seed: int


@dataclass(frozen=True)
class Sketch:
    """What is the same in every draw of one score.

    Attributes:
        flow, scheduler: the model.
        condition, unprompted: without their ``local``, which is put together here.
        grid: the codec's channels, shape (1, C_grid, F).
    """

    flow: StableAudio3DiTModel
    scheduler: FlowMatchEulerDiscreteScheduler
    condition: Condition
    unprompted: Condition
    grid: torch.Tensor

    @property
    def frames(self) -> int:
        return self.grid.shape[2]

    def draw(self, sampling: Sampling, progress: Callable[[float], None] = lambda fraction: None) -> torch.Tensor:
        """The whole, shape (C, F)."""
        channels = self.flow.config["io_channels"]
        nothing = torch.zeros(channels, self.frames)
        return self._draw(nothing, np.zeros(self.frames, bool), (0, self.frames), sampling, progress)

    def draw_again(self, latents: torch.Tensor, gaps: NDArray[np.bool_], sampling: Sampling) -> torch.Tensor:
        """Latents (C, F) whose frames in ``gaps``, shape (F,), are drawn anew to fit those around them."""
        drawn = latents.clone()
        for first, last in runs(_widened(gaps)):
            part = self._draw(latents[:, first:last], ~gaps[first:last], (first, last), sampling)
            new = torch.from_numpy(gaps[first:last])
            drawn[:, first:last][:, new] = part[:, new]
        return drawn

    def _draw(
        self,
        latents: torch.Tensor,
        keep: NDArray[np.bool_],
        span: tuple[int, int],
        sampling: Sampling,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> torch.Tensor:
        known = inpainting_channels(latents[None], torch.from_numpy(keep)[None])
        local = torch.cat([known, self.grid[..., slice(*span)]], dim=1)

        def within(condition: Condition) -> Condition:
            return replace(condition.frames(*span), local=local)

        return generate(
            self.flow,
            within(self.condition),
            within(self.unprompted),
            sampling.guidance,
            frames=latents.shape[1],
            sigmas=even_sigmas(sampling.steps),
            generators=[torch.Generator().manual_seed(sampling.seed)],
            window=WINDOW_FRAMES,
            overlap=OVERLAP_FRAMES,
            progress=progress,
            scheduler=self.scheduler,
        )[0]


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last + 1 of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def _widened(gaps: NDArray[np.bool_]) -> NDArray[np.bool_]:
    wide = gaps.copy()
    for first, last in runs(gaps):
        wide[max(0, first - _CONTEXT_FRAMES) : last + _CONTEXT_FRAMES] = True
    return wide
