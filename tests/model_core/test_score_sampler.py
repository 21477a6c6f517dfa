"""Sampler of the score model: inpainting leaves the rest as it is, and refinement keeps only what is better."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model_core.flow.conditioning import Condition
from model_core.flow.sampler import Guidance, euler_scheduler
from model_core.models.score.refine import EventMatcher, flagged_spans, frames_around
from model_core.models.score.sampler import Sampling, ScoreSampler
from model_core.sync.missed_events import RATE, Salience

CHANNELS, FRAMES, FRAME_S = 4, 40, 0.5
FRAME_EDGES: NDArray[np.float64] = np.arange(FRAMES + 1, dtype=np.float64) * FRAME_S
EVENTS = np.array([4.25, 10.25, 16.25])
SAMPLING = Sampling(Guidance(1.0, 1.0), steps=4, seed=3)


class RecordingFlow(torch.nn.Module):
    """Flows straight to 2 and keeps its per-frame inputs."""

    config = {"io_channels": CHANNELS}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.inputs: list[torch.Tensor] = []

    def forward(
        self, latents: torch.Tensor, time: torch.Tensor, local_add_cond: torch.Tensor, **_: object
    ) -> tuple[torch.Tensor]:
        self.inputs.append(local_add_cond[-1])
        return ((latents - 2.0) / time[:, None, None],)


def sampler(flow: RecordingFlow) -> ScoreSampler:
    grid = torch.arange(FRAMES, dtype=torch.float32)[None, None]
    condition = Condition(torch.zeros(1, 1, 8), torch.ones(1, 1, dtype=torch.bool), torch.zeros(1, 3), None, None)
    return ScoreSampler(flow, euler_scheduler(), condition, condition, grid)


def test_flagged_spans() -> None:
    assert flagged_spans(np.array([True, False, True, True, False, True])) == [(0, 1), (2, 4), (5, 6)]
    assert flagged_spans(np.zeros(3, bool)) == []


def test_the_whole_is_sampled_with_nothing_kept() -> None:
    flow = RecordingFlow()
    latents = sampler(flow).sample(SAMPLING)
    torch.testing.assert_close(latents, torch.full((CHANNELS, FRAMES), 2.0), atol=1e-4, rtol=1e-4)
    assert not flow.inputs[0][: 1 + CHANNELS].any()


def test_gaps_are_inpainted_and_the_rest_is_untouched() -> None:
    flow = RecordingFlow()
    before = torch.randn(CHANNELS, FRAMES, generator=torch.Generator().manual_seed(0))
    gaps = np.zeros(FRAMES, bool)
    gaps[18:21] = True
    after = sampler(flow).inpaint(before, gaps, SAMPLING)
    torch.testing.assert_close(after[:, 18:21], torch.full((CHANNELS, 3), 2.0), atol=1e-4, rtol=1e-4)
    kept = torch.from_numpy(~gaps)
    assert torch.equal(after[:, kept], before[:, kept])
    mask, known, grid = torch.split(flow.inputs[0], [1, CHANNELS, 1])
    first, last = int(grid[0, 0]), int(grid[0, -1]) + 1
    assert (first, last) == (6, 33)
    np.testing.assert_array_equal(mask[0].numpy(), (~gaps[first:last]).astype(np.float32))
    torch.testing.assert_close(known, before[:, first:last] * mask)


def test_refinement_guides_more_strongly_with_fewer_steps_and_another_seed() -> None:
    usual = Sampling(Guidance(0.6, 4.0), steps=16, seed=5)
    first, second = usual.for_refinement(0), usual.for_refinement(1)
    assert (first.guidance, first.steps) == (Guidance(0.6, 6.0), 10)
    assert len({usual.seed, first.seed, second.seed}) == 3
    assert Sampling(Guidance(0.6, 10.0), steps=4, seed=5).for_refinement(0).guidance.curve == 12.0


class PeakMatcher(EventMatcher):
    """A world in which a frame's one latent is the height of the peak in its middle."""

    def __init__(self) -> None:
        self.times = EVENTS
        self.frame_edges = FRAME_EDGES

    def measure(self, latents: torch.Tensor) -> Salience:
        at = np.arange(round(FRAMES * FRAME_S * RATE)) / RATE
        middles = FRAME_EDGES[:-1] + FRAME_S / 2
        heights = latents[0].numpy().astype(np.float64)
        envelope = (heights * np.exp(-0.5 * ((at[:, None] - middles) / 0.03) ** 2)).max(axis=1)
        return Salience(envelope, envelope)


