"""Music-event curves of corpus pieces: a cheap dry render of each, its curve, peak-shaped on the steps."""

from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from model_core.audio.loudness import integrated_lufs
from model_core.curves.event_curve import EventCurve, draw_peaks
from model_core.encoders.musicnn import Musicnn, musicnn_event_curve
from model_core.models.score.codec.notes import build_notes, step_times
from model_core.models.score.codec.score import STEPS_PER_BEAT
from model_core.models.score.render.mix import dry_mix, find_trims
from model_core.models.score.render.synth import render_stems
from model_core.training.composer import Piece
from model_core.training.corpus import BEATS, piece_of

RENDER_RATE: Final = 22050
_LEVEL_LUFS: Final = -19.0
_CHUNK: Final = 8


@cache
def _encoder() -> Musicnn:
    torch.set_num_threads(1)  # the processes share the cores
    return Musicnn()


def curve_of(piece: Piece) -> EventCurve:
    """The music-event curve of a piece, rendered dry at RENDER_RATE, at its own steady tempo and at one loudness."""
    beat_times = steady_beats(piece)
    notes = build_notes(piece.score, piece.header, beat_times, key=0)
    audio = dry_mix(render_stems(notes, float(beat_times[-1]), RENDER_RATE), find_trims(notes), piece.header.style)
    audio = audio[: round(float(beat_times[-1]) * RENDER_RATE)]
    loudness = integrated_lufs(audio[None], RENDER_RATE)
    if np.isfinite(loudness):
        audio = audio * np.float32(10 ** ((_LEVEL_LUFS - loudness) / 20))
    return musicnn_event_curve(audio, RENDER_RATE, _encoder())


def steady_beats(piece: Piece) -> NDArray[np.float64]:
    """Beat times of a piece at its header's tempo, shape (N + 1,)."""
    return np.asarray(np.arange(piece.score.beats + 1) * 60 / piece.header.bpm)


def step_curve_of(seed: int, beats: int) -> NDArray[np.float32]:
    """Peak-shaped curve of the corpus's piece of a seed, one value a step, zeros behind its end: (4 * BEATS,)."""
    piece = piece_of(seed, beats)
    steps = step_times(steady_beats(piece), piece.header.swing)[:-1]
    curve = np.zeros(STEPS_PER_BEAT * BEATS, np.float32)
    curve[: len(steps)] = draw_peaks(curve_of(piece).peaks(), steps)
    return curve


def render_curves(seeds: NDArray[np.int64], lengths: NDArray[np.int64], processes: int = 2) -> NDArray[np.float32]:
    """Step curves of many pieces of the given beats, shape (P, 4 * BEATS), rendered in parallel processes."""
    with ProcessPoolExecutor(processes) as pool:
        return np.stack(list(pool.map(step_curve_of, seeds.tolist(), lengths.tolist(), chunksize=_CHUNK)))
