"""The distribution of the times that are trained on."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from model_core.training.audio.examples import compute_times


def _levels(count: int) -> torch.Tensor:
    return (torch.arange(count, dtype=torch.float64) + 0.5) / count


def test_times_are_those_of_drawing_until_a_number_is_not_cut_off() -> None:
    drawn = 1 / (1 + np.exp(-np.random.default_rng(0).normal(size=400_000)))
    kept = drawn[drawn > 0.075]
    time = 1 - (kept - 0.075) / 0.925
    shifted = 1 / (1 + (1 - time) / time * math.exp(-0.5))
    at = np.array([0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99])
    ours = compute_times(torch.from_numpy(1 - at), 256).numpy()
    np.testing.assert_allclose(ours, np.quantile(shifted, at), atol=2e-3)


def test_noisy_times_come_as_often_as_a_sampler_needs_them() -> None:
    times = compute_times(_levels(100_000), 323)
    assert float((times > 0.98).double().mean()) == pytest.approx(0.0103, abs=2e-4)
    plain = norm.sf(math.log(0.98 / 0.02))
    assert plain < 1e-4, "of a plain logit-normal there would be next to none"


def test_long_music_is_shifted_towards_noise_within_limits() -> None:
    level = torch.tensor([0.5], dtype=torch.float64)
    frames = (1, 256, 2176, 4096, 10_000)
    logits = [float(torch.logit(compute_times(level, count).double())) for count in frames]
    np.testing.assert_allclose(np.array(logits) - logits[0], [0, 0, 0.325, 0.65, 0.65], atol=1e-4)
    together = compute_times(level.expand(5), torch.tensor(frames))
    np.testing.assert_allclose(torch.logit(together.double()).numpy(), logits, atol=1e-4)


def test_the_ends_are_noise_and_data() -> None:
    ends = compute_times(torch.tensor([0.0, 1.0], dtype=torch.float64), 1000)
    assert ends.dtype == torch.float32
    assert ends.tolist() == [1.0, 0.0]
