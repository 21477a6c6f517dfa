"""Only what is missed is drawn again, and only what is heard to be better is kept."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model_core.models.score.refine import around, redrawn
from model_core.sync.event_matching import Heard
from model_core.sync.onset_strength import RATE

FRAMES, FRAME_S = 40, 0.5
FRAME_TIMES: NDArray[np.float64] = np.arange(FRAMES + 1, dtype=np.float64) * FRAME_S
EVENTS = np.array([4.25, 10.25, 16.25])


def _listen(latents: torch.Tensor) -> Heard:
    """A world in which a frame's one latent is the height of the peak in its middle."""
    at = np.arange(round(FRAMES * FRAME_S * RATE)) / RATE
    middles = FRAME_TIMES[:-1] + FRAME_S / 2
    heights = latents[0].numpy().astype(np.float64)
    envelope = (heights * np.exp(-0.5 * ((at[:, None] - middles) / 0.03) ** 2)).max(axis=1)
    return Heard(envelope, envelope)


def _latents(*loud: float) -> torch.Tensor:
    latents = torch.full((1, FRAMES), 0.1)
    for second in loud:
        latents[0, int(second / FRAME_S)] = 1.0
    return latents


def test_a_missed_event_is_drawn_again_and_the_rest_is_kept() -> None:
    asked: list[NDArray[np.bool_]] = []

    def again(latents: torch.Tensor, gaps: NDArray[np.bool_], attempt: int) -> torch.Tensor:
        asked.append(gaps)
        new = latents.clone()
        new[:, torch.from_numpy(gaps)] = _latents(*EVENTS)[:, torch.from_numpy(gaps)]
        return new

    first = _latents(4.25, 10.25, 13.25)
    latents, verdict = redrawn(first, EVENTS, FRAME_TIMES, again, _listen, 3)
    assert len(asked) == 1
    np.testing.assert_array_equal(asked[0], around(np.array([13.25, 16.25]), FRAME_TIMES))
    assert verdict.hits == 6
    torch.testing.assert_close(latents, _latents(*EVENTS))
    torch.testing.assert_close(first, _latents(4.25, 10.25, 13.25))


def test_a_worse_draw_is_never_kept() -> None:
    attempts: list[int] = []

    def again(latents: torch.Tensor, gaps: NDArray[np.bool_], attempt: int) -> torch.Tensor:
        attempts.append(attempt)
        return torch.full((1, FRAMES), 0.1)

    first = _latents(4.25, 10.25, 13.25)
    latents, verdict = redrawn(first, EVENTS, FRAME_TIMES, again, _listen, 3)
    assert attempts == [0, 1, 2]
    assert verdict.hits == 4
    torch.testing.assert_close(latents, first)


def test_stretches_are_judged_each_by_itself() -> None:
    def again(latents: torch.Tensor, gaps: NDArray[np.bool_], attempt: int) -> torch.Tensor:
        return _latents(4.25, 12.25)  # mends the first event, spoils nothing at the second, puts a peak after it

    latents, verdict = redrawn(_latents(1.25, 16.25), EVENTS, FRAME_TIMES, again, _listen, 1)
    assert verdict.hits == 4
    assert float(latents[0, int(4.25 / FRAME_S)]) == 1.0
    assert float(latents[0, int(16.25 / FRAME_S)]) == 1.0


@pytest.mark.parametrize(("rounds", "loud"), [(0, ()), (3, tuple(EVENTS))])
def test_nothing_is_drawn_where_nothing_is_to_be_gained(rounds: int, loud: tuple[float, ...]) -> None:
    def never(latents: torch.Tensor, gaps: NDArray[np.bool_], attempt: int) -> torch.Tensor:
        raise AssertionError("drew again")

    latents, _ = redrawn(_latents(*loud), EVENTS, FRAME_TIMES, never, _listen, rounds)
    torch.testing.assert_close(latents, _latents(*loud))
