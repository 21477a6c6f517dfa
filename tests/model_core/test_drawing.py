"""A stretch drawn anew leaves the rest as it is, and the model is told what is kept."""

import numpy as np
import torch

from model_core.flow.conditioning import Condition
from model_core.flow.sampler import Guidance, plain_scheduler
from model_core.models.score.sampler import Sampling, Sketch, runs

CHANNELS, FRAMES = 4, 40


class Remembering(torch.nn.Module):
    """Flows straight to 2 and keeps what it was told."""

    config = {"io_channels": CHANNELS}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.told: list[torch.Tensor] = []

    def forward(
        self, latents: torch.Tensor, time: torch.Tensor, local_add_cond: torch.Tensor, **_: object
    ) -> tuple[torch.Tensor]:
        self.told.append(local_add_cond[-1])
        return ((latents - 2.0) / time[:, None, None],)


def _sketch(model: Remembering) -> Sketch:
    grid = torch.arange(FRAMES, dtype=torch.float32)[None, None]
    condition = Condition(torch.zeros(1, 1, 8), torch.ones(1, 1, dtype=torch.bool), torch.zeros(1, 3), None, None)
    return Sketch(model, plain_scheduler(), condition, condition, grid)


SAMPLING = Sampling(Guidance(1.0, 1.0), steps=4, seed=3)


def test_runs() -> None:
    assert runs(np.array([True, False, True, True, False, True])) == [(0, 1), (2, 4), (5, 6)]
    assert runs(np.zeros(3, bool)) == []


def test_the_whole_is_drawn_with_nothing_kept() -> None:
    model = Remembering()
    drawn = _sketch(model).draw(SAMPLING)
    torch.testing.assert_close(drawn, torch.full((CHANNELS, FRAMES), 2.0), atol=1e-4, rtol=1e-4)
    assert not model.told[0][: 1 + CHANNELS].any()


def test_gaps_are_drawn_and_the_rest_is_untouched() -> None:
    model = Remembering()
    before = torch.randn(CHANNELS, FRAMES, generator=torch.Generator().manual_seed(0))
    gaps = np.zeros(FRAMES, bool)
    gaps[18:21] = True
    after = _sketch(model).draw_again(before, gaps, SAMPLING)
    torch.testing.assert_close(after[:, 18:21], torch.full((CHANNELS, 3), 2.0), atol=1e-4, rtol=1e-4)
    kept = torch.from_numpy(~gaps)
    assert torch.equal(after[:, kept], before[:, kept])
    mask, known, grid = torch.split(model.told[0], [1, CHANNELS, 1])
    first, last = int(grid[0, 0]), int(grid[0, -1]) + 1
    assert (first, last) == (6, 33)
    np.testing.assert_array_equal(mask[0].numpy(), (~gaps[first:last]).astype(np.float32))
    torch.testing.assert_close(known, before[:, first:last] * mask)
