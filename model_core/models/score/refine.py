"""Refinement of a sampled score: the spans around missed events, and the choice between two versions of a span.

No rule writes a note at an event. A missed event is sampled again by inpainting (`ScoreSampler.refine`), and a new
version of a span is kept only where it fits its events better than the old one.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from model_core.encoders.log_mel_chroma import LogMelChroma
from model_core.models.score.codec.codec import ScoreCodec
from model_core.plan.plan import ScorePlan
from model_core.sync.missed_events import EventMatch, Salience, match_events, measure_salience, span_fit

Floats = NDArray[np.float64]

_AROUND_S: Final = 1.3  # about a bar on either side


@dataclass(frozen=True)
class Candidate:
    """One version of a score's latents, shape (C, F), with the salience of its sound and its match with the events."""

    latents: torch.Tensor
    salience: Salience
    match: EventMatch


class EventMatcher:
    """Matches candidates, by a fast preview of their sound, with the events of one video."""

    def __init__(self, codec: ScoreCodec, plan: ScorePlan, encoder: LogMelChroma, times: Floats) -> None:
        """``times`` are those of the events, in seconds, ascending, shape (K,)."""
        self.times = times
        self.frame_edges = codec.frame_edges(plan)
        self._codec = codec
        self._plan = plan
        self._encoder = encoder

    def match(self, latents: torch.Tensor) -> Candidate:
        """Match the sound of latents (C, F) with the events."""
        salience = self.measure(latents)
        return Candidate(latents, salience, match_events(salience, self.times))

    def measure(self, latents: torch.Tensor) -> Salience:
        """Salience of a cheap render of latents (C, F)."""
        score = self._codec.decode_score(latents, self._plan)
        return measure_salience(self._codec.preview(score, self._plan), self._encoder)

    def frames_to_refine(self, candidate: Candidate) -> NDArray[np.bool_]:
        """Flags of the frames around missed events and strays, shape (F,); none where every event is met."""
        if not len(candidate.match.missed):
            return np.zeros(len(self.frame_edges) - 1, bool)
        return frames_around(np.concatenate([candidate.match.missed, candidate.match.stray]), self.frame_edges)

    def combine(self, best: Candidate, other: Candidate, frames: NDArray[np.bool_]) -> Candidate:
        """``best`` with those spans of ``frames`` taken from ``other`` in which ``other`` fits its events better."""
        spans = flagged_spans(frames)
        better = [span for span in spans if self._fit(other, span, best) > self._fit(best, span, best)]
        if not better:
            return best
        if len(better) == len(spans):
            return other
        latents = best.latents.clone()
        for first, last in better:
            latents[:, first:last] = other.latents[:, first:last]
        return self.match(latents)

    def _fit(self, candidate: Candidate, span: tuple[int, int], reference: Candidate) -> float:
        first_s, last_s = (float(self.frame_edges[edge]) for edge in span)
        return span_fit(candidate.salience, self.times, first_s, last_s, reference.match.levels)


def frames_around(times: Floats, frame_edges: Floats) -> NDArray[np.bool_]:
    """Flags of the frames within about a bar of one of the times (seconds), shape (F,), for edges (F + 1,)."""
    first, last = frame_edges[:-1, None], frame_edges[1:, None]
    return np.asarray(((last > times - _AROUND_S) & (first < times + _AROUND_S)).any(axis=1))


def flagged_spans(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First index and end (exclusive) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]
