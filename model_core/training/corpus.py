"""The training corpus: composed pieces as beat vectors, headers and captions, and their music curves.

Curves are peak-shaped on the steps, and come from a render or from the composer's own events. The corpus is made by
seed, so it is never shipped.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from model_core.curves.event_curve import LEAST_STRENGTH, EventCurve, draw_peaks
from model_core.encoders.musicnn import Musicnn
from model_core.loudness import integrated_lufs
from model_core.models.score.codec.notes import build_notes, step_times
from model_core.models.score.codec.score import STEPS_PER_BEAT
from model_core.models.score.codec.vae import to_beats
from model_core.models.score.render.mix import dry_mix, find_trims
from model_core.models.score.render.synth import render_stems
from model_core.plan.events import Events
from model_core.plan.plan import STYLES, Header
from model_core.training.captions import caption
from model_core.training.composer import Piece, compose

BEATS: Final = 160
SHORT_BEATS: Final = (16, 32, 48, 64, 96)
_SHORT_ODDS: Final = 0.6
CAPTIONS: Final = 2
_CHUNK: Final = 16
RENDER_RATE: Final = 22050
_LEVEL_LUFS: Final = -19.0
_RENDER_CHUNK: Final = 8


@dataclass(frozen=True)
class Example:
    """One piece as the models receive it.

    Attributes:
        seed: of its composition.
        beats: beat vectors, shape (N, BEAT_DIM), N as in draw_length.
        beat_in_bar: shape (N,).
        header: its header.
        captions: CAPTIONS texts that are true of it.
    """

    seed: int
    beats: NDArray[np.float16]
    beat_in_bar: NDArray[np.int8]
    header: Header
    captions: list[str]


def draw_length(seed: int, mixed: bool) -> int:
    """Draw the number of beats of a seed's piece: BEATS, or in a mixed corpus often one of SHORT_BEATS.

    Most videos are short: the model has to know pieces whose start and end lie in one window.
    """
    rng = np.random.default_rng([seed, 2])
    return int(rng.choice(SHORT_BEATS)) if mixed and rng.random() < _SHORT_ODDS else BEATS


def compose_piece(seed: int, beats: int = BEATS) -> Piece:
    """Compose the corpus's piece of a seed; styles take turns."""
    return compose(seed, STYLES[seed % len(STYLES)], beats)


def compose_example(seed: int, mixed: bool = False) -> Example:
    """Compose the example of a seed."""
    return build_example(compose_piece(seed, draw_length(seed, mixed)), seed)


def build_example(piece: Piece, seed: int) -> Example:
    """Build the example of a composed piece, with captions drawn from its seed."""
    rng = np.random.default_rng([seed, 1])
    captions = [caption(piece, rng) for _ in range(CAPTIONS)]
    beats = to_beats(piece.score).astype(np.float16)
    return Example(seed, beats, piece.score.beat_in_bar, piece.header, captions)


def examples(seeds: range, mixed: bool = False, processes: int = 2) -> Iterator[Example]:
    """Compose the examples of many seeds, in order, in parallel processes."""
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(compose_example, seeds, [mixed] * len(seeds), chunksize=_CHUNK)


@cache
def _music_encoder() -> Musicnn:
    torch.set_num_threads(1)  # the processes share the cores
    return Musicnn()


def render_curve(piece: Piece) -> EventCurve:
    """Music-event curve of a piece, rendered dry at RENDER_RATE, at its own steady tempo and at one loudness."""
    beat_times = compute_beat_times(piece)
    notes = build_notes(piece.score, piece.header, beat_times, key=0)
    audio = dry_mix(render_stems(notes, float(beat_times[-1]), RENDER_RATE), find_trims(notes), piece.header.style)
    audio = audio[: round(float(beat_times[-1]) * RENDER_RATE)]
    loudness = integrated_lufs(audio[None], RENDER_RATE)
    if np.isfinite(loudness):
        audio = audio * np.float32(10 ** ((_LEVEL_LUFS - loudness) / 20))
    return _music_encoder().curve(audio, RENDER_RATE)


def compute_beat_times(piece: Piece) -> NDArray[np.float64]:
    """Compute the beat times of a piece at its header's tempo, shape (N + 1,)."""
    return np.asarray(np.arange(piece.score.beats + 1) * 60 / piece.header.bpm)


def render_step_curve(seed: int, beats: int) -> NDArray[np.float32]:
    """Render the peak-shaped curve of a seed's piece, one value for each step, zeros after its end: (4 * BEATS,)."""
    piece = compose_piece(seed, beats)
    return _on_steps(render_curve(piece).peaks(), piece)


def draw_step_curve(piece: Piece) -> NDArray[np.float32]:
    """Draw the same curve from the composer's events, in a hundredth of the time of a render.

    An event at the very start is left out, since the first value of a rendered curve is never a peak. Strengths are
    over their 90th percentile, as those of a rendered curve are.
    """
    events = [event for event in piece.events if event.beat > 0]
    if not events:
        return np.zeros(STEPS_PER_BEAT * BEATS, np.float32)
    strengths = np.array([event.strength for event in events])
    strengths = np.clip(strengths / np.quantile(strengths, 0.9), LEAST_STRENGTH, 1.0)
    at = np.array([round(STEPS_PER_BEAT * event.beat) for event in events])
    return _on_steps(Events(_step_starts(piece)[at], strengths), piece)


def _on_steps(events: Events, piece: Piece) -> NDArray[np.float32]:
    starts = _step_starts(piece)
    curve = np.zeros(STEPS_PER_BEAT * BEATS, np.float32)
    curve[: len(starts)] = draw_peaks(events, starts)
    return curve


def _step_starts(piece: Piece) -> NDArray[np.float64]:
    return step_times(compute_beat_times(piece), piece.header.swing)[:-1]


def render_curves(seeds: NDArray[np.int64], lengths: NDArray[np.int64], processes: int = 2) -> NDArray[np.float32]:
    """Render the step curves of many pieces with the given beats, shape (P, 4 * BEATS), in parallel processes."""
    with ProcessPoolExecutor(processes) as pool:
        return np.stack(list(pool.map(render_step_curve, seeds.tolist(), lengths.tolist(), chunksize=_RENDER_CHUNK)))
