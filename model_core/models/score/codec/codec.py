"""The score codec: owns the time axis of its latents, and turns them into notes and sound."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from model_core.curves.event_curve import EventCurve, draw_peaks
from model_core.models.score.codec.grid import BEATS_PER_FRAME, beats_of, curve_frames, grid_condition
from model_core.models.score.codec.notes import Note, notes_of, riser_envelope, step_times
from model_core.models.score.codec.score import Score
from model_core.models.score.codec.vae import BeatVAE, from_beats
from model_core.models.score.render.mix import dry_mix, mix, trims_of
from model_core.models.score.render.synth import load_bank, stems
from model_core.plan.plan import ScorePlan

SAMPLE_RATE: Final = 44100
PREVIEW_RATE: Final = 22050
_SHORTEST_FADE_S: Final = 0.35
_LONGEST_FADE_S: Final = 2.5
_RELEASE: Final = 0.4  # of the last fade: what still sounds then is let go, so that it decays under the fade
_LEAST_NOTE_S: Final = 0.1


@dataclass(frozen=True)
class RenderedScore:
    """A decoded score, rendered.

    Attributes:
        score: the notes on the grid.
        notes: the same in seconds.
        audio: stereo mix before loudness normalization, shape (2, duration * SAMPLE_RATE).
    """

    score: Score
    notes: list[Note]
    audio: NDArray[np.float32]


class ScoreCodec:
    """Latents of two beats a frame <-> a played score."""

    def __init__(self, vae: BeatVAE) -> None:
        """``vae`` decodes the beats. The instrument bank is loaded here, at both rates, not at the first score."""
        self.vae = vae
        load_bank(SAMPLE_RATE)
        load_bank(PREVIEW_RATE)

    def grid(self, plan: ScorePlan) -> torch.Tensor:
        """Grid channels of the plan, shape (GRID_CHANNELS, F)."""
        return grid_condition(plan.tempo.beat_in_bar, plan.tempo.last_beat)

    def curve(self, plan: ScorePlan, curve: EventCurve) -> torch.Tensor:
        """The video's curve as the flow takes it: peak-shaped, eight values a frame, shape (CURVE_CHANNELS, F)."""
        steps = step_times(plan.tempo.beat_times, plan.header.swing)[:-1]
        return curve_frames(draw_peaks(curve.peaks(), steps))

    @torch.no_grad()
    def decode_score(self, latents: torch.Tensor, plan: ScorePlan) -> Score:
        """The score of latents (C, F): what they decode to, in the parts that the header has."""
        logits = self.vae.decode(beats_of(latents)).numpy()
        return from_beats(logits, plan.tempo.beat_in_bar).keep_only(plan.header.parts)

    def frame_edges(self, plan: ScorePlan) -> NDArray[np.float64]:
        """See Codec.frame_edges: a frame is two beats of the plan's tempo map."""
        return plan.tempo.beat_times[::BEATS_PER_FRAME]

    def preview(self, score: Score, plan: ScorePlan) -> NDArray[np.float32]:
        """A cheap dry mono mix of a score at PREVIEW_RATE, shape (plan.duration * PREVIEW_RATE,): to judge it by."""
        notes = rendered_notes(score, plan)
        length = round(plan.duration * PREVIEW_RATE)
        heard = np.zeros(length, np.float32)
        if notes:
            played = stems(notes, plan.duration, PREVIEW_RATE, tail=0.0)
            mixed = dry_mix(played, trims_of(notes), plan.header.style)[:length]
            heard[: len(mixed)] = mixed
        return heard

    def render(self, score: Score, plan: ScorePlan) -> RenderedScore:
        """Render a score; its sound has died away by the plan's duration.

        The last sound is faded from just after the last onset on, over a few seconds at most, and notes that would
        ring to the very end are let go under that fade.
        """
        beat_times, header = plan.tempo.beat_times, plan.header
        begun = rendered_notes(score, plan)
        fade = _fade_s(begun, plan.duration)
        let_go = plan.duration - _RELEASE * fade
        played = [
            replace(note, end=min(note.end, max(let_go, note.start + _LEAST_NOTE_S), plan.duration)) for note in begun
        ]
        length = round(plan.duration * SAMPLE_RATE)
        riser = riser_envelope(score, step_times(beat_times, header.swing), SAMPLE_RATE, length)
        sound = stems(played, plan.duration, SAMPLE_RATE, tail=0.0)
        audio = mix(sound, trims_of(played), riser, SAMPLE_RATE, plan.seed, header.style)
        return RenderedScore(score, played, _ended(audio, length, fade))


def rendered_notes(score: Score, plan: ScorePlan) -> list[Note]:
    """The notes of a score, in seconds; nothing begins after the plan's duration."""
    notes = notes_of(score, plan.header, plan.tempo.beat_times, plan.key)
    return [note for note in notes if note.start < plan.duration]


def _fade_s(notes: list[Note], duration: float) -> float:
    """Seconds of the last fade: as many as follow the last onset, within bounds that no chop and no dull end has."""
    last = max((note.start for note in notes), default=0.0)
    return min(duration, max(_SHORTEST_FADE_S, min(_LONGEST_FADE_S, duration - last - _LEAST_NOTE_S)))


def _ended(audio: NDArray[np.float32], length: int, fade_s: float) -> NDArray[np.float32]:
    """The first ``length`` samples, the last of them fading to nothing along a quarter of a cosine."""
    ended = np.zeros((2, length), np.float32)
    kept = min(length, audio.shape[1])
    ended[:, :kept] = audio[:, :kept]
    fade = min(length, round(fade_s * SAMPLE_RATE))
    ended[:, length - fade :] *= np.cos(np.linspace(0, np.pi / 2, fade)).astype(np.float32)
    return ended
