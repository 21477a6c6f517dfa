"""Events that the flow missed are drawn again: the bars around them, with stronger curve guidance, a few times at most.

Nothing is written at an event by rule: every note comes from latents that the flow drew, and a new draw is kept only
where it is heard to fit better than the old one.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from model_core.models.score.sampler import runs
from model_core.sync.event_matching import Heard, Verdict, gain, judge

Floats = NDArray[np.float64]

_AROUND_S: Final = 1.3  # about a bar on either side


def redrawn(
    latents: torch.Tensor,
    times: Floats,
    frame_times: Floats,
    draw_again: Callable[[torch.Tensor, NDArray[np.bool_], int], torch.Tensor],
    listen: Callable[[torch.Tensor], Heard],
    rounds: int,
) -> tuple[torch.Tensor, Verdict]:
    """Latents (C, F) in which more of the events are heard, and what became of the events.

    Args:
        latents: the first draw.
        times: of the events, seconds.
        frame_times: where each frame begins and the last one ends, seconds, shape (F + 1,).
        draw_again: called as (latents, gaps, round from 0), gaps of shape (F,) with True for frames to draw anew.
        listen: what latents sound like.
        rounds: at most; none is needed where every event is heard.
    """
    heard = listen(latents)
    verdict = judge(heard, times)
    for attempt in range(rounds):
        gaps = around(np.concatenate([verdict.missed, verdict.stray]), frame_times)
        if not len(verdict.missed) or not gaps.any():
            break
        other = draw_again(latents, gaps, attempt)
        other_heard = listen(other)
        spans = runs(gaps)
        better = []
        for first, last in spans:
            span = float(frame_times[first]), float(frame_times[last])
            if gain(other_heard, times, *span, verdict.levels) > gain(heard, times, *span, verdict.levels):
                better.append((first, last))
        if not better:
            continue
        mixed, mixed_heard = other, other_heard
        if len(better) < len(spans):
            mixed = latents.clone()
            for first, last in better:
                mixed[:, first:last] = other[:, first:last]
            mixed_heard = listen(mixed)
        mixed_verdict = judge(mixed_heard, times)
        if mixed_verdict.hits > verdict.hits:
            latents, heard, verdict = mixed, mixed_heard, mixed_verdict
    return latents, verdict


def around(times: Floats, frame_times: Floats) -> NDArray[np.bool_]:
    """Which frames lie within _AROUND_S of one of the times, shape (F,)."""
    first, last = frame_times[:-1, None], frame_times[1:, None]
    return np.asarray(((last > times - _AROUND_S) & (first < times + _AROUND_S)).any(axis=1))
