"""The score codec: owns the time axis of its latents, and turns them into notes and sound."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from model_core.codecs.score.beats import from_beats
from model_core.codecs.score.grid import beats_of, curve_frames, grid_condition
from model_core.codecs.score.mix import mix, trims_of
from model_core.codecs.score.notes import Note, notes_of, riser_envelope, step_times
from model_core.codecs.score.plan import Plan
from model_core.codecs.score.score import Score
from model_core.codecs.score.synth import load_bank, stems
from model_core.codecs.score.vae import BeatVAE
from model_core.curves import EventCurve, peak_shaped

SAMPLE_RATE: Final = 44100
_FADE_S: Final = 0.08


@dataclass(frozen=True)
class Performance:
    """A decoded score, played.

    Attributes:
        score: the notes on the grid.
        notes: the same in seconds.
        audio: stereo mix before loudness normalisation, shape (2, duration * SAMPLE_RATE).
    """

    score: Score
    notes: list[Note]
    audio: NDArray[np.float32]


class ScoreCodec:
    """Latents of two beats a frame <-> a played score."""

    def __init__(self, vae: BeatVAE) -> None:
        """``vae`` decodes the beats. The instrument bank is loaded here, not at the first score."""
        self.vae = vae
        load_bank(SAMPLE_RATE)

    def grid(self, plan: Plan) -> torch.Tensor:
        """Grid channels of the plan, shape (GRID_CHANNELS, F)."""
        return grid_condition(plan.tempo.beat_in_bar, plan.tempo.last_beat)

    def curve(self, plan: Plan, curve: EventCurve) -> torch.Tensor:
        """The video's curve as the flow takes it: peak-shaped, eight values a frame, shape (CURVE_CHANNELS, F)."""
        steps = step_times(plan.tempo.beat_times, plan.header.swing)[:-1]
        return curve_frames(peak_shaped(curve.peaks(), steps))

    @torch.no_grad()
    def decode_score(self, latents: torch.Tensor, plan: Plan) -> Score:
        """The score of latents (C, F): what they decode to, in the parts that the header has."""
        logits = self.vae.decode(beats_of(latents)).numpy()
        return from_beats(logits, plan.tempo.beat_in_bar).keep_only(plan.header.parts)

    def perform(self, score: Score, plan: Plan) -> Performance:
        """Play a score and cut the sound to the plan's duration."""
        beat_times, header = plan.tempo.beat_times, plan.header
        played = [
            replace(note, end=min(note.end, plan.duration))
            for note in notes_of(score, header, beat_times, plan.key)
            if note.start < plan.duration
        ]
        length = round(plan.duration * SAMPLE_RATE)
        riser = riser_envelope(score, step_times(beat_times, header.swing), SAMPLE_RATE, length)
        sound = stems(played, plan.duration, SAMPLE_RATE)
        audio = mix(sound, trims_of(played), riser, SAMPLE_RATE, plan.seed)
        return Performance(score, played, _cut(audio, length))


def _cut(audio: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    cut = np.zeros((2, length), np.float32)
    kept = min(length, audio.shape[1])
    cut[:, :kept] = audio[:, :kept]
    fade = min(length, round(_FADE_S * SAMPLE_RATE))
    cut[:, length - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return cut