@dataclass(frozen=True)
class PlannedSampler(ScoreSampler):
    """Returns planned latents in place of inpainted ones, and keeps the gaps that it was called with."""

    planned: torch.Tensor = field(default_factory=lambda: torch.zeros(1))
    in_gaps_only: bool = False
    calls: list[NDArray[np.bool_]] = field(default_factory=list)

    def inpaint(self, latents: torch.Tensor, gaps: NDArray[np.bool_], sampling: Sampling) -> torch.Tensor:
        self.calls.append(gaps)
        new = latents.clone() if self.in_gaps_only else self.planned.clone()
        new[:, torch.from_numpy(gaps)] = self.planned[:, torch.from_numpy(gaps)]
        return new


def planned_sampler(planned: torch.Tensor, in_gaps_only: bool = False) -> PlannedSampler:
    plain = sampler(RecordingFlow())
    return PlannedSampler(
        plain.flow, plain.scheduler, plain.condition, plain.unprompted, plain.grid, planned, in_gaps_only
    )


def peaks_at(*seconds: float) -> torch.Tensor:
    latents = torch.full((1, FRAMES), 0.1)
    for second in seconds:
        latents[0, int(second / FRAME_S)] = 1.0
    return latents


def test_a_missed_event_is_sampled_again_and_the_rest_is_kept() -> None:
    planned = planned_sampler(peaks_at(*EVENTS), in_gaps_only=True)
    first = peaks_at(4.25, 10.25, 13.25)
    latents = planned.refine(first, PeakMatcher(), SAMPLING, 3)
    assert len(planned.calls) == 1
    np.testing.assert_array_equal(planned.calls[0], frames_around(np.array([13.25, 16.25]), FRAME_EDGES))
    assert PeakMatcher().match(latents).match.hits == 6
    torch.testing.assert_close(latents, peaks_at(*EVENTS))
    torch.testing.assert_close(first, peaks_at(4.25, 10.25, 13.25))


def test_a_worse_sample_is_never_kept() -> None:
    planned, fractions = planned_sampler(torch.full((1, FRAMES), 0.1)), list[float]()
    first = peaks_at(4.25, 10.25, 13.25)
    latents = planned.refine(first, PeakMatcher(), SAMPLING, 3, fractions.append)
    assert fractions == [0.0, 1 / 3, 2 / 3]
    assert PeakMatcher().match(latents).match.hits == 4
    torch.testing.assert_close(latents, first)


def test_each_span_is_judged_by_itself() -> None:
    # The planned latents mend the first event, spoil nothing at the second, and put a peak after it.
    planned = planned_sampler(peaks_at(4.25, 12.25))
    latents = planned.refine(peaks_at(1.25, 16.25), PeakMatcher(), SAMPLING, 1)
    assert PeakMatcher().match(latents).match.hits == 4
    assert float(latents[0, int(4.25 / FRAME_S)]) == 1.0
    assert float(latents[0, int(16.25 / FRAME_S)]) == 1.0


@pytest.mark.parametrize(("rounds", "loud"), [(0, ()), (3, tuple(EVENTS))])
def test_nothing_is_sampled_where_nothing_is_to_be_gained(rounds: int, loud: tuple[float, ...]) -> None:
    planned = planned_sampler(torch.zeros(1, FRAMES))
    latents = planned.refine(peaks_at(*loud), PeakMatcher(), SAMPLING, rounds)
    torch.testing.assert_close(latents, peaks_at(*loud))
    assert not planned.calls
